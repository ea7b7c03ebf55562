"""Which weights an answer stands on: each weight, times how the answer changes with it."""

from attnviz.arrays import Array, namespace


def supporting(weights: Array, gradients: Array) -> Array:
    r"""Say how much each weight speaks for an answer: $(w_{ij} \, \partial Y / \partial w_{ij})^+$.

    To first order, what the answer would lose if the weight went; weights that speak against it count as 0.
    Chefer et al. 2021 (ICCV), equation 5, before its mean over heads; there Y is a logit, here mostly the
    logarithm of a probability.

    Shape:
        weights, gradients: (..., query, key).

    Args:
        weights: rows of weights.
        gradients: the derivative of the answer by each weight.

    Returns:
        (..., query, key), 0 or more, in the unit of Y: bits, where Y is a logarithm to base 2.

    >>> import numpy as np
    >>> supporting(np.array([[0.5, 0.5]]), np.array([[3.0, -1.0]])).tolist()
    [[1.5, 0.0]]
    """
    xp = namespace(weights, gradients)
    product = weights * gradients
    return xp.where(product > 0, product, xp.zeros_like(product))
