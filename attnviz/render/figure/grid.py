"""All heads on one sheet: a mosaic of small squares, layers down, heads across, drawn as one image."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnviz.record import Attention, Weights
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import Canvas, open_canvas
from attnviz.render.figure.colors import RULE, ColorScale
from attnviz.render.figure.fonts import letter
from attnviz.render.figure.frame import (
    Words,
    draw_words,
    gather,
    mass_notes,
    name_heads,
    pooled_note,
    source_line,
)
from attnviz.render.figure.layout import PAD, Content, Layout, Sheet, fit, square_ratio
from attnviz.render.figure.sides import NumberLabels
from attnviz.render.pooling import pool
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# Between two tiles, in letters.
_GAP = 0.1
_LARGEST_TILE = 12


def draw_grid(record: Attention, heads: Sequence[HeadId], theme: Theme, sheet: Sheet) -> Figure:
    """Draw the layers and heads there are among `heads`, all on one colour scale.

    Args:
        record: whose weights.
        heads: which to show; the place of any other head is left grey.
        theme: the colours.
        sheet: the paper.
    """
    layers, indices = sorted({head.layer for head in heads}), sorted({head.index for head in heads})
    weights = gather(record, heads)
    masked = not all(record.visible(layer).all() for layer in layers)
    words = Words(name_heads(heads), source_line(record), (*_notes(heads), *mass_notes(weights)), masked)
    lettering = letter([words.title, words.source])
    content = Content(
        panels=1,
        rows=NumberLabels(layers, lettering).every,
        columns=NumberLabels(indices, lettering).every,
        columns_at="above",
        notes=words.lines,
        largest_cell=_LARGEST_TILE,
        ratio=square_ratio(len(record.queries), len(record.keys)) * len(indices) / len(layers),
    )
    gap = max(2, round(_GAP * sheet.letter / sheet.pixel))
    layout = fit(sheet, content)
    note = pooled_note(*_tile(layout, sheet, gap), weights)
    if note:
        words = replace(words, notes=(*words.notes, *note))
        layout = fit(sheet, replace(content, notes=words.lines))
    canvas = open_canvas(sheet, layout, ColorScale(theme, float(weights.max()) or 1.0), lettering)
    pixels = _tile(layout, sheet, gap)
    tiles = stretch(_shrink(record, heads, weights, pixels), *pixels)
    places = [(layers.index(head.layer), indices.index(head.index)) for head in heads]
    axes = canvas.panel(0, "grid", mosaic(tiles, places, (len(layers), len(indices)), gap))
    _number(canvas, axes)
    draw_bar(canvas)
    draw_words(canvas, words)
    return canvas.figure


def _number(canvas: Canvas, axes: Axes) -> None:
    """Write the layers at the left and the heads on top: as plain text, since ticks take thrice the time."""
    layout = canvas.layout
    across, down = (PAD * layout.letter / side for side in layout.cell)
    for layer in layout.labels.rows.labels:
        style = canvas.label_style(layer)
        axes.text(-0.5 - across, layer.at, layer.text, ha="right", va="center_baseline", **style)
    for head in layout.labels.columns.labels:
        style = canvas.label_style(head)
        axes.text(head.at, -0.5 - down, head.text, ha="center", va="bottom", **style)
    canvas.name_rows(axes, "layer")
    canvas.name_columns(axes, "head", "above")


def _notes(heads: Sequence[HeadId]) -> Iterator[str]:
    yield "each square is a head: rows from (query), columns to (key)"
    if len(heads) < len({head.layer for head in heads}) * len({head.index for head in heads}):
        yield "grey squares: heads that were not asked for"


def _tile(layout: Layout, sheet: Sheet, gap: int) -> tuple[int, int]:
    """Give the rows and columns of pixels for one head."""
    wide, high = (max(1, round(length / sheet.pixel) - gap) for length in layout.cell)
    return high, wide


def _shrink(record: Attention, heads: Sequence[HeadId], weights: Weights, pixels: tuple[int, int]) -> Weights:
    """Pool each head, one after the other, so that no copy of all weights is made."""
    rows, columns = (min(most, count) for most, count in zip(pixels, weights.shape[1:], strict=True))
    hidden = np.float32(np.nan)
    visible = {head.layer: record.visible(head.layer) for head in heads}
    return np.stack(
        [
            pool(np.where(visible[head.layer], square, hidden), rows, columns)
            for head, square in zip(heads, weights, strict=True)
        ]
    )


def stretch(tiles: Weights, high: int, wide: int) -> Weights:
    """Repeat rows and columns until a tile has as many as there are pixels.

    Shape:
        tiles: (head, row, column).
        result: (head, high, wide).
    """
    down = np.arange(high) * tiles.shape[1] // high
    across = np.arange(wide) * tiles.shape[2] // wide
    return tiles[:, down][:, :, across]


def mosaic(tiles: Weights, places: Sequence[tuple[int, int]], shape: tuple[int, int], gap: int) -> Weights:
    """Lay tiles out by layer and head, with lines between them.

    Shape:
        tiles: (tile, row, column).
        result: (layer * (row + gap), head * (column + gap)).

    Args:
        tiles: the tiles.
        places: for each tile, the layer and head it stands at, counted from 0.
        shape: how many layers and heads there are.
        gap: the thickness of the lines, in pixels.
    """
    _, high, wide = tiles.shape
    sheet = np.full((shape[0], high + gap, shape[1], wide + gap), RULE, dtype=np.float32)
    before = gap // 2
    for (layer, head), tile in zip(places, tiles, strict=True):
        sheet[layer, before : before + high, head, before : before + wide] = tile
    return sheet.reshape(shape[0] * (high + gap), shape[1] * (wide + gap))
