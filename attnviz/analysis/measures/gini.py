"""How unevenly a row spreads its mass."""

from attnviz.arrays import Array, namespace


def gini(weights: Array, seen: Array | None = None) -> Array:
    r"""Measure how unevenly each query reads: $\sum_k (2k - n - 1) w_{i(k)} / (n \sum_j w_{ij})$.

    The weights $w_{i(k)}$ of a row are in ascending order, k from 1. Hurley and Rickard 2009, the Gini index.
    For a query that sees some of the keys only, n counts those: to what it cannot see it gives 0.

    Shape:
        weights: (..., query, key).
        seen: (..., query).

    Args:
        weights: rows of weights.
        seen: the number of keys each query can see, n; None means all.

    Returns:
        Numbers per row, (..., query), 0 to 1: 0 for a row that reads all it sees alike, or has no mass,
        (n - 1) / n for one that reads one key.

    >>> import numpy as np
    >>> round(float(gini(np.array([[0.4, 0.1, 0.3, 0.2]]))[0]), 6)
    0.25
    """
    xp = namespace(weights)
    keys = weights.shape[-1]
    on = {"device": weights.device, "dtype": weights.dtype}
    mass = xp.sum(weights, axis=-1)
    ranks = xp.arange(1, keys + 1, **on)
    among_all = xp.matmul(xp.sort(weights, axis=-1), 2 * ranks - keys - 1)
    counted = xp.full(mass.shape[-1:], keys, **on) if seen is None else xp.astype(seen, weights.dtype)
    # Keys out of sight come first in the order and weigh nothing: without them, each rank is so much lower.
    among_seen = among_all - (keys - counted) * mass
    return among_seen / xp.where(mass > 0, counted * mass, xp.ones_like(mass))
