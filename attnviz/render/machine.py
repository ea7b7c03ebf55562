"""Results as JSON for other programs: every number plain, every position counted from 0."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from attnviz.analysis.alignment import AlignedWord, Alignment
from attnviz.analysis.comparing.heads import Comparison, Pair, Row
from attnviz.analysis.cost import attention_cost, sizes
from attnviz.analysis.focus import Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.parts import HeadParts, Part, Parts
from attnviz.analysis.patterns.find import Pattern
from attnviz.anatomy import Anatomy, Projection
from attnviz.outline import Layer
from attnviz.record import Attention, Prediction, Token
from attnviz.render.notes import has_sink
from attnviz.render.sections import border
from attnviz.selection import HeadId
from attnviz.store import masks

INFO = "attnviz/info/1"
FOCUS, COMPARISON, HEATMAP = "attnviz/focus/1", "attnviz/compare/1", "attnviz/heatmap/1"
PARTS, ALIGNMENT = "attnviz/parts/1", "attnviz/align/1"

Fields = dict[str, Any]


def focus_json(focus: Focus, parts: Parts | None = None) -> str:
    """Write what heads read: words, links, pattern and breadth of each, and of all together.

    `entropy` is in bits, `breadth` and `distance` in tokens, every mass and weight a share of 1 but a word's
    `mass`, which is in queries' worth of attention. `tokens` are the keys; `queries` are written where they
    are others, and `predictions`, one for each query, where there are any; `parts` of an input that has
    several are as in `parts_json`.
    """
    across = {"queries": _tokens(focus.queries)} if focus.queries != focus.tokens else {}
    expected = {"predictions": _predictions(focus.predictions)} if focus.predictions else {}
    return _text(
        {
            "schema": FOCUS,
            "model": focus.model,
            "text": focus.text,
            "block": focus.block,
            "tokens": _tokens(focus.tokens),
            **across,
            **expected,
            "heads": [_head(head) for head in focus.heads],
            "together": _together(focus.together),
            **({"parts": _parts(parts)} if parts else {}),
        }
    )


def alignment_json(alignment: Alignment) -> str:
    """Write when each word of a sound was said.

    `start`, `end` and `seconds` are in seconds of the sound, `probability` is the mean of what the model gave
    the word's tokens (null where that was not recorded). `path` holds the way through the weights, [query,
    key]: the row of a query speaks for the token behind it. `named` says whether the model's authors named
    the `heads` for this; null where they were asked for.
    """
    return _text(
        {
            "schema": ALIGNMENT,
            "model": alignment.model,
            "text": alignment.text,
            "seconds": _plain(alignment.seconds),
            "words": [_aligned(word) for word in alignment.words],
            "heads": _names(alignment.heads),
            "named": alignment.named,
            "frames": _tokens(alignment.frames),
            "path": [[alignment.rows[row], frame] for row, frame in alignment.path.tolist()],
        }
    )


def comparison_json(comparison: Comparison) -> str:
    """Write how heads differ: pairs from the most alike on, groups, and the favourite key at each query.

    Every divergence is a Jensen-Shannon divergence in bits, 0 to 1.
    """
    return _text(
        {
            "schema": COMPARISON,
            "model": comparison.model,
            "text": comparison.text,
            "block": comparison.block,
            "tokens": _tokens(comparison.queries),
            "heads": _names(comparison.heads),
            "divergences": _plain(comparison.divergences),
            "pairs": [_pair(pair) for pair in comparison.pairs],
            "groups": [_names(group) for group in comparison.groups],
            "rows": [_row(comparison, row) for row in comparison.rows],
        }
    )


def heatmap_json(record: Attention, heads: Sequence[HeadId]) -> str:
    """Write the weights of some heads of a record; read as float32 they are the record's own.

    What only some records have (windows, sinks, shared keys, predictions) is written where it is.

    Raises:
        OutOfRange: the record lacks one of the heads.
    """
    return _text(
        {
            "schema": HEATMAP,
            "model": record.model,
            "text": record.text,
            "block": record.block,
            "causal": record.causal,
            **_rarer(record),
            "queries": _tokens(record.queries),
            "keys": _tokens(record.keys),
            "heads": [_weights(record, head) for head in heads],
        }
    )


def _rarer(record: Attention) -> Fields:
    """Give what few records have, where this one has it."""
    different, layers = masks(record)
    said = {"query": border(record.queries), "key": border(record.keys)}
    every = {
        "masks": [mask.tolist() for mask in different],
        "sight": {str(layer): place for layer, place in layers.items()},
        "heads_per_key": record.heads_per_key if record.heads_per_key > 1 else None,
        "border": said if any(said.values()) else None,
        "predictions": _predictions(record.predictions),
        "dropped": _plain(record.dropped),
        "renormalized": record.renormalized,
    }
    return {name: value for name, value in every.items() if value}


def _weights(record: Attention, head: HeadId) -> Fields:
    fields = {**_identity(head), **_taught(record.taught.get(head)), "weights": _plain(record.head(head))}
    if has_sink(record, head):
        fields["sink"] = _plain(record.lost(head))
    if record.heads_per_key > 1:
        fields["shares_keys_with"] = _names(other for other in record.sharing_keys(head) if other != head)
    return fields


def anatomy_json(anatomy: Anatomy) -> str:
    """Write what a model is made of; `cost` is in multiply-adds of one pass, and bytes of float32 weights.

    `blocks` is empty for a model in which nothing attends; `tokens` is null where an input has one size.
    `halves` tells the same of what else a model reads with layers of its own.
    """
    return _text(
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
    cost = attention_cost(anatomy, tokens)
    return {
        "tokens": tokens,
        "projections": cost.projections,
        "scores": cost.scores,
        "mixing": cost.mixing,
        "multiply_adds": cost.multiply_adds,
        "weight_bytes": cost.weights,
    }


def parts_json(parts: Parts) -> str:
    """Write what the parts of an input read of each other, for each head and in the mean of all of them.

    `mass` and `chance` have a row for each part of `from` and a column for each of `to`: the share of its
    attention that a token of the one gives the other, the mean over its tokens, and what evenly spread
    attention would give. `lost`, one for each of `from`, is what goes to no key.
    """
    return _text(
        {
            "schema": PARTS,
            "model": parts.model,
            "text": parts.text,
            "block": parts.block,
            **_parts(parts),
        }
    )


def _parts(parts: Parts) -> Fields:
    return {
        "from": [_part(part) for part in parts.queries],
        "to": [_part(part) for part in parts.keys],
        "heads": [{**_identity(head.head), **_sums(head)} for head in parts.heads if head.head],
        "together": _sums(parts.together),
    }


def _part(part: Part) -> Fields:
    return {"part": part.name, "tokens": part.tokens}


def _sums(head: HeadParts) -> Fields:
    return {"mass": _plain(head.mass), "chance": _plain(head.chance), "lost": _plain(head.lost)}


def _text(fields: Fields) -> str:
    # All but ASCII is escaped: a lone surrogate in a token could not be written as UTF-8.
    return json.dumps(fields, allow_nan=False)


def _plain(numbers: ArrayLike) -> Any:  # noqa: ANN401
    """Turn numbers into floats with the shortest decimals that read back to the same float32."""
    return np.asarray(numbers, dtype=np.float32).astype(str).astype(np.float64).tolist()


def _tokens(tokens: Iterable[Token]) -> list[Fields]:
    return [token.facts() for token in tokens]


def _predictions(predictions: Iterable[Prediction]) -> list[Fields]:
    return [{"text": found.text, "probability": _plain(found.probability)} for found in predictions]


def _names(heads: Iterable[HeadId]) -> list[str]:
    return [str(head) for head in heads]


def _identity(head: HeadId) -> Fields:
    return {"head": str(head), "layer": head.layer, "index": head.index}


def _taught(pattern: str | None) -> Fields:
    return {"taught": pattern is not None, "taught_pattern": pattern}


def _head(head: HeadFocus) -> Fields:
    return {
        **_identity(head.head),
        **_taught(head.taught),
        "focus": _words(head.words),
        "links": [_link(link) for link in head.links],
        "pattern": _pattern(head.pattern),
        "entropy": _plain(head.entropy),
        "breadth": _plain(head.breadth),
        "distance": _plain(head.distance),
        "hidden_mass": _plain(head.hidden_mass),
        "self_mass": _plain(head.self_mass),
        "special_mass": _plain(head.special_mass),
    }


def _together(together: Together) -> Fields:
    return {
        "focus": _words(together.words),
        "links": [{**_link(link), "head": str(link.head)} for link in together.links],
        "covered": list(together.covered),
        "coverable": together.coverable,
    }


def _words(words: Iterable[FocusWord]) -> list[Fields]:
    return [{"token": word.token, "position": word.position, "mass": _plain(word.mass)} for word in words]


def _link(link: Link) -> Fields:
    return {
        "from": link.source,
        "from_position": link.source_position,
        "to": link.target,
        "to_position": link.target_position,
        "weight": _plain(link.weight),
    }


def _pattern(pattern: Pattern) -> Fields:
    return {
        "label": pattern.label,
        "score": _plain(pattern.score),
        "over_chance": _plain(pattern.over_chance),
        "nearest": pattern.nearest,
    }


def _aligned(word: AlignedWord) -> Fields:
    return {
        "word": word.text,
        "start": _plain(word.start),
        "end": _plain(word.end),
        "positions": list(word.queries),
        "probability": None if word.probability is None else _plain(word.probability),
    }


def _pair(pair: Pair) -> Fields:
    return {"heads": _names((pair.first, pair.second)), "divergence": _plain(pair.divergence)}


def _row(comparison: Comparison, row: Row) -> Fields:
    return {
        "from": row.query,
        "from_position": row.position,
        "agrees": row.agrees,
        "divergence": _plain(row.divergence),
        "choices": [
            {
                "head": str(head),
                "to": choice.token,
                "to_position": choice.position,
                "weight": _plain(choice.weight),
            }
            for head, choice in zip(comparison.heads, row.choices, strict=True)
        ],
    }
