"""From an input to rows of weights: one pass in which chosen layers show what they weigh, block by block."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from attnviz.errors import CaptureFailed
from attnviz.observe import Observer
from attnviz.record import Block
from attnviz.sources.huggingface.capturing.checks import CALLS, Checks, Rows, checked
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths import PROBED, intercepted
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.values import ValuesCall
from attnviz.sources.huggingface.watching.joining import JoinHeads
from attnviz.sources.huggingface.watching.sites import Site, evaluating, run, shape_of

# One block of float32 weights of all heads of a layer; at 128 tokens and 12 heads a layer is one. Larger ones
# leave the processor's cache: with 64 MiB, weights of 512 tokens take nearly twice as long.
BLOCK_BYTES = 4 * 2**20

_FLOAT32_BYTES = 4

# Takes the place of an attention call, the call, and what it gave.
OnCall = Callable[[Site, Call, Tensor], None]


def capture(
    feed: Feed,
    sites: Sequence[Site],
    observer: Observer,
    *,
    block: Block,
    chosen: Collection[int],
    checks: Checks | None = None,
    on_call: OnCall | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Any:  # noqa: ANN401 - what a model gives has no common class
    """Run the model once and hand the weights of some layers to an observer.

    The model goes on with what its own attention function gives; the weights are made beside it, and what
    they make of the values must be the same.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        observer: takes the rows (head, query, key) of every head of the chosen layers.
        block: whose layers are meant.
        chosen: the numbers of the layers to hand on.
        checks: where to note the checks that held.
        on_call: takes the place of each attention call of the chosen layers, the call, and what it gave,
            before its rows.
        block_bytes: about how much memory one block of weights may take; at least one row is done at once.

    Returns:
        What the model gave.

    Raises:
        CaptureFailed: the attention calls are not those expected, or a check of the weights failed.
    """
    pending = iter(sites)
    noted = Checks() if checks is None else checks
    hand_on = _handing_on(observer, noted, on_call, block_bytes)

    def handle(call: Call) -> Tensor:
        site = _expected(pending, call)
        usual = call.as_usual()
        if site.block == block and site.layer in chosen:
            hand_on(site, call, usual)
        return usual

    probed = {site.seen.module for site in sites if site.seen.path == PROBED}
    with intercepted(feed.model, handle, {site.seen.path for site in sites}, probed):
        output = run(feed)
    missed = list(pending)
    if missed:
        raise CaptureFailed(
            f"layer {missed[0].layer} did not attend: {len(missed)} of {len(sites)} calls are missing"
        )
    noted.passed(CALLS, detail=f"{len(sites)} attention calls")
    return output


def recall(
    feed: Feed,
    sites: Sequence[Site],
    observer: Observer,
    *,
    block: Block,
    chosen: Collection[int],
    on_call: OnCall | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> bool:
    """Hand on the weights of the calls that were kept when the model was watched, without running it again.

    They must explain what these calls gave then, which the model went on with.

    Returns:
        Whether every call of the chosen layers was kept as it was; nothing is handed on if not.

    Raises:
        CaptureFailed: a check of the weights failed.
    """
    meant = [site for site in sites if site.block == block and site.layer in chosen]
    kept = [site.kept for site in meant]
    hand_on = _handing_on(observer, Checks(), on_call, block_bytes)
    if not all(call is not None and call.is_whole for call in kept):
        return False
    with torch.no_grad(), evaluating(feed.model):
        for site, call in zip(meant, kept, strict=True):
            assert call is not None  # as just asked
            hand_on(site, call.call, call.usual)
    return True


def _handing_on(observer: Observer, checks: Checks, on_call: OnCall | None, block_bytes: int) -> OnCall:
    """Give what hands the rows of one call after the other to an observer."""
    joined = JoinHeads(observer)

    def hand_on(site: Site, call: Call, usual: Tensor) -> None:
        if isinstance(call, ValuesCall):
            call = call.cut(*site.extent)
        if on_call:
            on_call(site, call, usual)
        in_blocks = _in_blocks if site.seen.windows is None else _in_windows
        for start, weights in in_blocks(call, usual, site, block_bytes, checks):
            joined.update(site, start, weights)

    return hand_on


def _expected(pending: Iterator[Site], call: Call) -> Site:
    """The place of a call, if the call is the one that was expected."""
    site = next(pending, None)
    if site is None:
        raise CaptureFailed("more attention calls came than when the model was watched")
    shape = shape_of(call, site.seen.windows)
    if call.module is not site.seen.module or shape != site.seen.shape:
        raise CaptureFailed(
            f"layer {site.layer} attends otherwise than when the model was watched: got {shape} "
            f"(batch, head, query, key), allowed {site.seen.shape}"
        )
    return site


def _in_blocks(
    call: Call, usual: Tensor, site: Site, block_bytes: int, checks: Checks
) -> Iterator[tuple[int, Tensor]]:
    """Do a call's attention again in blocks of rows.

    Returns:
        Each block's first row in the layer, and its weights (head, query, key of the whole layer).
    """
    seen = call.visible()
    values = None if call.vectors is None else call.vectors[2][0]
    rows = max(1, block_bytes // (call.heads * call.keys * _FLOAT32_BYTES))
    for start in range(0, call.queries, rows):
        stop = min(start + rows, call.queries)
        output, weights = call.rows(start, stop)
        done = Rows(
            layer=site.layer,
            weights=weights[0],
            visible=None if seen is None else seen[0, start:stop],
            values=values,
            output=call.by_head(output)[0],
            usual=call.by_head(call.rows_of(usual, start, stop))[0],
        )
        yield site.start + start, _among_all(checked(done, checks), site)


def _among_all(weights: Tensor, site: Site) -> Tensor:
    """Put the columns of a piece, (head, query, key), among all keys of its layer."""
    keys = site.extent[1]
    if weights.shape[2] == keys:
        return weights
    wide = weights.new_zeros(*weights.shape[:2], keys)
    wide[..., site.first_key : site.first_key + weights.shape[2]] = weights
    return wide


def _in_windows(
    call: Call, usual: Tensor, site: Site, block_bytes: int, checks: Checks
) -> Iterator[tuple[int, Tensor]]:
    """Do the attention of all windows of a layer again, and lay it out; see `_in_blocks`."""
    windows, (squares, heads, queries, keys) = site.seen.windows, site.seen.shape
    assert windows is not None
    seen = call.visible()
    output, weights = call.rows(0, queries)
    outputs = [call.by_head(made) for made in (output, call.rows_of(usual, 0, queries))]
    ours, theirs = (made.reshape(squares, -1, queries, made.shape[-1]) for made in outputs)
    weights = weights.reshape(squares, heads, queries, keys)
    whole = [
        Rows(
            layer=site.layer,
            weights=weights[square],
            visible=None if seen is None else seen[square % len(seen)],
            values=None if call.vectors is None else call.vectors[2][square],
            output=ours[square],
            usual=theirs[square],
        )
        for square in range(squares)
    ]
    done = torch.stack([checked(rows, checks) for rows in whole])
    rows = max(1, block_bytes // (heads * windows.count * _FLOAT32_BYTES))
    for start in range(0, windows.count, rows):
        yield start, windows.rows(done, start, min(start + rows, windows.count))
