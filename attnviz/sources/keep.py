"""The observer that keeps every row: this is how a record's weights are gathered."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnviz import memory
from attnviz.arrays import on_cpu
from attnviz.errors import BudgetError, CaptureFailed
from attnviz.observe import RowBlock
from attnviz.selection import HeadId
from attnviz.window import Window

_FLOAT32_BYTES = 4

# The other half is for the model itself and for what is then made of the record.
_SHARE_OF_MEMORY = 0.5


class KeepRows:
    """Keeps the weights of the heads asked for, on the CPU and in float32.

    A record holds the same heads of every layer, so heads named one by one are completed to a grid: asking
    for `L0H2` and `L3H7` keeps heads 2 and 7 of layers 0 and 3.

    Attributes:
        layers: the numbers of the layers kept, ascending.
        heads: the numbers of the heads kept in each of them, ascending.
        beyond: the mass on keys beside the window, (layer, head, query) of what is kept.
    """

    def __init__(
        self, heads: Sequence[HeadId], queries: int, keys: int, window: Window | None = None
    ) -> None:
        """Make room for the weights.

        Args:
            heads: the heads to keep, by the model's own numbers.
            queries: the number of rows that will come.
            keys: the number of columns each row has.
            window: which of them to keep; None means all.

        Raises:
            BudgetError: the weights would take more than half of this machine's memory.
        """
        self.layers = tuple(sorted({head.layer for head in heads}))
        self.heads = tuple(sorted({head.index for head in heads}))
        self._window = window or Window(range(queries), range(keys))
        self._is_cut = len(self._window.keys) < keys
        shape = (len(self.layers), len(self.heads), len(self._window.queries), len(self._window.keys))
        refuse_too_large(shape)
        self._weights = np.empty(shape, dtype=np.float32)
        self.beyond = np.zeros(shape[:3], dtype=np.float32)
        self._came = np.zeros((shape[0], shape[2]), dtype=bool)

    def update(self, block: RowBlock) -> None:
        """Copy the rows of a layer that is kept; pass over any other.

        Shape:
            block.weights: (head, query, key), every head of the layer and every key, an array of any library
                and device.
        """
        wanted = self._window.queries
        first, stop = (
            min(max(place, wanted.start), wanted.stop)
            for place in (block.start, block.start + block.weights.shape[1])
        )
        if block.layer not in self.layers or first == stop:
            return
        layer = self.layers.index(block.layer)
        rows = slice(first - wanted.start, stop - wanted.start)
        weights = block.weights[:, first - block.start : stop - block.start]
        every = len(self.heads) == weights.shape[0]
        kept = weights if every else weights[list(self.heads)]
        keys = slice(self._window.keys.start, self._window.keys.stop)
        self._weights[layer, :, rows] = on_cpu(kept[..., keys] if self._is_cut else kept)
        if self._is_cut:
            mass = on_cpu(kept).sum(axis=-1, dtype=np.float64)
            within = self._weights[layer, :, rows].sum(axis=-1, dtype=np.float64)
            self.beyond[layer, :, rows] = np.clip(mass - within, 0.0, None)
        self._came[layer, rows] = True

    def weights(self) -> NDArray[np.float32]:
        """Give what was kept.

        Shape:
            Returns (layer, head, query, key), read-only.

        Raises:
            CaptureFailed: a row of a layer asked for never came.
        """
        if not self._came.all():
            layer, query = np.argwhere(~self._came)[0]
            raise CaptureFailed(f"no weights came for layer {self.layers[layer]}, query {query}")
        self._weights.flags.writeable = False
        return self._weights


def refuse_too_large(shape: tuple[int, int, int, int]) -> None:
    """Fail before any work is done if weights of this shape would not fit.

    Shape:
        shape: numbers of (layer, head, query, key).

    Raises:
        BudgetError: they would take more than was allowed, or half of this machine's memory.
    """
    layers, heads, queries, keys = shape
    what = f"the weights of {layers} layers x {heads} heads for {queries} x {keys} tokens"
    refuse_beyond_memory(layers * heads * queries * keys, what)


def refuse_beyond_memory(numbers: int, what: str) -> None:
    """Fail before any work is done if so many float32 numbers would not fit.

    Args:
        numbers: how many.
        what: what they are, in the plural.

    Raises:
        BudgetError: they would take more than was allowed, or half of this machine's memory.
    """
    needed, allowed = numbers * _FLOAT32_BYTES, _SHARE_OF_MEMORY * _memory()
    if (limit := memory.limit()) is not None:
        allowed = min(allowed, limit)
    if needed > allowed:
        raise BudgetError(
            f"{what} do not fit: they take {memory.told(needed)}, allowed {memory.told(allowed)}"
        )


def _memory() -> float:
    """The machine's physical memory in bytes; without bound where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return float("inf")
