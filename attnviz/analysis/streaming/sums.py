"""What rows add up to, from their weights: mass, squares, distance, and the mass on certain keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.entropy import entropy
from attnviz.analysis.measures.masses import offset_mass
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.observe import RowBlock, RowSums, SumsObserver, Wanted

# Of a set with fewer of the keys than one in so many, picking its columns is quicker than a product with all.
_RARE = 64

# So much of a row numpy adds up in one thread. With more it wakes threads of its own, which then wait for
# their next turn on the very processors where other libraries' threads, those of the softmax, are to work.
_ALONE = 8192


def row_sums(block: RowBlock, wanted: Wanted, seen: Array | None = None) -> RowSums:
    """Add up rows of weights.

    A processor's memory holds what is added up here as numpy arrays, which share it with those of the block;
    what another device holds stays there.

    Args:
        block: the rows.
        wanted: what of them is to be added up.
        seen: how many keys each of their queries sees, (query,), where it is known; None asks the block.
    """
    return Adding(wanted).up(block, seen)


@dataclass
class Summing:
    """Hands on what each block comes to.

    Attributes:
        observer: takes the sums.
    """

    observer: SumsObserver
    _seen: dict[tuple[int, int, int], Array] = field(default_factory=dict, init=False, repr=False)

    @property
    def sums(self) -> SumsObserver:
        """What takes the sums, which a capture may have without making the weights."""
        return self.observer

    @cached_property
    def _adding(self) -> "Adding":
        return Adding(self.observer.wanted)

    def update(self, block: RowBlock) -> None:
        """Add up one block."""
        rows = block.layer, block.start, block.weights.shape[1]
        if rows not in self._seen:
            self._seen[rows] = seen_by(block, block.visible())
        self.observer.take(self._adding.up(block, self._seen[rows]))


def seen_by(block: RowBlock, visible: Array | None) -> Array:
    """Count the keys that each query of a block sees: (query,), whole numbers.

    Args:
        block: the rows.
        visible: what it says of them when asked.
    """
    if visible is not None:
        visible = near(visible)
        return namespace(visible).count_nonzero(visible, axis=-1)
    rows, columns = block.weights.shape[1:]
    weights = near(block.weights)
    return namespace(weights).full((rows,), columns, device=weights.device)


def near(array: Array) -> Array:
    """Give a processor's own array as numpy's, without a copy, and any other as it is.

    A numpy call costs a third of a torch call of the same work, and blocks of long inputs are many.
    """
    if isinstance(array, np.ndarray) or str(array.device) != "cpu":
        return array
    try:
        return np.asarray(array)
    except TypeError:  # a type that numpy lacks
        return on_cpu(array)


def exact(weights: Array) -> Array:
    """Give weights as they are added up: `near`, and at least in single precision.

    Sums of thousands are no use in half of it.
    """
    weights = near(weights)
    xp = namespace(weights)
    return weights if weights.dtype in (xp.float32, xp.float64) else xp.astype(weights, xp.float32)


@dataclass(frozen=True, eq=False)
class Adding:
    """Adds up rows of one input, with what is needed for it made once.

    Attributes:
        wanted: what of them is to be added up.
    """

    wanted: Wanted

    def up(self, block: RowBlock, seen: Array | None = None) -> RowSums:
        """Add up the rows of a block; see `row_sums`."""
        weights = exact(block.weights)
        mass = namespace(weights).sum(weights, axis=-1) if block.mass is None else near(block.mass)
        return RowSums(
            layer=block.layer,
            start=block.start,
            first_head=block.first_head,
            mass=mass,
            entropy=entropy(weights) if block.entropy is None else near(block.entropy),
            squares=_squares(weights),
            distance=None if self.wanted.first is None else self._distance(weights, mass, block),
            on={name: keys.mass(weights, block.first_key) for name, keys in self._sets.items()},
            beside=self._beside(weights, block),
            seen=seen_by(block, block.visible()) if seen is None else seen,
            received=self._received(weights, block),
        )

    @cached_property
    def _sets(self) -> dict[str, "_Keys"]:
        distinct: dict[bytes, _Keys] = {}
        return {
            name: distinct.setdefault(np.asarray(keys).tobytes(), _Keys(np.asarray(keys)))
            for name, keys in self.wanted.keys.items()
        }

    def _distance(self, weights: Array, mass: Array, block: RowBlock) -> Array:
        """Give weight times distance: (head, query).

        Distances are those from the first of the rows, which products with a column give, and what each row
        is further on; within the rows' own square they are taken cell by cell. Counted from there they stay
        small where a head looks nearby, and are exact however long the text.
        """
        xp = namespace(weights)
        rows, columns = weights.shape[1:]
        at = self._place(block)
        start, stop = min(max(at, 0), columns), min(max(at + rows, 0), columns)
        ones, upwards, downwards = _ramp(xp, weights, max(rows, abs(at) + columns))
        further = upwards[:rows]
        square = weights[..., start:stop]
        apart = _apart(xp, weights.device, weights.dtype, rows, (start - at, stop - at))
        distance = xp.vecdot(square, apart)
        after = 0.0
        if stop < columns:
            ahead = upwards[stop - at :][: columns - stop]
            after, far = _products(xp, weights[..., stop:], (ones[: columns - stop], ahead))
            distance = distance + far
        if start:
            [far] = _products(xp, weights[..., :start], (downwards[downwards.shape[0] - at :][:start],))
            before = xp.clip(mass - xp.sum(square, axis=-1) - after, 0.0, None)  # rounded, it may be less
            distance = distance + far + further * before
        return distance - further * after

    def _place(self, block: RowBlock) -> int:
        """Say where among the block's columns its first query stands; it may be outside of them."""
        return (self.wanted.first or 0) + block.start - block.first_key

    def _beside(self, weights: Array, block: RowBlock) -> dict[int, Array]:
        """Give the weights of the keys so many tokens after each query; zeros between two texts."""
        xp, steps = namespace(weights), self.wanted.steps
        if self.wanted.first is None:
            return {step: xp.zeros_like(weights[..., 0]) for step in steps}
        if xp is np and steps and weights.size:
            return _diagonals(weights, steps, self._place(block))
        return {step: offset_mass(weights, step, self._place(block)) for step in steps}

    def _received(self, weights: Array, block: RowBlock) -> Array:
        """Add up the rows of queries that count: (head, key of the layer)."""
        xp = namespace(weights)
        heads, rows, columns = weights.shape
        first, last = block.first_key, block.first_key + columns
        given = xp.zeros((heads, max(self._keys, last)), dtype=weights.dtype, device=weights.device)
        counted = np.asarray(self.wanted.counted)[block.start : block.start + rows]
        if counted.any():
            given[:, first:last] = xp.matmul(_column(xp, weights, counted), weights)
        return given

    @cached_property
    def _keys(self) -> int:
        """How many keys there are, as far as what is wanted tells."""
        sets = [len(keys) for keys in self.wanted.keys.values()]
        return max(sets, default=len(self.wanted.counted) + (self.wanted.first or 0))


