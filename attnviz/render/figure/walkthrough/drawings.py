"""The drawings beside a story: the way of the shapes, and the weights of the head."""

import numpy as np

from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.sides import elide
from attnviz.render.figure.walkthrough.lines import Piece, Setter
from attnviz.render.figure.walkthrough.paper import (
    ACCENT,
    CELL,
    FINE,
    MARGIN,
    PAPER,
    THEME,
    Part,
    Sheet,
    Style,
)
from attnviz.render.walkthrough.drawings import NAME, SMALL, Drawing, Square

# The weights are drawn on a square of at most this, in cells of at most that.
_SQUARE, _CELL_SIDE = 260.0, 24.0

# The whole way is at most so tall.
_TALLEST = 570.0

_BOX = THEME.scale[1]


def set_way(setter: Setter, drawing: Drawing, most: float) -> list[Part]:
    """Draw all shapes, smaller where a page has no room."""
    scale = min(most, _TALLEST * most / drawing.height)

    def draw(sheet: Sheet, top: float) -> None:
        def at(point: tuple[float, float]) -> tuple[float, float]:
            return MARGIN + point[0] * scale, top + point[1] * scale

        for rect in drawing.rects:
            fill = _BOX if rect.kind == "matrix" else ACCENT
            edge = THEME.muted if rect.kind == "matrix" else "none"
            size = rect.width * scale, rect.height * scale
            sheet.rect(at(rect.corner), size, fill=fill, edge=edge)
        for stroke in drawing.strokes:
            points = [at(point) for point in stroke.points]
            sheet.line(points)
            if stroke.has_head:
                sheet.tip(*points[-1], 6 * scale)
        for label in drawing.labels:
            name = label.kind == "name"
            color = THEME.foreground if name else THEME.muted
            style = Style((NAME if name else SMALL) * scale, color, bold=name)
            align = {"start": "left", "middle": "middle"}[label.anchor]
            sheet.write(label.text, *at(label.at), style, align)

    return [Part(drawing.height * scale, draw), *setter.caption(drawing.caption)]


def set_weights(setter: Setter, found: Square) -> list[Part]:
    """Draw the weights of the head as cells, the row of the query framed."""
    rows, columns = found.weights.shape
    cell = min(_SQUARE / max(rows, columns), _CELL_SIDE)
    size = min(CELL, cell * 0.9)
    texts = [elide(setter.lettering.spell(text), setter.lettering, 90 / CELL) for text in found.rows]
    below = [elide(setter.lettering.spell(text), setter.lettering, 90 / CELL) for text in found.columns]
    style, bold = Style(size), Style(size, bold=True)
    left = 20 + max(setter.width(Piece(text, bold)) for text in texts)
    reach = max(setter.width(Piece(text, style)) for text in below)
    height = 4 + rows * cell + reach + 46

    def draw(sheet: Sheet, top: float) -> None:
        x, y, width = MARGIN + left, top + 4, columns * cell
        _cells(sheet, found, (x, y), cell)
        sheet.rect((x, y + found.chosen * cell), (width, cell), edge=ACCENT, thick=1.8)
        for row, text in enumerate(texts):
            look = bold if row == found.chosen else style
            sheet.write(text, x - 5, y + (row + 0.5) * cell, look, "right")
        end = y + rows * cell
        for column, text in enumerate(below):
            sheet.write(text, x + (column + 0.5) * cell, end + 5, style, "right", turned=True)
        muted = Style(FINE, THEME.muted)
        sheet.write(f"{found.names[1]} →", x + width / 2, end + reach + 18, muted, "middle")
        sheet.write(f"← {found.names[0]}", MARGIN + 5, y + rows * cell / 2, muted, "middle", turned=True)
        _legend(sheet, found, x, end + reach + 30)

    return [Part(height, draw), *setter.caption(found.caption)]


def _cells(sheet: Sheet, found: Square, corner: tuple[float, float], cell: float) -> None:
    rows, columns = found.weights.shape
    left, bottom = sheet.place(corner[0], corner[1] + rows * cell)
    axes = sheet.figure.add_axes(
        (left, bottom, columns * cell / PAPER[0], rows * cell / PAPER[1]),
        label="weights",
        xticks=[],
        yticks=[],
    )
    axes.spines[:].set(color=THEME.rule, linewidth=0.6)
    scale = ColorScale(THEME, found.top)
    shown = np.where(found.visible, found.weights, np.nan)
    axes.imshow(shown, cmap=scale.colormap, norm=scale.norm, interpolation="nearest", aspect="auto")


def _legend(sheet: Sheet, found: Square, x: float, y: float) -> None:
    scale = ColorScale(THEME, found.top)
    left, bottom = sheet.place(x + 12, y + 8)
    axes = sheet.figure.add_axes(
        (left, bottom, 90 / PAPER[0], 8 / PAPER[1]), label="scale", xticks=[], yticks=[]
    )
    axes.spines[:].set(color=THEME.rule, linewidth=0.6)
    steps = np.linspace(0, found.top, 256)[np.newaxis]
    axes.imshow(steps, cmap=scale.colormap, norm=scale.norm, aspect="auto")
    muted = Style(FINE, THEME.muted)
    sheet.write("0", x, y + 4, muted)
    sheet.write(f"{found.top:.4f}", x + 108, y + 4, muted)
