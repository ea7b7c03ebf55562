"""Inputs that a model fills up to a length of its own: a record holds the input's own rows and columns.

A speech model may read thirty seconds whatever it is given, most of them silence of its own making. That
silence is no part of the sound; what queries look at in it is told as the share of the mass taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attnviz.errors import CaptureFailed
from attnviz.observe import RowBlock
from attnviz.record import Mask, Token
from attnviz.selection import HeadId
from attnviz.sources.huggingface.feed import Side
from attnviz.sources.keep import KeepRows

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
    def of(cls, sides: tuple[Side, Side], queries: int, keys: int) -> "Cut":
        """Find what is the input's own on both sides of a block."""
        return cls(own(sides[0], queries), own(sides[1], keys), queries, keys)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return len(self.rows) == self.queries and len(self.columns) == self.keys

    def mask(self, visible: Mask) -> Mask:
        """Cut what the queries could see, (query, key)."""
        cut: Mask = visible if self.is_whole else visible[np.ix_(self.rows, self.columns)]
        return cut


class KeepOwn:
    """Keeps the rows and columns that are the input's own, and how much mass each row has beyond them.

    Attributes:
        kept: what is kept.
        beyond: the mass on columns that are not, (layer, head, query) of what is kept.
    """

    def __init__(self, heads: Sequence[HeadId], cut: Cut) -> None:
        """Make room for what is kept.

        Raises:
            BudgetError: it would take more than half of this machine's memory.
        """
        self.kept = KeepRows(heads, len(cut.rows), len(cut.columns))
        self.beyond = np.zeros((len(self.kept.layers), len(self.kept.heads), len(cut.rows)), dtype=np.float32)
        self._cut = cut

    def update(self, block: RowBlock) -> None:
        """Take what is the input's own out of a block of weights (head, query, key)."""
        if self._cut.is_whole:
            self.kept.update(block)
            return
        first, last = np.searchsorted(self._cut.rows, [block.start, block.start + block.weights.shape[1]])
        if first == last or block.layer not in self.kept.layers:
            return
        device = block.weights.device
        rows = torch.from_numpy(self._cut.rows[first:last] - block.start).to(device)
        columns = torch.from_numpy(self._cut.columns).to(device)
        weights = block.weights.index_select(1, rows)
        within = weights.index_select(2, columns)
        self.kept.update(RowBlock(block.layer, int(first), within))
        beyond = weights.sum(dim=-1, dtype=torch.float32) - within.sum(dim=-1, dtype=torch.float32)
        layer, heads = self.kept.layers.index(block.layer), list(self.kept.heads)
        self.beyond[layer, :, first:last] = beyond[heads].clamp_min(0).cpu().numpy()
