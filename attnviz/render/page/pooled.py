"""Sides too long for a page: runs of tokens that stand for one, and what becomes of maps over them."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from attnviz.record import Attention, Mask, Token, Weights
from attnviz.render.labels import from_to, printable
from attnviz.render.page.contents import Contents
from attnviz.render.page.digested import bounds_of, is_of_runs, run_label, whole_side
from attnviz.render.pooling import counts_of, pool, starts


def size_of(side: Sequence[Token], runs: int | None) -> int:
    """Say how many rows or columns a side has when it is pooled to so many runs."""
    return len(side) if runs is None else min(len(side), runs)


def is_pooled(contents: Contents, record: Attention) -> bool:
    """Whether the page's cells stand for several of a record's."""
    runs = contents.runs
    return runs is not None and max(len(record.queries), len(record.keys)) > runs


def place_of(position: int, side: Sequence[Token], runs: int | None) -> int:
    """Say in which run a token is.

    >>> [place_of(position, [Token("a")] * 7, 3) for position in range(7)]
    [0, 0, 1, 1, 2, 2, 2]
    """
    size = size_of(side, runs)
    if is_of_runs(side):
        return bisect_right([first for first, _ in bounds_of(side, size)], position) - 1
    return position if size == len(side) else ((position + 1) * size - 1) // len(side)


def labels(side: Sequence[Token], runs: int | None) -> list[str]:
    """Label each row or column of a side: a token, or the ends of a run of them."""
    bounds = [*starts(len(side), size_of(side, runs)).tolist(), len(side)]
    ends = pairwise(bounds)
    shown = [printable(token.text) for token in side]
    return [
        shown[first] if stop - first == 1 else from_to(shown[first], shown[stop - 1]) for first, stop in ends
    ]


def labels_of_runs(contents: Contents, side: tuple[Token, ...]) -> list[str]:
    """Label each row of a side whose tokens stand for runs themselves."""
    rows = size_of(side, contents.runs)
    whole = whole_side(contents, side)
    edges = [*starts(len(side), rows).tolist(), len(side)]
    runs = (side[first:stop] for first, stop in pairwise(edges))
    return [run_label(run, whole, bounds) for run, bounds in zip(runs, bounds_of(side, rows), strict=True)]


def weights_of(contents: Contents, record: Attention, layer: int) -> Weights:
    """Give a layer's weights, by its place, as the page shows them: (head, row, column)."""
    weights: Weights = record.weights[layer]
    if not is_pooled(contents, record):
        return weights
    rows, columns = shape_of(contents, record)
    return pool(weights, rows, columns, counts_of(record)).astype(np.float32, copy=False)


def shape_of(contents: Contents, record: Attention) -> tuple[int, int]:
    """Say how many rows and columns of a record the page shows."""
    return size_of(record.queries, contents.runs), size_of(record.keys, contents.runs)


def masks_of(contents: Contents, record: Attention) -> dict[int, Mask]:
    """Give what the layers let queries see, where that is not what `causal` says.

    A run sees what any of it sees. Layers that see alike share one mask.
    """
    if not is_pooled(contents, record):
        return dict(record.sight)
    rows, columns = shape_of(contents, record)
    if not record.sight and (not record.causal or len(record.queries) == len(record.keys)):
        return {}
    usual = (
        np.tri(rows, columns, columns - rows, dtype=bool) if record.causal else np.ones((rows, columns), bool)
    )
    made: dict[int, Mask] = {}
    found: dict[int, Mask] = {}
    for layer in record.layers:
        mask = record.sight.get(layer)
        if id(mask) not in made:
            made[id(mask)] = pool(record.visible(layer).astype(np.float32), rows, columns) > 0
        if not np.array_equal(made[id(mask)], usual):
            found[layer] = made[id(mask)]
    return found
