"""Two inputs held against each other as the same rows of both come: no square need ever exist."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.contrast import Shift
from attnviz.analysis.comparing.paired import Paired, Piece
from attnviz.analysis.comparing.pieces import Places
from attnviz.analysis.measures.divergence import divergence, divergences_between
from attnviz.analysis.moments import Moments
from attnviz.analysis.streaming.gathered import at_hand, brought
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.observe import RowBlock, Rows
from attnviz.record import Mask
from attnviz.runs import Runs
from attnviz.selection import HeadId

Pairs = Sequence[tuple[HeadId, HeadId]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Opened:
    """Rows of one input.

    Attributes:
        rows: gives them.
        heads: the numbers of the heads a block has, in order.
    """

    rows: Rows
    heads: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The same rows of one or several layers of one input.

    Attributes:
        by_layer: a block of each.
        heads: the numbers of the heads each has, in order.
    """

    by_layer: dict[int, RowBlock]
    heads: tuple[int, ...]

    @classmethod
    def of(cls, blocks: Iterable[RowBlock], heads: tuple[int, ...]) -> "Blocks":
        """Put blocks together, whose sight is made once however many parts of their rows ask for it."""
        some = (
            replace(block, weights=at_hand(block.weights), visible=cache(block.visible)) for block in blocks
        )
        return cls({block.layer: block for block in some}, heads)

    def weights(self, head: HeadId, rows: range) -> Array:
        """Give some rows of a head: (row, key)."""
        block = self.by_layer[head.layer]
        return block.weights[self.heads.index(head.index), rows.start - block.start : rows.stop - block.start]

    def visible(self, layer: int, rows: range) -> Array | None:
        """Say which keys some rows see: (row, key); None means all."""
        block = self.by_layer[layer]
        seen = block.visible()
        return None if seen is None else seen[rows.start - block.start : rows.stop - block.start]


@dataclass(frozen=True, eq=False)
class Met:
    """The same matched rows of both inputs, of one layer or of several.

    Attributes:
        paired: both inputs.
        piece: which rows.
        reach: how many matched keys any of these queries sees.
        first: blocks of the first, in which these rows stand.
        second: those of the second.
    """

    paired: Paired
    piece: Piece
    reach: int
    first: Blocks
    second: Blocks

    def has(self, head: HeadId, other: HeadId) -> bool:
        """Say whether the rows of both heads are here."""
        return head.layer in self.first.by_layer and other.layer in self.second.by_layer

    def before(self, head: HeadId) -> Array:
        """Give the cells of one of the first's heads: (query, key + 1); see `Half.cells`."""
        weights = self.first.weights(head, self.piece.first)
        return self.paired.first.cells(weights, self.piece.first, self.piece.places, self.reach)

    def after(self, head: HeadId) -> Array:
        """Give the cells of one of the second's heads."""
        weights = self.second.weights(head, self.piece.second)
        return self.paired.second.cells(weights, self.piece.second, self.piece.places, self.reach)

    def sight(self, layer: int, other: int) -> Mask:
        """Say which matched keys the queries could see on either side: (query, key)."""
        one = self.first.visible(layer, self.piece.first)
        two = self.second.visible(other, self.piece.second)
        places, reach = self.piece.places, self.reach
        return self.paired.first.sight(one, self.piece.first, places, reach) | self.paired.second.sight(
            two, self.piece.second, places, reach
        )


@dataclass(frozen=True)
class Stride:
    """How much of both is done at once.

    Attributes:
        made: how many rows are made.
        compared: how many of these are compared, which is quicker where what is made of them stays in a
            processor's cache.
    """

    made: int
    compared: int


def walk(
    paired: Paired,
    first: Opened,
    second: Opened,
    *,
    stride: Stride,
    layerwise: bool,
    done: Callable[[int], None] = lambda _: None,
) -> Iterator[Met]:
    """Go over the matched rows of both in step.

    Args:
        paired: both inputs.
        first: the first's rows.
        second: the second's.
        stride: how many rows a piece has at most.
        layerwise: whether layers of one number meet, one after the other; else all of both come together.
        done: takes how many matched rows were done.
    """
    for piece in paired.pieces(stride.made):
        parts = list(paired.pieces(stride.compared, piece.places))
        sides = first.rows.blocks(piece.first), second.rows.blocks(piece.second)
        for one, other in _layer_by_layer(*sides) if layerwise else [sides]:
            here, there = Blocks.of(one, first.heads), Blocks.of(other, second.heads)
            for part in parts:
                yield Met(paired, part, paired.reach(part), here, there)
        done(len(piece.places))


