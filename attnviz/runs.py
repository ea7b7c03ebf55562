"""Many things in a row, cut into runs that are as even as can be."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int_]


def starts(count: int, runs: int) -> Places:
    """Cut `count` things into `runs` runs that differ by at most one in length; give where each begins.

    >>> starts(7, 3).tolist()
    [0, 2, 4]
    """
    return np.arange(runs) * count // runs


@dataclass(frozen=True)
class Runs:
    """So many things, cut into so many runs.

    Attributes:
        count: how many things.
        runs: how many runs, at most as many.
    """

    count: int
    runs: int

    @cached_property
    def first(self) -> Places:
        """The first of each run: (run,)."""
        return starts(self.count, self.runs)

    @cached_property
    def behind(self) -> Places:
        """What comes behind the last of each run: (run,)."""
        return np.append(self.first[1:], self.count)

    def span(self, start: int, stop: int) -> slice:
        """Say which runs have any of the things from `start` to before `stop`.

        >>> Runs(7, 3).span(1, 3)
        slice(0, 2, None)
        """
        left, right = np.searchsorted(self.first, [start, stop - 1], side="right").tolist()
        return slice(left - 1, right)

    def shares(self, start: int, stop: int) -> Places:
        """Say how many of the things from `start` to before `stop` each run of their span has.

        >>> Runs(7, 3).shares(1, 3).tolist()
        [1, 1]
        """
        span = self.span(start, stop)
        return np.minimum(self.behind[span], stop) - np.maximum(self.first[span], start)
