"""Walks to draw, each with the record that it was made of."""

from dataclasses import replace
from functools import cache

import numpy as np

import attnviz
from attnviz.analysis.walkthrough.choose import clearest_head, find_query
from attnviz.analysis.walkthrough.walk import walkthrough
from attnviz.record import Internals
from attnviz.selection import HeadId, Selection
from tests.render.walks import FOX, builtin

# Tokens that would act on a page, or on the text around them, if they were let.
NASTY = (
    "</script><script>alert(1)</script>",
    '<img src="https://example.org/x" onerror=alert(1)>',
    "'\"&amp;",
    "-->",
    "\u202eabc\u2066",
    "\ud800",
    "]]></svg></style>",
    "漢字のとても長い言葉がここに立っています",
    "שלום",
)


@cache
def fox():
    record = builtin().attend(FOX, Selection("1"), internals=True)
    head = clearest_head(record, record.head_ids)
    return walkthrough(record, head, find_query(record, head)), record


def made(words, heads=4, causal=False, shared_width=12):
    """A random layer's."""
    chance, tokens = np.random.default_rng(3), len(words)
    vectors = chance.normal(size=(3, 1, heads, tokens, 5)).astype(np.float32)
    logits = np.einsum("lhqd,lhkd->lhqk", vectors[0], vectors[1]) * 5**-0.5
    seen = np.tri(tokens, dtype=bool) if causal else np.ones((tokens, tokens), dtype=bool)
    raised = np.exp(logits) * seen
    record = attnviz.from_arrays(raised / raised.sum(-1, keepdims=True), list(words), causal=causal)
    internals = Internals(
        *vectors,
        output_weights=chance.normal(size=(1, heads, 5, shared_width)),
        output_bias=np.zeros((1, shared_width)),
    )
    record = replace(record, internals=internals, model="random")
    return walkthrough(record, HeadId(0, heads - 2), tokens // 2), record


@cache
def drawn():
    """Walks whose drawings differ: in what they are of, and in size."""
    walk, record = made([f"word{place}" for place in range(6)])
    return {
        "fox": fox(),
        "nasty": made(NASTY),
        "masked": made([f"word{place}" for place in range(6)], causal=True),
        "many": made([f"number{place}" for place in range(70)], heads=48),
        "across": (replace(walk, block="cross"), replace(record, block="cross")),
        "no output": (replace(walk, joining=None), record),
    }
