"""Heads as points of a plane: the nearer two stand, the more alike they read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.heads import Comparison
from attnviz.selection import HeadId

# An eigenvalue smaller than this share of the largest is rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class HeadMap:
    """Heads as points of a plane.

    Attributes:
        heads: which.
        places: float64 (head, 2), across and up; the distance of two is near the square root of their
            divergence in bits.
        kept: how much of the heads' spread these two dimensions keep, 0 to 1.
        groups: heads that read alike, as in the comparison.
    """

    heads: tuple[HeadId, ...]
    places: NDArray[np.float64]
    kept: float
    groups: tuple[tuple[HeadId, ...], ...]


def head_map(comparison: Comparison) -> HeadMap:
    """Place heads so that their distances show how differently they read.

    The distance that is kept is the square root of the mean divergence. The divergence itself is no metric;
    its root is one (Endres and Schindelin 2003), and more than that: rows of weights can be placed in a
    Euclidean space in which it is the ordinary distance (Fuglede and Topsoe 2004). The mean over rows of
    squared distances is again a squared distance, of all rows side by side. So classical scaling loses
    nothing but the dimensions it leaves out, and the share it keeps is one of the whole.

    Raises:
        RequestError: as `compare`, which is asked first.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2], ["lazy", "dog"])
    >>> head_map(attnviz.compare(record)).places.round(6).tolist()
    [[0.5, 0.0], [-0.5, 0.0]]
    """
    places, kept = scaling(np.sqrt(comparison.divergences))
    return HeadMap(comparison.heads, places, kept, comparison.groups)


def scaling(distances: NDArray[np.floating], dimensions: int = 2) -> tuple[NDArray[np.float64], float]:
    r"""Place points so that their distances are as given, as far as a few dimensions allow.

    Classical multidimensional scaling (Torgerson 1952): the coordinates are the leading eigenvectors of
    $-\frac{1}{2} J D^2 J$, each times the root of its eigenvalue, where J takes the mean away.

    Shape:
        distances: (point, point), symmetric, zero on the diagonal.

    Args:
        distances: how far apart each pair is.
        dimensions: how many to keep.

    Returns:
        Coordinates (point, dimension), the widest dimension first, their mean at 0, and each with its largest
        coordinate (the first of equal ones) positive; and which share of the sum of the positive eigenvalues
        is kept, 0 to 1, 1 where all points are one.

    >>> points, kept = scaling(np.array([[0.0, 3.0, 4.0], [3.0, 0.0, 5.0], [4.0, 5.0, 0.0]]))
    >>> round(float(np.linalg.norm(points[1] - points[2])), 6), round(kept, 6)
    (5.0, 1.0)
    """
    squares = np.asarray(distances, dtype=np.float64) ** 2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-(centred + centred.T) / 4)
    values, vectors = values[::-1], vectors[:, ::-1]
    positive = np.where(values > _ROUNDING * max(float(values[0]), 0.0), values, 0.0)
    points = np.zeros((len(squares), dimensions))
    leading = min(dimensions, len(squares))
    points[:, :leading] = vectors[:, :leading] * np.sqrt(positive[:leading])
    total = float(positive.sum())
    return _turned(points), float(positive[:leading].sum() / total) if total > 0 else 1.0


def _turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Settle which end of each dimension is positive, which the distances leave open."""
    # Of coordinates as large as each other but for rounding the first decides, wherever this runs.
    sizes = np.abs(points)
    largest = (sizes >= sizes.max(axis=0) * (1 - 1e-6)).argmax(axis=0)
    signs = np.where(points[largest, np.arange(points.shape[1])] < 0, -1.0, 1.0)
    turned: NDArray[np.float64] = points * signs + 0.0
    return turned
