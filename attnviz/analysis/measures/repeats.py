"""Where tokens stand again, as lists of cells: a text has few of them, and its square many."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.streaming.sums import near
from attnviz.arrays import Array, namespace

Places = NDArray[np.intp]

# So many cells are listed, and their lists kept, in 8 bytes each. Of a longer text the most frequent tokens
# are not listed, and what is not kept is listed again.
_LISTED = 2**22


@dataclass(eq=False)
class Repeats:
    """The earlier tokens equal to each of some queries, and what stands behind these.

    Equal to `earlier_equals` and `behind_earlier_equals`, without the square. Tokens so frequent that they
    would make long lists are added up by columns of zeros and ones instead.

    Attributes:
        numbers: (key,), a whole number for each token, the same for equal ones.
    """

    numbers: Places
    _kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)
    _size: int = field(default=0, init=False, repr=False)

    def mass(self, weights: Array, at: int, first_key: int = 0, behind: int = 0) -> Array:
        """Add up what queries give earlier tokens equal to their own, or the tokens behind these.

        Shape:
            weights: (head, query, key).

        Args:
            weights: consecutive rows.
            at: the position of the first of them among the keys.
            first_key: the position of the first of the columns.
            behind: 0 for the equal tokens, 1 for those behind them.

        Returns:
            Shares of the mass, (head, query).
        """
        weights = near(weights)
        xp = namespace(weights)
        found = self._among_listed(xp, weights, at, first_key, behind)
        if not self._has_often:
            return found
        numbers = self.numbers[at : at + weights.shape[1]]
        for token in set(numbers[self._is_often[at : at + len(numbers)]].tolist()):
            rows = np.flatnonzero(numbers == token)
            found[:, rows] = self._often(xp, weights, rows + at, first_key - behind, rows)
        return found

    def _among_listed(self, xp: ModuleType, weights: Array, at: int, first_key: int, behind: int) -> Array:
        """Give the mass on listed cells: (head, query)."""
        places, ends = self._cells(xp, weights, at, first_key, behind)
        if not places.shape[0]:
            return xp.zeros_like(weights[..., 0])
        flat = xp.reshape(weights, (weights.shape[0], -1))
        if xp is np:  # places are known to be inside, and to look costs most of the time
            return _added(xp, np.take(flat, places, axis=1, mode="clip"), ends)
        return _added(xp, xp.take(flat, places, axis=1), ends)

    def _often(self, xp: ModuleType, weights: Array, queries: Places, first: int, rows: Places) -> Array:
        """Give the same for rows of one frequent token, whose column of zeros and ones is multiplied.

        Args:
            xp: the array library.
            weights: (head, query, key).
            queries: the positions of the rows among the keys.
            first: the position whose token decides about the first column.
            rows: the same rows, counted within the block.
        """
        columns = weights.shape[-1]
        decides = first + np.arange(columns)
        equal = (decides >= 0) & (self.numbers[np.maximum(decides, 0)] == self.numbers[queries[0]])
        column = xp.astype(xp.asarray(equal, device=weights.device), weights.dtype)
        border = min(max(int(queries[0]) - first, 0), columns)  # what decides from here on may not be earlier
        some = xp.take(weights, xp.asarray(rows, device=weights.device), axis=-2)
        last = min(max(int(queries[-1]) - first, border), columns)
        earlier = decides[None, border:last] < queries[:, None]
        near = xp.astype(xp.asarray(earlier & equal[border:last], device=weights.device), weights.dtype)
        return xp.matmul(some[..., :border], column[:border]) + xp.vecdot(some[..., border:last], near)

    def _cells(
        self, xp: ModuleType, weights: Array, at: int, first_key: int, behind: int
    ) -> tuple[Array, Array]:
        """List cells row by row: their places among all cells, and where each row's list starts and ends.

        The same rows come for every head of every layer, so their lists are kept.
        """
        rows, columns = weights.shape[-2:]
        key = xp, weights.device, at, rows, first_key, columns, behind
        if key in self._kept:
            found: tuple[Array, Array] = self._kept[key]
            return found
        listed = self._listed(at, rows, first_key - behind, columns)
        places, ends = (xp.asarray(array, device=weights.device) for array in listed)
        if self._size + len(listed[0]) <= _LISTED:
            self._size += len(listed[0])
            self._kept[key] = places, ends
        return places, ends

    def _listed(self, at: int, rows: int, first: int, columns: int) -> tuple[Places, Places]:
        """List cells as `_cells` does; `first` is the position whose token decides about the first column."""
        queries = np.arange(at, at + rows)
        order, starts, ranks = self._order
        counts = np.where(self._is_often[queries], 0, ranks[queries])
        row = np.repeat(np.arange(rows), counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        column = order[np.repeat(starts[queries], counts) + within] - first
        inside = (column >= 0) & (column < columns)
        row, column = row[inside], column[inside]
        ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
        return row * columns + column, ends.astype(np.intp)

    @cached_property
    def _order(self) -> tuple[Places, Places, Places]:
        """Order places by their tokens.

        Returns:
            The places in that order; for each place where in it its token starts, and how many earlier
            places have the same.
        """
        order = np.argsort(self.numbers, kind="stable")
        _, of, counts = np.unique(self.numbers, return_inverse=True, return_counts=True)
        starts = (np.cumsum(counts) - counts)[of]
        ranks = np.empty_like(order)
        ranks[order] = np.arange(len(order)) - starts[order]
        return order, starts, ranks

    @cached_property
    def _has_often(self) -> bool:
        return bool(self._is_often.any())

    @cached_property
    def _is_often(self) -> NDArray[np.bool_]:
        """Say which places hold tokens that are too frequent to be listed: (key,)."""
        _, of, counts = np.unique(self.numbers, return_inverse=True, return_counts=True)
        cells = counts * (counts - 1) // 2
        rising = np.argsort(cells, kind="stable")
        often = np.empty(len(counts), dtype=bool)
        often[rising] = np.cumsum(cells[rising]) > _LISTED
        is_often: NDArray[np.bool_] = often[of]
        return is_often


def _added(xp: ModuleType, listed: Array, ends: Array) -> Array:
    """Add up the weights of each row's list: (head, query).

    Shape:
        listed: (head, cell), row by row.
        ends: (query + 1,), where the list of each row starts, and the last ends.
    """
    if xp is np:
        some = ends[:-1] < ends[1:]  # where a list is empty, `reduceat` gives the cell that follows
        found = np.zeros((len(listed), len(some)), dtype=listed.dtype)
        found[:, some] = np.add.reduceat(listed, ends[:-1][some], axis=-1)
        return found
    running = xp.cumulative_sum(listed, axis=-1, dtype=xp.float64, include_initial=True)
    return xp.astype(xp.diff(xp.take(running, ends, axis=-1), axis=-1), listed.dtype)
