"""A made-up language with a known grammar: adjectives stand before their noun, subjects before their verb."""

from dataclasses import dataclass

import numpy as np

NOUNS = ("fox", "dog", "cat", "bird", "hen", "cow")
ADJECTIVES = ("quick", "brown", "lazy", "small", "red")
VERBS = ("sees", "hears", "likes", "finds")


@dataclass(frozen=True)
class Parse:
    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]


def noun_phrase(rng, start):
    """Give words, heads and relations of "the (adjective)* noun", the noun's head left open as -2."""
    modifiers = ("the", *rng.choice(ADJECTIVES, size=rng.integers(0, 3)))
    noun = start + len(modifiers)
    relations = ("det", *["amod"] * (len(modifiers) - 1))
    return (*modifiers, str(rng.choice(NOUNS))), (*[noun] * len(modifiers), -2), relations


def sentence(rng):
    words, heads, relations = noun_phrase(rng, 0)
    verb = len(words)
    other_words, other_heads, other_relations = noun_phrase(rng, verb + 1)
    linked = [verb if head == -2 else head for head in (*heads, -1, *other_heads, verb)]
    return Parse(
        tuple(map(str, (*words, rng.choice(VERBS), *other_words, "."))),
        tuple(linked),
        (*relations, "nsubj", "root", *other_relations, "obj", "punct"),
    )


def sentences(number, seed=0):
    rng = np.random.default_rng(seed)
    return [sentence(rng) for _ in range(number)]


def texts(number, seed=1):
    return [" ".join(parse.words) for parse in sentences(number, seed)]
