"""How much of a row's mass falls on certain keys, and how much more than chance would put there."""

from attnviz.arrays import Array, namespace


def key_mass(weights: Array, keys: Array) -> Array:
    r"""Add up what each query gives a set of keys: $\sum_{j \in K} w_{ij}$.

    The first key (Xiao et al. 2023, section 3.1, "attention sink"), delimiters and punctuation (Clark et al.
    2019, section 3.2).

    Shape:
        weights: (..., query, key).
        keys: (key,), True for those of the set K.

    Returns:
        Shares of the mass, (..., query), 0 to 1.

    >>> import numpy as np
    >>> causal = np.tri(64) / np.arange(1, 65)[:, None]
    >>> round(float(key_mass(causal, np.arange(64) == 0).mean()), 4)
    0.0741
    """
    xp = namespace(weights, keys)
    return xp.matmul(weights, xp.astype(keys, weights.dtype))


def cell_mass(weights: Array, cells: Array) -> Array:
    r"""Add up what each query gives its cells of a pattern: $\sum_{j: (i,j) \in C} w_{ij}$.

    Shape:
        weights: (..., query, key).
        cells: (query, key), True for those of the pattern C.

    Returns:
        Shares of the mass, (..., query), 0 to 1.

    >>> import numpy as np
    >>> cell_mass(np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[False, True], [False, False]])).tolist()
    [0.75, 0.0]
    """
    xp = namespace(weights, cells)
    return xp.vecdot(weights, xp.astype(cells, weights.dtype))


def offset_mass(weights: Array, steps: int, start: int = 0) -> Array:
    r"""Give what each query gives the key so many tokens after its own position: $w_{i, i + s}$.

    0 steps are the token itself, -1 the previous, 1 the next. A query without such a key gives it 0, and is
    counted in a mean. Clark et al. 2019, section 3.1.

    Shape:
        weights: (..., query, key).

    Args:
        weights: rows of weights.
        steps: how far after the query the key stands, s; negative means before it.
        start: the position of the first row, when the rows are a block of a longer text.

    Returns:
        Weights, (..., query), 0 to 1.

    >>> import numpy as np
    >>> shifted = np.eye(5, k=-1) + np.diag([1, 0, 0, 0, 0])
    >>> float(offset_mass(shifted, -1).mean())
    0.8
    """
    xp = namespace(weights)
    rows, columns = weights.shape[-2:]
    diagonal = xp.linalg.diagonal(weights, offset=start + steps)
    # The diagonal lacks the rows above its first column, and those below its last.
    above = min(max(-start - steps, 0), rows)
    below = rows - above - diagonal.shape[-1]
    if not above and not below:
        return xp.asarray(diagonal, copy=True)
    missing = [xp.zeros_like(weights[..., :many, 0]) for many in (above, below)]
    return xp.concat([missing[0], diagonal, missing[1]], axis=-1) if columns else missing[0]


def over_chance(weights: Array, cells: Array, visible: Array) -> Array:
    r"""Say how much more mass falls on some cells than even attention would put there.

    $\sum_{j: (i,j) \in C} w_{ij} - \frac{|C_i \cap V_i|}{|V_i|} \sum_j w_{ij}$: evenly spread, the mass each
    query has would fall on all keys it can see, V, alike. A definition of our own.

    Shape:
        weights: (..., query, key).
        cells: (query, key), True for those of the pattern C.
        visible: (query, key), True where a query can look.

    Returns:
        Shares of the mass, (..., query), -1 to 1; 0 for even attention, whatever the pattern.

    >>> import numpy as np
    >>> diagonal, everything = np.eye(4) > 0, np.ones((4, 4)) > 0
    >>> over_chance(np.eye(4), diagonal, everything).tolist()
    [0.75, 0.75, 0.75, 0.75]
    """
    xp = namespace(weights)
    return cell_mass(weights, cells) - xp.sum(weights, axis=-1) * chance(cells, visible, like=weights)


def chance(cells: Array, visible: Array, like: Array) -> Array:
    """Give the share of what each query can see that is of a pattern.

    Shape:
        cells, visible: (query, key).

    Args:
        cells: True for those of the pattern.
        visible: True where a query can look.
        like: an array of the type the shares are to have.

    Returns:
        Shares, (query,), 0 to 1; 0 for a query that sees nothing.

    >>> import numpy as np
    >>> chance(np.eye(2) > 0, np.tri(2) > 0, np.zeros(1)).tolist()
    [1.0, 0.5]
    """
    xp = namespace(cells, visible)
    of, seen = (xp.astype(xp.count_nonzero(mask, axis=-1), like.dtype) for mask in (cells & visible, visible))
    return of / xp.where(seen > 0, seen, xp.ones_like(seen))
