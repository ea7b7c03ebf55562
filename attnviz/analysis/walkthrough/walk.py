"""Walk through one head at one query: every number from the vectors that come in to the one that goes out."""

import math

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.entropy import entropy
from attnviz.analysis.walkthrough.coverage import coverage
from attnviz.analysis.walkthrough.steps import (
    Addition,
    Joining,
    Mixture,
    Numbers,
    Projections,
    Scores,
    Spread,
    Walkthrough,
)
from attnviz.errors import MissingInternals, OutOfRange, RequestError
from attnviz.record import MASS_TOLERANCE, Attention, Internals, Mask
from attnviz.selection import TOGETHER, HeadId

# Weights that scale x q k^T explains to this much hold nothing else.
_EXPLAINED = 1e-5

# A scale this near to 1 leaves products as they are.
_NO_SCALE = 1e-6


def walkthrough(record: Attention, head: HeadId, position: int) -> Walkthrough:
    r"""Follow one query through one head, and on through its layer.

    The steps are those of Vaswani et al. 2017, "Attention is all you need", sections 3.2.1 and 3.2.2:
    vectors, their projections, $\mathrm{softmax}(s\,q k^T + a)$, the weighted sum of values, the
    concatenation of the heads and the output projection. What each head contributes is measured along what
    comes out: $c_h \cdot o / |o|^2$, with $o = \sum_h c_h + b$, so that all shares and the bias's sum to 1.

    Where the record does not say what is added to the scaled products, it is recovered from the weights: up
    to a constant, which changes no weight, the logits are their logarithms. The constant is chosen so that
    what is added is 0 on average, each key counted by its weight.

    Args:
        record: the weights of every head of the layer, as the model gave them, with internals.
        head: the head to follow.
        position: the place of the query to follow, from 0.

    Raises:
        OutOfRange: the record lacks that head, or there is no such query.
        MissingInternals: the record lacks query, key and value vectors.
        RequestError: the record shows something other than weights, or the query looks nowhere.

    >>> from dataclasses import replace
    >>> import attnviz
    >>> vectors = np.array([[[[1.0, 0.0], [0.0, 2.0]]]])
    >>> internals = Internals(vectors, vectors, vectors, scales=np.array([0.5]))
    >>> rows = [[0.622459, 0.377541], [0.119203, 0.880797]]
    >>> record = replace(attnviz.from_arrays(rows, ["a", "b"]), internals=internals)
    >>> found = walkthrough(record, HeadId(0, 0), 1)
    >>> found.scores.logits.tolist(), found.mixture.output.round(3).tolist()
    ([0.0, 2.0], [0.119, 1.762])
    """
    internals = _internals(record, head)
    if not 0 <= position < len(record.queries):
        raise OutOfRange(f"no query {position}: this text has queries 0-{len(record.queries) - 1}")
    layer, place = record.layers.index(head.layer), record.heads.index(head.index)
    projections = _projections(record, internals, head, position)
    weights = record.head(head)[position].astype(np.float64)
    if not weights.any():
        raise RequestError(f"nothing to follow: query {position} looks at no key in {head}")
    distances = None if internals.distances is None else internals.distances[layer, place]
    scores = _scores(record, head, position, projections, _scale(internals, layer), distances)
    concatenated = np.einsum("hk,hkv->hv", _row(record, layer, position), internals.values[layer])
    return Walkthrough(
        model=record.model,
        text=record.text,
        block=record.block,
        queries=record.queries,
        keys=record.keys,
        head=head,
        heads=record.heads,
        taught=record.taught.get(head),
        position=position,
        projections=projections,
        scores=scores,
        mixture=_mixture(weights, projections.values),
        concatenated=concatenated,
        joining=_joining(internals, layer, concatenated),
        coverage=coverage(record, [HeadId(head.layer, index) for index in record.heads]),
    )


def _internals(record: Attention, head: HeadId) -> Internals:
    record.head(head)  # says so where there is no such head
    if record.view != "weights" or record.renormalized:
        raise RequestError(
            "nothing to walk through: got numbers made of weights, allowed weights as they are"
        )
    if record.internals is None or head.index == TOGETHER:
        raise MissingInternals(f"layer {head.layer} of {record.model} comes without its query, key and value")
    return record.internals


def _projections(record: Attention, internals: Internals, head: HeadId, position: int) -> Projections:
    layer, place = record.layers.index(head.layer), record.heads.index(head.index)
    inputs = None if internals.inputs is None else internals.inputs[layer].astype(np.float64)
    output = internals.output_weights
    widths = [array.shape[-1] for array in (internals.inputs, output) if array is not None]
    return Projections(
        inputs=inputs,
        width=widths[0] if widths else None,
        query=internals.queries[layer, place, position].astype(np.float64),
        keys=internals.keys[layer, place].astype(np.float64),
        values=internals.values[layer, place].astype(np.float64),
        sharing=record.sharing_keys(head),
    )


