"""Records to stream, and the ways a capture hands them on."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from attnviz.frame import blocks_of
from attnviz.observe import RowBlock
from attnviz.record import Attention, Token, from_arrays

LIBRARIES = {"numpy": np.array, "torch": lambda array: torch.from_numpy(np.array(array))}


def square(
    queries: int, keys: int | None = None, *, causal: bool = False, window: int | None = None, seed: int = 0
) -> Attention:
    """Random attention of two layers of three heads, of which the second may see only so many tokens back."""
    chance = np.random.default_rng(seed)
    width = queries if keys is None else keys
    weights = chance.gamma(0.3, size=(2, 3, queries, width)).astype(np.float32) + np.float32(1e-6)
    seen = np.stack([np.tri(queries, width, width - queries if causal else width, dtype=bool)] * 2)
    if window is not None:
        seen[1] &= ~np.tri(queries, width, width - queries - window, dtype=bool)
    weights *= seen[:, None]
    weights /= np.maximum(weights.sum(-1, keepdims=True), 1e-9)
    texts = [f"q{place}" for place in range(queries)]
    others = None if keys is None else [f"k{place}" for place in range(keys)]
    visible = None if window is None else seen
    return from_arrays(weights, texts, others, causal=causal, visible=visible)


def with_added(record: Attention) -> Attention:
    """The record with a first token the model added and places in a source text."""
    side = tuple(replace(token, span=(2 * i, 2 * i + 1)) for i, token in enumerate(record.queries))
    side = (Token("[CLS]", kind="special"), *side[1:])
    return replace(record, queries=side, keys=side)


def streamed(
    record: Attention, *, rows: int = 5, heads: int = 2, library: str = "numpy", cut: bool = False
) -> Iterator[RowBlock]:
    """Give a record's blocks, each cut to the keys its queries see where asked for."""
    take = LIBRARIES[library]
    for block in blocks_of(record, rows=rows, heads=heads):
        seen = block.visible()
        first, stop = 0, seen.shape[1]
        if cut and seen.any():
            where = np.flatnonzero(seen.any(axis=0))
            first, stop = int(where[0]), int(where[-1]) + 1
        part = seen[:, first:stop]
        yield replace(
            block,
            weights=take(block.weights[..., first:stop]),
            first_key=first,
            visible=lambda part=part: None if part.all() else take(part),
        )
