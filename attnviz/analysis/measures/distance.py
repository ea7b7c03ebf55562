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
    return per_mass(xp.vecdot(weights, xp.abs(query[:, None] - key[None, :])), mass)


def per_mass(sums: Array, mass: Array) -> Array:
    """Divide what weights were multiplied with and added up by the weights' own sum; 0 where there is none.

    Shape:
        sums, mass: (..., query).

    >>> import numpy as np
    >>> per_mass(np.array([1.0, 0.0]), np.array([0.5, 0.0])).tolist()
    [2.0, 0.0]
    """
    xp = namespace(sums, mass)
    return sums / xp.where(mass > 0, mass, xp.ones_like(mass))
