"""Rows and columns of words, added up of those of their pieces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.arrays import Array, namespace

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Where the pieces of some words stand, of which most have one.

    Attributes:
        first: (word,), the place of the first of each, ascending.
        later: for the second piece, the third and so on: which of these words have one, and where it stands;
            both ascend.
    """

    first: Places
    later: tuple[tuple[Places, Places], ...] = ()

    @classmethod
    def of(cls, bounds: Places, words: Places, offset: int = 0) -> "Pieces":
        """Find the pieces of some words.

        Args:
            bounds: where each word begins, and behind it where the last one ends.
            words: the numbers of those that are meant, ascending.
            offset: where places are counted from.
        """
        first = bounds[words]
        sizes = bounds[words + 1] - first
        longer = (np.flatnonzero(sizes > place) for place in range(1, int(sizes.max(initial=1))))
        first = first - offset
        return cls(first, tuple((which, first[which] + place) for place, which in enumerate(longer, 1)))

    @property
    def every(self) -> Places:
        """Where any of them stands: (piece,), ascending."""
        return np.sort(np.concatenate([self.first, *(at for _, at in self.later)]))

    def joined(self, numbers: Array, axis: int) -> Array:
        """Add up what stands at each word's pieces, as far as numbers reach; of truths, say whether any is.

        Most words are one piece, so they are taken at once, and what is missing is added; to go from word to
        word, as numpy's `reduceat` does, takes ten times as long.

        Shape:
            numbers: (row, column), numpy's if any word has several pieces; words stand along `axis`, 0 or 1.
        """
        behind = numbers.shape[axis]
        first = self.first[: np.searchsorted(self.first, behind)]
        if not self.later:
            return taken(numbers, first, axis)
        joined = np.take(numbers, first, axis=axis)
        for which, at in self.later:
            there = np.searchsorted(at, behind)
            place = which[:there] if axis == 0 else (slice(None), which[:there])
            joined[place] += taken(numbers, at[:there], axis)
        return joined


def taken(numbers: Array, places: Places, axis: int) -> Array:
    """Take rows or columns; those that stand side by side are not copied.

    Shape:
        numbers: (row, column).
    """
    if len(places) == 0 or places[-1] - places[0] == len(places) - 1:
        first = int(places[0]) if len(places) else 0
        some = slice(first, first + len(places))
        return numbers[some] if axis == 0 else numbers[:, some]
    xp = namespace(numbers)
    if xp is np:
        return np.take(numbers, places, axis=axis)
    return xp.take(numbers, xp.asarray(places, device=numbers.device), axis=axis)
