"""How much of a digest a page of some size has room for: how fine its maps are, how many top keys it has."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from attnviz.record import Attention
from attnviz.render.page.contents import Contents
from attnviz.render.page.pooled import size_of
from attnviz.render.page.size import beside, of_weights
from attnviz.render.page.topkeys import sizes_of

# What may be taken is aimed at a little lower than allowed: sizes are estimates.
_MARGIN = 0.95

# Maps may take this part of the room before top keys do.
_MAPS = 0.5


def fit_digests(contents: Contents, most: int) -> tuple[Contents, int]:
    """Choose the finest maps that fit into their part of the room, then as many top keys as the rest holds.

    Where not even one top key of each query fits, the maps have all of it. Maps are pooled by whole numbers,
    so that their rows stay as long as each other.

    Returns:
        The contents, and about how many bytes they will have; more than allowed if nothing helps.
    """
    contents = replace(contents, top=0)
    room = int(most * _MARGIN) - beside(contents)
    links = [0, *accumulate(_sizes_of_links(contents))]
    chosen, maps = _finest(contents, max(int(room * _MAPS), room - links[-1]))
    top = max(k for k, size in enumerate(links) if k == 0 or size <= room - maps)
    if top == 0:
        chosen, maps = _finest(contents, room)
    return replace(chosen, top=top), beside(chosen) + maps + links[top]


def coarser(contents: Contents) -> Contents | None:
    """Take a little out of a page that came out too large: a top key, else cells; None if nothing is left."""
    if contents.top:
        return replace(contents, top=contents.top - 1)
    return next(iter(_coarser(contents)), None)


def _sizes_of_links(contents: Contents) -> list[int]:
    """Estimate the first, the second ... top keys of every query of every digest."""
    every = [sizes_of(digest) for digest in contents.digests]
    longest = max(map(len, every), default=0)
    return [sum(sizes[k] for sizes in every if k < len(sizes)) for k in range(longest)]


def _finest(contents: Contents, room: int) -> tuple[Contents, int]:
    """Find the finest maps that take so much at most, and what they take."""
    size = of_weights(contents)
    for pooled in _coarser(contents):
        if size <= room:
            break
        contents, size = pooled, of_weights(pooled)
    return contents, size


def _coarser(contents: Contents) -> Iterator[Contents]:
    """Pool maps twice, three times ... as far as they are."""
    longest = max(map(len, contents.sides))
    now = size_of(max(contents.sides, key=len), contents.runs)
    for by in range(2, longest + 1):
        runs = -(-longest // by)
        if runs < now:
            now = runs
            yield _without_blurred(replace(contents, runs=runs))


def _without_blurred(contents: Contents) -> Contents:
    """Leave out means of layers that see less: how many weights their cells are the mean of is not known."""
    kept = [one for one in contents.records if not (_is_mean(one) and one.sight)]
    return replace(contents, records=tuple(kept))


def _is_mean(record: Attention) -> bool:
    return record.pooling is not None and record.pooling.statistic == "mean"
