"""All heads on one sheet: a mosaic of small squares, layers down, heads across, drawn as one image."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from attnviz.record import Attention, Weights
from attnviz.render import notes
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import HAIRLINE, Canvas, open_canvas
from attnviz.render.figure.colors import RULE, STRIPE, ColorScale
from attnviz.render.figure.fonts import letter
from attnviz.render.figure.frame import (
    Moment,
    Words,
    draw_words,
    extent_notes,
    gather,
    mass_notes,
    name_heads,
    pooled_note,
    signs,
    source_line,
    view_notes,
)
from attnviz.render.figure.layout import PAD, Content, Layout, Sheet, fit, square_ratio
from attnviz.render.figure.sides import NumberLabels
from attnviz.render.hidden import outside
from attnviz.render.scales import floor_of
from attnviz.render.shrunk import shrunk
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# Between two tiles, in letters.
TILE_GAP = 0.1
# The lines of a hatching are so many letters apart.
_STRIPES = 0.3
# How much of a square the line over heads that share their keys leaves free at each end.
_INSET = 0.12
LARGEST_TILE = 12


def draw_grid(
    record: Attention, heads: Sequence[HeadId], theme: Theme, sheet: Sheet, moment: Moment | None = None
) -> Figure:
    """Draw the layers and heads there are among `heads`, all on one colour scale.

    Args:
        record: whose weights.
        heads: which to show; the place of any other head is left grey.
        theme: the colours.
        sheet: the paper.
        moment: when this is, and the scale's top, where the figure is one of several.
    """
    layers, indices = sorted({head.layer for head in heads}), sorted({head.index for head in heads})
    weights = gather(record, heads)
    top = moment.top if moment else float(weights.max()) or 1.0
    told = (
        *extent_notes(record, top),
        *view_notes(record),
        *_notes(record, heads),
        *mass_notes(record, heads),
        *notes.sinks(record, heads),
        *_sharing(record, heads),
    )
    title = " · ".join([name_heads(heads), *notes.per_cell(record)])
    words = Words(title, source_line(record), told, tuple(signs(record, heads))).at(moment)
    lettering = letter([words.title, words.source])
    content = Content(
        panels=1,
        rows=NumberLabels(layers, lettering).every,
        columns=NumberLabels(indices, lettering).every,
        columns_at="above",
        notes=words.lines,
        largest_cell=LARGEST_TILE,
        ratio=square_ratio(len(record.queries), len(record.keys)) * len(indices) / len(layers),
    )
    gap = max(2, round(TILE_GAP * sheet.letter / sheet.pixel))
    layout = fit(sheet, content)
    pixels = tile_pixels(layout, sheet, gap)
    note = pooled_note(*pixels, weights, record.pooling, notes.shown(record))
    if note:
        words = words.with_notes(*note)
        layout = fit(sheet, replace(content, notes=words.lines))
    canvas = open_canvas(sheet, layout, ColorScale(theme, top, floor_of(record, top)), lettering)
    pixels = tile_pixels(layout, sheet, gap)
    tiles = striped(stretch(_shrink(record, heads, pixels), *pixels), _stripe(sheet))
    places = [(layers.index(head.layer), indices.index(head.index)) for head in heads]
    axes = canvas.panel(0, "grid", mosaic(tiles, places, (len(layers), len(indices)), gap))
    number_tiles(canvas, axes)
    _join(canvas, axes, record, indices)
    draw_bar(canvas, name=notes.scale(record))
    draw_words(canvas, words)
    return canvas.figure


def number_tiles(canvas: Canvas, axes: Axes) -> None:
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


def _join(canvas: Canvas, axes: Axes, record: Attention, indices: Sequence[int]) -> None:
    """Draw a thin line over the heads that share their keys."""
    if record.heads_per_key == 1:
        return
    above = -0.5 - 0.5 * PAD * canvas.layout.letter / canvas.layout.cell[1]
    groups = [index // record.heads_per_key for index in indices]
    for group in sorted(set(groups)):
        first, count = groups.index(group), groups.count(group)
        if count == 1:
            continue
        ends = [first - 0.5 + _INSET, first + count - 0.5 - _INSET]
        axes.add_line(
            Line2D(ends, [above] * 2, color=canvas.theme.muted, linewidth=2 * HAIRLINE, clip_on=False)
        )


def _sharing(record: Attention, heads: Sequence[HeadId]) -> Iterator[str]:
    for note in notes.sharing(record, heads):
        yield f"a line above joins {note}"


def _notes(record: Attention, heads: Sequence[HeadId]) -> Iterator[str]:
    shape = "square" if len(record.queries) == len(record.keys) else "rectangle"
    yield f"each {shape} is a head: rows from (query), columns to (key)"
    if len(heads) < len({head.layer for head in heads}) * len({head.index for head in heads}):
        yield f"grey {shape}s: heads that were not asked for"


def tile_pixels(layout: Layout, sheet: Sheet, gap: int) -> tuple[int, int]:
    """Give the rows and columns of pixels for one head."""
    wide, high = (max(1, round(length / sheet.pixel) - gap) for length in layout.cell)
    return high, wide


def _shrink(record: Attention, heads: Sequence[HeadId], pixels: tuple[int, int]) -> Weights:
    """Pool each head, one after the other, so that no copy of all weights is made."""
    most = zip(pixels, record.weights.shape[2:], strict=True)
    rows, columns = (min(room, count) for room, count in most)
    return np.stack([*shrunk(record, heads, rows, columns)])


def _stripe(sheet: Sheet) -> int:
    """Give how many pixels apart the lines of a hatching are."""
    return max(3, round(_STRIPES * sheet.letter / sheet.pixel))


def striped(tiles: Weights, apart: int) -> Weights:
    """Hatch the pixels of keys outside a window with slanted lines, a third as thick as they are apart.

    Shape:
        tiles: (head, row, column) of pixels.
    """
    hidden = outside(tiles)
    if not hidden.any():
        return tiles
    slanted = np.add.outer(np.arange(tiles.shape[1]), np.arange(tiles.shape[2])) % apart < max(1, apart // 3)
    return np.where(hidden, np.where(slanted, np.float32(STRIPE), np.float32(np.nan)), tiles)


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
