"""Means and standard deviations of numbers that come a few at a time, exactly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Where = tuple[int | slice | NDArray[np.intp], ...]


@dataclass(frozen=True, eq=False)
class Moments:
    """Counts, means and summed squares about the means, of many series of numbers at once.

    A batch's own mean and squares are joined with those of what came before, which loses no digits where a
    running sum of squares would: Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample
    Variance". In whatever parts numbers come, the result is the same up to rounding.

    Attributes:
        count: float64, of any shape: how many numbers came.
        mean: of the same shape.
        squares: of the same shape, the sum of squared differences from the mean.
    """

    count: Numbers
    mean: Numbers
    squares: Numbers

    @classmethod
    def none(cls, *shape: int) -> "Moments":
        """Give those of no numbers."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> "Moments":
        """Take those of numbers along the last axis; NaN is no number."""
        values = values.astype(np.float64, copy=False)
        missing = np.isnan(values)
        count = (~missing).sum(axis=-1).astype(np.float64)
        mean = np.where(missing, 0.0, values).sum(axis=-1) / np.maximum(count, 1)
        apart = np.where(missing, 0.0, values - mean[..., None])
        return cls(count, mean, np.vecdot(apart, apart))

    def __getitem__(self, where: Where) -> "Moments":
        """Give those of some series."""
        return Moments(self.count[where], self.mean[where], self.squares[where])

    def add(self, values: NDArray[np.floating], where: Where = ()) -> None:
        """Take further numbers, along the last axis; NaN is no number.

        Args:
            values: the numbers.
            where: of which series; those of all if not given.
        """
        joined = self[where].joined(Moments.of(values))
        self.count[where], self.mean[where], self.squares[where] = joined.count, joined.mean, joined.squares

    def joined(self, other: "Moments") -> "Moments":
        """Give those of the numbers of both."""
        count = self.count + other.count
        apart = other.mean - self.mean
        share = other.count / np.maximum(count, 1)
        squares = self.squares + other.squares + apart**2 * self.count * share
        return Moments(count, self.mean + apart * share, squares)

    @property
    def means(self) -> Numbers:
        """The means; NaN where no number came."""
        means: Numbers = np.where(self.count > 0, self.mean, np.nan)
        return means

    @property
    def spreads(self) -> Numbers:
        """The standard deviations; NaN where no number came."""
        spreads: Numbers = np.sqrt(self.squares / np.where(self.count > 0, self.count, np.nan))
        return spreads
