"""Mean and standard deviation of numbers that come in pieces, as exact as of all at once."""

import numpy as np
from numpy.typing import NDArray


class Spread:
    """Keeps the mean and the sum of squared deviations of what came so far.

    Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1: two pieces are
    joined without ever subtracting large sums of squares from each other.
    """

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """Begin with nothing.

        Args:
            shape: of what is averaged, the axis of the samples aside.
        """
        self.count = 0
        self._mean = np.zeros(shape)
        self._squared = np.zeros(shape)

    def add(self, values: NDArray[np.floating]) -> None:
        """Take a piece.

        Shape:
            values: (..., sample).
        """
        many = values.shape[-1]
        if many == 0:
            return
        mean = values.mean(axis=-1, dtype=np.float64)
        squared = ((values - mean[..., None]) ** 2).sum(axis=-1, dtype=np.float64)
        total = self.count + many
        apart = mean - self._mean
        self._mean = self._mean + apart * (many / total)
        self._squared = self._squared + squared + apart**2 * (self.count * many / total)
        self.count = total

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean; NaN of nothing."""
        return self._mean if self.count else np.full_like(self._mean, np.nan)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of what came, not of what it was drawn from; NaN of nothing."""
        deviation: NDArray[np.float64] = np.sqrt(self._squared / self.count if self.count else self.mean)
        return deviation