def _row(record: Attention, layer: int, position: int) -> Numbers:
    """Give what all heads of a layer give the keys at one query: (head, key)."""
    row: Numbers = record.weights[layer, :, position].astype(np.float64)
    return row


def _scale(internals: Internals, layer: int) -> float | None:
    scale = math.nan if internals.scales is None else float(internals.scales[layer])
    return None if math.isnan(scale) else scale


def _scores(
    record: Attention,
    head: HeadId,
    position: int,
    projections: Projections,
    told: float | None,
    distances: NDArray[np.float32] | None,
) -> Scores:
    """Explain one row of weights by products, their scale, and what else is added."""
    usual = 1 / math.sqrt(projections.d_k)
    scale = usual if told is None else told
    weights = record.head(head)[position].astype(np.float64)
    visible = record.visible(head.layer)[position]
    products = projections.keys @ projections.query
    addition, added = _added(products * scale, weights, visible)
    if distances is not None:
        offset = 0 if record.block == "cross" else len(record.keys) - len(record.queries)
        addition = "distance"
        added = scale * _of_distances(projections.query, distances, position + offset, len(weights))
    visible = visible & (added > -math.inf)
    logits = np.where(visible, products * scale + added, -math.inf)
    lost, lost_logit = _lost(weights, logits, _EXPLAINED if head.layer in record.sinks else MASS_TOLERANCE)
    factor = usual if abs(scale - 1) < _NO_SCALE else 1.0
    # What distances add is a product with the query too, and is scaled with the others.
    moved = added * factor / scale if addition == "distance" else added
    otherwise = _softmax(np.append(np.where(visible, products * factor + moved, -math.inf), lost_logit))
    return Scores(
        products=products,
        scale=scale,
        scale_is_known=told is not None,
        addition=addition,
        added=added,
        visible=visible,
        logits=logits,
        weights=weights,
        lost=lost,
        lost_logit=lost_logit,
        spread=_spread(scale, weights),
        otherwise=_spread(factor, otherwise[:-1]),
    )


def _of_distances(query: Numbers, distances: NDArray[np.float32], position: int, keys: int) -> Numbers:
    """Multiply a query with what keys at their distances add to themselves: (key).

    Source: Shaw et al. 2018, "Self-attention with relative position representations", equation 5.
    """
    reach = len(distances) // 2
    chosen = np.clip(np.arange(keys) - position, -reach, reach) + reach
    products: Numbers = distances[chosen].astype(np.float64) @ query
    return products


def _added(scaled: Numbers, weights: Numbers, visible: Mask) -> tuple[Addition, Numbers]:
    """Recover what logits hold beside the scaled products: (key), -inf where the query does not look."""
    mass = weights.sum()
    plain = _softmax(np.where(visible, scaled, -math.inf)) * mass
    if np.abs(plain - weights).max() < _EXPLAINED:
        return "nothing", np.where(visible, 0.0, -math.inf)
    seen = visible & (weights > 0)
    rest = np.log(weights, where=seen, out=np.full(len(weights), -math.inf))
    rest[seen] -= scaled[seen]
    rest[seen] -= (weights[seen] * rest[seen]).sum() / mass
    return "recovered", rest


def _lost(weights: Numbers, logits: Numbers, least: float) -> tuple[float, float]:
    """Give the mass that goes to no key, if it is more than rounding, and the logit that takes it there."""
    mass = float(weights.sum())
    if mass > 1 - least:
        return 0.0, -math.inf
    largest = float(logits.max())
    total = float(np.exp(logits - largest).sum())
    return 1 - mass, largest + math.log(total * (1 - mass) / mass)


def _softmax(logits: Numbers) -> Numbers:
    raised = np.exp(logits - logits.max())
    shares: Numbers = raised / raised.sum()
    return shares


def _spread(factor: float, weights: Numbers) -> Spread:
    return Spread(factor, float(entropy(weights)), float(weights.max()))


def _mixture(weights: Numbers, values: Numbers) -> Mixture:
    terms = weights[:, None] * values
    output = terms.sum(axis=0)
    order = np.argsort(-np.linalg.norm(terms, axis=-1), kind="stable")
    return Mixture(terms, output, tuple(order.tolist()), _along(terms, output))


def _joining(internals: Internals, layer: int, outputs: Numbers) -> Joining | None:
    """Follow every head's output through the output projection."""
    if internals.output_weights is None or internals.output_bias is None:
        return None
    matrices = internals.output_weights[layer].astype(np.float64)
    contributions = np.einsum("hv,hvd->hd", outputs, matrices)
    bias = internals.output_bias[layer].astype(np.float64)
    output = contributions.sum(axis=0) + bias
    return Joining(
        contributions=contributions,
        bias=bias,
        output=output,
        shares=_along(contributions, output),
        bias_share=float(_along(bias[None], output)[0]),
    )


def _along(parts: Numbers, whole: Numbers) -> Numbers:
    """Say how much of a sum each part makes, along its direction: (part), summing to 1; 0 of nothing."""
    square = float(whole @ whole)
    shares: Numbers = parts @ whole / square if square else np.zeros(len(parts))
    return shares
