"""From where each output is mixed, if weights said how: weights multiplied through layers."""

from types import ModuleType

from attnviz.arrays import Array, namespace
from attnviz.errors import RequestError


def rollout(weights: Array, visible: Array | None = None) -> Array:
    r"""Multiply weights through the layers: $R_l = A'_l R_{l-1}$, from $R_{-1} = I$.

    Of each layer $A'$ is the mean over its heads with every token kept by half where it is, see
    `with_residual`. Row i of $R_l$ says from which tokens of the input layer l's output at i is made, if
    weights were all there is to it. Abnar and Zuidema 2020, section 3.

    A causal model's first tokens are seen by every query, the last by one, so rollout leans to the first
    whatever a model does. Abnar and Zuidema 2020, section 5, say so, and that it should be normalized by the
    receptive field; not how. Our way, where `visible` is given: each cell is divided by what it would be if
    every query spread the same mass evenly over the keys it sees, in every layer; then rows are brought back
    to 1. Even attention so comes out even over all that can be reached.

    Shape:
        weights: (layer, head, query, key), every layer from the lowest on, with as many queries as keys.
        visible: (query, key), or (layer, query, key) where layers see differently far.

    Args:
        weights: rows of weights. Where their mass is below 1, see `with_residual`.
        visible: True where a query can look; None leaves the leaning of causal models as it is.

    Returns:
        Shares, (layer, query, key), 0 to 1, one map for each layer; rows sum to 1.

    Raises:
        RequestError: queries and keys are not the same tokens.

    >>> import numpy as np
    >>> lower = [[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]
    >>> upper = [[1, 0, 0], [0.4, 0.6, 0], [0.1, 0.6, 0.3]]
    >>> weights = np.array([[lower], [upper]])
    >>> rollout(weights)[1].round(4).tolist()
    [[1.0, 0.0, 0.0], [0.4, 0.6, 0.0], [0.19, 0.3225, 0.4875]]
    >>> rollout(weights, np.tri(3) > 0)[1].round(4).tolist()
    [[1.0, 0.0, 0.0], [0.4615, 0.5385, 0.0], [0.1945, 0.4467, 0.3587]]
    """
    through = _multiplied(with_residual(weights))
    if visible is None:
        return through
    return over_even(through, _multiplied(with_residual(evenly(weights, visible))))


def with_residual(weights: Array) -> Array:
    r"""Average heads and keep half of each row where it is: $\frac{1}{H} \sum_h A_h + I$, rows brought to 1.

    The residual connection around attention adds a token to what it read. Abnar and Zuidema 2020, section 3.
    A row whose mass m is below 1, since some went to a learned sink, keeps more of itself: 1 / (1 + m).

    Shape:
        weights: (layer, head, query, key).

    Returns:
        Shares, (layer, query, key); rows sum to 1.

    Raises:
        RequestError: queries and keys are not the same tokens.

    >>> import numpy as np
    >>> with_residual(np.array([[[[0.0, 1.0], [0.5, 0.5]]]]))[0].tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    xp = namespace(weights)
    queries, keys = weights.shape[-2:]
    if queries != keys:
        raise RequestError(
            f"no way through layers: got {queries} queries and {keys} keys, allowed the same tokens for both"
        )
    mixed = xp.mean(weights, axis=-3) + _identity(xp, weights)
    return mixed / xp.sum(mixed, axis=-1, keepdims=True)


def evenly(weights: Array, visible: Array) -> Array:
    """Spread the mass each query has, in the mean over heads, evenly over the keys it sees.

    Shape:
        weights: (layer, head, query, key).
        visible: (query, key) or (layer, query, key).

    Returns:
        Weights of one head, (layer, 1, query, key).

    >>> import numpy as np
    >>> evenly(np.array([[[[0.8, 0.0], [0.9, 0.1]]]]), np.tri(2) > 0)[0, 0].tolist()
    [[0.8, 0.0], [0.5, 0.5]]
    """
    xp = namespace(weights, visible)
    seen = xp.astype(visible, weights.dtype)
    many = xp.sum(seen, axis=-1, keepdims=True)
    mass = xp.sum(xp.mean(weights, axis=-3), axis=-1, keepdims=True)
    return (mass * seen / xp.where(many > 0, many, xp.ones_like(many)))[:, None]


def over_even(found: Array, even: Array) -> Array:
    """Divide each cell by what even attention gives it, and bring rows back to 1.

    Shape:
        found, even: (..., query, key).

    Returns:
        Shares, (..., query, key); 0 where even attention gives nothing, or a row of 0 where it gives nothing
        at all.

    >>> import numpy as np
    >>> over_even(np.array([[0.8, 0.2, 0.0]]), np.array([[0.8, 0.1, 0.0]])).round(4).tolist()
    [[0.3333, 0.6667, 0.0]]
    """
    xp = namespace(found)
    ones = xp.ones_like(even)
    times = xp.where(even > 0, found / xp.where(even > 0, even, ones), 0 * ones)
    return shares(times)


def shares(amounts: Array) -> Array:
    """Bring rows to a sum of 1; one of 0 stays as it is.

    Shape:
        amounts: (..., query, key), none negative.

    >>> import numpy as np
    >>> shares(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.0, 0.0]]
    """
    xp = namespace(amounts)
    whole = xp.sum(amounts, axis=-1, keepdims=True)
    return amounts / xp.where(whole > 0, whole, xp.ones_like(whole))


def _multiplied(mixed: Array) -> Array:
    """Multiply the layers one onto the other: (layer, query, key)."""
    xp = namespace(mixed)
    through = [mixed[0]]
    for layer in range(1, mixed.shape[0]):
        through.append(xp.matmul(mixed[layer], through[-1]))
    return xp.stack(through)


def _identity(xp: ModuleType, like: Array) -> Array:
    return xp.eye(like.shape[-1], dtype=like.dtype, device=like.device)
