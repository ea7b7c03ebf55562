"""Which queries count, and what a head that prefers nothing would do: the ground every measure stands on."""

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import grid_shape, is_picture
from attnviz.frame import Sides

Mask = NDArray[np.bool_]


def counted_queries(sides: Sides) -> Mask:
    """Say which rows measures average over: (query,), True for what the user or the model wrote.

    A text of special tokens only counts them all, so that no average is empty.
    """
    real = np.array([not token.is_special for token in sides.queries])
    return real if real.any() else ~real


def special_keys(sides: Sides) -> Mask:
    """Say which keys the model added itself: (key,)."""
    return np.array([token.is_special for token in sides.keys])


def self_links(sides: Sides) -> Mask:
    """Say where a query meets itself: (query, key); nowhere in cross-attention.

    In a picture it meets its own patch, unless the keys are patches of another size.
    """
    own = own_keys(sides)
    links = np.zeros((len(own), len(sides.keys)), dtype=bool)
    found = np.flatnonzero(own >= 0)
    links[found, own[found]] = True
    return links


def own_keys(sides: Sides) -> NDArray[np.intp]:
    """Say which key is a query itself, as `self_links` does: (query,), -1 where none is."""
    queries, keys = len(sides.queries), len(sides.keys)
    if sides.block == "cross":
        return np.full(queries, -1)
    if is_picture(sides) and sides.queries != sides.keys:
        alike = grid_shape(sides.queries, sides.picture) == grid_shape(sides.keys, sides.picture)
        place = {key: position for position, key in enumerate(sides.keys)} if alike else {}
        return np.array([place.get(query, -1) for query in sides.queries])
    own = np.arange(queries) + keys - queries
    return np.where(own >= 0, own, -1)


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
