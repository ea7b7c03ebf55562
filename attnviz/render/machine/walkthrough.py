"""A walk through one head, as JSON."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.walkthrough.coverage import Coverage, Covered
from attnviz.analysis.walkthrough.steps import Joining, Scores, Spread, Walkthrough
from attnviz.render.machine.plain import Fields, as_text, identity, names, plain, taught, tokens

EXPLAIN = "attnviz/explain/1"

# Sums are made in double precision; so many decimals let everything be checked.
_DECIMALS = 9


def walkthrough_json(walk: Walkthrough) -> str:
    """Write a walk with every number it is made of.

    From `projections` all others can be computed: `scores` from `query` and `keys`, `mixture` from the
    weights and `values`. A logit that is null is -infinity: the query may not look there. Shares sum to 1.
    """
    return as_text(
        {
            "schema": EXPLAIN,
            "model": walk.model,
            "text": walk.text,
            "block": walk.block,
            **identity(walk.head),
            **taught(walk.taught),
            "heads_of_layer": list(walk.heads),
            "query": {"token": walk.query.text, "position": walk.position},
            "queries": tokens(walk.queries),
            "keys": tokens(walk.keys),
            "input": _input(walk),
            "projections": _projections(walk),
            "scores": _scores(walk.scores),
            "mixture": {
                "terms": _numbers(walk.mixture.terms),
                "output": _numbers(walk.mixture.output),
                "order": list(walk.mixture.order),
                "shares": _numbers(walk.mixture.shares),
            },
            "concatenation": _concatenation(walk),
            "output": None if walk.joining is None else _joining(walk.joining),
            "coverage": None if walk.coverage is None else _coverage(walk.coverage),
        }
    )


def _input(walk: Walkthrough) -> Fields:
    found = walk.projections
    return {
        "d_model": found.width,
        "vectors": None if found.inputs is None else plain(found.inputs),
    }


def _projections(walk: Walkthrough) -> Fields:
    found = walk.projections
    return {
        "d_k": found.d_k,
        "d_v": found.d_v,
        "shares_keys_with": names(head for head in found.sharing if head != walk.head),
        "query": plain(found.query),
        "keys": plain(found.keys),
        "values": plain(found.values),
    }


def _scores(found: Scores) -> Fields:
    return {
        "products": _numbers(found.products),
        "scale": found.scale,
        "scale_is_known": found.scale_is_known,
        "addition": found.addition,
        "added": _numbers(found.added),
        "visible": found.visible.tolist(),
        "logits": _numbers(found.logits),
        "weights": plain(found.weights),
        "lost": _number(found.lost),
        "lost_logit": _number(found.lost_logit),
        "spread": _spread(found.spread),
        "otherwise": _spread(found.otherwise),
    }


def _spread(found: Spread) -> Fields:
    return {
        "scale": found.factor,
        "entropy": _number(found.entropy),
        "breadth": _number(found.breadth),
        "largest": _number(found.largest),
    }


def _concatenation(walk: Walkthrough) -> Fields:
    d_v = walk.projections.d_v
    return {
        "vector": _numbers(walk.concatenated.reshape(-1)),
        "from": walk.place * d_v,
        "to": (walk.place + 1) * d_v,
    }


def _joining(found: Joining) -> Fields:
    return {
        "contributions": _numbers(found.contributions),
        "bias": _numbers(found.bias),
        "vector": _numbers(found.output),
        "shares": _numbers(found.shares),
        "bias_share": _number(found.bias_share),
    }


def _coverage(found: Coverage) -> Fields:
    return {
        "first": _covered(found.first),
        "second": None if found.second is None else _covered(found.second),
        "both": found.both,
        "all": found.every,
        "heads": found.heads,
    }


def _covered(found: Covered) -> Fields:
    return {
        "head": str(found.head),
        "links": [
            {
                "from": link.source,
                "from_position": link.source_position,
                "to": link.target,
                "to_position": link.target_position,
                "weight": plain(link.weight),
            }
            for link in found.links
        ],
    }


def _number(value: float) -> float | None:
    return round(float(value), _DECIMALS) if isfinite(value) else None


def _numbers(values: NDArray[np.float64]) -> list[object]:
    """Give numbers rounded, nested as they are; null for what is infinite."""
    return [_numbers(value) if value.ndim else _number(float(value)) for value in values]
