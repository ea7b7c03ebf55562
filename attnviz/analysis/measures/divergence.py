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
    return _between(xp, first, second, (_entropies(xp, first) + _entropies(xp, second)) / 2)


def divergences_of(weights: Array) -> Array:
    """Measure how differently each pair of heads reads, row by row, in bits; see `divergence`.

    Shape:
        weights: (head, query, key).

    Returns:
        Bits per pair and row, (head, head, query), the same for both orders of a pair.

    >>> import numpy as np
    >>> divergences_of(np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).tolist()
    [[[0.0], [1.0]], [[1.0], [0.0]]]
    """
    xp = namespace(weights)
    own = _entropies(xp, weights)
    per_row = xp.zeros((len(weights), *own.shape), dtype=own.dtype, device=weights.device)
    # One head against the later ones at a time: the full (head, head, query, key) product need not exist.
    for i in range(len(weights) - 1):
        apart = _between(xp, weights[i], weights[i + 1 :], (own[i] + own[i + 1 :]) / 2)
        per_row[i, i + 1 :] = per_row[i + 1 :, i] = apart
    return per_row


def _between(xp: ModuleType, first: Array, second: Array, mean: Array) -> Array:
    """Say by how much the entropy of the rows between two is above the mean of their own."""
    return xp.clip(_entropies(xp, (first + second) / 2) - mean, 0.0, 1.0)


def _entropies(xp: ModuleType, weights: Array) -> Array:
    """Take the entropy of rows, the mass each lacks to 1 being one more key: (..., query), bits."""
    kept = xp.clip(1.0 - xp.sum(weights, axis=-1, keepdims=True), 0.0, 1.0)
    return entropy(weights) + entropy(kept)
