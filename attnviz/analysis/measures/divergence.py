"""How differently two heads read."""

from types import ModuleType
from typing import NamedTuple

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
    kept = _kept(xp, first), _kept(xp, second)
    return xp.clip(_apart(xp, first, second) + _apart(xp, *kept), 0.0, 1.0)


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
    whole = _whole(xp, weights)
    heads, queries, _ = weights.shape
    per_row = xp.zeros((heads, heads, queries), dtype=weights.dtype, device=weights.device)
    # One head against the later ones at a time: the full (head, head, query, key) product need not exist.
    for i in range(heads - 1):
        later = _Whole(*(part[i + 1 :] for part in whole))
        apart = _between(xp, _Whole(*(part[i] for part in whole)), later)
        per_row[i, i + 1 :] = per_row[i + 1 :, i] = apart
    return per_row


def divergences_between(first: Array, second: Array) -> Array:
    """Measure how differently each head of one group reads from each of another, row by row, in bits.

    Shape:
        first: (head, query, key).
        second: (other head, query, key).

    Returns:
        Bits per pair and row, (head, other head, query); see `divergence`.

    >>> import numpy as np
    >>> divergences_between(np.array([[[1.0, 0.0]]]), np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).tolist()
    [[[0.0], [1.0]]]
    """
    xp = namespace(first, second)
    one, other = _whole(xp, first), _whole(xp, second)
    # One head at a time: the full (head, head, query, key) product need not exist.
    return xp.stack([_between(xp, _Whole(*(part[at] for part in one)), other) for at in range(len(first))])


class _Whole(NamedTuple):
    """Rows that sum to 1, as what each lacks is one more key.

    Attributes:
        weights: (..., query, key).
        kept: (..., query, 1), what each lacks.
        bits: (..., query), the entropy.
    """

    weights: Array
    kept: Array
    bits: Array


def _whole(xp: ModuleType, weights: Array) -> _Whole:
    kept = _kept(xp, weights)
    return _Whole(weights, kept, entropy(weights) + entropy(kept))


def _kept(xp: ModuleType, weights: Array) -> Array:
    return xp.clip(1.0 - xp.sum(weights, axis=-1, keepdims=True), 0.0, 1.0)


def _between(xp: ModuleType, first: _Whole, second: _Whole) -> Array:
    """Say by how much the entropy of the rows between two is above the mean of their own."""
    between = entropy((first.weights + second.weights) / 2) + entropy((first.kept + second.kept) / 2)
    return xp.clip(between - (first.bits + second.bits) / 2, 0.0, 1.0)


def _apart(xp: ModuleType, first: Array, second: Array) -> Array:
    r"""Add up what each key has to do with it, in bits: $\frac{1}{2} (p \log_2 (p/m) + q \log_2 (q/m))$.

    With $m = (p + q)/2$ this is the divergence again. No entropies of many bits are taken from each other, so
    rows that are nearly alike are told apart in single precision, too.
    """
    middle = _above_zero(xp, (first + second) / 2)
    return (_less(xp, first, middle) + _less(xp, second, middle)) / 2


def _less(xp: ModuleType, weights: Array, middle: Array) -> Array:
    """Give the relative entropy of rows to others."""
    return xp.vecdot(weights, xp.log2(_above_zero(xp, weights / middle)))


def _above_zero(xp: ModuleType, weights: Array) -> Array:
    """Put the least number there is where there is none: times a weight of 0 its logarithm is 0."""
    return xp.clip(weights, float(xp.finfo(weights.dtype).smallest_normal), None)
