"""Numbers in few bytes: each row of weights as shares of its largest, each vector as shares of its own."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A row's largest weight is this level; the program's `LEVELS` is the same number.
LEVELS = 255

# How far a weight may be off, as a share of its row's largest: half a level, and a little for float32.
ERROR = 0.002

_LARGEST = 32767


class Levels(NamedTuple):
    """Rows of bytes, and what they are shares of: a weight is its level x its row's maximum / 255."""

    levels: NDArray[np.uint8]
    maxima: NDArray[np.float32]


class Shares(NamedTuple):
    """Vectors of int16, and what they are shares of: a number is its share x its vector's maximum / 32767."""

    shares: NDArray[np.int16]
    maxima: NDArray[np.float32]


def as_levels(weights: NDArray[np.float32]) -> Levels:
    """Write each weight as the nearest of 255 even steps to its row's largest one.

    The error is at most 1/510 of the row's largest weight, and what float32 rounds away.

    Shape:
        weights: (..., query, key), 0 or more.
        result: levels (..., query, key), maxima (..., query).

    >>> as_levels(np.array([[0.5, 0.25, 0.0], [0.0, 0.0, 0.0]], np.float32)).levels
    array([[255, 128,   0],
           [  0,   0,   0]], dtype=uint8)
    """
    largest = weights.max(axis=-1, keepdims=True)
    # Divided first: of weights near the smallest float32, 255 / largest would be infinite.
    steps = weights / np.where(largest > 0, largest, np.float32(1))
    steps *= np.float32(LEVELS)
    steps += np.float32(0.5)
    return Levels(steps.astype(np.uint8), largest[..., 0])


def as_shares(vectors: NDArray[np.float32]) -> Shares:
    """Write each number as the nearest of 32,767 even steps to its vector's largest, either way from 0.

    The error is at most 1/65534 of the largest number, and what float32 rounds away.

    Shape:
        vectors: (..., d_k).
        result: shares (..., d_k), maxima (...).

    >>> as_shares(np.array([[2.0, -1.0]], np.float32)).shares
    array([[ 32767, -16384]], dtype=int16)
    """
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    steps = vectors / np.where(largest > 0, largest, np.float32(1))
    return Shares(np.rint(steps * np.float32(_LARGEST)).astype(np.int16), largest[..., 0])
