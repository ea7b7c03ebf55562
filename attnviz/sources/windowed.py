"""A part of a record: some rows and columns of its squares."""

from dataclasses import replace

import numpy as np

from attnviz.record import Attention, Mask
from attnviz.window import Window


def cut(record: Attention, window: Window) -> Attention:
    """Cut a window out of a record; `dropped` tells the mass on keys beside it.

    Args:
        record: one input's attention.
        window: which rows and columns to keep.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[1.0, 0.0], [0.25, 0.75]], ["lazy", "dog"])
    >>> part = cut(record, Window(range(1, 2), range(1, 2)))
    >>> part.weights.tolist(), part.dropped
    ([[[[0.75]]]], 0.25)
    """
    rows, columns = (slice(side.start, side.stop) for side in (window.queries, window.keys))
    weights = record.weights[..., rows, columns]
    before = record.weights[..., rows, :].sum(axis=-1, dtype=np.float64)
    beside = before - weights.sum(axis=-1, dtype=np.float64)
    # Only a window along the diagonal leaves queries and keys in step.
    causal = record.causal and window.is_square
    return replace(
        record,
        queries=record.queries[rows],
        keys=record.keys[columns],
        weights=weights,
        causal=causal,
        sight=_masks(record, rows, columns, causal=causal),
        predictions=record.predictions[rows],
        dropped=record.dropped + float(np.clip(beside, 0.0, None).mean()),
        internals=None,
    )


def _masks(record: Attention, rows: slice, columns: slice, *, causal: bool) -> dict[int, Mask]:
    """Cut what layers let queries see; layers that see alike share one mask."""
    made: dict[int | None, Mask] = {}
    found: dict[int, Mask] = {}
    for layer in record.layers if record.causal != causal else record.sight:
        key = id(record.sight[layer]) if layer in record.sight else None
        if key not in made:
            made[key] = record.visible(layer)[rows, columns]
        found[layer] = made[key]
    return found
