"""Buffers: numbers compressed and written as text, which a browser opens one by one."""

import zlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from os import cpu_count
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LEVEL, _WINDOW, _MEMORY = 6, 15, 8

# Levels of weights have few repeats but runs of one number, most of them 0: looking for nothing but runs is
# a little better on models' weights, and five times as fast. Where whole rows repeat, looking further pays.
_STRATEGIES = (zlib.Z_RLE, zlib.Z_FILTERED)

# So many bytes tell which strategy is the better one.
_TRIED = 1 << 15

# Base64 writes three bytes as four letters.
LETTERS_PER_BYTE = 4 / 3

# zlib and numpy work outside Python's lock.
_WORKERS = min(cpu_count() or 1, 4)


def deflate(array: Array) -> bytes:
    r"""Compress an array's bytes, little-endian, into the zlib format.

    >>> zlib.decompress(deflate(np.array([1, 2], np.int16)))
    b'\x01\x00\x02\x00'
    """
    return _deflate(_little(array).tobytes())


def pack(array: Array) -> str:
    """Write an array as text: its bytes, compressed, in base64."""
    return b64encode(deflate(array)).decode("ascii")


def _deflate(data: bytes) -> bytes:
    if len(data) <= 2 * _TRIED:
        return min((_compressed(data, strategy) for strategy in _STRATEGIES), key=len)
    middle = (len(data) - _TRIED) // 2
    sample = data[middle : middle + _TRIED]
    best = min(_STRATEGIES, key=lambda strategy: len(_compressed(sample, strategy)))
    return _compressed(data, best)


def _compressed(data: bytes, strategy: int) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, strategy)
    return compressor.compress(data) + compressor.flush()


def _little(array: Array) -> Array:
    """Give the same numbers in a row of little-endian bytes."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


class Buffers:
    """The buffers of a page, in the order of their numbers; made at once, while other work goes on.

    Use it in a `with` block, which waits for what is not made yet.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_WORKERS)
        self._made: list[Future[str]] = []
        self._shared: list[tuple[Array, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)

    def add(self, make: Callable[[], Array], after: Sequence[int] = ()) -> int:
        """Make an array and pack it, beside whatever else is done.

        Args:
            make: gives the array.
            after: buffers that must be made before; added earlier, so that nothing waits for ever.

        Returns:
            The number of its buffer.
        """

        def packed() -> str:
            for number in after:
                self._made[number].result()
            return pack(make())

        self._made.append(self._pool.submit(packed))
        return len(self._made) - 1

    def share(self, array: Array, change: Callable[[Array], Array]) -> int:
        """Pack what is made of an array; all that are equal share one buffer."""
        for known, number in self._shared:
            if known is array or np.array_equal(known, array):
                return number
        number = self.add(lambda: change(array))
        self._shared.append((array, number))
        return number

    def texts(self) -> list[str]:
        """Give every buffer as text."""
        return [made.result() for made in self._made]
