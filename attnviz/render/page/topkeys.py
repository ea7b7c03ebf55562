"""The keys each query of a long input reads most: written in few bytes, a layer at a time."""

import zlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Attention
from attnviz.render.machine.plain import Fields
from attnviz.render.page.contents import Contents
from attnviz.render.page.digested import digest_of
from attnviz.render.page.pack import LETTERS_PER_BYTE, Buffers, deflate

if TYPE_CHECKING:
    from attnviz.analysis.streaming.digest import Digest
    from attnviz.analysis.streaming.topkeys import Top

# Weights are even steps of a logarithm: so many, over so many powers of two below 1. The program's
# `LINK_CODES` and `LINK_OCTAVES` are the same numbers.
CODES, OCTAVES = 16383, 20

# How far a weight may be off, as a share of itself: half a step.
LINK_ERROR = 2 ** (OCTAVES / (CODES - 1) / 2) - 1

# So many heads, evenly spread, tell how large those of all will be.
_SAMPLED = 12


def top_fields(contents: Contents, record: Attention, buffers: Buffers) -> Fields | None:
    """Write the top keys of a digest's queries; nothing where the page goes without."""
    digest, most = digest_of(contents, record), most_of(contents, record)
    if digest is None or digest.top is None or most == 0:
        return None
    of_each = range(len(record.layers))
    ahead = ahead_of(digest)
    return {
        "most": most,
        "all": digest.top.positions.shape[-1] >= len(digest.frame.keys),
        "planes": planes_of(digest),
        "ahead": ahead,
        "positions": [buffers.add(partial(_packed_positions, digest, layer, most)) for layer in of_each],
        "weights": [buffers.add(partial(_packed_weights, digest.top, layer, most)) for layer in of_each],
        "error": LINK_ERROR,
    }


def most_of(contents: Contents, record: Attention) -> int:
    """Say how many top keys of each query the page has."""
    digest = digest_of(contents, record)
    if digest is None or digest.top is None:
        return 0
    known: int = digest.top.positions.shape[-1]
    return known if contents.top is None else min(known, contents.top)


def sizes_of(digest: "Digest") -> list[int]:
    """Estimate how many letters the first, the second ... top keys of all queries take."""
    if digest.top is None:
        return []
    layers, heads, _, most = digest.top.positions.shape
    chosen = np.unique(np.linspace(0, layers * heads - 1, min(_SAMPLED, layers * heads)).astype(int))
    share = layers * heads / len(chosen) * LETTERS_PER_BYTE
    sizes = np.zeros(most)
    for place in chosen:
        layer, head = divmod(int(place), heads)
        positions = digest.top.positions[layer, head].T
        codes = as_codes(digest.top.weights[layer, head].T)
        near = is_near(positions, ahead_of(digest))
        for rank in range(most):
            written = as_numbers(positions[rank], near, ahead_of(digest))
            streams = (*_planes(written, planes_of(digest)), *_planes(codes[rank], 2))
            sizes[rank] += sum(len(deflate(stream)) for stream in streams)
    return [int(size * share) for size in sizes]


def as_codes(weights: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Write weights as steps of a logarithm; 0 for none.

    >>> as_codes(np.array([1.0, 0.5, 0.0], np.float32)).tolist()
    [16383, 15564, 0]
    """
    some = weights > 0
    depth = -np.log2(np.where(some, weights, 1).astype(np.float64)) / OCTAVES
    codes = CODES - np.rint(np.clip(depth, 0, 1) * (CODES - 1))
    return np.where(some, codes, 0).astype(np.uint32)


def as_numbers(positions: NDArray[np.int32], near: bool, ahead: int) -> NDArray[np.uint32]:
    """Write positions (..., query) as numbers from 1, or by how far from their queries they are; 0 for none.

    >>> as_numbers(np.array([0, 0, 3, -1]), near=False, ahead=0).tolist()
    [1, 1, 4, 0]
    >>> as_numbers(np.array([0, 0, 3, -1]), near=True, ahead=0).tolist()
    [1, 3, 2, 0]
    """
    if not near:
        return (positions + 1).astype(np.uint32)
    behind = np.arange(positions.shape[-1]) + ahead - positions
    steps = np.where(behind >= 0, 2 * behind, -2 * behind - 1) + 1
    return np.where(positions < 0, 0, steps).astype(np.uint32)


def is_near(positions: NDArray[np.int32], ahead: int) -> bool:
    """Whether a head's positions (k, query) take less when they are told from their queries."""
    first = positions[0]
    sizes = [
        len(zlib.compress(as_numbers(first, near, ahead).astype("<u4").tobytes(), 1))
        for near in (False, True)
    ]
    return sizes[1] < sizes[0]


def ahead_of(digest: "Digest") -> int:
    """Say which key stands where the first query does: queries are the last of the keys."""
    return max(0, len(digest.frame.keys) - len(digest.frame.queries)) if digest.frame.causal else 0


def planes_of(digest: "Digest") -> int:
    """Say in how many bytes a position, told either way, has room."""
    largest = 2 * max(len(digest.frame.keys), len(digest.frame.queries)) + 1
    return (largest.bit_length() + 7) // 8


def _packed_positions(digest: "Digest", layer: int, most: int) -> NDArray[np.uint8]:
    """Write a layer's positions: a byte for each head, 1 where told from the queries, then all planes."""
    assert digest.top is not None  # as whoever asks has seen
    positions = np.moveaxis(digest.top.positions[layer, ..., :most], -1, -2)
    ahead = ahead_of(digest)
    near = np.array([is_near(each, ahead) for each in positions], np.uint8)
    numbers = np.stack([as_numbers(each, bool(by), ahead) for each, by in zip(positions, near, strict=True)])
    return np.concatenate([near, *(plane.ravel() for plane in _planes(numbers, planes_of(digest)))])


def _packed_weights(top: "Top", layer: int, most: int) -> NDArray[np.uint8]:
    """Write a layer's weights: two planes (head, rank, query), the low bytes first."""
    codes = as_codes(np.moveaxis(top.weights[layer, ..., :most], -1, -2))
    return np.concatenate([plane.ravel() for plane in _planes(codes, 2)])


def _planes(numbers: NDArray[np.uint32], count: int) -> list[NDArray[np.uint8]]:
    """Part numbers into bytes, the lowest first: those that are alike then stand together."""
    return [(numbers >> (8 * plane) & 0xFF).astype(np.uint8) for plane in range(count)]
