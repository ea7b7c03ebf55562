"""A long text's layers, learnt from its beginning: the whole of it need not run just to be watched.

Nothing that is learnt so is believed. In the pass over the whole text each call must be the one that the
beginning had in that place, and see later keys or not as it did there; else the capture fails.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from attnviz.errors import NoAttention, RequestError, UnsupportedModel
from attnviz.outline import Outline
from attnviz.sources.huggingface.feed import Feed, Written, uncached
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import PATH as TABLE
from attnviz.sources.huggingface.streaming.scale import SCALE, Scale
from attnviz.sources.huggingface.watching.sites import Site, Watched, watch

# Ways on which a call's layout is the same whatever the length. Attention written by hand may change its
# layout with it, and has made its squares by the time it is seen.
_STEADY = (TABLE, FusedCall.path)


def watch_prefix(feed: Feed, name: str, scale: Scale = SCALE) -> Watched | None:
    """Watch the beginning of a long text.

    Args:
        feed: the input.
        name: the model's name, for what may go wrong.
        scale: how long is long, and how much is watched.

    Returns:
        The pass over the beginning; None where the input is short, is no single text, or where what attends
        may be laid out otherwise in the whole: then that is to be watched.
    """
    count = _tokens(feed)
    if count is None or count <= max(scale.long, scale.prefix):
        return None
    short = _cut(feed, count, scale.prefix)
    with _unchanged(feed.model) as kept:
        try:
            watched = watch(short, name)
        except (NoAttention, RequestError, UnsupportedModel):
            return None
    return watched if kept and _carries(watched, scale.prefix) else None


def carried_over(watched: Watched, feed: Feed) -> Watched:
    """Say of the whole of a text what was learnt from its beginning; there is no output of it."""
    count = _tokens(feed)
    assert count is not None
    outline = watched.outlines["self"]
    layers = tuple(replace(layer, queries=count, keys=count) for layer in outline.layers)
    sites = tuple(_lengthened(site, count) for site in watched.sites)
    return Watched(sites, {"self": Outline("self", layers)}, None)


def without_cache(feed: Feed) -> Feed:
    """Let a model keep nothing for a next step: of a long text that takes more than all else."""
    return replace(feed, arguments={**feed.arguments, **uncached(feed.model)})


def _tokens(feed: Feed) -> int | None:
    """Count the tokens of a text that one stack of layers reads; None where the input is anything else."""
    if set(feed.sides) != {"self"} or feed.encoder is not None or feed.memory is not None:
        return None
    queries, keys = feed.sides["self"]
    if queries is not keys or not isinstance(queries, Written):
        return None
    count = len(queries.known)
    return count if all(_is_per_token(value, count) for value in feed.arguments.values()) else None


def _is_per_token(value: object, count: int) -> bool:
    """Say whether something is a number for each token, or no numbers at all."""
    if isinstance(value, Tensor):
        return value.shape == (1, count)
    return value is None or isinstance(value, bool | int | float | str)


def _cut(feed: Feed, count: int, prefix: int) -> Feed:
    """Leave out all but the beginning."""
    side = feed.sides["self"][0]
    begun = Written(side.tokens(count)[:prefix])
    arguments: Mapping[str, Any] = {
        name: value[:, :prefix] if isinstance(value, Tensor) else value
        for name, value in feed.arguments.items()
    }
    return replace(feed, arguments=arguments, sides={"self": (begun, begun)}, predictions=())


def _carries(watched: Watched, count: int) -> bool:
    """Say whether all that attends does so from all tokens to all tokens, in ways that do not change."""
    return set(watched.outlines) == {"self"} and all(
        site.block == "self"
        and site.seen.path in _STEADY
        and site.seen.windows is None
        and site.extent == (count, count)
        and (site.seen.shape[0], *site.seen.shape[2:]) == (1, count, count)
        for site in watched.sites
    )


def _lengthened(site: Site, count: int) -> Site:
    shape = (1, site.seen.shape[1], count, count)
    return replace(site, seen=replace(site.seen, shape=shape), extent=(count, count), kept=None)


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[list[bool]]:
    """Put a model's parts back if it exchanges some, as BigBird exchanges its attention for a short text's.

    Yields:
        What holds something if the model was changed by nothing.
    """
    before = {module: {**vars(module), "_modules": dict(module._modules)} for module in model.modules()}
    kept = [True]
    try:
        yield kept
    finally:
        if set(model.modules()) != set(before):
            kept.clear()
            for module, own in before.items():
                vars(module).clear()
                vars(module).update(own)
