"""Which keys the queries of a call see, found in blocks of rows: where each block begins and ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from attnviz.sources.huggingface.capturing.sight import RowSight
from attnviz.sources.huggingface.paths.call import Vectors
from attnviz.sources.huggingface.paths.running import same
from attnviz.sources.huggingface.streaming.scale import Scale


@dataclass(frozen=True)
class Piece:
    """Consecutive queries, and the keys from the first to the last that any of them sees.

    Attributes:
        rows: the positions of the queries.
        keys: the positions of the keys.
    """

    rows: range
    keys: range


@dataclass(frozen=True)
class Layout:
    """What the queries of a call see.

    Attributes:
        pieces: blocks of queries, ascending.
        causal: whether no query sees a later key.
        has_blind: whether some query sees no key at all.
    """

    pieces: tuple[Piece, ...]
    causal: bool
    has_blind: bool


@dataclass(eq=False)
class Layouts:
    """Finds layouts; layers that are given one mask share one."""

    _known: list[tuple[Tensor, Layout]] = field(default_factory=list)

    def of(self, call: Vectors, sight: RowSight, scale: Scale) -> Layout:
        """Find what the queries of a call see.

        Args:
            call: the call.
            sight: of the call.
            scale: how many queries one block has.
        """
        size = scale.block_rows(call.queries, call.keys)
        blocks = [range(call.queries)[first : first + size] for first in range(0, call.queries, size)]
        if call.mask is None:
            return _unmasked(call, blocks)
        for mask, layout in self._known:
            if mask.dtype == call.mask.dtype and same(mask, call.mask):
                return layout
        found = _masked(call, sight, blocks, scale.step)
        self._known.append((call.mask, found))
        return found


def _unmasked(call: Vectors, blocks: Sequence[range]) -> Layout:
    if call.hides_later:
        return Layout(tuple(Piece(block, range(min(block.stop, call.keys))) for block in blocks), True, False)
    return Layout(tuple(Piece(block, range(call.keys)) for block in blocks), False, False)


def _masked(call: Vectors, sight: RowSight, blocks: Sequence[range], step: int) -> Layout:
    pieces: list[Piece] = []
    causal, has_blind, ahead = True, False, call.keys - call.queries
    for block in blocks:
        seen = sight.rows(block.start, block.stop)
        assert seen is not None  # there is a mask
        seen_by_any = seen.any(dim=0).nonzero()
        has_blind = has_blind or not bool(seen.any(dim=1).all())
        later = seen[:, block.start + ahead :] if block.start + ahead > 0 else seen
        causal = causal and not bool(later.triu(1).any())
        first, last = (int(seen_by_any[end]) for end in (0, -1)) if len(seen_by_any) else (0, 0)
        keys = range(first // step * step, min(-(-(last + 1) // step) * step, call.keys))
        pieces.append(Piece(block, keys))
    return Layout(tuple(pieces), causal, has_blind)


def sample_of(rows: range, count: int, device: torch.device) -> Tensor:
    """Pick so many rows, the first and the last among them, each from another block where there are as many.

    Shape:
        result: (row,), ascending.
    """
    few = min(count, len(rows))
    return torch.linspace(rows.start, rows.stop - 1, few, device=device, dtype=torch.float64).round().long()
