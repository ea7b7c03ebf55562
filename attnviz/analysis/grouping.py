"""Which heads belong together, by how differently they read."""

from collections.abc import Sequence

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
    groups: list[tuple[int, ...]] = [(row,) for row in range(len(divergences))]
    while len(groups) > 1:
        apart, near, far = min(
            (_mean_between(divergences, a, b), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups[:i])
        )
        if apart >= below:
            break
        joined = tuple(sorted(groups[near] + groups[far]))
        groups = [g for k, g in enumerate(groups) if k not in (near, far)] + [joined]
    return tuple(sorted(groups, key=lambda g: (-len(g), g)))


def _mean_between(divergences: NDArray[np.floating], a: Sequence[int], b: Sequence[int]) -> float:
    return float(divergences[np.ix_(a, b)].mean())
