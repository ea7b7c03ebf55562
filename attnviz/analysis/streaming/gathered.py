"""What observers gather: small arrays that stay on the device of the blocks, and come to numpy once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.arrays import Array, namespace, on_cpu
from attnviz.errors import CaptureFailed
from attnviz.frame import Frame
from attnviz.observe import RowBlock
from attnviz.selection import HeadId


def at_hand(array: Array) -> Array:
    """Give numpy's view of an array in the processor's memory, which costs nothing; any other as it is.

    Small arrays are quicker in numpy, and some of its functions are quicker on large ones.
    """
    return on_cpu(array) if is_on_host(array) else array


def is_on_host(array: Array) -> bool:
    """Say whether an array is in the processor's memory."""
    return str(device_of(array)) == "cpu"


def device_of(array: Array) -> Any:  # noqa: ANN401 - each library has a type of its own
    """Say where an array is."""
    if isinstance(array, np.ndarray):
        return "cpu"
    import array_api_compat

    return array_api_compat.device(array)


def room_beside(array: Array, shape: tuple[int, ...], kind: str, value: float = 0) -> Array:
    """Make room for results where `at_hand` leaves an array.

    Args:
        array: of a block.
        shape: of the results.
        kind: the name of their type, such as "float32".
        value: what they are at first.
    """
    if is_on_host(array):
        return np.full(shape, value, dtype=kind)
    xp = namespace(array)
    return xp.full(shape, value, dtype=getattr(xp, kind), device=device_of(array))


def brought(array: Array, to: Array) -> Array:
    """Bring a small array to where results are kept: layers of one model may be on several devices."""
    if isinstance(to, np.ndarray):
        return on_cpu(array)
    return namespace(to).asarray(array, device=device_of(to))


def settled(array: Array) -> NDArray[Any]:
    """Give results to which nothing will be added any more, without a copy where they are numpy's."""
    whole = on_cpu(array).view()
    whole.flags.writeable = False
    return whole


class Came:
    """Counts the rows of every head, so that none is missing unseen."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._rows = np.zeros((len(frame.layers), len(frame.heads)), dtype=np.int64)

    def note(self, block: RowBlock) -> tuple[int, slice]:
        """Note a block, and give the place of its layer and those of its heads."""
        layer = self._frame.layers.index(block.layer)
        heads = slice(block.first_head, block.first_head + block.weights.shape[0])
        self._rows[layer, heads] += block.weights.shape[1]
        return layer, heads

    def refuse_missing(self) -> None:
        """Fail if not every row has come.

        Raises:
            CaptureFailed: a head lacks a row.
        """
        expected = len(self._frame.queries)
        for layer, head in np.argwhere(self._rows != expected).tolist():
            name = HeadId(self._frame.layers[layer], self._frame.heads[head])
            raise CaptureFailed(f"rows of {name}: got {self._rows[layer, head]}, allowed {expected}")
