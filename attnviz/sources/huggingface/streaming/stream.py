"""One pass in which chosen layers hand their weights on in blocks of rows; what nobody needs is not run."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from torch import Tensor, nn

from attnviz.frame import Frame
from attnviz.observe import Observer
from attnviz.sources.huggingface.capturing.capture import (
    StoppedError,
    as_laid_out,
    expected,
    finished,
    watching,
)
from attnviz.sources.huggingface.capturing.checks import Checks
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.streaming.pieces import in_pieces
from attnviz.sources.huggingface.streaming.prefix import without_cache
from attnviz.sources.huggingface.streaming.scale import SCALE, Scale
from attnviz.sources.huggingface.streaming.walk import Walk
from attnviz.sources.huggingface.watching.sites import Site, run


def stream(
    feed: Feed,
    sites: Sequence[Site],
    observer: Observer,
    frame: Frame,
    *,
    rows: range | None = None,
    checks: Checks | None = None,
    on_call: Callable[[Site, Call], None] | None = None,
    to_the_end: bool = False,
    scale: Scale = SCALE,
) -> Any:  # noqa: ANN401 - what a model gives has no common class
    """Run the model once and hand the weights of some heads of some layers to an observer, block by block.

    All other layers attend as usual, and those behind the last that is meant do not run.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        observer: takes the blocks, of the heads of the frame.
        frame: the block, layers and heads that are meant.
        rows: the positions of the queries that are meant; None means all.
        checks: where to note the checks that held.
        on_call: takes each attention call of these layers, and its place, before its rows.
        to_the_end: whether to run on where the last layer of the model is meant, for what it gives.
        scale: how much is done at once.

    Returns:
        What the model gave; None if it was stopped before.

    Raises:
        CaptureFailed: the attention calls are not those expected, or a check of the weights failed.
    """
    noted = Checks() if checks is None else checks
    walk = Walk(frame, observer, rows, noted, scale)

    def answer(site: Site, call: Call) -> Tensor:
        laid = as_laid_out(site, call)
        if on_call:
            on_call(site, laid)
        return walk.answer(site, laid)

    return pass_over(feed, sites, frame, answer, noted, to_the_end=to_the_end)


def pass_over(
    feed: Feed,
    sites: Sequence[Site],
    frame: Frame,
    answer: Callable[[Site, Call], Tensor],
    checks: Checks,
    *,
    to_the_end: bool = False,
) -> Any:  # noqa: ANN401 - see `stream`
    """Run the model once, some of its calls answered by somebody else, as far as any of these is to come.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        frame: the block and layers whose calls are meant.
        answer: takes each of these, and gives what the model goes on with.
        checks: where to note the checks that held.
        to_the_end: whether to run on where the last layer of the model is meant, for what it gives.

    Returns:
        What the model gave; None if it was stopped before.

    Raises:
        CaptureFailed: the attention calls are not those expected.
    """
    meant = [site.block == frame.block and site.layer in frame.layers for site in sites]
    last = max((place for place, is_meant in enumerate(meant) if is_meant), default=-1)
    stops = (not to_the_end or last < len(sites) - 1) and not _is_spread(feed.model)
    came = 0

    def handle(call: Call) -> Tensor:
        nonlocal came
        site, place = expected(sites, came, call), came
        came += 1
        if not meant[place]:
            return call.as_usual()
        given = answer(site, call)
        if stops and place == last:
            raise StoppedError
        return given

    with suppress(StoppedError), in_pieces(feed.model), watching(feed, sites, handle):
        output = run(without_cache(feed))
        finished(sites, came, checks)
        return output
    return None


def _is_spread(model: nn.Module) -> bool:
    """Say whether parts of a model are brought to a device to run there, and taken back when a pass ends."""
    return any(hasattr(part, "_hf_hook") for part in model.modules())
