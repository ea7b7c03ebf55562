"""The keys each query reads most: links of a long input by themselves, without the weights between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.streaming.gathered import (
    Came,
    at_hand,
    brought,
    device_of,
    is_on_host,
    room_beside,
    settled,
)
from attnviz.arrays import Array, namespace
from attnviz.frame import Frame
from attnviz.observe import RowBlock

# A position and a weight, int32 and float32.
_ENTRY_BYTES = 8

# Only keys of those runs of keys are looked at one by one whose largest weight is among the largest.
_RUN = 64

# So many rows are done together on a processor: what is made of them stays in its cache.
_ROWS = 128

# With fewer runs than so many times the keys wanted, all keys are looked at.
_FEW = 4


@dataclass(frozen=True, eq=False, repr=False)
class Top:
    """The keys each query reads most.

    Attributes:
        positions: int32 (layer, head, query, k), read-only: the largest weight first, of equal ones the
            earlier key; -1 where a query gives weight to fewer keys.
        weights: float32 (layer, head, query, k), read-only; 0 where there is none.
    """

    positions: NDArray[np.int32]
    weights: NDArray[np.float32]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Top):
            return NotImplemented
        return np.array_equal(self.positions, other.positions) and np.array_equal(self.weights, other.weights)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        layers, heads, queries, most = self.positions.shape
        return f"Top({most} keys of each of {queries} queries: {layers} layers, {heads} heads)"

    @property
    def most(self) -> int:
        """How many keys of each query are kept."""
        return int(self.positions.shape[-1])


class TopKeys:
    """Keeps the k largest weights of each query, and which keys they are of."""

    def __init__(self, frame: Frame, k: int = 8) -> None:
        """Say how many to keep; room is made when the first block comes.

        Args:
            frame: of the input.
            k: how many of each query, or all keys if they are fewer.
        """
        self._shape = len(frame.layers), len(frame.heads), len(frame.queries), min(k, len(frame.keys))
        self._came = Came(frame)
        self._positions: Array = None
        self._weights: Array = None

    def update(self, block: RowBlock) -> None:
        """Take one block."""
        _, queries, keys = block.weights.shape
        if self._positions is None:
            self._positions = room_beside(block.weights, self._shape, "int32", -1)
            self._weights = room_beside(block.weights, self._shape, "float32")
        layer, heads = self._came.note(block)
        most = min(self._shape[-1], keys)
        step = max(1, _ROWS // block.weights.shape[0]) if is_on_host(block.weights) else queries
        for first in range(0, queries, step):
            weights, positions = largest(block.weights[:, first : first + step], most)
            start = block.start + first
            rows = (layer, heads, slice(start, start + weights.shape[1]), slice(0, most))
            self._weights[rows] = brought(weights, self._weights)
            self._positions[rows] = brought(_named(positions, weights, block.first_key), self._positions)

    def result(self) -> Top:
        """Give the keys, when all rows have come.

        Raises:
            CaptureFailed: not all have.
        """
        self._came.refuse_missing()
        return Top(settled(self._positions), settled(self._weights))


def bytes_of(frame: Frame, k: int) -> int:
    """Say how many bytes the top keys of all queries take."""
    queries = len(frame.layers) * len(frame.heads) * len(frame.queries)
    return queries * min(k, len(frame.keys)) * _ENTRY_BYTES


def largest(weights: Array, k: int) -> tuple[Array, Array]:
    """Find the largest weights of each row, and where they stand; of equal ones the earlier come first.

    Weights of 0 come last, in any order.

    A row is cut into runs. A weight among the k largest stands in one of the k runs whose own largest weights
    come first in that same order: each run before its own has a weight that comes before it.

    Shape:
        weights: (head, query, key), an array of any library.
        Returns weights float32 and positions (head, query, k).

    Args:
        weights: of some rows; none is less than 0.
        k: how many, at most as many as there are keys.

    >>> weights, positions = largest(np.array([[[0.1, 0.4, 0.1, 0.4]]], dtype=np.float32), 3)
    >>> positions.tolist()
    [[[1, 3, 0]]]
    """
    xp = namespace(weights)
    weights = xp.astype(weights, xp.float32, copy=False)
    heads, queries, keys = weights.shape
    whole = keys // _RUN
    if whole <= _FEW * k:
        weights = at_hand(weights)
        order = _order(weights, k)
        return _along(weights, order), order
    of_runs = xp.max(xp.reshape(weights[..., : whole * _RUN], (heads, queries, whole, _RUN)), axis=-1)
    weights = at_hand(weights)
    xp = namespace(weights)
    chosen = xp.sort(_order(at_hand(of_runs), k), axis=-1)
    head, query = _count(weights, heads)[:, None, None], _count(weights, queries)[:, None]
    runs = xp.reshape(weights[..., : whole * _RUN], (heads, queries, whole, _RUN))
    some = xp.reshape(runs[head, query, chosen], (heads, queries, k * _RUN))
    if keys % _RUN:  # what is too short for a run is looked at in any case
        some = xp.concat([some, weights[..., whole * _RUN :]], axis=-1)
        chosen = xp.concat([chosen, xp.full_like(chosen[..., :1], whole)], axis=-1)
    order = _order(some, k)
    return _along(some, order), _along(chosen, order // _RUN) * _RUN + order % _RUN


def _order(numbers: Array, k: int) -> Array:
    """Say where the k largest of the last axis stand, in order; of equal ones the earlier come first.

    For few of them, taking the first of the largest again and again is quicker than partial sorts, whose
    branches cannot be foreseen; and it alone minds the order of equal ones.
    """
    xp = namespace(numbers)
    left = xp.asarray(xp.reshape(numbers, (-1, numbers.shape[-1])), copy=True)
    rows, found = _count(left, left.shape[0]), []
    for _ in range(k):
        found.append(xp.argmax(left, axis=-1))
        left[rows, found[-1]] = -1.0
    return xp.reshape(xp.stack(found, axis=-1), (*numbers.shape[:-1], k))


def _along(array: Array, places: Array) -> Array:
    return namespace(array).take_along_axis(array, places, axis=-1)


def _named(positions: Array, weights: Array, first_key: int) -> Array:
    """Count positions from the first key there is; -1 where there is no weight."""
    xp = namespace(weights)
    return xp.astype(xp.where(weights > 0, positions + first_key, -1), xp.int32)


def _count(beside: Array, stop: int) -> Array:
    """Count from 0, where an array is."""
    return namespace(beside).arange(stop, device=device_of(beside))
