"""Which cells a query could not look at, and why: the key comes later, or lies outside the layer's window."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from attnviz.record import Attention, Mask, Weights
from attnviz.selection import HeadId

# What stands in a cell instead of a weight. Any weight is more than these, and a cell that stands for some of
# each shows `OUTSIDE`: the maximum that passes over NaN takes the right one of two.
LATER, OUTSIDE = np.float32(np.nan), np.float32(-np.inf)


def as_seen(record: Attention, heads: Sequence[HeadId]) -> Iterator[Weights]:
    """Give each head's weights with `LATER` or `OUTSIDE` where the query could not look: (query, key)."""
    masks = {
        layer: (record.visible(layer), signs_of(record, layer)) for layer in {head.layer for head in heads}
    }
    for head in heads:
        visible, signs = masks[head.layer]
        yield np.where(visible, record.head(head), signs)


def reasons(record: Attention, heads: Iterable[HeadId]) -> tuple[bool, bool]:
    """Say whether some key is hidden because it comes later, and whether one is because of a window."""
    layers = {head.layer for head in heads}
    hidden = [(~record.visible(layer), np.isneginf(signs_of(record, layer))) for layer in layers]
    return (
        any(bool((unseen & ~outside).any()) for unseen, outside in hidden),
        any(bool((unseen & outside).any()) for unseen, outside in hidden),
    )


def outside(cells: Weights) -> Mask:
    """Say which cells stand for keys outside a window only."""
    return np.isneginf(cells)


def signs_of(record: Attention, layer: int) -> Weights:
    """Give what stands in each cell of a layer if it is hidden: (query, key), or one sign for all."""
    if layer not in record.sight:
        return np.asarray(LATER)
    mask = record.sight[layer]
    if not record.causal and not _looks_back(mask):
        return np.asarray(OUTSIDE)
    rows, columns = mask.shape
    return np.where(np.tri(rows, columns, columns - rows, dtype=bool), OUTSIDE, LATER)


def _looks_back(mask: Mask) -> bool:
    """Whether tokens see later ones only where these see them too, and not all do.

    A model that writes may let the patches of a picture, or all of a prompt, see each other: it is no longer
    causal in every cell, and what it hides is still what comes later. A window open to both sides hides alike
    in both directions.
    """
    if mask.shape[0] != mask.shape[1]:
        return False
    alone = mask & ~mask.T
    return bool(alone.any()) and not np.triu(alone, 1).any()
