"""The squares of a long input in few cells: of each cell the largest weight, and the mean."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.streaming.gathered import Came, at_hand, brought, room_beside, settled
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.errors import BudgetError
from attnviz.frame import Frame
from attnviz.memory import told
from attnviz.observe import RowBlock
from attnviz.record import Attention, Kind, Mask, Pooling, Statistic, Token
from attnviz.runs import Runs

# Cells along a side: as many as pictures have room for, and as few as still show something.
MOST, LEAST = 512, 32

# A maximum and a mean, both float32.
_CELL_BYTES = 8

# Reduces rows or columns of weights along an axis, to float32.
Reduce = Callable[[ModuleType, Array, int], Array]


def fit(frame: Frame, budget: int, most: int = MOST) -> int:
    """Say how many cells along a side the maps of all heads may have: `most`, or half of it ...

    Args:
        frame: of the input.
        budget: the bytes they may take.
        most: cells to begin with.

    Raises:
        BudgetError: maps of 32 x 32 do not fit.
    """
    size = most
    while bytes_of(frame, size) > budget and size // 2 >= LEAST:
        size //= 2
    if (needed := bytes_of(frame, size)) > budget:
        heads = f"{len(frame.layers)} layers x {len(frame.heads)} heads"
        raise BudgetError(
            f"maps of {heads} do not fit even if pooled to {size} x {size}: "
            f"they take {told(needed)}, allowed {told(budget)}"
        )
    return size


def bytes_of(frame: Frame, size: int) -> int:
    """Say how many bytes the maps of all heads take with so many cells along a side."""
    cells = min(size, len(frame.queries)) * min(size, len(frame.keys))
    return len(frame.layers) * len(frame.heads) * cells * _CELL_BYTES


class PoolMaps:
    """Keeps, for every head, the largest weight of each cell and the mean of those a query could see.

    A cell is a run of queries by a run of keys. Maxima are exact, means up to rounding in float32.
    """

    def __init__(self, frame: Frame, rows: int = MOST, columns: int = MOST) -> None:
        """Say what to pool; room is made when the first block comes.

        Args:
            frame: of the input.
            rows: how many runs the queries are cut into at most; fewer queries stay by themselves.
            columns: how many runs the keys are cut into at most.
        """
        self.frame = frame
        self._rows = Runs(len(frame.queries), min(rows, len(frame.queries)))
        self._columns = Runs(len(frame.keys), min(columns, len(frame.keys)))
        self._places = _keys_by_column(self._columns)
        self._came, self._looked = Came(frame), [0] * len(frame.layers)
        self._maxima: Array = None
        self._sums: Array = None
        self._seen: Array = None
        self._are_means = False

    def update(self, block: RowBlock) -> None:
        """Take one block."""
        weights, start, first_key = block.weights, block.start, block.first_key
        if self._maxima is None:
            self._make_room(weights)
        layer, heads = self._came.note(block)
        rows, columns = self._span(start, weights.shape[1], first_key, weights.shape[2])
        most = self._by_cell(weights, start, first_key, _largest)
        before = self._maxima[layer, heads, rows, columns]
        self._maxima[layer, heads, rows, columns] = namespace(before).maximum(before, most)
        self._sums[layer, heads, rows, columns] += self._by_cell(weights, start, first_key, _total)
        if start + weights.shape[1] > self._looked[layer]:
            self._look(layer, block)

    def maxima(self) -> Attention:
        """Give the largest weight of each cell, when all rows have come.

        Raises:
            CaptureFailed: not all have.
        """
        return self._record(self._maxima, "maximum")

    def means(self) -> Attention:
        """Give the mean of those weights of each cell that a query could see, when all rows have come.

        Raises:
            CaptureFailed: not all have.
        """
        self._came.refuse_missing()
        if not self._are_means:  # in their place, since there may be a hundred megabytes of them
            self._sums /= namespace(self._seen).where(self._seen > 0, self._seen, 1.0)[:, None]
            self._are_means = True
        return self._record(self._sums, "mean")

    def _make_room(self, weights: Array) -> None:
        cells = self._rows.runs, self._columns.runs
        shape = len(self.frame.layers), len(self.frame.heads), *cells
        self._maxima, self._sums = (room_beside(weights, shape, "float32") for _ in range(2))
        # Counts in float32 are exact up to 2^24, which a cell of 4096 x 4096 weights has.
        self._seen = room_beside(weights, (shape[0], *cells), "float32")

    def _span(self, start: int, queries: int, first_key: int, keys: int) -> tuple[slice, slice]:
        """Say which rows and columns of cells a block falls in."""
        return self._rows.span(start, start + queries), self._columns.span(first_key, first_key + keys)

    def _look(self, layer: int, block: RowBlock) -> None:
        """Count the keys that queries see, once for all heads of a layer; the rows of each ascend."""
        start, first_key = self._looked[layer], block.first_key
        _, queries, keys = block.weights.shape
        self._looked[layer] = stop = block.start + queries
        rows, columns = self._span(start, stop - start, first_key, keys)
        visible = block.visible()
        if visible is None:
            shares = self._rows.shares(start, stop), self._columns.shares(first_key, first_key + keys)
            seen = np.outer(*shares).astype(np.float32)
        else:
            seen = self._by_cell(visible[None, start - block.start :], start, first_key, _total)[0]
        self._seen[layer, rows, columns] += brought(seen, self._seen)

    def _by_cell(self, values: Array, start: int, first_key: int, reduce: Reduce) -> Array:
        """Reduce the rows of a block, or what its queries see, to those of its cells.

        Queries come first, whose runs lie side by side in memory: what is left is small.

        Shape:
            values: (head, query, key).
            Returns (head, row, column).
        """
        heads, _, keys = values.shape
        columns = self._columns.span(first_key, first_key + keys)
        left, right = int(self._columns.first[columns][0]), int(self._columns.behind[columns][-1])
        rows = self._along_queries(values, start, reduce)
        # Where a block has no key, and behind its last, stands 0: it adds nothing, and is no maximum.
        room = room_beside(values, (heads, rows.shape[1], right - left + 1), "float32")
        room[..., first_key - left : first_key - left + keys] = rows
        return brought(self._along_keys(room, columns, left, reduce), self._maxima)

    def _along_queries(self, values: Array, start: int, reduce: Reduce) -> Array:
        """Reduce queries to rows, in as few calls as possible.

        Shape:
            values: (head, query, key), the first query at `start`.
        """
        xp = namespace(values)
        heads, queries, keys = values.shape
        lengths = self._rows.shares(start, start + queries)
        if (lengths == lengths[0]).all():
            runs = xp.reshape(values, (heads, len(lengths), int(lengths[0]), keys))
            return at_hand(reduce(xp, runs, 2))
        edges = [0, *np.cumsum(lengths).tolist()]
        rows = [reduce(xp, values[:, first:stop], 1) for first, stop in pairwise(edges)]
        return at_hand(xp.stack(rows, axis=1))

    def _along_keys(self, reduced: Array, columns: slice, left: int, reduce: Reduce) -> Array:
        """Reduce keys to columns.

        Shape:
            reduced: (head, row, key), the first of them at `left`.
        """
        xp = namespace(reduced)
        places = np.minimum(self._places[:, columns] - left, reduced.shape[-1] - 1)
        apart = xp.take(reduced, brought(places.ravel(), reduced), axis=-1)
        return reduce(xp, xp.reshape(apart, (*reduced.shape[:2], *places.shape)), 2)

    def _record(self, weights: Array, statistic: Statistic) -> Attention:
        self._came.refuse_missing()
        shares = settled(weights)
        return pooled_record(self.frame, shares, statistic, on_cpu(self._seen) > 0)


def pooled_record(
    frame: Frame, weights: NDArray[np.float32], statistic: Statistic, visible: NDArray[np.bool_]
) -> Attention:
    """Make pooled maps a record, whose tokens are runs of those of the input.

    Args:
        frame: of the input.
        weights: (layer, head, row, column), what each cell stands for.
        statistic: what that is.
        visible: (layer, row, column), whether any of its weights could be more than 0.
    """
    _, _, rows, columns = weights.shape
    return Attention(
        queries=run_tokens(frame.queries, rows),
        keys=run_tokens(frame.keys, columns),
        weights=weights,
        layers=frame.layers,
        heads=frame.heads,
        model=frame.model,
        text=frame.text,
        block=frame.block,
        causal=frame.causal,
        sight=_sight(frame, visible),
        sinks=frame.sinks,
        heads_per_key=frame.heads_per_key,
        aligning=frame.aligning,
        revision=frame.revision,
        taught=frame.taught,
        follows=frame.follows,
        view=frame.view,
        pooling=Pooling(statistic, len(frame.queries), len(frame.keys)),
    )


def run_tokens(tokens: Sequence[Token], runs: int) -> tuple[Token, ...]:
    """Give a token for each run of tokens: from where to where it goes; one alone stays as it is.

    >>> [token.text for token in run_tokens([Token("The"), Token("lazy"), Token("dog")], 2)]
    ['The', 'lazy…dog']
    """
    cut = Runs(len(tokens), runs)
    ends = zip(cut.first.tolist(), cut.behind.tolist(), strict=True)
    return tuple(_run_token(tokens[first:behind], first) for first, behind in ends)


def _run_token(run: Sequence[Token], first: int) -> Token:
    place = first, first + len(run) - 1
    if len(run) == 1:
        return replace(run[0], run=place)
    spans = [token.span for token in run if token.span is not None]
    kinds, parts = {token.kind for token in run}, {token.part for token in run}
    kind: Kind = run[0].kind if len(kinds) == 1 else "text"
    return Token(
        f"{run[0].text}…{run[-1].text}",
        span=(min(start for start, _ in spans), max(stop for _, stop in spans)) if spans else None,
        kind=kind,
        part=run[0].part if len(parts) == 1 else None,
        run=place,
    )


def _sight(frame: Frame, visible: NDArray[np.bool_]) -> dict[int, Mask]:
    """Give the masks that say more than `causal` does; layers that see alike share one."""
    _, rows, columns = visible.shape
    usual = (
        np.tri(rows, columns, columns - rows, dtype=bool)
        if frame.causal
        else np.ones((rows, columns), dtype=bool)
    )
    masks = {usual.tobytes(): usual, **{mask.tobytes(): mask for mask in visible}}
    shared = {layer: masks[mask.tobytes()] for layer, mask in zip(frame.layers, visible, strict=True)}
    return {layer: mask for layer, mask in shared.items() if not np.array_equal(mask, usual)}


def _keys_by_column(columns: Runs) -> NDArray[np.int_]:
    """Give the keys of each column: (longest run, column); behind the last of a shorter one no key at all."""
    steps = np.arange((columns.behind - columns.first).max())[:, None]
    places = columns.first + steps
    return np.where(places < columns.behind, places, columns.count)


def _largest(xp: ModuleType, values: Array, axis: int) -> Array:
    return xp.astype(xp.max(values, axis=axis), xp.float32, copy=False)


def _total(xp: ModuleType, values: Array, axis: int) -> Array:
    """Add up in float32; of what is seen or not in whole numbers, which is quicker."""
    kind = xp.int32 if values.dtype == xp.bool else xp.float32
    return xp.astype(xp.sum(values, axis=axis, dtype=kind), xp.float32, copy=False)
