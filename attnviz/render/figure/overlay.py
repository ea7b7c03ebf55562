"""A head's weights laid over the picture the model saw: one query's, each patch a block of colour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from attnviz.analysis.patches import Gaze, Query, gaze, grid_shape
from attnviz.errors import RequestError
from attnviz.record import Attention
from attnviz.render import notes
from attnviz.render.figure import chosen_heads, chosen_theme
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.drawing import PLAIN, fits_panels
from attnviz.render.figure.fonts import letter
from attnviz.render.figure.frame import Words, draw_words, name_heads, source_line, view_notes
from attnviz.render.figure.grid import LARGEST_TILE, TILE_GAP, mosaic, number_tiles, stretch, tile_pixels
from attnviz.render.figure.layout import Content, Sheet, fit
from attnviz.render.figure.sides import NumberLabels
from attnviz.render.figure.size import Size, check_dpi, parse_size
from attnviz.render.labels import printable_sentence
from attnviz.render.pooling import pool, starts
from attnviz.render.theme import Theme, luminance, rgb
from attnviz.selection import HeadId

# How dense the colour of the largest weight is; where there is no weight the picture is all that is seen.
_DENSEST = 0.92

# A block of hardly any weight begins this far up the theme's scale, whose lower end is the page's own colour.
_FAINTEST = 0.4

# The greys to which a picture is brought: pale on a light page, dark on a dark one, unlike any weight.
_PALE, _DARK = (160.0, 252.0), (12.0, 115.0)

# The frame of the query's own patch: a dark line on a light one shows on every colour. In points, and as a
# share of a patch's side at most.
_FRAME, _AROUND, _MOST = 1.0, 2.4, 0.16
_STROKES = (("#ffffff", _AROUND), ("#000000", _FRAME))

# Rec. 601 luma.
_LUMA = (0.299, 0.587, 0.114)
_HALF = 0.5

_Way = Literal["auto", "nearest"]


def overlay(
    record: Attention,
    heads: Sequence[HeadId | str] | None = None,
    *,
    query: Query | None = None,
    theme: str = "light",
    size: Size | str | None = None,
    dpi: int | None = None,
) -> Figure:
    """Draw what heads read of a picture, over the picture: a few side by side, or the grid of all.

    Args:
        record: its keys are patches, and it holds the picture.
        heads: the heads to draw, in this order; None means all.
        query: from where: a position, the row and column of a patch, or a token's text. None means the
            class token where there is one, and the mean over the queries otherwise.
        theme: "light" or "dark".
        size: "column", "page", "slide", "8x6" or "12x9cm"; None means as large as the content needs.
        dpi: pixels per inch, 200 unless told.

    Returns:
        A figure, independent of pyplot.

    Raises:
        OutOfRange: the record does not hold such a head.
        RequestError: it holds no picture or no patches, there is no such query, theme or size, or the figure
            is too small for its content.
    """
    if record.picture is None:
        raise RequestError("no picture to draw on: got a record without one")
    paper = parse_size(size) if isinstance(size, str) else size or Size()
    sheet = Sheet.of(paper, check_dpi(dpi, paper))
    chosen = chosen_heads(record, None, heads)
    shown = _Shown(record, chosen, tuple(gaze(record, head, query) for head in chosen), record.picture)
    way = _draw_panels if fits_panels(chosen) else _draw_grid
    with matplotlib.rc_context(PLAIN):
        return way(shown, chosen_theme(theme), sheet)


@dataclass(frozen=True, eq=False)
class _Shown:
    """What is drawn.

    Attributes:
        record: whose weights.
        heads: which.
        gazes: what each reads.
        picture: uint8 (height, width, 3).
    """

    record: Attention
    heads: tuple[HeadId, ...]
    gazes: tuple[Gaze, ...]
    picture: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, int]:
        """The rows and columns of patches."""
        return grid_shape(self.record.keys, self.picture)

    @property
    def ratio(self) -> float:
        """The picture's width to its height."""
        return int(self.picture.shape[1]) / int(self.picture.shape[0])

    @property
    def top(self) -> float:
        """The largest weight."""
        most = np.nanmax(np.stack([gaze.weights for gaze in self.gazes]))
        return float(most) or 1.0

    @property
    def frame(self) -> tuple[float, float, float, float] | None:
        """The query's own patch in the keys' grid: left, top, width and height; None if it is no patch."""
        own = self.gazes[0].place
        if own is None:
            return None
        rows, columns = grid_shape(self.record.queries, self.picture)
        high, wide = self.shape[0] / rows, self.shape[1] / columns
        return own[1] * wide - 0.5, own[0] * high - 0.5, wide, high

    def words(self, title: str, *more: str) -> Words:
        """Say what the figure shows."""
        who = printable_sentence(self.gazes[0].name)
        kind = "" if self.record.block == "self" else f" · {self.record.block} attention"
        what = notes.scale(self.record)
        told = (
            f"colour: the {what} of each patch, from {who}",
            *view_notes(self.record),
            *more,
            *self._aside(),
        )
        return Words(f"{title} · from {who}{kind}", source_line(self.record), told)

    def _aside(self) -> Iterator[str]:
        """Say how much weight is on no patch."""
        yield from notes.dropped(self.record)
        yield from notes.beside_patches([gaze.aside for gaze in self.gazes])


