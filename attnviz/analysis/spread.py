"""Mean and standard deviation of numbers that come in pieces, as exact as of all at once."""

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.moments import Moments


class Spread:
    """Keeps mean and deviation of what came so far, for all places of an array at once; see `Moments`."""

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """Begin with nothing.

        Args:
            shape: of what is averaged, the axis of the samples aside.
        """
        self._moments = Moments.none(*shape)

    def add(self, values: NDArray[np.floating]) -> None:
        """Take a piece.

        Shape:
            values: (..., sample).
        """
        if values.shape[-1]:
            self._moments = self._moments.joined(Moments.of(values.astype(np.float64, copy=False)))

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean; NaN of nothing."""
        return self._moments.means

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of what came, not of what it was drawn from; NaN of nothing."""
        return self._moments.spreads
