"""Effects to draw: of an answer, of states, of one removal, and of many."""

import numpy as np

from attnviz.analysis.effect import Ablation, Effect, Effects, Flip, importances
from attnviz.record import Token
from attnviz.selection import TOGETHER, HeadId
from tests.render.samples import FOX, ODD


def ablation(
    layers=2, heads=4, *, mode="each", states=False, words=tuple(FOX), known=True, size=1.0, noise=0.0, odd=()
):
    """Seeded effects of every head of some layers; those of the last layer get smaller and smaller."""
    chance = np.random.default_rng(layers * 100 + heads)
    entries = []
    for head in [HeadId(layer, index) for layer in range(layers) for index in range(heads)]:
        rows = size * chance.exponential(size=len(words)) ** 2 * 0.3 ** (head.index + head.layer)
        if head in odd:
            rows *= 0
        flips = tuple(Flip(at, "a", words[at]) for at in np.flatnonzero(rows > size).tolist())
        losses = rows * chance.normal(size=len(words))
        removed = (
            (head,)
            if mode == "each"
            else tuple(HeadId(head.layer, n) for n in range(heads) if n != head.index)
        )
        entries.append(Effect(removed, head, rows, None if states else flips, None if states else losses))
    if mode == "layers":
        entries = [
            Effect(
                tuple(HeadId(layer, index) for index in range(heads)),
                HeadId(layer, TOGETHER),
                *(entries[layer * heads].rows, entries[layer * heads].flips, entries[layer * heads].losses),
            )
            for layer in range(layers)
        ]
    if mode == "together":
        first = entries[0]
        entries = [Effect((HeadId(0, 0), HeadId(0, 1)), None, first.rows, first.flips, first.losses)]
    tokens = tuple(Token(word) for word in words)
    outlook = "states" if states else "next token"
    found = Effects(outlook, tokens, 2 if states else 0, None if states else 3.25, noise, tuple(entries))
    slopes = {HeadId(layer, n): chance.normal() for layer in range(layers) for n in range(heads)}
    why = "the model has no head that answers" if states else None
    gradients = importances(slopes) if known and not states else {}
    return Ablation("sample", " ".join(words), "self", mode, found, gradients, why)


def odd_ablation():
    """Effects at tokens of every script."""
    return ablation(2, 3, words=tuple(ODD))
