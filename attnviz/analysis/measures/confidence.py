"""How sure a row is of one key."""

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from attnviz.arrays import Array, namespace

# Of so few runs of keys the most is found run by run, without a copy of the weights that leaves others out.
_FEW = 4


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
    if excluded is None:
        return xp.max(weights, axis=-1)
    if isinstance(excluded, np.ndarray) and len(runs := _runs(~excluded)) <= _FEW:
        found = [xp.max(weights[..., first:last], axis=-1) for first, last in runs]
        return reduce(xp.maximum, found, xp.zeros_like(weights[..., 0]))
    excluded = xp.asarray(excluded, device=weights.device)
    return xp.max(xp.where(excluded, xp.zeros_like(weights), weights), axis=-1)


def _runs(counted: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give where each run of keys that count starts and ends."""
    borders = np.flatnonzero(np.diff(counted, prepend=False, append=False)).tolist()
    return list(zip(borders[::2], borders[1::2], strict=True))
