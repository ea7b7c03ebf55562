"""Long inputs that have been pooled, with the structures heads of real models have, and windows of them."""

from dataclasses import replace
from functools import cache

import numpy as np

from attnviz.analysis.comparing.heads import Comparison
from attnviz.analysis.focus import Average, Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.patterns.find import Pattern
from attnviz.record import Attention, Pooling, Token
from attnviz.runs import starts
from attnviz.selection import HeadId

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
    made = {kind: pooled_rows(kind, statistic, tokens, cells) for kind in set(kinds)}
    weights = np.stack([made[kind] for kind in kinds])
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


def text_of(tokens):
    return tuple(Token(WORDS[at % len(WORDS)]) for at in range(tokens))


@cache
def compared(heads, tokens=16384):
    """Heads that choose the same key at every other query of a long text."""
    chance = np.random.default_rng(0)
    names = tuple(HeadId(0, head) for head in range(heads))
    apart = np.abs(np.subtract.outer(np.arange(heads), np.arange(heads))) / heads
    chosen = chance.integers(0, tokens, (tokens, heads))
    chosen[::2] = chosen[::2, :1]
    side = text_of(tokens)
    return Comparison(
        model="long",
        text="",
        block="self",
        queries=side,
        keys=side,
        heads=names,
        divergences=apart,
        spreads=apart / 10,
        positions=np.arange(tokens),
        favourites=chosen,
        strengths=chance.random((tokens, heads)).astype(np.float32),
        apart=chance.random(tokens),
        groups=tuple((name,) for name in names),
    )


@cache
def focused(heads, tokens=16384):
    """Heads of a long text, which together have a link at every query."""
    side = text_of(tokens)
    names = [HeadId(0, head) for head in range(heads)]
    every = range(1, tokens)
    return Focus(
        model="long",
        text="",
        block="self",
        view="weights",
        queries=side,
        tokens=side,
        predictions=(),
        heads=tuple(_head(name, side) for name in names),
        together=Together(
            words=(FocusWord(side[1].text, 8003, 812.3, spread=12.1),),
            links=tuple(Link(names[0], side[at].text, at, side[at - 1].text, at - 1, 0.5) for at in every),
            covered=tuple(range(0, tokens, 3)),
            coverable=tokens,
        ),
    )


def _head(name, side):
    return HeadFocus(
        head=name,
        words=(FocusWord(side[1].text, 8003, 812.3), FocusWord(side[5].text, 15000, 31.2)),
        links=(Link(name, side[1].text, 12000, side[5].text, 11000, 0.97),),
        pattern=Pattern("previous", "previous", 0.62, 0.53, error=0.04),
        entropy=Average(9.1, 1.2),
        breadth=Average(812.1, 300.2),
        distance=Average(4021.3, 812.2),
        self_mass=Average(0.1, 0.02),
        special_mass=Average(0.0, 0.0),
        taught=None,
    )