def _layer_by_layer(
    first: Iterable[RowBlock], second: Iterable[RowBlock]
) -> Iterator[tuple[Iterable[RowBlock], Iterable[RowBlock]]]:
    for one, other in zip(first, second, strict=True):
        yield (one,), (other,)


@dataclass(frozen=True, eq=False)
class Cells:
    """The same rows of a head and of the one it is held against, over matched keys; see `Half.cells`.

    Attributes:
        before: the first's, (query, key + 1).
        after: the second's.
    """

    before: Array
    after: Array

    @cached_property
    def difference(self) -> Array:
        """By how much more the second reads: (query, key + 1)."""
        return self.after - self.before

    @cached_property
    def largest(self) -> Floats:
        """The largest difference of each row, without its sign: (query,)."""
        xp = namespace(self.difference)
        return on_cpu(xp.max(xp.abs(self.difference), axis=1))


class Namesakes:
    """Holds each head against its partner: how far apart their rows are, and where their mass is."""

    def __init__(self, paired: Paired, pairs: Pairs) -> None:
        self._counted, self._pairs = paired.counted, pairs
        self._bits = np.zeros((len(pairs), len(paired.counted)))
        self._elsewhere = np.zeros((2, len(pairs)))

    def take(self, place: int, met: Met, cells: Cells) -> None:
        """Take the cells of one pair."""
        places = slice(met.piece.places.start, met.piece.places.stop)
        # A decoder reads as it did up to the first change, and equal rows are 0 apart.
        if cells.largest.any():
            self._bits[place, places] = on_cpu(divergence(cells.before, cells.after))
        self._elsewhere[:, place] += _elsewhere((cells.before, cells.after), self._counted[places])

    @property
    def against(self) -> tuple[HeadId, ...]:
        """The head each is held against."""
        return tuple(other for _, other in self._pairs)

    @property
    def spreads(self) -> list[tuple[float, float]]:
        """For each pair the mean and the standard deviation over counted rows, in bits."""
        counted = self._bits[:, self._counted]
        return list(zip(counted.mean(axis=1).tolist(), counted.std(axis=1).tolist(), strict=True))

    @property
    def elsewhere(self) -> tuple[float, float]:
        """For both sides the mean share of the mass on keys without a match."""
        first, second = (self._elsewhere / self._counted.sum()).mean(axis=1).tolist()
        return first, second


class Nearest:
    """Holds each head of the first against every one of the second: which reads most alike."""

    def __init__(self, paired: Paired, heads: Sequence[HeadId], others: Sequence[HeadId]) -> None:
        self._counted, self._heads, self._others = paired.counted, heads, others
        self._bits = Moments.none(len(heads), len(others))
        self._elsewhere = [np.zeros(len(heads)), np.zeros(len(others))]

    def update(self, met: Met) -> None:
        """Take the rows of all heads."""
        counted = np.flatnonzero(self._counted[met.piece.places.start : met.piece.places.stop])
        if not len(counted):
            return
        before = [met.before(head) for head in self._heads]
        after = [brought(met.after(other), before[0]) for other in self._others]
        xp = namespace(*before, *after)
        # In single precision heads that read nearly alike would be told apart by rounding.
        stacks = (xp.astype(xp.stack(cells), xp.float64) for cells in (before, after))
        apart = on_cpu(divergences_between(*stacks))
        self._bits.add(apart[..., counted])
        for added, cells in zip(self._elsewhere, (before, after), strict=True):
            added += _elsewhere(cells, counted)

    @property
    def against(self) -> tuple[HeadId, ...]:
        """The head each is held against."""
        return tuple(self._others[place] for place in self._partners)

    @property
    def spreads(self) -> list[tuple[float, float]]:
        """For each pair the mean and the standard deviation over counted rows, in bits."""
        cells = range(len(self._heads)), self._partners
        means, deviations = self._bits.means[cells], self._bits.spreads[cells]
        return list(zip(means.tolist(), deviations.tolist(), strict=True))

    @property
    def elsewhere(self) -> tuple[float, float]:
        """For both sides the mean share of the mass on keys without a match."""
        first, second = (float((added / self._counted.sum()).mean()) for added in self._elsewhere)
        return first, second

    @property
    def _partners(self) -> list[int]:
        found: list[int] = self._bits.means.argmin(axis=1).tolist()
        return found


