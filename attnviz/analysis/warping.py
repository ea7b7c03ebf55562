"""The cheapest way through a matrix from one corner to the other: which row goes with which column."""

import numpy as np
from numpy.typing import NDArray

Path = tuple[NDArray[np.intp], NDArray[np.intp]]

# Ways into a cell: from the cell above left, from above, from the left.
_DIAGONAL, _DOWN, _RIGHT = 0, 1, 2


def warp(cost: NDArray[np.floating]) -> Path:
    r"""Match rows with columns, both in order, so that the matched cells cost least.

    Dynamic time warping (Sakoe and Chiba 1978, symmetric form P = 0 without the double weight of diagonal
    steps): $D_{ij} = c_{ij} + \min(D_{i-1,j-1}, D_{i-1,j}, D_{i,j-1})$, from the first cell to the last.
    Every row and every column is matched at least once. Of steps that cost the same, one to the right is
    taken before a diagonal one, and that before one down.

    Shape:
        cost: (row, column), any finite numbers, at least one of each.

    Returns:
        The rows and the columns of the cells on the path, both ascending: (step,) each.

    >>> rows, columns = warp(np.array([[0.0, 0.0, 9.0], [9.0, 9.0, 0.0]]))
    >>> list(zip(rows.tolist(), columns.tolist()))
    [(0, 0), (0, 1), (1, 2)]
    """
    return _back(_steps(np.asarray(cost, dtype=np.float64)))


def _steps(cost: NDArray[np.float64]) -> NDArray[np.int8]:
    """Give the best way into each cell: (row, column).

    Cells of one diagonal, from the lower left to the upper right, do not depend on each other.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    steps = np.empty((rows, columns), dtype=np.int8)
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.stack([total[i, j], total[i, j + 1], total[i + 1, j]])
        right = before[_RIGHT] <= before[:_RIGHT].min(axis=0)
        steps[i, j] = np.where(right, _RIGHT, np.where(before[_DIAGONAL] <= before[_DOWN], _DIAGONAL, _DOWN))
        total[i + 1, j + 1] = cost[i, j] + before.min(axis=0)
    return steps


def _back(steps: NDArray[np.int8]) -> Path:
    """Follow the best ways back from the last cell to the first."""
    i, j = steps.shape[0] - 1, steps.shape[1] - 1
    cells = [(i, j)]
    while i or j:
        step = _RIGHT if i == 0 else _DOWN if j == 0 else int(steps[i, j])
        i, j = i - (step != _RIGHT), j - (step != _DOWN)
        cells.append((i, j))
    rows, columns = np.array(cells[::-1], dtype=np.intp).T
    return rows, columns
