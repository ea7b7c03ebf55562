"""How much a key adds to what a layer gives: its weight, times how long its value is once projected."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import MissingInternals
from attnviz.record import Attention, Internals

Numbers = NDArray[np.float64]


class _Projected(NamedTuple):
    """Values, and the projection they go through: (layer, head, key, d_v), (layer, head, d_v, d_model)."""

    values: NDArray[np.float32]
    output_weights: NDArray[np.float32]


def value_norms(internals: Internals) -> Numbers:
    r"""Measure what each key has to give: $\|v_j W_O\|$, with $v_j = x_j W_V + b_V$.

    The length of a head's value after the head's part of the output projection, whoever reads it. Kobayashi
    et al. 2020, section 3, $\|f(x)\|$.

    Args:
        internals: the values of a record and the output projection they go through.

    Returns:
        float64 (layer, head, key), 0 or more, in the units of the layer's output.

    Raises:
        MissingInternals: the output projection is not known.

    >>> values, output = np.array([[[[3.0, 4.0], [0.0, 1.0]]]]), np.eye(2)[None, None]
    >>> value_norms(Internals(values, values, values, output)).tolist()
    [[[5.0, 1.0]]]
    """
    values, output = _projected(internals)
    found = np.empty(values.shape[:3])
    for head in np.ndindex(found.shape[:2]):
        # |v W|^2 = v (W W^T) v^T: never more numbers than d_v for each key.
        matrix, vectors = output[head].astype(np.float64), values[head].astype(np.float64)
        found[head] = _lengths(np.vecdot(vectors @ (matrix @ matrix.T), vectors))
    return found


def norms(record: Attention) -> Numbers:
    r"""Measure how much each key adds to what a head gives: $\|w_{ij} v_j W_O\| = w_{ij} \|v_j W_O\|$.

    A key with much weight and a short value, such as a separator that heads rest on, adds little. Kobayashi
    et al. 2020, section 3. Rows are not brought back to 1, and the output bias, which is nobody's, is left
    out.

    Args:
        record: weights with internals that hold the output projection.

    Returns:
        float64 (layer, head, query, key), 0 or more, in the units of the layer's output.

    Raises:
        MissingInternals: the record lacks the values or the output projection.

    >>> from dataclasses import replace
    >>> import attnviz
    >>> values, output = np.array([[[[3.0, 4.0], [0.0, 1.0]]]]), np.eye(2)[None, None]
    >>> record = attnviz.from_arrays([[0.5, 0.5], [0.25, 0.75]], ["a", "b"])
    >>> norms(replace(record, internals=Internals(values, values, values, output)))[0, 0].tolist()
    [[2.5, 0.5], [1.25, 0.75]]
    """
    return record.weights * value_norms(_internals(record))[:, :, None, :]


def joint_norms(record: Attention) -> Numbers:
    r"""Measure how much each key adds to what all heads give together: $\|\sum_h w^h_{ij} v^h_j W^h_O\|$.

    At most the sum of the heads' own norms, and less where heads write against each other. Kobayashi et al.
    2020, as their published code sums it.

    Args:
        record: weights with internals that hold the output projection, of every head of each layer.

    Returns:
        float64 (layer, query, key), 0 or more, in the units of the layer's output.

    Raises:
        MissingInternals: the record lacks the values or the output projection.

    >>> from dataclasses import replace
    >>> import attnviz
    >>> values, output = np.ones((1, 2, 1, 1)), np.array([[[[1.0]], [[-1.0]]]])
    >>> record = attnviz.from_arrays([[[1.0]], [[1.0]]], ["a"])
    >>> joint_norms(replace(record, internals=Internals(values, values, values, output))).tolist()
    [[[0.0]]]
    """
    values, output = _projected(_internals(record))
    found = np.empty((len(record.layers), *record.weights.shape[2:]))
    for layer, weights in enumerate(record.weights):
        agreement = _agreement(values[layer].astype(np.float64), output[layer].astype(np.float64))
        squares = np.zeros(found.shape[1:])
        for head, own in enumerate(weights):
            squares += own * np.einsum("hik,kh->ik", weights, agreement[:, head])
        found[layer] = _lengths(squares)
    return found


def _agreement(values: Numbers, output: Numbers) -> Numbers:
    """Give the products of what every two heads have to give at each key: (key, head, head).

    Shape:
        values: (head, key, d_v).
        output: (head, d_v, d_model).
    """
    heads, keys, length = values.shape
    rows = output.reshape(heads * length, -1)
    between = (rows @ rows.T).reshape(heads, length, heads * length)
    through = (values @ between).reshape(heads, keys, heads, length)
    agreement: Numbers = np.einsum("hkgd,gkd->khg", through, values)
    return agreement


def _internals(record: Attention) -> Internals:
    if record.internals is None:
        raise MissingInternals("no value vectors: this record was made without them")
    return record.internals


def _projected(internals: Internals) -> _Projected:
    if internals.output_weights is None:
        raise MissingInternals("no output projection: what becomes of the values is not known of this model")
    return _Projected(internals.values, internals.output_weights)


def _lengths(squares: Numbers) -> Numbers:
    """Take the root of squared lengths; what rounding made negative is 0."""
    lengths: Numbers = np.sqrt(np.maximum(squares, 0.0))
    return lengths