def _draw_panels(shown: _Shown, theme: Theme, sheet: Sheet) -> Figure:
    """Draw the picture, and beside it a panel for each head, all on one scale."""
    title = str(shown.heads[0]) if len(shown.heads) == 1 else name_heads(shown.heads)
    words = shown.words(title)
    lettering = letter([words.title, words.source, *words.notes])
    rows, columns = shown.shape
    content = Content(
        panels=1 + len(shown.heads),
        rows=NumberLabels(range(rows), lettering).every,
        columns=NumberLabels(range(columns), lettering).every,
        notes=words.lines,
        largest_cell=_largest(rows, columns),
        ratio=shown.ratio,
    )
    layout = fit(sheet, content)
    canvas = open_canvas(sheet, layout, ColorScale(_above_the_page(theme), shown.top), lettering)
    grey = _in_grey(shown.picture, theme)
    names = ["picture", *map(str, shown.heads)]
    for number, name in enumerate(names):
        axes = canvas.axes(layout.place(number), name)
        _lay(axes, grey if number else shown.picture, shown.shape, "auto")
        if number:
            _colour(canvas, axes, shown.gazes[number - 1].weights, shown.shape)
        if shown.frame:
            _frame(axes, shown.frame, min(layout.cell))
        if number % layout.across == 0:
            canvas.label_rows(axes, "row")
        if number + layout.across >= len(names):
            canvas.label_columns(axes, "column")
        left, top = layout.corner(number)
        unit = layout.letter
        canvas.write(name, (left, top - 1.5 * unit), unit, weight="bold", room=layout.panel[0])
    draw_bar(canvas, _opacity, on=_middle(theme), name=notes.scale(shown.record))
    draw_words(canvas, words)
    return canvas.figure


def _draw_grid(shown: _Shown, theme: Theme, sheet: Sheet) -> Figure:
    """Draw the layers and heads there are as a mosaic of small pictures, all on one scale."""
    layers = sorted({head.layer for head in shown.heads})
    indices = sorted({head.index for head in shown.heads})
    more = ["empty places: heads that were not asked for"] if _has_gaps(shown, layers, indices) else []
    words = shown.words(name_heads(shown.heads), *more)
    lettering = letter([words.title, words.source, *words.notes])
    content = Content(
        panels=1,
        rows=NumberLabels(layers, lettering).every,
        columns=NumberLabels(indices, lettering).every,
        columns_at="above",
        notes=words.lines,
        largest_cell=LARGEST_TILE,
        ratio=shown.ratio * len(indices) / len(layers),
    )
    gap = max(2, round(TILE_GAP * sheet.letter / sheet.pixel))
    layout = fit(sheet, content)
    canvas = open_canvas(sheet, layout, ColorScale(_above_the_page(theme), shown.top), lettering)
    high, wide = tile_pixels(layout, sheet, gap)
    spots = [(layers.index(head.layer), indices.index(head.index)) for head in shown.heads]
    shape = len(layers), len(indices)
    heat = _pooled(np.stack([gaze.weights for gaze in shown.gazes]), high, wide)
    small = _shrunk(_in_grey(shown.picture, theme), high, wide).astype(np.float32)
    axes = canvas.axes(layout.place(0), "grid")
    _lay(axes, mosaic(np.stack([small] * len(spots)), spots, shape, gap), shape, "nearest")
    _colour(canvas, axes, mosaic(heat, spots, shape, gap), shape)
    if shown.frame:
        for spot in spots:
            _frame(axes, _within(shown, spot), min(layout.cell) / max(shown.shape))
    number_tiles(canvas, axes)
    draw_bar(canvas, _opacity, on=_middle(theme), name=notes.scale(shown.record))
    draw_words(canvas, words)
    return canvas.figure


