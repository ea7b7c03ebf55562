"""How widely a row spreads its mass."""

from attnviz.arrays import Array, namespace


def entropy(weights: Array) -> Array:
    r"""Measure how undecided each query is, in bits: $-\sum_j w_{ij} \log_2 w_{ij}$.

    0 for a row that reads one key, $\log_2 n$ for one that reads n keys alike. Rows whose mass is below 1 are
    taken as they are. Clark et al. 2019, section 3.3 (there in nats, over smoothed weights; here exact).

    Shape:
        weights: (..., query, key).

    Returns:
        Bits per row, (..., query), 0 to log2 of the number of keys.

    >>> import numpy as np
    >>> float(entropy(np.full((1, 8), 1 / 8))[0])
    3.0
    """
    xp = namespace(weights)
    positive = xp.where(weights > 0, weights, xp.ones_like(weights))  # lim w log w = 0
    return -xp.sum(weights * xp.log2(positive), axis=-1) + 0.0


def breadth(weights: Array) -> Array:
    r"""Say how many keys each query reads: $2^H$, the perplexity of the row.

    Shape:
        weights: (..., query, key).

    Returns:
        Keys per row, (..., query), 1 to the number of keys.

    >>> import numpy as np
    >>> round(float(breadth(np.array([[0.1, 0.2, 0.3, 0.4]]))[0]), 3)
    3.596
    """
    return 2.0 ** entropy(weights)
