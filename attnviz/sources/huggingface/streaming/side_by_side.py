"""Rows of several layers at once, made of the vectors of their calls, which are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnviz import memory
from attnviz.errors import BudgetError
from attnviz.frame import Frame
from attnviz.observe import RowBlock
from attnviz.sources.chosen import Chosen
from attnviz.sources.huggingface.capturing.capture import HandOn, as_laid_out
from attnviz.sources.huggingface.capturing.checks import Checks
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.stream import pass_over
from attnviz.sources.huggingface.streaming.walk import is_whole
from attnviz.sources.huggingface.watching.kept import tensors_of
from attnviz.sources.huggingface.watching.sites import Site, evaluating

# Weights of so many bytes are made at once of each layer: its heads share the keys that are read for them.
_BLOCK_BYTES = 16 * 2**20

_FLOAT32_BYTES = 4

_Kept = tuple[Site, Call, Tensor]


def fits(frame: Frame) -> bool:
    """Say whether the weights of all layers and heads of a frame may be held at once."""
    cells = len(frame.head_ids) * len(frame.queries) * len(frame.keys)
    return cells * _FLOAT32_BYTES <= memory.budget()


def keep_rows(
    feed: Feed, sites: Sequence[Site], frame: Frame, checks: Checks, allowed: int | None = None
) -> "KeptRows | None":
    """Run the model once, and keep what rows of the layers of a frame are made of.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        frame: the block, layers and heads that are meant.
        checks: where to note the checks that held.
        allowed: how many bytes the vectors may take; None means what weights may.

    Returns:
        The rows; None where a layer does not attend in one call.

    Raises:
        BudgetError: the layers' vectors do not fit.
        CaptureFailed: the attention calls are not those expected.
    """
    keeping = _Keeping(frame, memory.budget() if allowed is None else allowed)
    pass_over(feed, sites, frame, keeping.answer, checks)
    if not all(is_whole(site, call) for site, call, _ in keeping.kept):
        return None
    return KeptRows(feed, tuple(keeping.kept), frame, checks)


@dataclass(frozen=True, eq=False)
class KeptRows:
    """Rows of the model's own queries and keys, made of kept calls; see `Rows`.

    Attributes:
        feed: the input.
        kept: the calls, with their places and what they gave, layer by layer.
        frame: the layers and heads that are meant.
        checks: where to note the checks that held.
    """

    feed: Feed
    kept: tuple[_Kept, ...]
    frame: Frame
    checks: Checks

    @property
    def pieces(self) -> Iterator[range]:
        """Cut the queries into as many as are made at once."""
        [(queries, keys)] = {site.extent for site, _, _ in self.kept}
        heads = max(call.heads for _, call, _ in self.kept)
        rows = max(1, _BLOCK_BYTES // (heads * keys * _FLOAT32_BYTES))
        for start in range(0, queries, rows):
            yield range(start, min(start + rows, queries))

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Make some rows of one layer after the other, and check them; see `Rows`."""
        for site, call, usual in self.kept:
            taken = _Taken([])
            every = len(rows) * call.heads * call.keys * _FLOAT32_BYTES
            hand_on = HandOn(Chosen(taken, self.frame), self.checks, block_bytes=every, rows=rows)
            with quiet(), torch.no_grad(), evaluating(self.feed.model):
                hand_on.take(site, call, usual)
            yield from taken.blocks


@dataclass(frozen=True, eq=False)
class OwnRows:
    """Of rows and columns that a model filled up, the input's own; see `Rows`.

    Attributes:
        filled: the rows as the model has them.
        cut: which are the input's own.
    """

    filled: KeptRows
    cut: Cut

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Give some of the input's own rows; see `Rows`."""
        first, last = (int(self.cut.rows[place]) for place in (rows.start, rows.stop - 1))
        parts = map(self.cut.part, self.filled.blocks(range(first, last + 1)))
        return (part for part in parts if part is not None)


@dataclass(frozen=True)
class _Taken:
    """Takes blocks."""

    blocks: list[RowBlock]

    def update(self, block: RowBlock) -> None:
        self.blocks.append(block)


class _Keeping:
    """Lets calls be, and keeps them.

    Attributes:
        kept: the calls, with their places and what they gave.
    """

    def __init__(self, frame: Frame, allowed: int) -> None:
        self.kept: list[_Kept] = []
        self._allowed = allowed
        self._layers = len(frame.layers)

    def answer(self, site: Site, call: Call) -> Tensor:
        """Keep one call, if as many as there will be fit."""
        call = as_laid_out(site, call)
        usual = call.as_usual()
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(call, usual))
        if (needed := size * self._layers) > self._allowed:
            raise BudgetError(
                f"the vectors of {self._layers} layers for {call.queries} x {call.keys} tokens do not fit: "
                f"they take {memory.told(needed)}, allowed {memory.told(self._allowed)}"
            )
        self.kept.append((site, call, usual))
        return usual
