"""Query and key vectors, for a page that shows a weight being made."""

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import MissingInternals
from attnviz.outline import Outline
from attnviz.record import Attention, Internals
from attnviz.render.machine.plain import Fields, number
from attnviz.render.page.contents import Contents
from attnviz.render.page.pack import LETTERS_PER_BYTE, Buffers
from attnviz.render.page.pooled import is_pooled
from attnviz.render.page.quantize import as_shares

# Unless they are asked for, vectors that would take more of the file than this are left out.
LIGHT = 500_000

_SHARE, _MAXIMUM = 2, 4


def vector_fields(contents: Contents, record: Attention, buffers: Buffers) -> Fields | None:
    """Write a record's query and key vectors, or nothing where it is to go without."""
    kept = kept_vectors(contents, record)
    if kept is None or kept.scales is None:
        return None
    queries, query_maxima = _add(kept.queries, buffers)
    keys, key_maxima = _add(kept.keys, buffers)
    learned = None if kept.distances is None else _add(kept.distances, buffers)
    return {
        "width": kept.queries.shape[-1],
        "queries": queries,
        "keys": keys,
        "queryMaxima": query_maxima,
        "keyMaxima": key_maxima,
        "scales": [number(scale) for scale in kept.scales.tolist()],
        **({} if learned is None else {"distances": learned[0], "distanceMaxima": learned[1]}),
    }


def kept_vectors(contents: Contents, record: Attention) -> Internals | None:
    """Give the vectors the page shows of a record."""
    internals = explaining(record)
    pooled = is_pooled(contents, record) or record.pooling is not None
    if internals is None or contents.vectors is False or pooled:
        return None
    return internals if contents.vectors or letters_of(internals) <= LIGHT else None


def explaining(record: Attention) -> Internals | None:
    """Give a record's vectors if their products are what the softmax was taken of, as far as is known."""
    internals = record.internals
    if internals is None or internals.scales is None or np.isnan(internals.scales).all():
        return None
    return internals


def check(contents: Contents) -> None:
    """Refuse to promise vectors that no record has.

    Raises:
        MissingInternals: they were asked for.
    """
    if contents.vectors and not any(explaining(record) for record in contents.records):
        raise MissingInternals("no query and key vectors to show: these records were made without")


def letters_of(internals: Internals) -> int:
    """Say how many letters vectors take in the file, at most: they hardly get smaller."""
    every = (internals.queries, internals.keys, internals.distances)
    return sum(_letters(side.size // side.shape[-1], side.shape[-1]) for side in every if side is not None)


def vectors_fit(outline: Outline) -> bool:
    """Say whether the vectors of a block, as long as is known, would be written unless asked not to be."""
    needed = 0
    for layer in outline.layers:
        if layer.d_k is None:
            return False
        needed += _letters(len(layer.heads) * (layer.queries + layer.keys), layer.d_k)
    return needed <= LIGHT


def _letters(vectors: int, width: int) -> int:
    return int(vectors * (_SHARE * width + _MAXIMUM) * LETTERS_PER_BYTE)


def _add(vectors: NDArray[np.float32], buffers: Buffers) -> tuple[int, int]:
    found = as_shares(vectors)
    return buffers.add(lambda: found.shares), buffers.add(lambda: found.maxima)
