"""Records to draw: small, exact, and as odd as tokens get."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from attnviz.record import KINDS, Prediction, Token, from_arrays
from attnviz.selection import HeadId

FOX = ["The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "."]

ODD = [
    "敏捷的棕色狐狸",
    "[red]",
    "\x1b[31m",
    "👩‍🚀",
    "ne\u0301e",
    "\u0301",
    "الكلب",
    "Donaudampfschifffahrtsgesellschaftskapitän",
    " the",
    "\ud800",
]


def reading(links, count=10):
    """Weights of a head whose queries read the key they are linked to, and themselves with what is left."""
    weights = np.eye(count)
    for query, (key, weight) in links.items():
        weights[query, query] -= weight
        weights[query, key] += weight
    return weights


def shifted(steps, weight=0.75, count=10):
    """Weights of a head that reads the key `steps` further on."""
    return reading({i: (i + steps, weight) for i in range(count) if 0 <= i + steps < count}, count)


HEADS = [
    reading({0: (3, 0.75), 1: (3, 0.5), 2: (3, 0.96), 6: (8, 0.91), 7: (8, 0.99)}),
    reading({3: (2, 0.72), 8: (7, 0.98)}),
    reading({3: (4, 0.81), 4: (3, 0.94)}),
    shifted(1),
    shifted(-1, 0.5),
    np.full((len(FOX), len(FOX)), 1 / len(FOX)),
]


def fox():
    """Two layers of three heads, the first of the last layer taught."""
    record = from_arrays(np.stack([HEADS[3:], HEADS[:3]]), FOX, model="sample")
    return replace(record, taught={HeadId(1, 0): "modifier -> noun"})


def odd():
    """One causal head over tokens of every script, with special tokens around them."""
    count = len(ODD)
    weights = np.tri(count) / np.arange(1, count + 1)[:, None]
    record = from_arrays(weights, ODD, causal=True, model="odd[/]")
    tokens = (replace(record.queries[0], kind="special"), *record.queries[1:])
    return replace(record, queries=tokens, keys=tokens)


def long(count, heads=1, causal=False):
    """Many tokens, each reading the one before it and the first."""
    weights = np.zeros((count, count))
    weights[np.arange(count), np.maximum(np.arange(count) - 1, 0)] += 0.6
    weights[:, 0] += 0.4
    return from_arrays(np.stack([weights] * heads), [f"word{i}" for i in range(count)], causal=causal)


def soft(queries, keys, layers=1, heads=1, mask=True, seed=0):
    """Sharp, seeded weights over the keys a mask leaves."""
    noise = np.random.default_rng(seed).normal(scale=2.0, size=(layers, heads, queries, keys))
    seen = np.exp(noise) * mask
    return seen / seen.sum(axis=-1, keepdims=True)


def window(count, width):
    """What a query sees that looks back at most `width` keys, itself among them."""
    return np.tri(count, dtype=bool) & ~np.tri(count, k=-width, dtype=bool)


def windowed(layers=2, heads=1, count=10, width=4):
    """Every second layer through a window, as in models that mix local and global layers."""
    masks = np.stack([window(count, width) if at % 2 == 0 else np.tri(count) > 0 for at in range(layers)])
    words = (FOX * count)[:count]
    weights = soft(count, count, layers, heads, masks[:, None])
    record = from_arrays(weights, words, causal=True, visible=masks, model="windowed")
    return replace(record, sight={layer: record.sight[layer] for layer in range(0, layers, 2)})


def sinking(layers=1, heads=4):
    """Heads that share keys two by two and give much to a learned sink."""
    weights = soft(10, 10, layers, heads, np.tri(10))
    kept = np.random.default_rng(1).uniform(0.1, 1, size=(layers, heads, 10, 1))
    record = from_arrays(weights * kept, FOX, causal=True, sinks=True, model="sinking")
    return replace(record, heads_per_key=2)


def continued(heads=1):
    """A text the model goes on with, and what it expects after each token."""
    words = [*FOX[:5], "across", "the", "field", "."]
    record = from_arrays(soft(9, 9, 1, heads, np.tri(9)), words, causal=True, model="continued")
    kinds = ["text"] * 5 + ["generated"] * 4
    tokens = tuple(replace(token, kind=kind) for token, kind in zip(record.keys, kinds, strict=True))
    shares = [0.02, 0.31, 0.004, 0.12, 0.83, 0.4, 0.66, 0.999, 0.5]
    following = tuple(Prediction(*pair) for pair in zip([*words[1:], "\n"], shares, strict=True))
    return replace(record, queries=tokens, keys=tokens, predictions=following)


def paired(heads=1):
    """Two segments, each closed by a token of the model's own."""
    words = ["[CLS]", "A", "fox", "jumps", "[SEP]", "Does", "it", "jump", "?", "[SEP]"]
    record = from_arrays(soft(10, 10, 1, heads), words, model="paired")
    tokens = tuple(
        replace(token, kind="special") if token.text[0] == "[" else replace(token, part="AB"[at > 4])
        for at, token in enumerate(record.keys)
    )
    return replace(record, queries=tokens, keys=tokens)


