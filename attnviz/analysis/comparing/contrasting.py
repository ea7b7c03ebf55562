"""Two inputs held against each other as the same rows of both come: no square need ever exist."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.contrast import Shift
from attnviz.analysis.comparing.paired import Half, Paired, Piece
from attnviz.analysis.measures.divergence import divergence, divergences_between
from attnviz.analysis.spread import Spread
from attnviz.analysis.streaming.gathered import brought
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
class Met:
    """The same matched rows of both inputs, of one layer or of several.

    Attributes:
        paired: both inputs.
        piece: which rows.
        reach: how many matched keys any of these queries sees.
        first: the first's blocks by their layers, and the numbers of their heads.
        second: the second's.
    """

    paired: Paired
    piece: Piece
    reach: int
    first: tuple[dict[int, RowBlock], tuple[int, ...]]
    second: tuple[dict[int, RowBlock], tuple[int, ...]]

    def has(self, head: HeadId, other: HeadId) -> bool:
        """Say whether the rows of both heads are here."""
        return head.layer in self.first[0] and other.layer in self.second[0]

    def before(self, head: HeadId) -> Array:
        """Give the cells of one of the first's heads: (query, key + 1); see `Half.cells`."""
        return self._cells(self.paired.first, self.piece.first, self.first, head)

    def after(self, head: HeadId) -> Array:
        """Give the cells of one of the second's heads."""
        return self._cells(self.paired.second, self.piece.second, self.second, head)

    def sight(self, layer: int, other: int) -> Mask:
        """Say which matched keys the queries could see on either side: (query, key)."""
        sides = (
            (self.paired.first, self.piece.first, self.first[0][layer]),
            (self.paired.second, self.piece.second, self.second[0][other]),
        )
        one, two = (
            half.sight(block.visible(), rows, self.piece.places, self.reach) for half, rows, block in sides
        )
        return one | two

    def _cells(
        self, half: Half, rows: range, blocks: tuple[dict[int, RowBlock], tuple[int, ...]], head: HeadId
    ) -> Array:
        weights = blocks[0][head.layer].weights[blocks[1].index(head.index)]
        return half.cells(weights, rows, self.piece.places, self.reach)


def walk(
    paired: Paired,
    first: Opened,
    second: Opened,
    *,
    size: int,
    layerwise: bool,
    done: Callable[[int], None] = lambda _: None,
) -> Iterator[Met]:
    """Go over the matched rows of both in step.

    Args:
        paired: both inputs.
        first: the first's rows.
        second: the second's.
        size: how many rows a piece has at most.
        layerwise: whether layers of one number meet, one after the other; else all of both come together.
        done: takes how many matched rows were done.
    """
    for piece in paired.pieces(size):
        reach = paired.reach(piece)
        sides = first.rows.blocks(piece.first), second.rows.blocks(piece.second)
        if layerwise:
            for one, other in zip(*sides, strict=True):
                here, there = {one.layer: one}, {other.layer: other}
                yield Met(paired, piece, reach, (here, first.heads), (there, second.heads))
        else:
            here, there = ({block.layer: block for block in blocks} for blocks in sides)
            yield Met(paired, piece, reach, (here, first.heads), (there, second.heads))
        done(len(piece.places))


