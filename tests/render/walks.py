"""Walks to show: of the built-in model, and odd ones."""

from dataclasses import replace
from functools import cache

import numpy as np

import attnviz
from attnviz.analysis.walkthrough.choose import clearest_head, find_query
from attnviz.analysis.walkthrough.walk import walkthrough
from attnviz.record import Internals
from attnviz.selection import HeadId, Selection
from tests.render.samples import ODD

FOX = "The quick brown fox jumps over the lazy dog."
SENTENCES = (
    FOX,
    "The cat sat on the mat because it was tired.",
    "She gave the old book to her little brother yesterday!",
    "Stop",
    "To be or not to be, that is the question: whether it is nobler in the mind to suffer the slings.",
)


@cache
def builtin():
    return attnviz.load("builtin")


@cache
def walked(text=FOX, layer="1", head=None, position=None):
    record = builtin().attend(text, Selection(layer), internals=True)
    chosen = clearest_head(record, record.head_ids) if head is None else HeadId(int(layer), head)
    return walkthrough(record, chosen, find_query(record, chosen, position))


def random(
    tokens=6, heads=4, causal=False, shared=1, sink=0.0, scale=None, output=True, words=None, width=12
):
    """A walk of a random layer: with a mask, heads that share keys, a sink, a scale nobody tells ..."""
    chance = np.random.default_rng(7)
    vectors = chance.normal(size=(3, 1, heads, tokens, 5)).astype(np.float32)
    logits = np.einsum("lhqd,lhkd->lhqk", vectors[0], vectors[1]) * (scale or 5**-0.5)
    seen = np.tri(tokens, dtype=bool) if causal else np.ones((tokens, tokens), dtype=bool)
    raised = np.exp(logits) * seen
    weights = raised / raised.sum(-1, keepdims=True) * (1 - sink)
    record = attnviz.from_arrays(
        weights, words or [f"word{place}" for place in range(tokens)], causal=causal, sinks=sink > 0
    )
    internals = Internals(
        *vectors,
        output_weights=chance.normal(size=(1, heads, 5, width)) if output else None,
        output_bias=np.zeros((1, width)) if output else None,
        scales=None if scale is None else np.array([scale]),
    )
    record = replace(record, internals=internals, heads_per_key=shared, model="random")
    return walkthrough(record, HeadId(0, heads - 1), tokens // 2)


@cache
def several():
    """Walks that differ in every way a text depends on."""
    patches = replace(random(), keys=tuple(replace(key, kind="patch") for key in random().keys))
    marked = random().keys
    special = replace(random(), keys=(replace(marked[0], text="[CLS]", kind="special"), *marked[1:]))
    return {
        **{text: walked(text) for text in SENTENCES},
        "masked": random(causal=True),
        "shared": random(shared=2),
        "sink": random(sink=0.3),
        "no scale": random(scale=1.0),
        "no output": random(output=False),
        "single head": random(heads=1),
        "many": random(tokens=40, heads=24),
        "picture": patches,
        "sound": replace(random(), keys=tuple(replace(key, kind="frame") for key in random().keys)),
        "special": special,
        "across": replace(random(), block="cross"),
        "odd": random(tokens=len(ODD), words=ODD),
        "recovered": recovered(),
    }


def recovered():
    """A walk through a layer that adds something which only the weights tell of."""
    found = builtin().attend(FOX, Selection("1"), internals=True)
    return walkthrough(
        replace(found, internals=replace(found.internals, distances=None, inputs=None)), HeadId(1, 7), 2
    )
