"""Records to draw: small, exact, and as odd as tokens get."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from attnviz.record import from_arrays
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
