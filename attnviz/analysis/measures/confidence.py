"""How sure a row is of one key."""

from attnviz.arrays import Array, namespace


def confidence(weights: Array, excluded: Array | None = None) -> Array:
    r"""Give the most that each query gives a single key: $\max_{j \notin E} w_{ij}$.

    Voita et al. 2019, section 4, leave out the end-of-sentence key, where heads rest that find nothing to
    read; nothing is renormalised for it.

    Shape:
        weights: (..., query, key).
        excluded: (key,), True for keys E that do not count; None means that all do.

    Returns:
        Weights, (..., query), 0 to 1; 0 where no key counts.

    >>> import numpy as np
    >>> rows = np.array([[0.1, 0.3, 0.6]])
    >>> confidence(rows).tolist(), confidence(rows, np.array([False, False, True])).tolist()
    ([0.6], [0.3])
    """
    xp = namespace(weights)
    if excluded is not None:
        weights = xp.where(excluded, xp.zeros_like(weights), weights)
    return xp.max(weights, axis=-1)
