"""From an input to rows of weights: one pass in which chosen layers show what they weigh, block by block."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from torch import Tensor

from attnviz.errors import CaptureFailed
from attnviz.observe import Observer, RowBlock
from attnviz.record import Block
from attnviz.sources.huggingface.checks import CALLS, Checks, Rows, checked
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths import intercepted
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.sites import Site, run

# One block of float32 weights of all heads of a layer; below about 512 tokens a layer is one block.
BLOCK_BYTES = 64 * 2**20

_FLOAT32_BYTES = 4


def capture(
    feed: Feed,
    sites: Sequence[Site],
    observer: Observer,
    *,
    block: Block,
    chosen: Collection[int],
    checks: Checks | None = None,
    on_call: Callable[[int, Call], None] | None = None,
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
        on_call: takes the number and the attention call of each chosen layer, before its rows.
        block_bytes: about how much memory one block of weights may take; at least one row is done at once.

    Returns:
        What the model gave.

    Raises:
        CaptureFailed: the attention calls are not those expected, or a check of the weights failed.
    """
    pending = iter(sites)
    noted = Checks() if checks is None else checks

    def handle(call: Call) -> Tensor:
        site = _expected(pending, call)
        usual = call.as_usual()
        if site.block == block and site.layer in chosen:
            if on_call:
                on_call(site.layer, call)
            for start, weights in _in_blocks(call, usual, site.layer, block_bytes, noted):
                observer.update(RowBlock(site.layer, start, weights))
        return usual

    with intercepted(feed.model, handle, {site.seen.path for site in sites}):
        output = run(feed)
    missed = list(pending)
    if missed:
        raise CaptureFailed(
            f"layer {missed[0].layer} did not attend: {len(missed)} of {len(sites)} calls are missing"
        )
    noted.passed(CALLS, detail=f"{len(sites)} attention calls")
    return output


def _expected(pending: Iterator[Site], call: Call) -> Site:
    """The place of a call, if the call is the one that was expected."""
    site = next(pending, None)
    if site is None:
        raise CaptureFailed("more attention calls came than when the model was watched")
    shape = (call.batch, call.heads, call.queries, call.keys)
    if call.module is not site.seen.module or shape != site.seen.shape:
        raise CaptureFailed(
            f"layer {site.layer} attends otherwise than when the model was watched: got {shape} "
            f"(batch, head, query, key), allowed {site.seen.shape}"
        )
    return site


def _in_blocks(
    call: Call, usual: Tensor, layer: int, block_bytes: int, checks: Checks
) -> Iterator[tuple[int, Tensor]]:
    """Do a layer's attention again in blocks of rows: each block's first row and its (head, query, key)."""
    seen = call.visible()
    values = None if call.vectors is None else call.vectors[2][0]
    rows = max(1, block_bytes // (call.heads * call.keys * _FLOAT32_BYTES))
    for start in range(0, call.queries, rows):
        stop = min(start + rows, call.queries)
        output, weights = call.rows(start, stop)
        done = Rows(
            layer=layer,
            weights=weights[0],
            visible=None if seen is None else seen[0, start:stop],
            values=values,
            output=call.by_head(output)[0],
            usual=call.by_head(call.rows_of(usual, start, stop))[0],
        )
        yield start, checked(done, checks)
