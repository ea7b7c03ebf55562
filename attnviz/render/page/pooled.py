"""Sides too long for a page: runs of tokens that stand for one, and what becomes of maps over them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from attnviz.record import Attention, Mask, Token, Weights
from attnviz.render.labels import from_to, printable
from attnviz.render.page.contents import Contents
from attnviz.render.pooling import pool, starts


def size_of(side: Sequence[Token], runs: int | None) -> int:
    """Say how many rows or columns a side has when it is pooled to so many runs."""
    return len(side) if runs is None else min(len(side), runs)


def is_pooled(contents: Contents, record: Attention) -> bool:
    """Whether a record's cells stand for several weights."""
    runs = contents.runs
    return runs is not None and max(len(record.queries), len(record.keys)) > runs


def place_of(position: int, side: Sequence[Token], runs: int | None) -> int:
    """Say in which run a token is.

    >>> [place_of(position, [Token("a")] * 7, 3) for position in range(7)]
    [0, 0, 1, 1, 2, 2, 2]
    """
    size = size_of(side, runs)
    return position if size == len(side) else ((position + 1) * size - 1) // len(side)


def labels(side: Sequence[Token], runs: int | None) -> list[str]:
    """Label each row or column of a side: a token, or the ends of a run of them."""
    bounds = [*starts(len(side), size_of(side, runs)).tolist(), len(side)]
    ends = pairwise(bounds)
    shown = [printable(token.text) for token in side]
    return [
        shown[first] if stop - first == 1 else from_to(shown[first], shown[stop - 1]) for first, stop in ends
    ]


def weights_of(contents: Contents, record: Attention, layer: int) -> Weights:
    """Give a layer's weights, by its place, as the page shows them: (head, row, column)."""
    weights: Weights = record.weights[layer]
    if not is_pooled(contents, record):
        return weights
    return pool(weights, *shape_of(contents, record)).astype(np.float32, copy=False)


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
