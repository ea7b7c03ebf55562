"""A record shown inside a notebook: a page in a frame of its own, made smaller where it is large."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from math import isqrt
from typing import TYPE_CHECKING

from attnviz.record import Attention
from attnviz.render.page.contents import Contents, gather, title_of
from attnviz.render.page.fitting import coarser, fit_digests
from attnviz.render.page.framed import frame
from attnviz.render.page.pooled import is_pooled
from attnviz.render.page.size import beside, estimate, shrink
from attnviz.render.page.written import told_of_pooled, write
from attnviz.selection import numbers_as_ranges

if TYPE_CHECKING:
    from attnviz.analysis.streaming.digest import Digest

# A notebook keeps every page it shows, so each has about so many bytes at most.
MOST_BYTES = 2_000_000

# Nobody wants to wait for a cell that ends in a record. Of more weights than the first, only some heads are
# shown; more than the second, even of one head, are not read at all.
MOST_WEIGHTS, FAR_TOO_MANY = 1 << 25, 1 << 28

# Telling what heads read costs as much as reading so many weights, and for each head as much as so many more.
_READ_AT_ONCE, _PER_HEAD = 8_000_000, 20_000

# About so many rows and columns will be left.
_PERHAPS = 200

# What a cell of a pooled map takes in the file, at most.
_LETTERS_PER_CELL = 1.0

_WHOLE_DIGEST = "Finer: <code>attnviz.page(digest).save(&quot;attention.html&quot;)</code>"
_WHOLE = "For all of it: <code>attnviz.page(record).save(&quot;attention.html&quot;)</code>"


def inline(record: "Attention | Digest") -> str:
    """Show a record, or a digest, inside a notebook.

    A large one is made smaller, and a line below says how and where the whole of it is to be had. It never
    takes more than about two seconds.

    Returns:
        HTML: a frame with a page of its own, which reaches nothing around it.
    """
    if not isinstance(record, Attention):
        return _inline_digest(record)
    kept, left_out = _few(record)
    if kept is None:
        return f"<p>{escape(f'{record!r}: too large to show here')}. {_WHOLE}</p>"
    contents = replace(gather(kept), inline=True, focus=_is_quick(kept))
    if estimate(contents) > MOST_BYTES:
        contents = _smaller(contents)
    less = "; ".join([*left_out, *_smaller_in(contents)])
    below = f"<p>Made smaller to fit here: {escape(less)}. {_WHOLE}</p>" if less else ""
    return frame(write(contents), f"{title_of(record)}: {contents.title}") + below


def _inline_digest(digest: "Digest") -> str:
    """Show a digest: maps as fine, and as many of the keys each query reads most, as there is room for."""
    whole = gather(digest)
    contents, _ = fit_digests(replace(whole, inline=True), MOST_BYTES)
    made = write(contents)
    while made.size > MOST_BYTES and (less := coarser(contents)):
        contents, made = less, write(less)
    if made.size > MOST_BYTES:
        return f"<p>{escape(f'{digest!r}: too large to show here')}. {_WHOLE_DIGEST}</p>"
    shown = frame(made, f"{title_of(digest.maxima)}: {contents.title}")
    if told_of_pooled(contents) == told_of_pooled(whole):
        return shown
    return f"{shown}<p>Made smaller to fit here: {escape(told_of_pooled(contents))}. {_WHOLE_DIGEST}</p>"


def _few(record: Attention) -> tuple[Attention | None, list[str]]:
    """Take so many of a record's heads that all their weights can be read at once, spread over its layers."""
    square = record.weights[0, 0].size
    if square > FAR_TOO_MANY:
        return None, []
    if record.weights.size <= MOST_WEIGHTS:
        return record, []
    layers, heads = _shares(len(record.layers), len(record.heads), max(MOST_WEIGHTS // square, 1))
    kept = _part(record, _spread(len(record.layers), layers), _spread(len(record.heads), heads))
    named = f"layers {numbers_as_ranges(kept.layers)}, heads {numbers_as_ranges(kept.heads)}"
    return kept, [f"only {named} of {len(record.layers)} layers and {len(record.heads)} heads"]


def _shares(layers: int, heads: int, most: int) -> tuple[int, int]:
    """Say how many layers, and heads of each, are kept of a grid when only so many cells of it can be.

    >>> _shares(32, 32, 16), _shares(2, 32, 16), _shares(32, 1, 3), _shares(4, 4, 1)
    ((4, 4), (2, 8), (3, 1), (1, 1))
    """
    down = min(layers, max(isqrt(most), most // heads))
    across = min(heads, most // down)
    return min(layers, most // across), across


def _spread(count: int, kept: int) -> list[int]:
    """Choose some of a row of places, evenly.

    >>> _spread(8, 3), _spread(3, 3)
    ([0, 2, 5], [0, 1, 2])
    """
    return [place * count // kept for place in range(kept)]


def _part(record: Attention, layers: Sequence[int], heads: Sequence[int]) -> Attention:
    """Give a record of some of the layers and heads of another, by their places."""
    kept = tuple(record.layers[place] for place in layers)
    return replace(
        record,
        weights=record.weights[list(layers)][:, list(heads)],
        layers=kept,
        heads=tuple(record.heads[place] for place in heads),
        sight={layer: mask for layer, mask in record.sight.items() if layer in kept},
        sinks=tuple(layer for layer in record.sinks if layer in kept),
        internals=None,
    )


def _is_quick(record: Attention) -> bool:
    """Whether telling what heads read costs little."""
    return record.weights.size + len(record.head_ids) * _PER_HEAD <= _READ_AT_ONCE


def _smaller(contents: Contents) -> Contents:
    """Pool a page so far that it fits, without trying."""
    record = contents.records[0]
    room = MOST_BYTES - beside(replace(contents, runs=_PERHAPS))
    cells = max(room, MOST_BYTES // 10) / _LETTERS_PER_CELL
    return shrink(contents, cells / record.weights.size)


def _smaller_in(contents: Contents) -> list[str]:
    record = contents.records[0]
    said = []
    if is_pooled(contents, record):
        rows, columns = (len(record.queries), len(record.keys))
        said.append(f"each cell the largest of several of the {rows:,} x {columns:,} weights")
    if not contents.focus:
        said.append("what each head reads left out")
    return said