class Namesakes:
    """Holds each head against its partner: how far apart their rows are, and where their mass is."""

    def __init__(self, paired: Paired, pairs: Pairs) -> None:
        self._counted, self._pairs = paired.counted, pairs
        self._bits = np.zeros((len(pairs), len(paired.counted)))
        self._elsewhere = np.zeros((2, len(pairs)))

    def take(self, place: int, met: Met, before: Array, after: Array) -> None:
        """Take the cells of one pair."""
        places = slice(met.piece.places.start, met.piece.places.stop)
        # A decoder reads as it did up to the first change, and equal rows are 0 apart.
        if namespace(before).any(before != after):
            self._bits[place, places] = on_cpu(divergence(before, after))
        counted = self._counted[places]
        for side, cells in enumerate((before, after)):
            self._elsewhere[side, place] += on_cpu(cells[:, -1])[counted].sum()

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
        self._bits = Spread((len(heads), len(others)))
        self._elsewhere = [np.zeros(len(heads)), np.zeros(len(others))]

    def update(self, met: Met) -> None:
        """Take the rows of all heads."""
        counted = np.flatnonzero(self._counted[met.piece.places.start : met.piece.places.stop])
        if not len(counted):
            return
        before = [met.before(head) for head in self._heads]
        after = [brought(met.after(other), before[0]) for other in self._others]
        xp = namespace(*before, *after)
        apart = on_cpu(divergences_between(xp.stack(before), xp.stack(after)))
        self._bits.add(apart[..., counted])
        for added, cells in zip(self._elsewhere, (before, after), strict=True):
            added += [on_cpu(own[:, -1])[counted].sum() for own in cells]

    @property
    def against(self) -> tuple[HeadId, ...]:
        """The head each is held against."""
        return tuple(self._others[place] for place in self._partners)

    @property
    def spreads(self) -> list[tuple[float, float]]:
        """For each pair the mean and the standard deviation over counted rows, in bits."""
        cells = range(len(self._heads)), self._partners
        means, deviations = self._bits.mean[cells], self._bits.deviation[cells]
        return list(zip(means.tolist(), deviations.tolist(), strict=True))

    @property
    def elsewhere(self) -> tuple[float, float]:
        """For both sides the mean share of the mass on keys without a match."""
        first, second = (float((added / self._counted.sum()).mean()) for added in self._elsewhere)
        return first, second

    @property
    def _partners(self) -> list[int]:
        found: list[int] = self._bits.mean.argmin(axis=1).tolist()
        return found


class Shifts:
    """Finds for each pair of heads what changed most, at rows that count."""

    def __init__(self, paired: Paired, pairs: Pairs) -> None:
        self._counted = paired.counted
        self.found = [Shift(int(np.argmax(paired.counted)), 0, 0.0) for _ in pairs]

    def take(self, place: int, met: Met, before: Array, after: Array) -> None:
        """Take the cells of one pair."""
        xp, start = namespace(before), met.piece.places.start
        counted = np.flatnonzero(self._counted[start : met.piece.places.stop])
        if not len(counted):
            return
        difference = after - before
        rows = on_cpu(xp.max(xp.abs(difference), axis=1))[counted]
        row = int(counted[rows.argmax()])
        if rows.max() <= abs(self.found[place].weight):
            return
        key = int(xp.argmax(xp.abs(difference[row])))
        weight = float(difference[row, key])
        self.found[place] = Shift(start + row, key if key < met.reach else None, weight)


class Maps:
    """Pools the differences of a few pairs of heads: of each cell the largest, with its sign."""

    def __init__(self, paired: Paired, pairs: Pairs, most: int) -> None:
        self._pairs = pairs
        queries, keys = len(paired.counted), len(paired.columns.pairs)
        self.queries, self.keys = Runs(queries, min(most, queries)), Runs(keys, min(most, keys))
        shape = len(pairs), self.queries.runs, self.keys.runs + 1
        self._gain, self._loss = np.full(shape, -np.inf), np.full(shape, np.inf)

    def take(self, place: int, met: Met, before: Array, after: Array) -> None:
        """Take the cells of one pair."""
        head, other = self._pairs[place]
        difference, places = on_cpu(after) - on_cpu(before), met.piece.places
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


Taker = Namesakes | Shifts | Maps


def meet(mets: Iterator[Met], pairs: Pairs, takers: Sequence[Taker]) -> None:
    """Hand the cells of each pair of heads to whoever takes them."""
    for met in mets:
        for place, (head, other) in enumerate(pairs):
            if met.has(head, other):
                before = met.before(head)
                after = brought(met.after(other), before)
                for taker in takers:
                    taker.take(place, met, before, after)
