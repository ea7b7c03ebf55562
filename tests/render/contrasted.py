"""Contrasts to show: small and exact, with words replaced and words missing, and of other shapes."""

from dataclasses import replace

import numpy as np

from attnviz.analysis.comparing.contrast import Contrast, contrast
from attnviz.record import Attention, Token, from_arrays
from attnviz.sources.saved import SavedReading
from attnviz.studies.contrasting import Part, contrast_of
from tests.render.samples import soft

CAT, DOG = ["The", "cat", "sat", "down", "."], ["The", "dog", "sat", "down", "."]


def minimal_pair() -> Contrast:
    """Two layers of three heads over a sentence in which one word was replaced; L0H0 reads alike."""
    first = soft(5, 5, 2, 3)
    second = np.where(np.arange(3)[None, :, None, None] == 2, soft(5, 5, 2, 3, seed=1), first)
    second[1, 1] = np.eye(5)[[0, 0, 1, 2, 3]]
    return contrast(from_arrays(first, CAT, model="sample"), from_arrays(second, DOG, model="sample"))


def grown() -> Contrast:
    """A sentence that grew longer, so that some mass is elsewhere."""
    longer = ["The", "very", "old", "cat", "sat", "down", "."]
    first, second = soft(5, 5, 1, 2), soft(7, 7, 1, 2, seed=3)
    return contrast(from_arrays(first, CAT, model="sample"), from_arrays(second, longer, model="sample"))


def other_shape() -> Contrast:
    """One text under two models, the second with special tokens and more heads."""
    tokens = (Token("[CLS]", kind="special"), *(Token(word, word=at) for at, word in enumerate(CAT)))
    second = Attention(
        tokens, tokens, soft(6, 6, 2, 4, seed=2), (0, 1), (0, 1, 2, 3), model="other", text=" ".join(CAT)
    )
    return contrast(from_arrays(soft(5, 5, 1, 2), CAT, model="sample"), second)


def causal(count: int, layers: int = 1, heads: int = 2) -> Contrast:
    """Many tokens of which a query sees only the earlier ones."""
    mask = np.tri(count)
    words = [f"word{at}" for at in range(count)]
    records = [
        from_arrays(soft(count, count, layers, heads, mask, seed), words, causal=True, model="sample")
        for seed in (0, 1)
    ]
    return contrast(*records)


def unchanged() -> Contrast:
    record = from_arrays(soft(5, 5, 2, 3), CAT, model="sample")
    return contrast(record, replace(record, model="copy"))


def long(count: int = 900, *, grows: bool = True) -> Contrast:
    """Many tokens of which a query sees only the earlier ones, in few cells; late ones read otherwise.

    Args:
        count: of the tokens of the first.
        grows: whether the second has more, a third on the way.
    """
    words, here = [f"word{at}" for at in range(count)], count // 3
    longer = [*words[:here], *["really"] * (here * grows), *words[here:]]
    parts = []
    for seed, text in enumerate((words, longer)):
        drawn = np.random.default_rng(0).uniform(0.5, 1, (len(longer), len(longer)))[: len(text), : len(text)]
        drawn[here:] *= np.random.default_rng(seed).uniform(0.5, 1, drawn[here:].shape)
        seen = np.tri(len(text)) * drawn
        weights = seen / seen.sum(axis=-1, keepdims=True)
        record = from_arrays(np.stack([weights, weights]), text, causal=True, model="sample")
        parts.append(Part(SavedReading(record)))
    return contrast_of(parts[0], parts[1], maps=2, most=64)
