"""Which tokens an answer stands on, through all layers: weights times gradients, added up layer by layer."""

from attnviz.analysis.through.gradients import supporting
from attnviz.arrays import Array, namespace
from attnviz.errors import RequestError


def relevance(weights: Array, gradients: Array) -> Array:
    r"""Add up what speaks for an answer: $R_l = R_{l-1} + \bar A_l R_{l-1}$, from $R_{-1} = I$.

    $\bar A_l$ is the mean over heads of $(w \, \partial Y / \partial w)^+$, see `supporting`. Row i of $R_l$
    says on which tokens of the input layer l's output at i stands, as far as the answer needs it; the row
    that explains the answer is the one it is read from. Chefer et al. 2021 (ICCV), equations 5 and 6. Of an
    encoder-decoder this is the relevance within its encoder or its decoder; equation 10, for
    cross-attention, is not taken.

    Shape:
        weights, gradients: (layer, head, query, key), every layer from the lowest on, with as many queries as
            keys.

    Args:
        weights: rows of weights.
        gradients: the derivative of the answer by each weight.

    Returns:
        (layer, query, key), no cell below the identity's; I where no gradient is above 0.

    Raises:
        RequestError: queries and keys are not the same tokens.

    >>> import numpy as np
    >>> weights = np.full((2, 1, 2, 2), 0.5)
    >>> gradients = np.array([[[[0.0, 0.0], [1.0, 0.0]]], [[[0.0, 0.0], [2.0, -2.0]]]])
    >>> relevance(weights, gradients)[1].tolist()
    [[1.0, 0.0], [1.5, 1.0]]
    """
    xp = namespace(weights, gradients)
    queries, keys = weights.shape[-2:]
    if queries != keys:
        raise RequestError(
            f"no way through layers: got {queries} queries and {keys} keys, allowed the same tokens for both"
        )
    speaking = xp.mean(supporting(weights, gradients), axis=-3)
    so_far = xp.eye(keys, dtype=weights.dtype, device=weights.device)
    through = []
    for layer in range(weights.shape[0]):
        so_far = so_far + xp.matmul(speaking[layer], so_far)
        through.append(so_far)
    return xp.stack(through)
