"""From an input to rows of weights: one pass in which chosen layers show what they weigh, block by block."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnviz.errors import CaptureFailed
from attnviz.observe import Observer, RowBlock
from attnviz.record import Block
from attnviz.sources.huggingface.capturing.checks import CALLS, Checks, Rows, checked
from attnviz.sources.huggingface.capturing.sight import RowSight
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths import PROBED, intercepted
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.values import ValuesCall
from attnviz.sources.huggingface.watching.joining import JoinHeads
from attnviz.sources.huggingface.watching.sites import Site, run, shape_of

# One block of float32 weights of all heads of a layer; at 128 tokens and 12 heads a layer is one. Larger ones
# leave the processor's cache: with 64 MiB, weights of 512 tokens take nearly twice as long.
BLOCK_BYTES = 4 * 2**20

_FLOAT32_BYTES = 4

# Takes the place of an attention call, the call, and what it gave.
OnCall = Callable[[Site, Call, Tensor], None]

# Makes some rows of a call, as `call.rows` does.
Make = Callable[[int, int], tuple[Tensor, Tensor]]


class StoppedError(Exception):
    """Ends a pass of which nothing more is needed."""


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
    rows: range | None = None,
    stops: bool = False,
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
        rows: the positions of the queries to hand on; None means all.
        stops: whether to stop at the first attention call of which, as of all behind it, nothing is asked.

    Returns:
        What the model gave; None if it was stopped.

    Raises:
        CaptureFailed: the attention calls are not those expected, or a check of the weights failed.
    """
    noted = Checks() if checks is None else checks
    hand_on = HandOn(observer, noted, block_bytes, rows)
    meant = [site.block == block and site.layer in chosen for site in sites]
    came = 0

    def handle(call: Call) -> Tensor:
        nonlocal came
        if stops and came > 0 and not any(meant[came:]):
            raise StoppedError
        site, is_meant = expected(sites, came, call), meant[came]
        came += 1
        usual = call.as_usual()
        if is_meant:
            call = as_laid_out(site, call)
            if on_call:
                on_call(site, call, usual)
            hand_on.take(site, call, usual)
        return usual

    with suppress(StoppedError), watching(feed, sites, handle):
        output = run(feed)
        finished(sites, came, noted)
        return output
    return None


@contextmanager
def watching(feed: Feed, sites: Sequence[Site], handle: Callable[[Call], Tensor]) -> Iterator[None]:
    """Hand the calls of a pass to whoever answers them, on the ways on which they came before."""
    probed = {site.seen.module for site in sites if site.seen.path == PROBED}
    with intercepted(feed.model, handle, {site.seen.path for site in sites}, probed):
        yield


def expected(sites: Sequence[Site], came: int, call: Call) -> Site:
    """Give the place of a call, if it is the one that was expected after so many others.

    Raises:
        CaptureFailed: it is not.
    """
    if came >= len(sites):
        raise CaptureFailed("more attention calls came than when the model was watched")
    site = sites[came]
    shape = shape_of(call, site.seen.windows)
    if call.module is not site.seen.module or shape != site.seen.shape:
        raise CaptureFailed(
            f"layer {site.layer} attends otherwise than when the model was watched: got {shape} "
            f"(batch, head, query, key), allowed {site.seen.shape}"
        )
    return site


def finished(sites: Sequence[Site], came: int, checks: Checks) -> None:
    """Check that every call came.

    Raises:
        CaptureFailed: one did not.
    """
    missed = sites[came:]
    if missed:
        raise CaptureFailed(
            f"layer {missed[0].layer} did not attend: {len(missed)} of {len(sites)} calls are missing"
        )
    checks.passed(CALLS, detail=f"{len(sites)} attention calls")


def as_laid_out(site: Site, call: Call) -> Call:
    """Take from a probed call what is no query and no key of its layer."""
    return call.cut(*site.extent) if isinstance(call, ValuesCall) else call


class HandOn:
    """Hands the rows of one call after the other to an observer, all heads of them together.

    Attributes:
        block_bytes: about how much memory one block of weights may take.
    """

    def __init__(
        self, observer: Observer, checks: Checks, block_bytes: int = BLOCK_BYTES, rows: range | None = None
    ) -> None:
        """Begin a pass.

        Args:
            observer: takes the rows.
            checks: where to note the checks that held.
            block_bytes: about how much memory one block of weights may take.
            rows: the positions of the queries to hand on; None means all.
        """
        self._seeing = _Seeing(observer)
        self._joined = JoinHeads(self._seeing)
        self._checks = checks
        self.block_bytes = block_bytes
        self._rows = rows

    def take(self, site: Site, call: Call, usual: Tensor, make: Make | None = None) -> None:
        """Hand on one call's rows.

        Args:
            site: the place of the call.
            call: the call.
            usual: what the model goes on with.
            make: makes rows; None lets the call do it.
        """
        self._seeing.sight = RowSight(site, call)
        for start, weights in self._blocks(site, call, usual, make or call.rows):
            self._joined.update(site, start, weights)

    def _blocks(self, site: Site, call: Call, usual: Tensor, make: Make) -> Iterator[tuple[int, Tensor]]:
        """Give each block's first row in the layer, and its weights (head, query, key of the whole layer)."""
        if site.seen.windows is not None:
            return _in_windows(call, usual, site, self.block_bytes, self._checks)
        rows = range(call.queries)
        if self._rows is not None:
            rows = rows[max(self._rows.start - site.start, 0) : max(self._rows.stop - site.start, 0)]
        return self._in_blocks(call, usual, site, make, rows)

    def _in_blocks(
        self, call: Call, usual: Tensor, site: Site, make: Make, rows: range
    ) -> Iterator[tuple[int, Tensor]]:
        """Do a call's attention again in blocks of rows; see `_blocks`."""
        sight = self._seeing.sight
        assert sight is not None
        values = None if call.vectors is None else call.vectors[2][0]
        size = max(1, self.block_bytes // (call.heads * call.keys * _FLOAT32_BYTES))
        for start in range(rows.start, rows.stop, size):
            stop = min(start + size, rows.stop)
            output, weights = make(start, stop)
            done = Rows(
                layer=site.layer,
                weights=weights[0],
                visible=sight.of_call(start, stop),
                values=values,
                output=call.by_head(output)[0],
                usual=call.by_head(call.rows_of(usual, start, stop))[0],
            )
            yield site.start + start, _among_all(checked(done, self._checks), site)


class _Seeing:
    """Adds to rows what their queries could see; of heads in modules of their own, what the last one let."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.sight: RowSight | None = None

    def update(self, block: RowBlock) -> None:
        """Hand a block on."""
        assert self.sight is not None
        rows = block.start, block.start + block.weights.shape[1]
        self._observer.update(replace(block, visible=partial(self.sight.rows, *rows)))


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
