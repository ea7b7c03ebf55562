"""Which queries count, and what a head that prefers nothing would do: the ground every measure stands on."""

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import grid_shape, is_picture
from attnviz.record import Attention

Mask = NDArray[np.bool_]


def counted_queries(record: Attention) -> Mask:
    """Say which rows measures average over: (query,), True for what the user or the model wrote.

    A text of special tokens only counts them all, so that no average is empty.
    """
    real = np.array([not token.is_special for token in record.queries])
    return real if real.any() else ~real


def special_keys(record: Attention) -> Mask:
    """Say which keys the model added itself: (key,)."""
    return np.array([token.is_special for token in record.keys])


def self_links(record: Attention) -> Mask:
    """Say where a query meets itself: (query, key); nowhere in cross-attention.

    In a picture it meets its own patch, unless the keys are patches of another size.
    """
    queries, keys = len(record.queries), len(record.keys)
    if record.block == "cross":
        return np.zeros((queries, keys), dtype=bool)
    if is_picture(record) and record.queries != record.keys:
        alike = grid_shape(record.queries, record.picture) == grid_shape(record.keys, record.picture)
        return np.array([[alike and query == key for key in record.keys] for query in record.queries])
    return np.eye(queries, keys, keys - queries, dtype=bool)


def uniform(cells: Mask) -> NDArray[np.float64]:
    """Spread each row's mass evenly over the given cells: what a head without preference does.

    Shape:
        cells: (query, key), True where mass may go.

    Returns:
        Weights (query, key); a row without cells stays empty.

    >>> uniform(np.array([[True, False], [True, True]]))
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    even: NDArray[np.float64] = cells / np.maximum(cells.sum(axis=-1, keepdims=True), 1)
    return even
