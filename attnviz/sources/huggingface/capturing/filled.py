"""Inputs that a model fills up to a length of its own: a record holds the input's own rows and columns.

A speech model may read thirty seconds whatever it is given, most of them silence of its own making. That
silence is no part of the sound; what queries look at in it is told as the share of the mass taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnviz.arrays import Array
from attnviz.errors import CaptureFailed
from attnviz.observe import Observer, RowBlock
from attnviz.record import Token
from attnviz.sources.huggingface.feed import Side
from attnviz.sources.keep import refuse_too_large
from attnviz.window import Window

Positions = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Filled:
    """A side of which only some positions are the input's own.

    Attributes:
        known: the tokens of those positions.
        positions: where they stand, ascending.
        total: how many positions the model has for the side.
    """

    known: tuple[Token, ...]
    positions: tuple[int, ...]
    total: int

    def fits(self, count: int) -> bool:
        """Say whether there are so many positions, filling included."""
        return count == self.total

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Give the input's own tokens, if there are so many positions.

        Raises:
            CaptureFailed: there are more or fewer.
        """
        if not self.fits(count):
            raise CaptureFailed(f"tokens do not line up with the weights: got {count}, allowed {self.total}")
        return self.known


def own(side: Side, count: int) -> Positions:
    """Give the positions of a side that are the input's own: all of them, unless the model filled it up."""
    return np.array(side.positions) if isinstance(side, Filled) else np.arange(count)


@dataclass(frozen=True, eq=False)
class Cut:
    """Which rows and columns of a block's weights a record is to hold.

    Attributes:
        rows: the positions of the queries, ascending.
        columns: the positions of the keys, ascending.
        queries: how many queries the model has.
        keys: how many keys.
    """

    rows: Positions
    columns: Positions
    queries: int
    keys: int

    @classmethod
    def of(cls, sides: tuple[Side, Side], queries: int, keys: int, window: Window | None = None) -> "Cut":
        """Find what is the input's own on both sides of a block, and of that what stands in a window."""
        rows, columns = own(sides[0], queries), own(sides[1], keys)
        if window is not None:
            rows = rows[window.queries.start : window.queries.stop]
            columns = columns[window.keys.start : window.keys.stop]
        return cls(rows, columns, queries, keys)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return len(self.rows) == self.queries and len(self.columns) == self.keys

    @property
    def reach(self) -> range:
        """From the first to the last query that is held."""
        return range(int(self.rows[0]), int(self.rows[-1]) + 1)

    def part(self, block: RowBlock) -> RowBlock | None:
        """Give what is held of a block, its queries and keys counted among those held; None if no row is."""
        if self.is_whole:
            return block
        _, queries, keys = block.weights.shape
        rows, columns = _held(self.rows, block.start, queries), _held(self.columns, block.first_key, keys)
        if rows.start == rows.stop:
            return None
        some = self.rows[rows] - block.start
        which = self.columns[columns] - block.first_key
        device = block.weights.device

        def visible() -> Array | None:
            seen = block.visible()
            return None if seen is None else _picked(seen, some, which, device)

        return RowBlock(
            block.layer,
            rows.start,
            _picked(block.weights, some, which, device),
            block.first_head,
            columns.start,
            entropy=None if block.entropy is None else block.entropy[:, torch.from_numpy(some).to(device)],
            visible=visible,
        )


def _held(positions: Positions, first: int, count: int) -> slice:
    """Say which of some ascending positions are among so many from a first one on."""
    start, stop = np.searchsorted(positions, [first, first + count])
    return slice(int(start), int(stop))


def _picked(numbers: Tensor, rows: Positions, columns: Positions, device: torch.device) -> Tensor:
    """Take rows and columns out of (..., query, key)."""
    for axis, places in ((-2, rows), (-1, columns)):
        if len(places) and places[-1] - places[0] == len(places) - 1:  # side by side: nothing is copied
            numbers = numbers.narrow(axis, int(places[0]), len(places))
        else:
            numbers = numbers.index_select(axis, torch.from_numpy(places).to(device))
    return numbers


@dataclass(frozen=True, eq=False)
class OwnBlocks:
    """Hands on what is the input's own of each block.

    Attributes:
        observer: takes it.
        cut: what that is.
    """

    observer: Observer
    cut: Cut

    def update(self, block: RowBlock) -> None:
        """Take a block as the model has it."""
        own = self.cut.part(block)
        if own is not None:
            self.observer.update(own)


class KeepOwn:
    """Keeps some rows and columns of some heads' weights, and what mass each row has in all and beyond them.

    Attributes:
        layers: the numbers of the layers kept, ascending.
        heads: the numbers of the heads kept in each of them, ascending; blocks count places in this.
        mass: the mass on all columns, (layer, head, query) of what is kept.
        beyond: the mass on columns that are not kept, likewise.
    """

    def __init__(self, layers: Sequence[int], heads: Sequence[int], cut: Cut) -> None:
        """Make room for what is kept.

        Raises:
            BudgetError: it would take more than half of this machine's memory.
        """
        self.layers, self.heads = tuple(layers), tuple(heads)
        shape = (len(layers), len(heads), len(cut.rows), len(cut.columns))
        refuse_too_large(shape)
        self._weights = np.zeros(shape, dtype=np.float32)
        self._came = np.zeros(shape[:3], dtype=bool)
        self.mass, self.beyond = (np.zeros(shape[:3], dtype=np.float32) for _ in range(2))
        self._cut = cut

    def update(self, block: RowBlock) -> None:
        """Copy what is kept out of a block of these heads, some of them at a time."""
        part = self._cut.part(block)
        if part is None:
            return
        some, queries, keys = part.weights.shape
        place = (
            self.layers.index(part.layer),
            slice(part.first_head, part.first_head + some),
            slice(part.start, part.start + queries),
        )
        self._weights[*place, part.first_key : part.first_key + keys] = part.weights.float().cpu().numpy()
        self._came[place] = True
        mass = _mass(block.weights) if block.mass is None else block.mass.float()
        if not self._cut.is_whole:
            rows = torch.from_numpy(self._cut.rows[place[2]] - block.start)
            mass = mass.index_select(1, rows.to(mass.device))
            self.beyond[place] = (mass - _mass(part.weights)).clamp_min(0).cpu().numpy()
        self.mass[place] = mass.cpu().numpy()

    def weights(self) -> NDArray[np.float32]:
        """Give what was kept.

        Shape:
            Returns (layer, head, query, key), read-only.

        Raises:
            CaptureFailed: a row of a head asked for never came.
        """
        if not self._came.all():
            layer, head, query = np.argwhere(~self._came)[0]
            row = int(self._cut.rows[query])
            raise CaptureFailed(
                f"no weights came for layer {self.layers[layer]}, head {self.heads[head]}, query {row}"
            )
        self._weights.flags.writeable = False
        return self._weights


def _mass(weights: Tensor) -> Tensor:
    return weights.sum(dim=-1, dtype=torch.float32)
