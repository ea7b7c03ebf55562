"""How far apart the spaces are that heads read from."""

import statistics
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]

# Below this share of the largest singular value a direction is rounding, as numpy.linalg.matrix_rank has it.
_ROUNDING = float(np.finfo(np.float32).eps)


def subspace_distance(first: Matrix, second: Matrix) -> float:
    r"""Say how far apart the spaces are that the columns of two matrices span.

    $1 - \lVert U^T V \rVert_F^2 / d$ with orthonormal bases $U$ and $V$: the mean of $\sin^2 \theta_k$ over
    the $d$ principal angles (Golub and Van Loan, "Matrix computations", 4th edition, section 6.4.3), which is
    the squared distance in the projection F-norm of Edelman, Arias and Smith 1998, section 4.3, divided by
    its most. Read it as the share of one head's directions that the other does not see.

    Shape:
        first, second: (d_model, direction).

    Returns:
        Share, 0 to 1: 0 where one space holds the other, 1 where they are orthogonal; NaN for a matrix of 0.

    >>> subspace_distance(np.eye(4)[:, :2], np.eye(4)[:, 1:3])
    0.5
    """
    one, other = _basis(first), _basis(second)
    directions = min(one.shape[1], other.shape[1])
    if not directions:
        return float("nan")
    return float(np.clip(1 - np.sum((one.T @ other) ** 2) / directions, 0, 1))


def random_subspace_distance(width: int, directions: int) -> float:
    r"""Say how far apart random spaces are on average: $1 - d / d_{model}$, exactly.

    A random orthonormal basis $V$ has $E[V V^T] = (d / d_{model}) I$, so $E \lVert U^T V \rVert_F^2 = d^2 /
    d_{model}$. With h heads that share the width this is 1 - 1/h: two heads cannot be as far apart as 16.

    >>> random_subspace_distance(128, 64), random_subspace_distance(128, 8)
    (0.5, 0.9375)
    """
    return 1 - directions / width


def heads_apart(projections: Sequence[Matrix]) -> float | None:
    """Say how far apart the spaces of heads are, on average over pairs; None for one head.

    Shape:
        projections: for each head (d_model, d_k), its part of a query or key projection.
    """
    pairs = [subspace_distance(one, other) for one, other in combinations(projections, 2)]
    return statistics.fmean(pairs) if pairs else None


def _basis(matrix: Matrix) -> Matrix:
    """Give an orthonormal basis of the space of a matrix's columns: (d_model, rank)."""
    left, sizes, _ = np.linalg.svd(np.asarray(matrix, dtype=np.float64), full_matrices=False)
    if not sizes.size or not sizes[0]:
        return left[:, :0]
    return left[:, sizes > _ROUNDING * max(matrix.shape) * sizes[0]]
