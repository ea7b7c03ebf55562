"""How far a row looks."""

from attnviz.arrays import Array, namespace


def distance(weights: Array, start: int = 0) -> Array:
    r"""Measure how far each query looks, in tokens: $\sum_j w_{ij} |i - j| / \sum_j w_{ij}$.

    Vig and Belinkov 2019, equation 6, before its average over rows.

    Shape:
        weights: (..., query, key).

    Args:
        weights: rows of weights.
        start: the position of the first row, when the rows are a block of a longer text.

    Returns:
        Tokens per row, (..., query), 0 to the number of keys less 1; 0 for a row without mass.

    >>> import numpy as np
    >>> causal = np.tri(8) / np.arange(1, 9)[:, None]
    >>> float(distance(causal).mean())
    1.75
    """
    xp = namespace(weights)
    rows, columns = weights.shape[-2:]
    on = {"device": weights.device, "dtype": weights.dtype}
    query = xp.arange(start, start + rows, **on)
    key = xp.arange(columns, **on)
    mass = xp.sum(weights, axis=-1)
    travelled = xp.vecdot(weights, xp.abs(query[:, None] - key[None, :]))
    return travelled / xp.where(mass > 0, mass, xp.ones_like(mass))
