"""The pattern of every head, as rows come: see `attnviz.analysis.patterns.find` for what a pattern is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from attnviz.analysis.patterns.evidence import Evidence, strongest_keys, strongest_links
from attnviz.analysis.patterns.naming import BROAD, ONE_PATCH, SELF, VERTICAL, Found, Held, Pattern
from attnviz.analysis.patterns.score import Score
from attnviz.analysis.patterns.shapes import Columns
from attnviz.analysis.readers import Mask
from attnviz.analysis.streaming.confirming import Confirming
from attnviz.analysis.streaming.gathering import Gathering, HeadRows
from attnviz.analysis.streaming.layout import ASKED_AGAIN
from attnviz.analysis.streaming.reducing import Reduced, Reducing
from attnviz.analysis.streaming.sights import Sight
from attnviz.frame import Frame, blocks_of
from attnviz.observe import Observer, RowBlock
from attnviz.record import Attention
from attnviz.selection import HeadId, Selection

# Sums over queries that differ by less are alike but for rounding, and then the first key goes first.
_DIGITS = 9

_PUNCTUATION = "punctuation"

# Hands the weights of a selection on to an observer.
Observe = Callable[[Observer, Selection], None]


class Patterning:
    """Names what heads do.

    An observer: let it take every row of the heads, and whatever `again` gives the rows of its heads after
    that. Three patterns cannot be told from sums alone: "block" needs the mass at each distance, "same word"
    and "induction" the mass on the cells of 99 shuffled texts. Few heads come near them, so that their rows
    are asked for once more instead of making all that for every head.
    """

    def __init__(self, frame: Frame, heads: Sequence[HeadId] | None = None, *, every: bool = False) -> None:
        """Begin with no row.

        Args:
            frame: the input.
            heads: whose patterns; None means all of the frame.
            every: whether each shape is to be scored as if it were the label, with its evidence.

        Raises:
            OutOfRange: the frame lacks one of the heads.
        """
        self._every = every
        self._heads = frame.head_ids if heads is None else tuple(heads)
        self.reducing = Reducing(frame, self._heads)
        self._gathering = Gathering(self.reducing.layout, self.reducing.heads)
        self.found: dict[HeadId, Found] = {}

    def update(self, block: RowBlock) -> None:
        """Take some rows."""
        reduced = self.reducing.reduced(block)
        if reduced is not None:
            self.take(reduced)

    def take(self, reduced: Reduced) -> dict[HeadId, HeadRows]:
        """Take some rows; give what all rows of a head come to where these are its last."""
        complete = self._gathering.take(reduced)
        for head, rows in complete.items():
            self.found[head] = found_of(rows, every=self._every)
        return complete

    def again(self, heads: Sequence[int] | None = None) -> Confirming | None:
        """Give what must take the rows of some heads once more, and settle then; None if nothing is open.

        Args:
            heads: the numbers of the heads of a layer that will come; None means those of its `selection`.
        """
        asked = {head: one.open if self._every else one.doubtful for head, one in self.found.items()}
        open_ = {head: held for head, held in asked.items() if held}
        if not open_:
            return None
        return Confirming(self.reducing.layout, self.reducing.sights, self.found, open_, heads)

    def settle(self, observe: Observe) -> None:
        """Have the rows of some heads handed on once more, if any pattern is open."""
        if again := self.again():
            observe(again, again.selection)
            again.settle()

    def result(self) -> dict[HeadId, Pattern]:
        """Give each head's pattern."""
        return {head: self.found[head].named() for head in self._heads}


class InDoubt(Protocol):
    """An observer that may have to look at some heads once more."""

    def update(self, block: RowBlock) -> None:
        """Take some rows."""

    def again(self, heads: Sequence[int] | None = None) -> Confirming | None:
        """Give what must take rows once more, and settle then; see `Patterning.again`."""


def look_at(record: Attention, observer: InDoubt) -> None:
    """Let an observer take all rows of a record, and look once more where it is in doubt."""
    for block in blocks_of(record):
        observer.update(block)
    if again := observer.again(record.heads):
        for block in blocks_of(record):
            again.update(block)
        again.settle()


def pattern_names(frame: Frame) -> tuple[str, ...]:
    """Name every pattern that heads of an input are held against."""
    layout = Reducing(frame, frame.head_ids).layout
    one_key = (ONE_PATCH if layout.is_picture else VERTICAL,) if len(layout.single) else ()
    return (*layout.names, *one_key, SELF, BROAD)


def found_of(rows: HeadRows, *, every: bool = False) -> Found:
    """Hold a head against everything, as far as one look at its rows tells.

    Args:
        rows: what the head's rows come to.
        every: whether evidence is wanted of every shape, and not of those alone that may be named.
    """
    layout = rows.layout
    shapes = [
        _held(rows, Held(name, score, layout.cells[name]), every=every)
        for name, score in zip(layout.names, rows.scores, strict=True)
    ]
    if len(layout.single):
        most = layout.single[rows.beyond[layout.single].round(_DIGITS).argmax()]
        name = ONE_PATCH if layout.is_picture else VERTICAL
        column = Columns(np.arange(len(layout.special)) == most)
        one = Held(name, rows.on_key(int(most)), column, tried=len(layout.single))
        shapes.append(_held(rows, one, every=every))
    resting = _held(rows, Held(SELF, rows.resting), every=every)
    broad = Held(BROAD, rows.broad())
    return Found(tuple(shapes), resting, broad, partial(_is_within, rows.sight))


def _is_within(sight: Sight, one: Held, other: Held) -> bool:
    """Say whether the cells of a pattern are all of another: by what is seen alone, for rows are large."""
    assert one.cells is not None
    assert other.cells is not None
    return sight.is_within(one.cells, other.cells)


def _held(rows: HeadRows, held: Held, *, every: bool) -> Held:
    """Say what carries a pattern, and whether it holds, as far as that is known."""
    if not (every or held.may_be_clear):
        return held
    if held.name in ASKED_AGAIN:
        return replace(held, holds=None)
    if isinstance(held.cells, Columns):
        asked = held.name == _PUNCTUATION and held.may_be_clear
        holds = not asked or _needs_its_places(rows, held.score)
        return replace(held, holds=holds, evidence=_keys(rows, held.cells.keys))
    return replace(held, evidence=strongest_links(rows.layout.sides, rows.strongest(held.name)))


def _keys(rows: HeadRows, keys: Mask) -> tuple[Evidence, ...]:
    total = float(rows.rows["mass"].sum())
    return strongest_keys(rows.layout.sides, rows.elsewhere["received"], total, keys)


def _needs_its_places(rows: HeadRows, score: Score) -> bool:
    """Say whether signs get more than in every text whose words have changed places."""
    shuffled = [rows.beyond[other.punctuation].sum() for other in rows.layout.wording.shuffles()]
    return bool(score.is_above(np.array(shuffled), rows.rows["mass"].sum()).all())
