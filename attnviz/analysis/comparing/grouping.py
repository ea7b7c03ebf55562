"""Which heads belong together, by how differently they read."""

from itertools import product

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
    groups = _joined(np.asarray(divergences, dtype=np.float64), below)
    return tuple(sorted((tuple(sorted(g)) for g in groups), key=lambda g: (-len(g), g)))


def order(divergences: NDArray[np.floating]) -> tuple[int, ...]:
    """Put heads into a row in which those that read alike stand together.

    The leaves of the dendrogram of `group`, joined up to the last two. A dendrogram leaves open how each of
    its branches is turned; here the two heads that meet where branches are joined differ as little as any
    turn allows. Every group of `group`, whatever its bound, is a run of this order.

    Shape:
        divergences: (head, head), symmetric.

    Returns:
        Row numbers, each once.

    >>> order(np.array([[0.0, 0.9, 0.1], [0.9, 0.0, 0.8], [0.1, 0.8, 0.0]]))
    (0, 2, 1)
    """
    joined = _joined(np.asarray(divergences, dtype=np.float64), np.inf)
    return tuple(joined[0]) if joined else ()


def _joined(divergences: NDArray[np.float64], below: float) -> list[list[int]]:
    """Join groups as long as two differ by less than a bound; each in the order of its dendrogram."""
    groups = [[row] for row in range(len(divergences))]
    apart = np.array(divergences)
    np.fill_diagonal(apart, np.inf)
    while len(groups) > 1 and apart.min() < below:
        near, far = sorted(int(row) for row in np.unravel_index(apart.argmin(), apart.shape))
        sizes = len(groups[near]), len(groups[far])
        # The mean over the pairs of a union is the mean of both means, weighted by their sizes.
        apart[near] = apart[:, near] = np.average(apart[[near, far]], axis=0, weights=sizes)
        apart[near, near] = np.inf
        apart = np.delete(np.delete(apart, far, axis=0), far, axis=1)
        groups[near] = _in_a_row(groups[near], groups.pop(far), divergences)
    return groups


def _in_a_row(one: list[int], other: list[int], divergences: NDArray[np.float64]) -> list[int]:
    """Put two groups one behind the other, each turned so that the heads where they meet are most alike."""
    turns = product((one, one[::-1]), (other, other[::-1]))
    before, behind = min(turns, key=lambda turn: float(divergences[turn[0][-1], turn[1][0]]))
    return [*before, *behind]
