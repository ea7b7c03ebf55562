"""Many weights in few cells: each cell shows the largest weight it stands for, so that no link is lost."""

import numpy as np
from numpy.typing import NDArray


def pool(weights: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.floating]:
    """Shrink squares to the maximum over evenly sized runs of rows and columns.

    Shape:
        weights: (..., query, key), NaN where the query could not look.
        result: (..., row, column).

    Args:
        weights: what to shrink.
        rows: how many rows to keep, at most as many as there are.
        columns: how many columns to keep, at most as many as there are.

    Returns:
        The maxima, NaN where a cell stands for invisible keys only.

    >>> pool(np.array([[0.1, 0.2, 0.3, 0.4]]), 1, 2)
    array([[0.2, 0.4]])
    """
    return _along(_along(weights, rows, -2), columns, -1)


def _along(weights: NDArray[np.floating], runs: int, axis: int) -> NDArray[np.floating]:
    """Take the maximum of each run: of all first elements, all second ones ..., each run as long as it is."""
    count = weights.shape[axis]
    first = starts(count, runs)
    last = np.append(first[1:], count) - 1
    pooled = weights.take(first, axis)
    for step in range(1, int((last - first).max()) + 1):
        np.fmax(pooled, weights.take(np.minimum(first + step, last), axis), out=pooled)
    return pooled


def starts(count: int, runs: int) -> NDArray[np.int_]:
    """Cut `count` things into `runs` runs that differ by at most one in length; give where each begins.

    >>> starts(7, 3).tolist()
    [0, 2, 4]
    """
    return np.arange(runs) * count // runs