def _within(shown: _Shown, spot: tuple[int, int]) -> tuple[float, float, float, float]:
    """Give the place of the query's own patch within the tile of a layer and a head."""
    assert shown.frame is not None
    left, top, width, height = shown.frame
    rows, columns = shown.shape
    corner = spot[1] - 0.5 + (left + 0.5) / columns, spot[0] - 0.5 + (top + 0.5) / rows
    return *corner, width / columns, height / rows


def _lay(
    axes: Axes, picture: NDArray[np.floating] | NDArray[np.uint8], shape: tuple[int, int], way: _Way
) -> None:
    """Lay a picture, grey if it has no colours, under a grid of so many rows and columns."""
    axes.imshow(
        picture,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation=way,
        aspect="auto",
        extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5),
    )


def _colour(canvas: Canvas, axes: Axes, weights: NDArray[np.floating], shape: tuple[int, int]) -> None:
    """Lay weights over a picture, each a block; a patch the model did not see stays as it is.

    Shape:
        weights: (row, column), NaN where there is none, below 0 for what parts the tiles of a grid.
    """
    axes.imshow(
        weights,
        cmap=canvas.colors.colormap,
        norm=canvas.colors.norm,
        alpha=_opacity(weights, canvas.colors.top),
        interpolation="nearest",
        interpolation_stage="data",
        aspect="auto",
        extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5),
    )


def _opacity(weights: NDArray[np.floating], top: float) -> NDArray[np.float64]:
    """Give how dense each block's colour is: none where there is no weight, full for what parts tiles."""
    share = np.sqrt(np.clip(np.nan_to_num(weights), 0, top) / top)
    opacity: NDArray[np.float64] = np.where(weights < 0, 1.0, _DENSEST * share)
    return opacity


def _above_the_page(theme: Theme) -> Theme:
    """Begin the scale where its colours stand out from a picture, and part pictures by the page."""
    shares = np.linspace(_FAINTEST, 1, len(theme.scale))
    colors = tuple("#{:02x}{:02x}{:02x}".format(*theme.color(share)) for share in shares)
    return replace(theme, scale=colors, rule=theme.background)


def _greys(theme: Theme) -> tuple[float, float]:
    """Give the greys of a picture's black and white."""
    return _PALE if luminance(rgb(theme.background)) > _HALF else _DARK


def _middle(theme: Theme) -> str:
    """Give the grey that a picture is on average, which the scale is drawn on."""
    return "#" + f"{round(sum(_greys(theme)) / 2):02x}" * 3


def _in_grey(picture: NDArray[np.uint8], theme: Theme) -> NDArray[np.float64]:
    """Turn a picture into greys that suit a theme: (height, width)."""
    black, white = _greys(theme)
    light: NDArray[np.float64] = picture @ np.array(_LUMA) / 255
    return black + light * (white - black)


def _frame(axes: Axes, box: tuple[float, float, float, float], side: float) -> None:
    """Frame the query's own patch.

    Args:
        axes: the panel.
        box: left, top, width and height of the patch, in the panel's own units.
        side: the length of the patch's side, in points.
    """
    left, top, width, height = box
    scale = min(1.0, _MOST * side / _AROUND)
    for color, thickness in _STROKES:
        patch = Rectangle((left, top), width, height, fill=False, clip_on=False)
        patch.set(edgecolor=color, linewidth=scale * thickness, joinstyle="miter")
        axes.add_patch(patch)


def _shrunk(grey: NDArray[np.float64], high: int, wide: int) -> NDArray[np.float64]:
    """Bring a grey picture to so many pixels: means of those they stand for, or the same ones repeated."""
    return _averaged(_averaged(grey, high).T, wide).T


def _averaged(rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Bring rows to another number."""
    if count >= len(rows):
        return rows[np.arange(count) * len(rows) // count]
    first = starts(len(rows), count)
    lengths = np.diff(np.append(first, len(rows)))
    means: NDArray[np.float64] = np.add.reduceat(rows, first, axis=0) / lengths[:, None]
    return means


def _pooled(weights: NDArray[np.floating], high: int, wide: int) -> NDArray[np.float32]:
    """Fit grids of patches into tiles of so many pixels.

    Shape:
        weights: (head, row, column).
        result: (head, high, wide).
    """
    rows, columns = (min(room, count) for room, count in zip((high, wide), weights.shape[1:], strict=True))
    return stretch(pool(weights, rows, columns).astype(np.float32), high, wide)


def _largest(rows: int, columns: int) -> float:
    """Give how many letters the side of a patch may have: few patches are no reason for a small figure."""
    return max(5.0, 40.0 / max(rows, columns))


def _has_gaps(shown: _Shown, layers: Sequence[int], indices: Sequence[int]) -> bool:
    return len(shown.heads) < len(layers) * len(indices)
