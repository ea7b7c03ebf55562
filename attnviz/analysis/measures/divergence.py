"""How differently two heads read."""

from types import ModuleType

from attnviz.analysis.measures.entropy import entropy
from attnviz.arrays import Array, namespace


def divergence(first: Array, second: Array) -> Array:
    r"""Measure how differently two heads read, row by row, in bits.

    The Jensen-Shannon divergence $H((p+q)/2) - (H(p) + H(q))/2$ (Lin 1991, equation 4.1). Clark et al. 2019,
    section 6, smooth the weights and add the rows up; here neither is done. What a row keeps back of its
    mass (a learned sink) counts as one more key.

    Shape:
        first, second: (..., query, key).

    Returns:
        Bits per row, (..., query): 0 for equal rows, 1 for rows that share no key.

    >>> import numpy as np
    >>> float(divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))[0])
    1.0
    """
    xp = namespace(first, second)
    between = entropy((first + second) / 2) - (entropy(first) + entropy(second)) / 2
    kept_first, kept_second = _kept_back(xp, first), _kept_back(xp, second)
    kept = entropy((kept_first + kept_second) / 2) - (entropy(kept_first) + entropy(kept_second)) / 2
    return xp.clip(between + kept, 0.0, 1.0)


def _kept_back(xp: ModuleType, weights: Array) -> Array:
    """Give the mass each row lacks to 1, as one more column: (..., query, 1)."""
    return xp.clip(1.0 - xp.sum(weights, axis=-1, keepdims=True), 0.0, 1.0)
