"""Two readings held against each other whose squares do not fit: their rows are made in step, and gone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attnviz import memory
from attnviz.analysis.comparing.contrast import Change, Contrast, PooledDifferences, Side, matches
from attnviz.analysis.comparing.contrasting import (
    Maps,
    Met,
    Namesakes,
    Nearest,
    Opened,
    Pairs,
    Shifts,
    Stride,
    Taker,
    meet,
    walk,
)
from attnviz.analysis.comparing.paired import Half, Paired, paired
from attnviz.analysis.focus import Average
from attnviz.errors import BudgetError
from attnviz.frame import Frame
from attnviz.record import Block
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, Reading
from attnviz.sources.saved import SavedReading

# Takes how many rows are done, and of how many.
Progress = Callable[[int, int], None]

# So many weights of each side are made at once, or those of a few queries if that is more, within reason:
# products of fewer rows take up to five times as long for each; those of more stand in no cache.
_CELLS, _MOST_CELLS = 2**20, 2**24
_ROWS = (32, 128)

# So many cells of one side are compared at once, which stay in a processor's cache with what is made of them.
_COMPARED = 2**17

# Cells along a side of a difference map, at most.
MOST = 512


@dataclass(frozen=True)
class Part:
    """What of a reading is compared.

    Attributes:
        reading: the input as a model, or a file, has it.
        selection: the layers and heads.
        block: the block; None means the last one.
    """

    reading: Reading
    selection: Selection = EVERYTHING
    block: Block | None = None

    @property
    def frame(self) -> Frame:
        """What is known before any weight is."""
        return self.reading.frame(self.selection, block=self.block)

    def opened(self, heads: Sequence[HeadId], allowed: int) -> Opened:
        """Open the rows of some heads, whose vectors may take so many bytes."""
        some = Selection(heads=",".join(map(str, dict.fromkeys(heads))))
        rows = self.reading.rows(some, block=self.block, allowed=allowed)
        return Opened(rows, self.reading.frame(some, block=self.block).heads)


def contrast_of(
    first: Part,
    second: Part,
    heads: Sequence[HeadId] = (),
    *,
    maps: Sequence[HeadId] | int = 1,
    most: int = MOST,
    budget: int | None = None,
    progress: Progress | None = None,
) -> Contrast:
    """Hold two readings of any length against each other; see `contrast`, to which this comes.

    Rows of both are made in step from their queries and keys, of as many layers at once as these fit; the
    difference maps take a second pass.

    Args:
        first: what is changed from.
        second: what is changed to.
        heads: heads of the first; none means every one.
        maps: whose differences are mapped, or of how many heads that changed most.
        most: into how many rows and columns maps are pooled, at most.
        budget: how many bytes the vectors of both may take; None means what weights may.
        progress: is told how far this is.

    Raises:
        RequestError: no real word of one text has a match in the other, or they are no such pair.
        OutOfRange: the first lacks one of the heads.
        BudgetError: the vectors of the layers that are needed at once do not fit.
        CaptureFailed: a check of the weights failed.
    """
    frames = first.frame, second.frame
    chosen = tuple(dict.fromkeys(heads)) or frames[0].head_ids
    frames[0].refuse_missing(chosen)
    ground = paired(*frames)
    allowed = (memory.budget() if budget is None else budget) // 2
    study = _Study(first, second, ground, allowed, _Ticks(progress, len(ground.counted)))
    pairs, found, shifts = _held(study, chosen, frames)
    changes = tuple(
        Change(head, other, Average(*spread))
        for (head, other), spread in zip(pairs, found.spreads, strict=True)
    )
    mapped = [(change.head, change.against) for change in _mapped(changes, maps)]
    pooling = Maps(ground, mapped, most)
    study.together(mapped, [pooling])
    same = isinstance(found, Namesakes)
    return _contrast(ground, changes, found, shifts, pooling, same=same, block=frames[0].block, parts=study)


def _held(
    study: "_Study", chosen: Sequence[HeadId], frames: tuple[Frame, Frame]
) -> tuple[Pairs, Namesakes | Nearest, Shifts]:
    """Hold each head against its namesake; or against the nearest, where both have not the same heads."""
    if frames[0].head_ids == frames[1].head_ids:
        pairs: Pairs = [(head, head) for head in chosen]
        namesakes, shifts = Namesakes(study.ground, pairs), Shifts(study.ground, pairs)
        study.by_layers(pairs, [namesakes, shifts])
        return pairs, namesakes, shifts
    nearest = study.nearest(chosen, frames[1].head_ids)
    pairs = list(zip(chosen, nearest.against, strict=True))
    shifts = Shifts(study.ground, pairs)
    study.together(pairs, [shifts])
    return pairs, nearest, shifts


@dataclass(eq=False)
class _Ticks:
    """Counts the matched rows of all passes; how many passes there will be shows on the way."""

    progress: Progress | None
    rows: int

    def __post_init__(self) -> None:
        self._done, self._total = 0, self.rows

    def expect(self, passes: int) -> None:
        """Say how many more passes there will be."""
        self._total = self._done + passes * self.rows

    def done(self, rows: int) -> None:
        """Take how many rows were done."""
        self._done += rows
        if self.progress:
            self.progress(min(self._done, self._total), self._total)


@dataclass(frozen=True, eq=False)
class _Study:
    """Two readings, walked in step.

    Attributes:
        first: what is changed from.
        second: what is changed to.
        ground: how they are matched.
        allowed: how many bytes the vectors of each may take.
        ticks: is told how far this is.
    """

    first: Part
    second: Part
    ground: Paired
    allowed: int
    ticks: _Ticks

    def by_layers(self, pairs: Pairs, takers: Sequence[Taker]) -> None:
        """Meet heads of one name, of as many layers at once as fit."""
        layers = sorted({head.layer for head, _ in pairs})
        waiting = [layers]
        while waiting:
            some = waiting.pop()
            self.ticks.expect(len(waiting) + 2)
            try:
                mets = self._mets(*_sides(pairs, some), layerwise=True)
            except BudgetError:
                if len(some) == 1:
                    raise
                waiting += [some[len(some) // 2 :], some[: len(some) // 2]]
            else:
                meet(mets, pairs, takers)

    def together(self, pairs: Pairs, takers: Sequence[Taker]) -> None:
        """Meet heads of any names."""
        one, other = (list(side) for side in zip(*pairs, strict=True))
        meet(self._mets(one, other, layerwise=False), pairs, takers)

    def nearest(self, heads: Sequence[HeadId], others: Sequence[HeadId]) -> Nearest:
        """Meet every head of the first with every one of the second."""
        self.ticks.expect(3)
        found = Nearest(self.ground, heads, others)
        for met in self._mets(heads, others, layerwise=False, together=max(len(heads), len(others))):
            found.update(met)
        return found

    def _mets(
        self, heads: Sequence[HeadId], others: Sequence[HeadId], *, layerwise: bool, together: int = 1
    ) -> Iterator[Met]:
        """Open the rows of both, which may not fit, and walk them; so many heads are compared together."""
        first, second = self.first.opened(heads, self.allowed), self.second.opened(others, self.allowed)
        layers = 1 if layerwise else max(len({head.layer for head in side}) for side in (heads, others))
        wide = max(len(first.heads), len(second.heads)) * layers
        keys = max(half.tokens[1] for half in (self.ground.first, self.ground.second))
        stride = Stride(_rows_made(wide * keys), max(1, _COMPARED // (together * keys)))
        return walk(self.ground, first, second, stride=stride, layerwise=layerwise, done=self.ticks.done)


def _rows_made(cells: int) -> int:
    """Say how many queries are made at once, of so many weights each."""
    fewest, most = _ROWS
    few = min(fewest, _MOST_CELLS // cells)
    return max(1, few, min(most, _CELLS // cells))


def _sides(pairs: Pairs, layers: Sequence[int]) -> tuple[list[HeadId], list[HeadId]]:
    here = [pair for pair in pairs if pair[0].layer in layers]
    return [head for head, _ in here], [other for _, other in here]


def _mapped(changes: Sequence[Change], maps: Sequence[HeadId] | int) -> list[Change]:
    """Say whose differences are mapped."""
    if isinstance(maps, int):
        return sorted(changes, key=lambda change: -change.divergence.mean)[:maps]
    by_head = {change.head: change for change in changes}
    return [by_head[head] for head in maps]


def _contrast(
    ground: Paired,
    changes: tuple[Change, ...],
    found: Namesakes | Nearest,
    shifts: Shifts,
    pooling: Maps,
    *,
    same: bool,
    block: Block,
    parts: _Study,
) -> Contrast:
    one, other, (here, there) = ground.first.frame, ground.second.frame, found.elsewhere
    queries = matches(one.queries, other.queries, ground.rows, ground.counted.tolist())
    keys = matches(one.keys, other.keys, ground.columns, [True] * len(ground.columns.pairs))
    return Contrast(
        first=_side(parts.first.reading, ground.first, here),
        second=_side(parts.second.reading, ground.second, there),
        block=block,
        view=one.view,
        by_words=ground.by_words,
        same_heads=same,
        queries=queries,
        keys=keys,
        changes=changes,
        differences=np.empty((0, len(queries), len(keys))),
        elsewhere=np.empty((0, len(queries))),
        visible=np.empty((0, len(queries), len(keys)), dtype=bool),
        shifts=tuple(shifts.found),
        pooled=PooledDifferences(
            pooling.heads, pooling.queries, pooling.keys, pooling.cells, pooling.elsewhere
        ),
    )


def _side(reading: Reading, half: Half, elsewhere: float) -> Side:
    saved = reading.saved if isinstance(reading, SavedReading) else None
    return Side(
        model=half.frame.model,
        text=half.frame.text,
        queries=tuple(half.frame.queries[place] for place in half.alone_rows),
        keys=tuple(half.frame.keys[place] for place in half.alone),
        elsewhere=elsewhere,
        dropped=saved.dropped if saved else 0.0,
        renormalized=bool(saved and saved.renormalized),
    )
