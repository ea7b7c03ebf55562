"""Sets of cells of the query x key square, kept small: whole keys, or the cells of a query when asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Mask

Places = NDArray[np.integer]

# Cells as the places of their queries among those asked for, ascending, and their keys, ascending for each.
Listed = tuple[Places, Places]


class Cells(Protocol):
    """A set of cells."""

    def of(self, queries: Places) -> Listed:
        """List the cells of some queries, row after row.

        Shape:
            queries: (row,), positions.

        Returns:
            (cell,) the place of its query among these; (cell,) its key.
        """
        ...

    def has(self, queries: Places, keys: Places) -> Mask:
        """Say of single cells whether they belong to the set: (cell,)."""
        ...


def mask_of(cells: Cells, queries: Places, keys: int) -> Mask:
    """Give the cells of some queries as True and False: (row, key)."""
    mask = np.zeros((len(queries), keys), dtype=bool)
    mask[cells.of(queries)] = True
    return mask


@dataclass(frozen=True, eq=False)
class Columns:
    """Whole keys, whoever looks.

    Attributes:
        keys: (key,), True for those.
    """

    keys: Mask

    def of(self, queries: Places) -> Listed:
        """List the cells of some queries."""
        found = np.flatnonzero(self.keys)
        return np.repeat(np.arange(len(queries)), len(found)), np.tile(found, len(queries))

    def has(self, queries: Places, keys: Places) -> Mask:  # noqa: ARG002 - whoever looks
        """Say of single cells whether they belong to the set."""
        inside: Mask = self.keys[keys]
        return inside


@dataclass(frozen=True, eq=False)
class Steps:
    """Keys so many tokens after the query.

    Attributes:
        steps: how many, ascending; negative means before it.
        start: the position of the first query among the keys.
        keys: how many keys there are.
    """

    steps: tuple[int, ...]
    start: int
    keys: int

    def of(self, queries: Places) -> Listed:
        """List the cells of some queries."""
        rows = np.repeat(np.arange(len(queries)), len(self.steps))
        keys = (queries[:, None] + self.start + np.array(self.steps, dtype=np.intp)).ravel()
        inside = (keys >= 0) & (keys < self.keys)
        return rows[inside], keys[inside]

    def has(self, queries: Places, keys: Places) -> Mask:
        """Say of single cells whether they belong to the set."""
        return np.isin(keys - queries - self.start, self.steps)


@dataclass(frozen=True, eq=False)
class Slices:
    """For each query a slice of one list of keys, which is in order of something such as the words.

    Attributes:
        keys: (entry,), keys; ascending within each slice.
        code: (entry,), ascending: for entries of one slice a number that is the key plus its query's `base`.
        base: (query,), see `code`.
        first: (query,), where its slice begins.
        stop: (query,), where it ends.
    """

    keys: Places
    code: Places
    base: Places
    first: Places
    stop: Places

    def of(self, queries: Places) -> Listed:
        """List the cells of some queries."""
        first = self.first[queries]
        many = self.stop[queries] - first
        rows = np.repeat(np.arange(len(queries)), many)
        within = np.arange(len(rows)) + np.repeat(first - np.cumsum(many) + many, many)
        return rows, self.keys[within]

    def has(self, queries: Places, keys: Places) -> Mask:
        """Say of single cells whether they belong to the set."""
        wanted = self.base[queries] + keys
        at = np.searchsorted(self.code, wanted)
        inside: Mask = (at >= self.first[queries]) & (at < self.stop[queries])
        inside[inside] = self.code[at[inside]] == wanted[inside]
        return inside

    def between(self, first: Places, stop: Places) -> "Slices":
        """Leave the keys from `first` to before `stop` alone, (query,) each."""
        begin = np.maximum(self.first, np.searchsorted(self.code, self.base + first))
        end = np.minimum(self.stop, np.searchsorted(self.code, self.base + stop))
        return replace(self, first=begin, stop=np.maximum(begin, end))


@dataclass(frozen=True, eq=False)
class Masked:
    """Cells that are made as True and False, for some queries at a time: what pictures are short enough for.

    Attributes:
        made: gives (row, key) for the positions (row,) of queries.
    """

    made: Callable[[Places], Mask]

    def of(self, queries: Places) -> Listed:
        """List the cells of some queries."""
        rows, keys = np.nonzero(self.made(queries))
        return rows, keys

    def has(self, queries: Places, keys: Places) -> Mask:
        """Say of single cells whether they belong to the set."""
        asked, row = np.unique(queries, return_inverse=True)
        inside: Mask = self.made(asked)[row, keys]
        return inside


def nowhere(queries: int) -> Slices:
    """Give no cell at all."""
    none, nothing = np.zeros(queries, dtype=np.intp), np.zeros(0, dtype=np.intp)
    return Slices(nothing, nothing, none, none, none)


def alike(queries: Places, keys: Places, *, last: Places | None = None, delay: int = 0) -> Slices:
    """Give the keys that bear a query's number, or those behind them.

    Shape:
        queries: (query,), numbers; a negative one is nobody's.
        keys: (key,), numbers.
        last: (query,).

    Args:
        queries: the number of each query.
        keys: the number of each key.
        last: the numbers of keys before this position alone count; None means all.
        delay: the cells are the keys so many places behind those that bear the number.
    """
    count = len(keys) + 1
    order = np.argsort(keys, kind="stable")
    code = keys[order] * count + order
    first = np.searchsorted(code, queries * count)
    stop = np.searchsorted(code, queries * count + (len(keys) if last is None else last))
    stop = np.where(queries >= 0, np.maximum(first, stop), first)
    return Slices(order + delay, code + delay, queries * count, first, stop)
