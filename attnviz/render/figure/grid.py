"""All heads on one sheet: a mosaic of small squares, layers down and heads across, drawn as a single image."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attnviz.record import Attention, Weights
from attnviz.render.figure.canvas import Canvas
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.frame import Words, draw_words, mass_notes, name_heads, pooled_note, source_line
from attnviz.render.figure.layout import Content, Sheet, fit, square_ratio
from attnviz.render.figure.scale import NOTHING, RULE, color_scale, draw_bar
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
        heads: which to show; the place of any other head stays empty.
        theme: the colours.
        sheet: the paper.
    """
    layers, indices = sorted({head.layer for head in heads}), sorted({head.index for head in heads})
    weights = np.stack([record.head(head) for head in heads])
    legend = "each square is a head: rows from (query), columns to (key)"
    masked = not bool(record.visible().all())
    words = Words(name_heads(heads), source_line(record), (legend, *mass_notes(weights)), masked)
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
    layout = fit(sheet, content)
    gap = max(2, round(_GAP * sheet.letter / sheet.pixel))
    wide, high = (max(1, round(length / sheet.pixel) - gap) for length in layout.cell)
    canvas = Canvas.of(sheet, layout, color_scale(theme, float(weights.max())), theme, lettering)
    seen = np.where(record.visible(), weights, np.float32(np.nan))
    tiles = [to_pixels(head, high, wide) for head in seen]
    places = [(layers.index(head.layer), indices.index(head.index)) for head in heads]
    axes = canvas.panel(0, mosaic(tiles, places, (len(layers), len(indices)), gap))
    canvas.label_rows(axes, "layer")
    canvas.label_columns(axes, "head", "above")
    draw_bar(canvas)
    draw_words(canvas, words)
    return canvas.figure


def mosaic(tiles: Sequence[Weights], places: Sequence[tuple[int, int]], shape: tuple[int, int], gap: int) -> Weights:
    """Lay tiles out in rows and columns, with lines between them.

    Shape:
        tiles: (row, column) each, all alike.

    Args:
        tiles: the tiles.
        places: for each tile, the row and column it stands in.
        shape: how many rows and columns of tiles there are.
        gap: the thickness of the lines.
    """
    high, wide = tiles[0].shape
    sheet = np.full((*shape, high + gap, wide + gap), RULE, dtype=np.float32)
    before = slice(gap // 2, -(gap - gap // 2))
    sheet[:, :, before, before] = NOTHING
    for (row, column), tile in zip(places, tiles, strict=True):
        sheet[row, column, before, before] = tile
    rows, columns = shape[0] * (high + gap), shape[1] * (wide + gap)
    return sheet.transpose(0, 2, 1, 3).reshape(rows, columns)


def to_pixels(weights: Weights, high: int, wide: int) -> NDArray[np.floating]:
    """Give a head as many rows and columns as there are pixels: maxima of its cells, or each several times.

    Shape:
        weights: (query, key), NaN where masked.
        result: (high, wide).
    """
    rows, columns = weights.shape
    pooled = pool(weights, min(rows, high), min(columns, wide))
    down, across = np.arange(high) * pooled.shape[0] // high, np.arange(wide) * pooled.shape[1] // wide
    return pooled[np.ix_(down, across)]
