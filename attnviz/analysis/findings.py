"""What heads read, as findings a sentence can be made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.analysis.patches import place_of
from attnviz.analysis.patterns.naming import Pattern
from attnviz.frame import Frame, Sides
from attnviz.record import Block, Prediction, Token, View
from attnviz.selection import HeadId


@dataclass(frozen=True)
class FocusWord:
    """A token that is read more than chance would have it.

    Attributes:
        token: its text.
        position: its place among the keys, from 0.
        mass: what it receives from other tokens beyond evenly spread mass, in queries' worth of attention.
        place: its row and column, where it is a patch of a picture.
        spread: of a mean over several heads, their standard deviation; None of one head.
    """

    token: str
    position: int
    mass: float
    place: tuple[int, int] | None = None
    spread: float | None = None

    @classmethod
    def of(cls, sides: Sides, key: int, mass: float, spread: float | None = None) -> "FocusWord":
        """Name a key by its position."""
        token = sides.keys[key]
        return cls(token.text, key, mass, place_of(token), spread)


@dataclass(frozen=True)
class Average:
    """A mean over the queries that count, and how much they differ.

    Attributes:
        mean: over the queries.
        spread: their standard deviation, in the same unit.
    """

    mean: float
    spread: float


@dataclass(frozen=True)
class Link:
    """One query reading one key: `source` looks at `target` with this weight, 0 to 1.

    Positions are places among the queries and among the keys, from 0; in cross-attention these are two texts.
    Of a patch of a picture the row and column are told too.
    """

    head: HeadId
    source: str
    source_position: int
    target: str
    target_position: int
    weight: float
    source_place: tuple[int, int] | None = None
    target_place: tuple[int, int] | None = None

    @classmethod
    def of(cls, sides: Sides, head: HeadId, query: int, key: int, weight: float) -> "Link":
        """Name a query and a key by their positions."""
        source, target = sides.queries[query], sides.keys[key]
        places = place_of(source), place_of(target)
        return cls(head, source.text, query, target.text, key, weight, *places)


@dataclass(frozen=True)
class HeadFocus:
    """What one head reads.

    Attributes:
        head: its name.
        words: the tokens it focuses on, most mass first.
        links: its strongest links between what the user wrote, strongest first.
        pattern: the shape of its rows.
        entropy: over queries, bits.
        breadth: 2^entropy over queries, in keys.
        distance: over queries, in tokens; of a picture in patches.
        self_mass: the share of the mass that queries keep on themselves; set aside in words and links.
        special_mass: the share that goes to tokens the model added; set aside in words and links.
        taught: what the head was trained towards, or None if it found its pattern by itself.
    """

    head: HeadId
    words: tuple[FocusWord, ...]
    links: tuple[Link, ...]
    pattern: Pattern
    entropy: Average
    breadth: Average
    distance: Average
    self_mass: Average
    special_mass: Average
    taught: str | None

    @property
    def hidden_mass(self) -> float:
        """The share of the mass that words and links leave out."""
        return self.self_mass.mean + self.special_mass.mean


@dataclass(frozen=True)
class Together:
    """What several heads read between them.

    Attributes:
        words: the tokens their average focuses on, most mass first.
        links: the most telling link of each query that has one, in the order of the text: what its head does
            at this query and not at the others.
        covered: places among the keys of the tokens at either end of one of the heads' links, ascending; in
            cross-attention of those that are looked at.
        coverable: how many keys there are to cover.
    """

    words: tuple[FocusWord, ...]
    links: tuple[Link, ...]
    covered: tuple[int, ...]
    coverable: int


@dataclass(frozen=True)
class Focus:
    """The focus of some heads of a record, and of all of them together.

    Attributes:
        model: the model's name.
        text: the source text.
        block: which attention of the model this is.
        view: what the numbers are, as in the record.
        queries: the tokens that look.
        tokens: the tokens looked at; the same as `queries` but in cross-attention.
        predictions: what the model expects after each query, one for each, or none at all.
        heads: what each head reads.
        together: what they read between them; None of some heads of a saved digest, which knows it
            of all its heads only.
    """

    model: str
    text: str
    block: Block
    view: View
    queries: tuple[Token, ...]
    tokens: tuple[Token, ...]
    predictions: tuple[Prediction, ...]
    heads: tuple[HeadFocus, ...]
    together: Together | None

    @classmethod
    def of(cls, frame: Frame, heads: Sequence[HeadFocus], together: Together | None) -> "Focus":
        """Say what heads of an input read."""
        return cls(
            model=frame.model,
            text=frame.text,
            block=frame.block,
            view=frame.view,
            queries=frame.queries,
            tokens=frame.keys,
            predictions=frame.predictions,
            heads=tuple(heads),
            together=together,
        )
