"""What a model is made of, as JSON."""

from collections.abc import Iterable

from attnviz.analysis.cost import Cost, attention_cost, sizes
from attnviz.analysis.layouts import Layouts
from attnviz.anatomy import Anatomy, Projection
from attnviz.outline import Layer
from attnviz.render.machine.plain import Fields, as_text

INFO = "attnviz/info/1"


LAYOUTS = "attnviz/layouts/1"


def layouts_json(layouts: Layouts) -> str:
    """Write one head of full width beside several; `cache_bytes`: all keys and values in float32."""
    return as_text({"schema": LAYOUTS, **_layouts(layouts)})


def _layouts(layouts: Layouts) -> Fields:
    return {
        "d_model": layouts.width,
        "tokens": layouts.tokens,
        "ways": [
            {
                "heads": way.heads,
                "key_heads": way.key_heads,
                "d_q": way.d_k,
                "d_k": way.d_k,
                "d_v": way.d_v,
                "parameters": way.parameters,
                **_amounts(way.cost),
                "cache_bytes": way.cache,
            }
            for way in layouts.ways
        ],
    }


def anatomy_json(anatomy: Anatomy, layouts: Layouts | None = None) -> str:
    """Write what a model is made of; `cost` is in multiply-adds of one pass, and bytes of float32 weights.

    `blocks` is empty for a model in which nothing attends; `tokens` is null where an input has one size.
    `halves` tells the same of what else a model reads with layers of its own.
    """
    return as_text(
        {
            "schema": INFO,
            "model": anatomy.model,
            "revision": anatomy.revision,
            "type": anatomy.kind,
            "class": anatomy.network,
            "captures": bool(anatomy.blocks),
            "sample": anatomy.sample,
            "parameters": anatomy.parameters,
            "attention_parameters": anatomy.attention_parameters,
            "attention_parameters_by": {
                ", ".join(roles): count for roles, count in anatomy.parameters_by_role.items()
            },
            "d_model": anatomy.width,
            "positions": anatomy.positions,
            **_attending(anatomy),
            **({"layouts": _layouts(layouts)} if layouts else {}),
            "halves": [{"sample": half.sample, **_attending(half)} for half in anatomy.halves],
        }
    )


def _attending(anatomy: Anatomy) -> Fields:
    """What attends in one half of a model, or all of it."""
    return {
        "blocks": [
            {
                "block": block,
                "layers": [
                    _layer(layer, anatomy.projections.get(block, {}).get(layer.number, ()))
                    for layer in outline.layers
                ],
            }
            for block, outline in anatomy.blocks.items()
        ],
        "not_attending": [
            {"stack": stack, "layer": number, "holds": what}
            for stack, others in anatomy.beside.items()
            for number, what in others.items()
        ],
        "cost": [_cost(anatomy, tokens) for tokens in sizes(anatomy) or (None,)] if anatomy.blocks else [],
        "checks": [{"holds": name, "detail": detail} for name, detail in anatomy.checks.items()],
    }


def _layer(layer: Layer, matrices: Iterable[Projection]) -> Fields:
    return {
        "layer": layer.number,
        "heads": len(layer.heads),
        "key_heads": layer.key_heads,
        "d_k": layer.d_k,
        "d_v": layer.d_v,
        "causal": layer.causal,
        "window": layer.window,
        "sinks": layer.sinks,
        "read_by": layer.path,
        "module": layer.module,
        "projections": [
            {
                "makes": list(matrix.roles),
                "name": matrix.name,
                "inputs": matrix.inputs,
                "outputs": matrix.outputs,
                "parameters": matrix.parameters,
            }
            for matrix in matrices
        ],
    }


def _cost(anatomy: Anatomy, tokens: int | None) -> Fields:
    return {"tokens": tokens, **_amounts(attention_cost(anatomy, tokens))}


def _amounts(cost: Cost) -> Fields:
    return {
        "projections": cost.projections,
        "scores": cost.scores,
        "mixing": cost.mixing,
        "multiply_adds": cost.multiply_adds,
        "weight_bytes": cost.weights,
    }
