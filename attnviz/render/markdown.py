"""A story as Markdown: formulas in LaTeX, tables as GitHub and most others show them."""

import re
from collections.abc import Iterator, Sequence

from attnviz.render.walkthrough.blocks import (
    Arrow,
    Block,
    Formula,
    Page,
    Paragraph,
    Piece,
    Points,
    Shapes,
    Story,
    Strip,
    Table,
    Term,
    Word,
)

# What Markdown would act on.
_ACTING = re.compile(r"([\\`*_{}\[\]<>#|~$&])")

# What would begin a list, a quotation or a rule.
_BEGINNING = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")

# The largest value of a table is so many characters long.
_BAR = 20


def markdown(story: Story) -> str:
    """Write a story as Markdown.

    Nothing of what was read, such as a token, acts as markup. Formulas are LaTeX between dollar signs.
    """
    last = len(story.pages) - 1
    pages = [
        _page(page, f"Step {number + 1}. " if number < last else "")
        for number, page in enumerate(story.pages)
    ]
    return "\n\n".join([f"# {escaped(story.title)}", _line(escaped(story.about)), *pages]) + "\n"


def escaped(text: str) -> str:
    r"""Keep a text from acting as markup within a line.

    >>> print(escaped("[CLS] *a* | b"))
    \[CLS\] \*a\* \| b
    """
    return _ACTING.sub(r"\\\1", text)


def _line(text: str) -> str:
    r"""Keep the beginning of a line from acting as a list or a rule, too.

    >>> print(_line("1. x"), _line("- x"), _line("0.5 x"))
    1\. x \- x 0.5 x
    """
    return _BEGINNING.sub(r"\1\\\2", text)


def _page(page: Page, step: str) -> str:
    blocks = "\n\n".join("\n".join(_block(block)) for block in page.blocks)
    return f"## {step}{escaped(page.title)}\n\n{blocks}"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield _text(block)
    elif isinstance(block, Points):
        yield from (f"- {_text(paragraph)}" for paragraph in block.paragraphs)
    elif isinstance(block, Formula):
        yield from ("$$", block.latex, "$$")
        if block.source:
            yield from ("", f"({escaped(block.source)})")
    elif isinstance(block, Shapes):
        yield from _shapes(block)
    elif isinstance(block, Strip):
        yield from _strip(block)
    else:
        yield from _table(block)


def _text(paragraph: Paragraph) -> str:
    return _line("".join(map(_piece, paragraph.pieces)))


def _piece(piece: Piece) -> str:
    if isinstance(piece, Word):
        return f"**{escaped(piece.text)}**"
    if isinstance(piece, Term):
        return f"*{escaped(piece.text)}*"
    return escaped(piece)


def _shapes(shapes: Shapes) -> Iterator[str]:
    rows = [[str(arrow.source), _by(arrow), str(arrow.result), arrow.says] for arrow in shapes.arrows]
    yield from _rows(("from", "by", "to", ""), "llll", rows)


def _by(arrow: Arrow) -> str:
    return str(arrow.by)


def _strip(strip: Strip) -> Iterator[str]:
    cells = [
        f"**{escaped(label)}**" if place == strip.chosen else escaped(label)
        for place, label in enumerate(strip.labels)
    ]
    yield " · ".join(cells)


def _table(table: Table) -> Iterator[str]:
    titles = [column.title for column in table.columns]
    aligns = "".join(column.align[0] for column in table.columns)
    rows = [[column.cells[row] for column in table.columns] for row in range(table.height)]
    strong = {*table.marked, *([table.height - 1] if table.closed else [])}
    if table.bars is not None:
        largest = max(1.0, *(abs(value) for value in table.bars.values if value is not None))
        titles, aligns = [*titles, ""], f"{aligns}l"
        rows = [[*row, _bar(value, largest)] for row, value in zip(rows, table.bars.values, strict=True)]
    yield from _rows(titles, aligns, rows, strong)


def _bar(value: float | None, largest: float) -> str:
    if value is None:
        return ""
    return ("░" if value < 0 else "█") * round(abs(value) / largest * _BAR)


def _rows(
    titles: Sequence[str], aligns: str, rows: Sequence[Sequence[str]], strong: set[int] | None = None
) -> Iterator[str]:
    yield _row(titles)
    yield _row(["---:" if align == "r" else ":---" for align in aligns], plain=True)
    for number, row in enumerate(rows):
        yield _row(row, strong=number in (strong or set()))


def _row(cells: Sequence[str], *, strong: bool = False, plain: bool = False) -> str:
    written = [cell if plain else escaped(cell.strip()) for cell in cells]
    return f"| {' | '.join(f'**{cell}**' if strong and cell else cell for cell in written)} |"
