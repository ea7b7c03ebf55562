"""What pages are made of, for a terminal, for Markdown or for any other form to show in its own way."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from attnviz.render.labels import printable


@dataclass(frozen=True)
class Word:
    """A token of the input, named within a sentence.

    Attributes:
        text: the token.
        alone: whether it needs no quotes, since only other tokens stand beside it.
    """

    text: str
    alone: bool = False


@dataclass(frozen=True)
class Term:
    """A technical word, at the place that says what it means."""

    text: str


Piece = str | Word | Term


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Points:
    """Paragraphs that stand below each other, each with a mark before it."""

    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Formula:
    """A formula, in two ways of writing.

    Attributes:
        plain: in Unicode, on one line.
        latex: for LaTeX's mathematics.
        source: where it is from, such as "section 3.2.1, equation 1".
    """

    plain: str
    latex: str
    source: str = ""


@dataclass(frozen=True)
class Matrix:
    """A shape; a size that is not known is None."""

    name: str
    rows: int | None
    columns: int | None

    def __str__(self) -> str:
        rows, columns = ("?" if size is None else str(size) for size in (self.rows, self.columns))
        return f"{self.name} {rows} × {columns}"


@dataclass(frozen=True)
class Arrow:
    """From one shape to another.

    Attributes:
        source: what goes in; in words where it is no matrix.
        by: the matrix it is multiplied by, or what is done to it.
        result: what comes out.
        says: what that is good for.
    """

    source: Matrix | str
    by: Matrix | str
    result: Matrix
    says: str = ""


@dataclass(frozen=True)
class Shapes:
    """Arrows below each other."""

    arrows: tuple[Arrow, ...]


@dataclass(frozen=True)
class Strip:
    """Pieces of equal size side by side, one of which is meant.

    Attributes:
        labels: their names, in order.
        chosen: the place of the one that is meant.
    """

    labels: tuple[str, ...]
    chosen: int


@dataclass(frozen=True)
class Column:
    """One column of a table, already written.

    Attributes:
        title: what it is.
        cells: one for each row.
        align: where numbers and words stand.
    """

    title: str
    cells: tuple[str, ...]
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Bars:
    """A column that shows numbers as lengths; a form without room for it leaves it out.

    Attributes:
        values: one for each row, from -1 to 1; None where there is nothing to show.
    """

    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Table:
    """Columns, the first of which names the rows.

    Attributes:
        columns: from left to right.
        bars: a drawing beside them.
        marked: rows to stand out.
        closed: whether the last row is what the others come to.
    """

    columns: tuple[Column, ...]
    bars: Bars | None = None
    marked: tuple[int, ...] = ()
    closed: bool = False

    @property
    def height(self) -> int:
        """The number of rows, without the titles."""
        return len(self.columns[0].cells)


Block = Paragraph | Points | Formula | Shapes | Strip | Table


@dataclass(frozen=True)
class Page:
    """One step.

    Attributes:
        title: what happens in it.
        blocks: in order.
    """

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Story:
    """All of it.

    Attributes:
        title: what is explained.
        about: which model, layer, head and word.
        pages: in order.
    """

    title: str
    about: str
    pages: tuple[Page, ...]


def para(template: str, *pieces: Piece) -> Paragraph:
    """Make a paragraph; each {} of the template is a word, a term or more text.

    >>> para("{} reads {}.", "It", Word("fox")).pieces
    ('It', ' reads ', Word(text='fox', alone=False), '.')
    """
    parts = template.split("{}")
    if len(parts) != len(pieces) + 1:
        raise ValueError(f"{len(pieces)} pieces for {template!r}")
    mixed = [piece for pair in zip_longest(parts, pieces) for piece in pair if piece]
    return Paragraph(tuple(mixed))


def shown(token: str) -> str:
    """Write a token on one line, without the blanks around it.

    >>> shown(" fox"), shown(" ")
    ('fox', '␣')
    """
    return printable(token.strip() or token)
