"""How large a page will be, from a sample of its weights, and what to do if that is too large."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from math import prod

from attnviz.errors import PageTooLarge
from attnviz.record import Attention, Token, Weights
from attnviz.render.page import assemble
from attnviz.render.page.contents import Contents
from attnviz.render.page.digested import is_of_runs
from attnviz.render.page.facts import as_json, said_fields, sequence_fields
from attnviz.render.page.heads import has_focus
from attnviz.render.page.maps import packed
from attnviz.render.page.pack import LETTERS_PER_BYTE, deflate
from attnviz.render.page.pooled import masks_of, shape_of, size_of
from attnviz.render.page.quantize import as_levels
from attnviz.render.page.vectors import kept_vectors, letters_of
from attnviz.render.page.vectors import vectors_fit as vectors_fit
from attnviz.render.pooling import pool

# A sample is so many blocks of neighbouring rows, each of about so many weights.
_BLOCKS, _BLOCK = 64, 1 << 15
_GOLDEN = (5**0.5 - 1) / 2

# What a table's row takes, for words and links of ordinary length.
_HEAD = 780

# What a token takes beside its text.
_TOKEN = 36

# Row maxima are float32, which hardly get smaller.
_MAXIMUM = 3.7

# What a line about a map takes.
_ABOUT = 400

# A pooled page is aimed a little lower than allowed, and again if it comes out too large.
_MARGIN, _TRIES = 0.97, 6


def estimate(contents: Contents) -> int:
    """Say about how many bytes a page will have, within 15 % for weights of models; most of it is exact."""
    return beside(contents) + of_weights(contents)


def fit(contents: Contents, most: int) -> tuple[Contents, int]:
    """Pool a page until it has so many bytes at most: each side to the largest size with which it does.

    Returns:
        The contents, pooled, and about how many bytes they will have; more than allowed if nothing helps.
    """
    for _ in range(_TRIES):
        others, weights = beside(contents), of_weights(contents)
        if others + weights <= most:
            break
        contents = shrink(contents, (most * _MARGIN - others) / weights)
    return contents, others + weights


def shrink(contents: Contents, share: float) -> Contents:
    """Pool further, to a share of the cells there are, and at least one."""
    allowed = share * _cells(contents, contents.runs)
    longest = size_of(max(contents.sides, key=len), contents.runs)
    smaller = bisect_right(range(1, longest), allowed, key=lambda runs: _cells(contents, runs))
    return replace(contents, runs=max(smaller, 1))


def _cells(contents: Contents, runs: int | None) -> int:
    """Count the cells of all heads when sides are pooled to so many runs."""
    return sum(
        len(record.head_ids) * size_of(record.queries, runs) * size_of(record.keys, runs)
        for record in contents.records
    )


def refuse_beyond(contents: Contents, size: int, most: int) -> None:
    """Refuse a page that is too large.

    Raises:
        PageTooLarge: it has more bytes than allowed.
    """
    if size > most:
        what = f"the page of {contents.weights:,} weights is too large"
        raise PageTooLarge(f"{what}: got about {in_bytes(size)}, allowed {in_bytes(most)}")


def in_bytes(size: int) -> str:
    """Write a size.

    >>> in_bytes(1_234_567), in_bytes(50_000_000), in_bytes(43_210), in_bytes(12)
    ('1.2 MB', '50 MB', '43 kB', '12 bytes')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return (
                f"{size / unit:.1f} {name}"
                if size < 10 * unit and size % unit
                else f"{size / unit:.0f} {name}"
            )
    return f"{size} bytes"


def beside(contents: Contents) -> int:
    """Say how many bytes a page has beside the levels of its weights."""
    facts = len(as_json(said_fields(contents))) + assemble.shipped().size
    facts += sum(_of_side(contents, side) for side in contents.sides)
    return facts + sum(_beside_weights(contents, record) for record in contents.records)


def _of_side(contents: Contents, side: tuple[Token, ...]) -> int:
    """Estimate what a sequence takes: each text twice, as it is and as it is shown."""
    if is_of_runs(side):
        return len(as_json(sequence_fields(contents, side)))
    letters = sum(len(token.text) if token.text.isascii() else 6 * len(token.text) for token in side)
    return 2 * letters + _TOKEN * size_of(side, contents.runs)


def _beside_weights(contents: Contents, record: Attention) -> int:
    heads, rows = len(record.head_ids), shape_of(contents, record)[0]
    lines = _MAXIMUM * (1 + _leaks(record)) * heads * rows
    told = _ABOUT + (_HEAD * heads if has_focus(contents, record) else 0) + 60 * len(record.predictions)
    vectors = kept_vectors(contents, record)
    letters = LETTERS_PER_BYTE * (lines + _masks(contents, record))
    return int(letters) + told + (letters_of(vectors) if vectors else 0)


def of_weights(contents: Contents) -> int:
    """Estimate what levels of weights take."""
    every = (
        len(record.head_ids) * prod(shape_of(contents, record)) * _bytes_per_weight(contents, record)
        for record in contents.records
    )
    return int(sum(every) * LETTERS_PER_BYTE)


def _leaks(record: Attention) -> bool:
    return record.pooling is None and (bool(record.sinks) or record.dropped > 0)


def _masks(contents: Contents, record: Attention) -> int:
    different = {id(mask): mask for mask in masks_of(contents, record).values()}
    return sum(len(deflate(packed(mask))) for mask in different.values())


def _bytes_per_weight(contents: Contents, record: Attention) -> float:
    """Compress a sample of a record's weights, or all of few."""
    held = seen = 0
    for block in _sample(contents, record):
        held += len(deflate(as_levels(block).levels))
        seen += block.size
    return held / seen


def _sample(contents: Contents, record: Attention) -> Iterator[Weights]:
    """Take blocks of neighbouring rows, spread over layers, heads and rows, as the page would show them."""
    rows, columns = shape_of(contents, record)
    heads = record.head_ids
    height = max(_BLOCK // columns, 1)
    per_head = -(-rows // height)
    if len(heads) * per_head <= _BLOCKS:
        chosen = [(head, place) for head in range(len(heads)) for place in range(per_head)]
    else:
        # Multiples of the golden ratio fall evenly on any number of places.
        chosen = [(i * len(heads) // _BLOCKS, int(i * _GOLDEN % 1 * per_head)) for i in range(_BLOCKS)]
    for head, place in chosen:
        layer, index = divmod(head, len(record.heads))
        first, stop = place * height, min((place + 1) * height, rows)
        yield _rows(record.weights[layer, index], (first, stop), (rows, columns))


def _rows(weights: Weights, kept: tuple[int, int], shape: tuple[int, int]) -> Weights:
    """Give some rows of a head as they are when it is pooled to a shape."""
    count = len(weights)
    first, stop = (edge * count // shape[0] for edge in kept)
    block = weights[first:stop]
    return block if weights.shape == shape else pool(block, kept[1] - kept[0], shape[1])
