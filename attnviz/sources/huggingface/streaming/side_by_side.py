"""Rows of several layers at once, made of the vectors of their calls, which are kept."""

from collections.abc import Sequence

import torch
from torch import Tensor

from attnviz import memory
from attnviz.errors import BudgetError
from attnviz.frame import Frame
from attnviz.observe import Observer
from attnviz.sources.chosen import Chosen
from attnviz.sources.huggingface.capturing.capture import HandOn, as_laid_out
from attnviz.sources.huggingface.capturing.checks import Checks
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.streaming.stream import pass_over
from attnviz.sources.huggingface.streaming.walk import is_whole
from attnviz.sources.huggingface.watching.kept import tensors_of
from attnviz.sources.huggingface.watching.sites import Site, evaluating

# Weights of so many bytes are made at once of each layer: its heads share the keys that are read for them.
_BLOCK_BYTES = 16 * 2**20

_FLOAT32_BYTES = 4

_Kept = tuple[Site, Call, Tensor]


def side_by_side(feed: Feed, sites: Sequence[Site], observer: Observer, frame: Frame, checks: Checks) -> bool:
    """Run the model once, and hand the same rows of all heads of a frame on before any rows behind them.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        observer: takes the rows.
        frame: the block, layers and heads that are meant.
        checks: where to note the checks that held.

    Returns:
        Whether this could be done: each layer attends in one call.

    Raises:
        BudgetError: the layers' vectors do not fit.
        CaptureFailed: the attention calls are not those expected, or a check of the weights failed.
    """
    keeping = _Keeping(frame)
    pass_over(feed, sites, frame, keeping.answer, checks)
    if not all(is_whole(site, call) for site, call, _ in keeping.kept):
        return False
    [(queries, keys)] = {site.extent for site, _, _ in keeping.kept}
    heads = max(call.heads for _, call, _ in keeping.kept)
    rows = max(1, _BLOCK_BYTES // (heads * keys * _FLOAT32_BYTES))
    with torch.no_grad(), evaluating(feed.model):
        for start in range(0, queries, rows):
            some = range(start, min(start + rows, queries))
            hand_on = HandOn(Chosen(observer, frame), checks, block_bytes=2 * _BLOCK_BYTES, rows=some)
            for kept in keeping.kept:
                hand_on.take(*kept)
    return True


class _Keeping:
    """Lets calls be, and keeps them.

    Attributes:
        kept: the calls, with their places and what they gave.
    """

    def __init__(self, frame: Frame) -> None:
        self.kept: list[_Kept] = []
        self._layers = len(frame.layers)

    def answer(self, site: Site, call: Call) -> Tensor:
        """Keep one call, if as many as there will be fit."""
        call = as_laid_out(site, call)
        usual = call.as_usual()
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(call, usual))
        if (needed := size * self._layers) > (allowed := memory.budget()):
            raise BudgetError(
                f"the vectors of {self._layers} layers for {call.queries} x {call.keys} tokens do not fit: "
                f"they take {memory.told(needed)}, allowed {memory.told(allowed)}"
            )
        self.kept.append((site, call, usual))
        return usual
