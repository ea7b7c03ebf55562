"""The tokens of a sound: frames named by their seconds, as far as the sound itself goes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Token
from attnviz.sources.huggingface.capturing.filled import Filled
from attnviz.sources.huggingface.feed import Side, Written

# A frame that begins this many seconds before the end of a sound has no part of it: it is rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Frames:
    """Where every position of a model is in time.

    Attributes:
        starts: (position,), seconds; NaN for a position that is no part of any sound.
        length: how many seconds a position stands for.
        bands: (position,), which band of frequencies, counted from the lowest, from 0; None where each
            position stands for all of them.
        added: the names of the positions that are no part of any sound, in order.
    """

    starts: NDArray[np.float64]
    length: float
    bands: NDArray[np.intp] | None = None
    added: Sequence[str] = ()

    @classmethod
    def evenly(cls, count: int, length: float) -> "Frames":
        """Put positions one after another, from the beginning."""
        return cls(np.arange(count, dtype=np.float64) * length, length)

    def side(self, seconds: float) -> Side:
        """Name the positions of a sound; those behind its end are the model's filling.

        Args:
            seconds: how long the sound is.
        """
        # NaN, a position of the model's own, is kept: it begins nowhere, so not behind the end either.
        inside = np.flatnonzero(~(self.starts >= seconds - _ROUNDING))
        known = tuple(self._tokens(seconds, inside))
        total = len(self.starts)
        if len(inside) == total:
            return Written(known)
        return Filled(known, tuple(inside.tolist()), total)

    def _tokens(self, seconds: float, positions: NDArray[np.intp]) -> Iterator[Token]:
        names = iter(self.added)
        written = spoken(self.length)
        for position in positions.tolist():
            start = float(self.starts[position])
            if np.isnan(start):
                yield Token(next(names), kind="special")
                continue
            start = max(start, 0.0)
            place = (start, min(start + self.length, seconds))
            if self.bands is None:
                yield Token(written(*place), kind="frame", place=place)
            else:
                band = int(self.bands[position])
                yield Token(f"{written(*place)}·b{band}", kind="frame", place=place, part=f"band {band}")


def numbered(count: int) -> Side:
    """Name positions of a sound of which it cannot be told when they are: by their number, from 0."""
    return Written(tuple(Token(f"frame{place}", kind="frame") for place in range(count)))


def spoken(length: float) -> Callable[[float, float], str]:
    """Say how times are written so that frames of a length can be told apart.

    >>> spoken(0.02)(0.32, 0.34), spoken(0.024)(0.024, 0.048)
    ('0.32-0.34s', '0.024-0.048s')
    """
    digits = 2 if abs(100 * length - round(100 * length)) < _ROUNDING and length >= 0.01 else 3
    return lambda start, stop: f"{start:.{digits}f}-{stop:.{digits}f}s"