def crossed(queries=7, keys=12, heads=1):
    """One sequence that looks across at another."""
    words = [f"wort{at}" for at in range(queries)]
    record = from_arrays(soft(queries, keys, 1, heads), words, [f"word{at}" for at in range(keys)])
    return replace(record, model="crossed")


def patched(rows=7, columns=7, heads=1):
    """Patches of a picture behind a class token."""
    places = [(float(row), float(column)) for row in range(rows) for column in range(columns)]
    patches = [Token(f"{row:.0f},{column:.0f}", kind="patch", place=(row, column)) for row, column in places]
    tokens = (Token("[CLS]", kind="special"), *patches)
    weights = soft(len(tokens), len(tokens), 1, heads)
    record = from_arrays(weights, [token.text for token in tokens], model="patched")
    return replace(record, queries=tokens, keys=tokens, text="")


def seen_and_said(heads=1):
    """A question about a picture: text, patches, text, and what the model says."""
    patches = [Token(f"{at // 3},{at % 3}", kind="patch", place=(at // 3, at % 3)) for at in range(9)]
    asked = [Token(text, part="user") for text in ("What", "is", "this", "?")]
    said = [Token(text, kind="generated", part="assistant") for text in ("A", "fox", ".")]
    tokens = (
        Token("<s>", kind="special"),
        *(replace(patch, part="user") for patch in patches),
        *asked,
        *said,
    )
    count = len(tokens)
    weights = soft(count, count, 1, heads, np.tri(count))
    record = from_arrays(weights, [token.text for token in tokens], causal=True, model="seen")
    return replace(record, queries=tokens, keys=tokens)


joined = st.text(alphabet="👩\u200d🚀🏽🇫🇷\ufe0f\u03011*é\u1100\u1161狐 ", max_size=8)
tokens = st.text(max_size=12) | st.sampled_from(ODD) | joined


@st.composite
def records(draw, most=12):
    """A record of any tokens, any shape, any mask, with rows that may hold less than all their mass."""
    queries = draw(st.lists(tokens, min_size=1, max_size=most))
    keys = draw(st.none() | st.lists(tokens, min_size=1, max_size=most))
    causal = keys is None and draw(st.booleans())
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    seed = draw(st.integers(0, 2**32 - 1))
    weights = np.random.default_rng(seed).random((*shape, len(queries), len(keys or queries))) ** 4
    if causal:
        weights *= np.tri(len(queries))
    weights *= draw(st.sampled_from([1.0, 0.5, 0.0])) / weights.sum(-1, keepdims=True)
    return from_arrays(weights, queries, keys, causal=causal)


@st.composite
def rare_records(draw):
    """A record with any of the things that few records have, over any tokens."""
    record = draw(records())
    queries, keys = record.weights.shape[2:]
    chance = np.random.default_rng(draw(st.integers(0, 99)))
    seen = chance.random((queries, keys)) < draw(st.sampled_from([0.2, 0.8, 1.0]))
    layers = draw(st.sets(st.sampled_from(record.layers)))
    weights = np.array(record.weights)
    for layer in layers:
        weights[layer] *= seen & record.visible(layer)
    marked = st.tuples(st.sampled_from(KINDS), st.sampled_from([None, "A", "B", "\x1b[31m"]))
    places = st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))

    def mark(token):
        kind, part = draw(marked)
        return replace(token, kind=kind, part=part, place=draw(places))

    columns = tuple(map(mark, record.keys))
    rows = columns if record.queries == record.keys else tuple(map(mark, record.queries))
    expected = draw(
        st.lists(st.builds(Prediction, tokens, st.floats(0, 1)), min_size=queries, max_size=queries)
    )
    return replace(
        record,
        weights=weights,
        queries=rows,
        keys=columns,
        sight={layer: seen & record.visible(layer) for layer in layers},
        sinks=tuple(draw(st.sets(st.sampled_from(record.layers)))),
        heads_per_key=draw(st.integers(1, 3)),
        predictions=draw(st.sampled_from([(), tuple(expected)])),
        dropped=draw(st.sampled_from([0.0, 0.004, 0.5])),
        renormalized=draw(st.booleans()),
    )
