"""How many heads give the first key much of all attention."""

from attnviz.arrays import Array, namespace

# From how much mean mass on the first key on a head counts as having its sink there.
SINK = 0.3


def sink_rate(weights: Array, above: float = SINK) -> float:
    r"""Give the share of heads whose queries give the first key more than a bound, on average.

    $\frac{1}{T L H} \sum_{t, l, h} [\frac{1}{n} \sum_i w^{tlh}_{i,0} > \epsilon]$. Gu et al. 2024, section 3,
    at the first key: of a causal model later keys are seen by few queries, and exceed the bound by that
    alone. All queries count, special tokens too.

    Shape:
        weights: (..., query, key), whole squares, such as (text, layer, head, query, key).

    Args:
        weights: all rows of each head.
        above: the bound, epsilon.

    Returns:
        A share of 1.

    >>> import numpy as np
    >>> to_first, itself = np.eye(4)[[0, 0, 0, 0]], np.eye(4)
    >>> sink_rate(np.stack([to_first, itself]))
    0.5
    """
    xp = namespace(weights)
    return rate(xp.mean(weights[..., 0], axis=-1), above)


def rate(means: Array, above: float = SINK) -> float:
    """Give the share of heads whose mean weight on the first key is above a bound.

    Shape:
        means: any, one for each head.

    >>> import numpy as np
    >>> rate(np.array([0.9, 0.1]))
    0.5
    """
    xp = namespace(means)
    return float(xp.mean(xp.astype(means > above, means.dtype)))
