"""Weights, as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from attnviz.record import Attention
from attnviz.render.machine.plain import Fields, as_text, identity, names, plain, predictions, taught, tokens
from attnviz.render.notes import has_sink
from attnviz.render.sections import border
from attnviz.selection import HeadId
from attnviz.store import masks

HEATMAP = "attnviz/heatmap/1"


def heatmap_json(record: Attention, heads: Sequence[HeadId]) -> str:
    """Write the weights of some heads of a record; read as float32 they are the record's own.

    What only some records have (windows, sinks, shared keys, predictions, pooled cells) is written where it
    is; `run` of a token tells its positions in the whole input where the record holds a part of it or runs.

    Raises:
        OutOfRange: the record lacks one of the heads.
    """
    return as_text(
        {
            "schema": HEATMAP,
            "model": record.model,
            "text": record.text,
            "block": record.block,
            "causal": record.causal,
            **_rarer(record),
            "queries": tokens(record.queries),
            "keys": tokens(record.keys),
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
        "predictions": predictions(record.predictions),
        "view": record.view if record.view != "weights" else None,
        "answer": record.answer,
        "dropped": plain(record.dropped),
        "renormalized": record.renormalized,
        "pooling": asdict(record.pooling) if record.pooling else None,
    }
    return {name: value for name, value in every.items() if value}


def _weights(record: Attention, head: HeadId) -> Fields:
    fields = {**identity(head), **taught(record.taught.get(head)), "weights": plain(record.head(head))}
    if has_sink(record, head):
        fields["sink"] = plain(record.lost(head))
    if record.heads_per_key > 1:
        fields["shares_keys_with"] = names(other for other in record.sharing_keys(head) if other != head)
    return fields
