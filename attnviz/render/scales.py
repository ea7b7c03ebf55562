"""What share of the way along a scale of colours a weight is, by its size or by its order of magnitude.

Weights of long inputs differ by orders of magnitude: on a linear scale all but the largest would be blank.
"""

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Attention

# A logarithmic scale has one order of magnitude at the least.
_LEAST_REACH = 10.0


def floor_of(record: Attention, top: float) -> float:
    """Give the weight a logarithmic scale begins at: that of an even spread over all keys, 1 / n.

    Args:
        record: whose weights are shown.
        top: the largest weight.

    Returns:
        The weight; 0 where the scale is linear, which it is but for pooled records.
    """
    if record.pooling is None:
        return 0.0
    return min(1 / record.pooling.keys, top / _LEAST_REACH)


@overload
def shares(weights: float, top: float, floor: float = 0.0) -> float: ...
@overload
def shares(weights: NDArray[np.floating], top: float, floor: float = 0.0) -> NDArray[np.floating]: ...
def shares(weights: Any, top: float, floor: float = 0.0) -> Any:
    """Say how far along the scale weights are: 0 at its beginning, 1 at its top.

    Args:
        weights: one or many; on a logarithmic scale what is below the floor is at the beginning.
        top: the largest weight.
        floor: where a logarithmic scale begins; 0 for a linear one.

    >>> shares(0.25, 0.5)
    0.5
    >>> shares(np.array([0.0, 0.01, 0.1]), 0.1, 0.001).round(6).tolist()
    [0.0, 0.5, 1.0]
    """
    if not floor:
        return weights / top
    return np.log(np.maximum(weights, floor) / floor) / np.log(top / floor)


@overload
def weight_at(share: float, top: float, floor: float = 0.0) -> float: ...
@overload
def weight_at(share: NDArray[np.floating], top: float, floor: float = 0.0) -> NDArray[np.floating]: ...
def weight_at(share: Any, top: float, floor: float = 0.0) -> Any:
    """Give the weights that are so far along the scale: the other way round.

    >>> weight_at(0.5, 0.5), round(weight_at(0.5, 0.1, 0.001), 6)
    (0.25, 0.01)
    """
    return top * share if not floor else floor * (top / floor) ** share


def powers_of_ten(top: float, floor: float) -> list[float]:
    """Give the powers of ten on a logarithmic scale.

    >>> powers_of_ten(0.05, 0.00006)
    [0.0001, 0.001, 0.01]
    """
    first, last = np.ceil(np.log10(floor)), np.floor(np.log10(top))
    return [float(10.0**power) for power in np.arange(first, last + 1)]


def written(weight: float, digits: int = 2) -> str:
    """Write a weight with so many digits, a tiny one with its power of ten.

    >>> written(0.016), written(0.000061), written(0.000061, 1), written(0.0001)
    ('0.016', '6.1e-5', '6e-5', '0.0001')
    """
    return f"{weight:.{digits}g}".replace("e-0", "e-")
