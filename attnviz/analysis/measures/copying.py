"""What a row gives to earlier places where its own token stood, and to what came after it there."""

from attnviz.analysis.measures.masses import cell_mass
from attnviz.arrays import Array, namespace


def same_token_mass(weights: Array, tokens: Array, start: int = 0) -> Array:
    r"""Add up what each query gives to earlier tokens equal to its own: $\sum_{j < i,\ t_j = t_i} w_{ij}$.

    What a "duplicate token head" does: Wang et al. 2023, section 3. Summed per query, so that a mean over
    queries is a share of the mass.

    Shape:
        weights: (..., query, key).
        tokens: (key,).

    Args:
        weights: rows of weights.
        tokens: a whole number for each key, the same for equal tokens; the queries are among the keys.
        start: the position of the first row, when the rows are a block of a longer text.

    Returns:
        Shares of the mass, (..., query), 0 to 1.

    >>> import numpy as np
    >>> tokens = np.array([0, 1, 2, 3, 1, 2, 3])
    >>> same_token_mass(np.eye(7, k=-3), tokens).tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """
    return cell_mass(weights, earlier_equals(tokens, weights.shape[-2], start))


def induction_mass(weights: Array, tokens: Array, start: int = 0) -> Array:
    r"""Add up what each query gives to the tokens behind earlier ones equal to its own.

    $\sum_{j \le i,\ t_{j-1} = t_i} w_{ij}$: where A B ... A stands, what the second A gives to B. Olsson et
    al. 2022, "prefix matching" of induction heads. In a run of equal tokens B may be the query itself.

    Shape:
        weights: (..., query, key).
        tokens: (key,).

    Args:
        weights: rows of weights.
        tokens: a whole number for each key, the same for equal tokens; the queries are among the keys.
        start: the position of the first row, when the rows are a block of a longer text.

    Returns:
        Shares of the mass, (..., query), 0 to 1.

    >>> import numpy as np
    >>> tokens = np.array([0, 1, 2, 3, 1, 2, 3])
    >>> induction_mass(np.eye(7, k=-2), tokens).tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """
    return cell_mass(weights, behind_earlier_equals(tokens, weights.shape[-2], start))


def earlier_equals(tokens: Array, rows: int, start: int = 0) -> Array:
    """Say which keys are earlier tokens equal to a query's: (query, key).

    Shape:
        tokens: (key,), a whole number for each, the same for equal tokens.

    Args:
        tokens: the keys, the queries among them.
        rows: how many queries.
        start: the position of the first.

    >>> import numpy as np
    >>> np.argwhere(earlier_equals(np.array([0, 1, 2, 3, 1, 2, 3]), 7)).tolist()
    [[4, 1], [5, 2], [6, 3]]
    """
    xp = namespace(tokens)
    place = xp.arange(tokens.shape[0], device=tokens.device)
    of_queries = slice(start, start + rows)
    equal = tokens[of_queries, None] == tokens[None, :]
    return equal & (place[of_queries, None] > place[None, :])


def behind_earlier_equals(tokens: Array, rows: int, start: int = 0) -> Array:
    """Say which keys stand behind earlier tokens equal to a query's: (query, key).

    Shape:
        tokens: (key,), a whole number for each, the same for equal tokens.

    Args:
        tokens: the keys, the queries among them.
        rows: how many queries.
        start: the position of the first.

    >>> import numpy as np
    >>> np.argwhere(behind_earlier_equals(np.array([0, 1, 2, 3, 1, 2, 3]), 7)).tolist()
    [[4, 2], [5, 3], [6, 4]]
    """
    xp = namespace(tokens)
    before = earlier_equals(tokens, rows, start)[:, :-1]
    none = xp.zeros((rows, 1), dtype=before.dtype, device=tokens.device)
    return xp.concat([none, before], axis=-1)
