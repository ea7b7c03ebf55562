"""What queries see, as runs of keys: little to keep and quick to count, whatever a model's mask is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Mask

Places = NDArray[np.integer]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """The keys that consecutive queries see: one run of keys each in most models, several in some.

    Attributes:
        rows: how many queries.
        row: (run,), whose run it is, ascending.
        first: (run,), the run's first key, ascending within a row.
        stop: (run,), the key behind its last.
    """

    rows: int
    row: Places
    first: Places
    stop: Places

    @classmethod
    def of(cls, visible: Mask, first_key: int = 0) -> "Seen":
        """Find the runs.

        Shape:
            visible: (query, key).

        Args:
            visible: True where a query sees a key.
            first_key: the position of the first of these keys.

        >>> found = Seen.of(np.array([[True, True, False, True], [False, True, False, False]]))
        >>> found.row.tolist(), found.first.tolist(), found.stop.tolist()
        ([0, 0, 1], [0, 3, 1], [2, 4, 2])
        """
        rows, keys = visible.shape
        edged = np.zeros((rows, keys + 2), dtype=bool)
        edged[:, 1:-1] = visible
        changes = np.flatnonzero(edged[:, 1:] != edged[:, :-1])
        at, key = np.divmod(changes, keys + 1)
        return cls(rows, at[::2], key[::2] + first_key, key[1::2] + first_key)

    @classmethod
    def everything(cls, rows: int, keys: range) -> "Seen":
        """Let every query see the same keys."""
        every = np.ones(rows, dtype=np.intp)
        return cls(rows, np.arange(rows), every * keys.start, every * keys.stop)

    @classmethod
    def joined(cls, parts: Sequence["Seen"]) -> "Seen":
        """Put rows behind rows."""
        starts = np.cumsum([0, *(part.rows for part in parts)])
        return cls(
            int(starts[-1]),
            np.concatenate([part.row + start for part, start in zip(parts, starts, strict=False)]),
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.stop for part in parts]),
        )

    def part(self, start: int, stop: int) -> "Seen":
        """Give the rows from `start` to before `stop`."""
        some = slice(*np.searchsorted(self.row, [start, stop]))
        return Seen(stop - start, self.row[some] - start, self.first[some], self.stop[some])

    def equals(self, other: "Seen") -> bool:
        """Say whether all rows see alike."""
        ours, theirs = (self.row, self.first, self.stop), (other.row, other.first, other.stop)
        return all(np.array_equal(one, another) for one, another in zip(ours, theirs, strict=True))

    def mask(self, keys: int) -> Mask:
        """Give it as True and False: (query, key)."""
        edges = np.zeros((self.rows, keys + 1), dtype=np.int8)
        edges[self.row, self.first] = 1
        edges[self.row, self.stop] -= 1
        seen: Mask = np.cumsum(edges[:, :-1], axis=1, dtype=np.int8) > 0
        return seen

    def count(self, keys: Mask) -> Places:
        """Count what each query sees of some keys.

        Shape:
            keys: (key,).

        Returns:
            (query,).
        """
        upto = np.concatenate([[0], np.cumsum(keys)])
        counted = np.bincount(self.row, upto[self.stop] - upto[self.first], minlength=self.rows)
        return counted.astype(np.intp)

    def has(self, rows: Places, keys: Places) -> Mask:
        """Say of single cells whether they are seen: (cell,)."""
        if self._one_each:
            return (keys >= self.first[rows]) & (keys < self.stop[rows])
        if not len(self.row):
            return np.zeros(len(rows), dtype=bool)
        wide = int(self.stop.max(initial=0)) + int(keys.max(initial=0)) + 1
        run = np.searchsorted(self.row * wide + self.first, rows * wide + keys, side="right") - 1
        found = np.maximum(run, 0)
        inside: Mask = (run >= 0) & (self.row[found] == rows) & (keys < self.stop[found])
        return inside

    def spread(self, values: Numbers, keys: int) -> Numbers:
        """Give to each key a query sees the query's value, and add them up.

        Shape:
            values: (head, query).

        Returns:
            (head, key).

        >>> Seen.of(np.tri(3) > 0).spread(np.array([[1.0, 2.0, 4.0]]), 3).tolist()
        [[7.0, 6.0, 4.0]]
        """
        edges = np.zeros((len(values), keys + 1))
        for edge, value in zip(edges, values, strict=True):
            edge += np.bincount(self.first, value[self.row], minlength=keys + 1)
            edge -= np.bincount(self.stop, value[self.row], minlength=keys + 1)
        spread: Numbers = np.cumsum(edges[:, :-1], axis=-1)
        return spread

    @property
    def bounds(self) -> tuple[Places, Places] | None:
        """The first key each query sees, and the one behind the last, (query,), if it sees all between."""
        return (self.first, self.stop) if self._one_each else None

    @cached_property
    def _one_each(self) -> bool:
        """Whether every row has one run."""
        return np.array_equal(self.row, np.arange(self.rows))


def together(several: Sequence[Seen], keys: int) -> Seen:
    """Give what any of several layers lets each query see."""
    distinct: list[Seen] = []
    for one in several:
        if not any(one.equals(other) for other in distinct):
            distinct.append(one)
    if len(distinct) == 1:
        return distinct[0]
    rows, step = distinct[0].rows, max(1, _CELLS // keys)
    return Seen.joined(
        [
            Seen.of(np.any([one.part(at, min(at + step, rows)).mask(keys) for one in distinct], axis=0))
            for at in range(0, rows, step)
        ]
    )


# Masks are made for so many cells at once.
_CELLS = 2**20
