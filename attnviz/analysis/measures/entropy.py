"""How widely a row spreads its mass, as an amount and as a number of keys."""

from attnviz.arrays import Array, namespace


def entropy(weights: Array) -> Array:
    r"""Measure how undecided each query is, in bits: $-\sum_j w_{ij} \log_2 w_{ij}$.

    0 for a row that reads one key, $\log_2 n$ for one that reads n keys alike. Rows whose mass is below 1 are
    taken as they are. Clark et al. 2019, section 3.3 (there in nats, over smoothed weights; here exact).

    Shape:
        weights: (..., query, key).

    Returns:
        Bits per row, (..., query), 0 to log2 of the number of keys; a row of one or two keys whose mass is
        below 1 may exceed that, as $m \log_2 (n / m)$ does, its most for a mass m.

    >>> import numpy as np
    >>> float(entropy(np.full((1, 8), 1 / 8))[0])
    3.0
    """
    xp = namespace(weights)
    positive = xp.where(weights > 0, weights, xp.ones_like(weights))  # lim w log w = 0
    return -xp.vecdot(weights, xp.log2(positive)) + 0.0


def relative_entropy(weights: Array, seen: Array) -> Array:
    r"""Measure how undecided each query is, of what it could be: $H_i / \log_2 n_i$.

    The evenness of Pielou 1966. It makes queries of a causal model comparable, of which early ones see few
    keys.

    Shape:
        weights: (..., query, key).
        seen: (..., query).

    Args:
        weights: rows of weights.
        seen: the number of keys each query can see, n.

    Returns:
        Shares of 1, (..., query): 0 for a row that reads one key, 1 for one that reads all it sees alike; up
        to 1.062 for one of two keys whose mass is below 1. NaN where a query sees a single key, and so has no
        choice.

    >>> import numpy as np
    >>> causal = np.tri(4) / np.arange(1, 5)[:, None]
    >>> relative_entropy(causal, np.arange(1, 5)).round(6).tolist()
    [nan, 1.0, 1.0, 1.0]
    """
    return of_most(entropy(weights), seen)


def breadth(weights: Array) -> Array:
    r"""Say how many keys each query reads: $2^H$, the perplexity of the row.

    The diversity of order 1 of Hill 1973. Rows whose mass is below 1 are taken as they are.

    Shape:
        weights: (..., query, key).

    Returns:
        Keys per row, (..., query), 1 to the number of keys.

    >>> import numpy as np
    >>> round(float(breadth(np.array([[0.1, 0.2, 0.3, 0.4]]))[0]), 3)
    3.596
    """
    return perplexity(entropy(weights))


def participation(weights: Array) -> Array:
    r"""Say how many keys take part in each row: $(\sum_j w_{ij})^2 / \sum_j w_{ij}^2$.

    The diversity of order 2 of Hill 1973, $1 / \sum_j w_{ij}^2$ for a row whose mass is 1. Small weights
    count for less than in `breadth`, which it never exceeds then.

    Shape:
        weights: (..., query, key).

    Returns:
        Keys per row, (..., query), 1 to the number of keys; 0 for a row without mass.

    >>> import numpy as np
    >>> round(float(participation(np.array([[0.1, 0.2, 0.3, 0.4]]))[0]), 3)
    3.333
    """
    xp = namespace(weights)
    return taking_part(xp.sum(weights, axis=-1), xp.vecdot(weights, weights))


def taking_part(mass: Array, squares: Array) -> Array:
    """Give `participation` of the mass of each row and the sum of its squared weights.

    Shape:
        mass, squares: (..., query).

    >>> import numpy as np
    >>> taking_part(np.ones(2), np.array([0.5, 1.0])).tolist()
    [2.0, 1.0]
    """
    xp = namespace(mass, squares)
    return mass**2 / xp.where(squares > 0, squares, xp.ones_like(squares))


def of_most(bits: Array, seen: Array) -> Array:
    """Divide entropies by the most they could be.

    Shape:
        bits, seen: (..., query), the entropy of each row and the number of keys its query sees.

    Returns:
        Shares of 1, (..., query); NaN where a query sees a single key.

    >>> import numpy as np
    >>> of_most(np.array([0.0, 1.0, 1.0]), np.array([1, 2, 4])).tolist()
    [nan, 1.0, 0.5]
    """
    xp = namespace(bits, seen)
    choice = seen > 1
    most = xp.log2(xp.astype(xp.where(choice, seen, xp.full_like(seen, 2)), bits.dtype))
    return xp.where(choice, bits / most, xp.nan)


def perplexity(bits: Array) -> Array:
    """Turn an entropy into the number of keys that, read alike, would have it.

    Shape:
        bits: any.

    >>> perplexity(3.0)
    8.0
    """
    return 2.0**bits
