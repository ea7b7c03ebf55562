"""Which heads belong together, by how differently they read."""

import numpy as np
from numpy.typing import NDArray


def group(divergences: NDArray[np.floating], below: float) -> tuple[tuple[int, ...], ...]:
    """Join heads into groups, the most alike first, as long as two groups differ by less than a bound.

    Average linkage (Sokal and Michener 1958): two groups differ by the mean over their pairs of heads.

    Shape:
        divergences: (head, head), symmetric.

    Args:
        divergences: how differently each pair of heads reads.
        below: groups this far apart or further stay apart; same unit as `divergences`.

    Returns:
        Row numbers, each in one group, ascending; larger groups first.

    >>> group(np.array([[0.0, 0.1, 0.9], [0.1, 0.0, 0.8], [0.9, 0.8, 0.0]]), 0.5)
    ((0, 1), (2,))
    """
    groups = [[row] for row in range(len(divergences))]
    apart = np.array(divergences, dtype=np.float64)
    np.fill_diagonal(apart, np.inf)
    while apart.min(initial=np.inf) < below:
        near, far = sorted(int(row) for row in np.unravel_index(apart.argmin(), apart.shape))
        sizes = len(groups[near]), len(groups[far])
        # The mean over the pairs of a union is the mean of both means, weighted by their sizes.
        apart[near] = apart[:, near] = np.average(apart[[near, far]], axis=0, weights=sizes)
        apart[near, near] = np.inf
        apart = np.delete(np.delete(apart, far, axis=0), far, axis=1)
        groups[near] += groups.pop(far)
    return tuple(sorted((tuple(sorted(g)) for g in groups), key=lambda g: (-len(g), g)))