class Shifts:
    """Finds for each pair of heads what changed most, at rows that count."""

    def __init__(self, paired: Paired, pairs: Pairs) -> None:
        self._counted = paired.counted
        self.found = [Shift(int(np.argmax(paired.counted)), 0, 0.0) for _ in pairs]

    def take(self, place: int, met: Met, cells: Cells) -> None:
        """Take the cells of one pair."""
        start = met.piece.places.start
        counted = np.flatnonzero(self._counted[start : met.piece.places.stop])
        if not len(counted):
            return
        rows = cells.largest[counted]
        if rows.max() <= abs(self.found[place].weight):
            return
        row = int(counted[rows.argmax()])
        changed = on_cpu(cells.difference[row])
        key = int(np.abs(changed).argmax())
        self.found[place] = Shift(start + row, key if key < met.reach else None, float(changed[key]))


class Maps:
    """Pools the differences of a few pairs of heads: of each cell the largest, with its sign."""

    def __init__(self, paired: Paired, pairs: Pairs, most: int) -> None:
        self._pairs = pairs
        queries, keys = len(paired.counted), len(paired.columns.pairs)
        self.queries, self.keys = Runs(queries, min(most, queries)), Runs(keys, min(most, keys))
        shape = len(pairs), self.queries.runs, self.keys.runs + 1
        self._gain, self._loss = np.full(shape, -np.inf), np.full(shape, np.inf)

    def take(self, place: int, met: Met, cells: Cells) -> None:
        """Take the cells of one pair."""
        head, other = self._pairs[place]
        difference, places = on_cpu(cells.difference), met.piece.places
        seen = met.sight(head.layer, other.layer)
        seen = np.column_stack([seen, np.ones(len(seen), dtype=bool)])
        rows = self.queries.span(places.start, places.stop)
        first = np.maximum(self.queries.first[rows], places.start) - places.start
        for kept, hidden, most in ((self._gain, -np.inf, np.maximum), (self._loss, np.inf, np.minimum)):
            by_row = most.reduceat(np.where(seen, difference, hidden), first, axis=0)
            columns = self.keys.span(0, met.reach) if met.reach else slice(0, 0)
            if met.reach:
                by_cell = most.reduceat(by_row[:, :-1], self.keys.first[columns], axis=1)
                kept[place, rows, columns] = most(kept[place, rows, columns], by_cell)
            kept[place, rows, -1] = most(kept[place, rows, -1], by_row[:, -1])

    @property
    def heads(self) -> tuple[HeadId, ...]:
        """Whose differences these are."""
        return tuple(head for head, _ in self._pairs)

    @property
    def cells(self) -> Floats:
        """The largest differences: (pair, row, column), NaN where no query could look."""
        return self._largest[..., :-1]

    @property
    def elsewhere(self) -> Floats:
        """The same of the mass on keys without a match: (pair, row)."""
        return self._largest[..., -1]

    @property
    def _largest(self) -> Floats:
        largest = np.where(self._gain >= -self._loss, self._gain, self._loss)
        return np.where(np.isfinite(largest), largest, np.nan)


def _elsewhere(sides: Iterable[Array], counted: Mask | Places) -> list[float]:
    """Add up the mass on keys without a match, of each of several cells."""
    return [float(on_cpu(cells[:, -1])[counted].sum(dtype=np.float64)) for cells in sides]


Taker = Namesakes | Shifts | Maps


def meet(mets: Iterator[Met], pairs: Pairs, takers: Sequence[Taker]) -> None:
    """Hand the cells of each pair of heads to whoever takes them."""
    for met in mets:
        for place, (head, other) in enumerate(pairs):
            if met.has(head, other):
                before = met.before(head)
                cells = Cells(before, brought(met.after(other), before))
                for taker in takers:
                    taker.take(place, met, cells)
