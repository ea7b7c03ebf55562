"""Long inputs that have been pooled, with the structures heads of real models have, and windows of them."""

from dataclasses import replace
from functools import cache

import numpy as np

from attnviz.record import Attention, Pooling, Token
from attnviz.runs import starts

WORDS = [
    "the",
    "river",
    "runs",
    "past",
    "a",
    "mill,",
    "and",
    "whoever",
    "lives",
    "there",
    "hears",
    "it",
    "all",
]

KINDS = ("previous token", "sink", "sentence", "even", "far back", "peaks")


def rows_of(kind, first, count, tokens):
    """Rows of a causal head: (query, key)."""
    queries, keys = np.arange(first, first + count)[:, None], np.arange(tokens)[None]
    noise = np.random.default_rng(first).gamma(0.2, size=(count, tokens)) + 1e-6
    if kind == "previous token":
        logits = noise * 0.2 + tokens * (keys == queries - 1)
    elif kind == "sink":
        logits = noise + 0.4 * tokens * (keys == 0)
    elif kind == "sentence":
        long = max(tokens // 20, 2)
        logits = 0.02 * noise + (keys // long == queries // long)
    elif kind == "even":
        logits = np.ones((count, tokens))
    elif kind == "far back":
        logits = noise * 0.5 + tokens * (keys == queries - tokens // 4)
    else:
        logits = noise**6
    logits = logits * (keys <= queries)
    return logits / logits.sum(axis=1, keepdims=True)


def pooled_rows(kind, statistic, tokens, cells):
    """A head pooled as its rows come, so that its square never exists."""
    firsts = starts(tokens, cells)
    stops = [*firsts[1:], tokens]
    made = np.empty((cells, cells))
    for place, (first, stop) in enumerate(zip(firsts, stops, strict=True)):
        rows = rows_of(kind, first, stop - first, tokens)
        if statistic == "maximum":
            made[place] = np.maximum.reduceat(rows, firsts, axis=1).max(axis=0)
        else:
            seen = np.tri(stop - first, tokens, first)
            number = np.add.reduceat(seen, firsts, axis=1).sum(axis=0)
            made[place] = np.add.reduceat(rows, firsts, axis=1).sum(axis=0) / np.maximum(number, 1)
    return made * np.tri(cells)


def runs_of(tokens, cells, start=0):
    """Tokens that stand for runs, beginning at a position of the whole input."""
    firsts = starts(tokens, cells).tolist()
    ends = zip(firsts, [*firsts[1:], tokens], strict=True)
    return tuple(
        Token(f"{WORDS[a % len(WORDS)]}…{WORDS[(b - 1) % len(WORDS)]}", run=(start + a, start + b - 1))
        for a, b in ends
    )


@cache
def pooled(
    statistic="maximum", *, tokens=1024, cells=64, kinds=KINDS, layers=1, start=0, sink=False
) -> Attention:
    """A causal record of some heads, one for each kind, in every layer."""
    weights = np.stack([pooled_rows(kind, statistic, tokens, cells) for kind in kinds])
    side = runs_of(tokens, cells, start)
    return Attention(
        queries=side,
        keys=side,
        weights=np.stack([weights] * layers).astype(np.float32),
        layers=tuple(range(layers)),
        heads=tuple(range(len(kinds))),
        model="long",
        text=" ".join(WORDS * 5),
        causal=True,
        sinks=tuple(range(layers)) if sink else (),
        pooling=Pooling(statistic, tokens, tokens),
    )


def part_of(record: Attention, first: int, *, keys_too: bool = True) -> Attention:
    """A record as a window whose first query, and its first key, stand somewhere in a longer input."""

    def placed(tokens):
        return tuple(replace(token, run=(first + at, first + at)) for at, token in enumerate(tokens))

    keys = placed(record.keys) if keys_too else record.keys
    return replace(record, queries=placed(record.queries), keys=keys, dropped=0.25)