@dataclass(frozen=True, eq=False)
class _Keys:
    """A set of keys, as a list where they are few, as a column of zeros and ones else.

    Attributes:
        keys: (key,), True for those of the set.
    """

    keys: NDArray[np.bool_]
    _columns: dict[Any, Array] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.keys)

    @cached_property
    def _is_dense(self) -> bool:
        return len(self._places) * _RARE > len(self.keys)

    def mass(self, weights: Array, first_key: int) -> Array:
        """Add up what each query gives the set: (head, query)."""
        xp = namespace(weights)
        columns = weights.shape[-1]
        if self._is_dense:
            [mass] = _products(xp, weights, [self._column(xp, weights)[first_key : first_key + columns]])
            return mass
        here = self._here(first_key, columns)
        if not len(here):
            return xp.zeros_like(weights[..., 0])
        if len(here) == 1:
            return xp.asarray(weights[..., int(here[0])], copy=True)
        return xp.sum(xp.take(weights, xp.asarray(here, device=weights.device), axis=-1), axis=-1)

    def _here(self, first_key: int, columns: int) -> NDArray[np.intp]:
        """Say where among some columns the keys of the set are."""
        first, stop = np.searchsorted(self._places, (first_key, first_key + columns))
        return self._places[first:stop] - first_key

    def _column(self, xp: ModuleType, weights: Array) -> Array:
        kind = weights.device, weights.dtype
        if kind not in self._columns:
            self._columns[kind] = _column(xp, weights, self.keys)
        return self._columns[kind]


