"""Digests made of records that are whole: what a capture would leave of them, by the plain definitions."""

from dataclasses import replace

import numpy as np

from attnviz.analysis.focus import focus
from attnviz.analysis.measures.table import measure
from attnviz.analysis.streaming.digest import Digest
from attnviz.analysis.streaming.topkeys import Top
from attnviz.frame import frame_of
from attnviz.record import Pooling, Token


def digest(record, cells, k=4, **changes):
    """Pool a record to so many rows and columns, and keep the top keys of every query."""
    made = Digest(
        frame=frame_of(record),
        maxima=pooled(record, cells, "maximum"),
        means=pooled(record, cells, "mean"),
        top=top_of(record, k),
        measured=measure(record),
        focus=focus(record),
    )
    return replace(made, **changes)


def pooled(record, cells, statistic):
    """Give a record of cells, the slow way."""
    rows, columns = (edges(len(side), cells) for side in (record.queries, record.keys))
    take = np.max if statistic == "maximum" else np.mean
    weights = np.zeros((*record.weights.shape[:2], len(rows), len(columns)), np.float32)
    sight = {}
    for place, layer in enumerate(record.layers):
        seen = record.visible(layer)
        mask = np.zeros((len(rows), len(columns)), bool)
        for row, (first, stop) in enumerate(rows):
            for column, (left, right) in enumerate(columns):
                here = seen[first:stop, left:right]
                mask[row, column] = here.any()
                if here.any():
                    cell = record.weights[place, :, first:stop, left:right][:, here]
                    weights[place, :, row, column] = take(cell, axis=-1)
        if layer in record.sight:
            sight[layer] = mask
    return replace(
        record,
        queries=runs(record.queries, rows),
        keys=runs(record.keys, columns),
        weights=weights,
        sight=sight,
        predictions=(),
        internals=None,
        pooling=Pooling(statistic, len(record.queries), len(record.keys)),
    )


def edges(count, runs_):
    starts = [place * count // min(runs_, count) for place in range(min(runs_, count))]
    return list(zip(starts, [*starts[1:], count], strict=True))


def runs(side, bounds):
    """Give each run as a token of its own."""
    return tuple(
        Token("".join(token.text for token in side[first:stop]), run=(first, stop - 1))
        for first, stop in bounds
    )


def top_of(record, k):
    order = np.argsort(-record.weights, axis=-1, kind="stable")[..., :k]
    weights = np.take_along_axis(record.weights, order, axis=-1)
    return Top(np.where(weights > 0, order, -1).astype(np.int32), weights.astype(np.float32))