def _products(xp: ModuleType, weights: Array, columns: Sequence[Array]) -> Sequence[Array]:
    """Multiply weights (head, query, key) with several columns (key,): (head, query) each.

    On a processor a matrix of few columns takes several times as long as they take one by one; elsewhere one
    product reads the weights once.
    """
    if xp is np:
        return [_dots(weights, column) for column in columns]
    return list(xp.unstack(xp.matmul(weights, xp.stack(columns, axis=-1)), axis=-1))


def _dots(weights: Array, others: Array) -> Array:
    """Multiply rows, key by key, with others or with one column, and add up: (head, query)."""
    if weights.shape[-1] <= _ALONE:
        found: Array = np.vecdot(weights, others)
        return found
    parts = [
        np.vecdot(weights[..., first : first + _ALONE], others[..., first : first + _ALONE])
        for first in range(0, weights.shape[-1], _ALONE)
    ]
    return sum(parts[1:], parts[0])


def _squares(weights: Array) -> Array:
    """Add up the squares of each row: (head, query)."""
    xp = namespace(weights)
    return _dots(weights, weights) if xp is np else xp.vecdot(weights, weights)


def _column(xp: ModuleType, weights: Array, true: NDArray[np.bool_]) -> Array:
    """Give zeros and ones of the weights' kind, where they are."""
    return xp.astype(xp.asarray(true, device=weights.device), weights.dtype)


def _ramp(xp: ModuleType, weights: Array, length: int) -> tuple[Array, Array, Array]:
    """Give ones, 0 1 2 ... and its reverse down to 1, of the weights' kind and at least so long."""
    return _ramps(xp, weights.device, weights.dtype, 1 << (length - 1).bit_length() if length > 1 else 1)


@lru_cache(maxsize=4)
def _ramps(xp: ModuleType, device: Any, dtype: Any, length: int) -> tuple[Array, Array, Array]:  # noqa: ANN401
    on = {"device": device, "dtype": dtype}
    return xp.ones(length, **on), xp.arange(length + 1, **on), xp.arange(length, 0, -1, **on)


def _diagonals(weights: Array, steps: tuple[int, ...], at: int) -> dict[int, Array]:
    """Give what `offset_mass` gives for each of several steps, picked at once."""
    heads, rows, columns = weights.shape
    places, missing = _on_diagonals(rows, columns, steps, at)
    found = np.take(weights.reshape(heads, -1), places, axis=1, mode="clip")
    if missing is not None:
        found[:, missing] = 0.0
    return {step: found[:, number] for number, step in enumerate(steps)}


@lru_cache(maxsize=512)
def _on_diagonals(
    rows: int, columns: int, steps: tuple[int, ...], at: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_] | None]:
    """Say where in a block the keys beside its queries are, (step, query), and which are not there."""
    keys = at + np.arange(rows) + np.array(steps, dtype=np.intp)[:, None]
    missing = (keys < 0) | (keys >= columns)
    return np.arange(rows) * columns + keys, missing if missing.any() else None


@lru_cache(maxsize=2)
def _apart(xp: ModuleType, device: Any, dtype: Any, rows: int, keys: tuple[int, int]) -> Array:  # noqa: ANN401
    """Say how far apart queries and keys are, counted from the first query: (query, key)."""
    on = {"device": device, "dtype": dtype}
    return xp.abs(xp.arange(rows, **on)[:, None] - xp.arange(*keys, **on)[None, :])
