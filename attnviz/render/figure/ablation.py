"""What a model loses without its heads: a map of layers and heads, and effects against importance."""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attnviz.analysis.effect import Ablation
from attnviz.render import effects
from attnviz.render.figure import chosen_theme
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.drawing import PLAIN
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.frame import Words, draw_words, source_line
from attnviz.render.figure.grid import number_tiles
from attnviz.render.figure.layout import CROWN, HEADING, MARGIN, NOTE, PAD, Content, Layout, Sheet, fit
from attnviz.render.figure.scatter import Box, Point, draw_scatter
from attnviz.render.figure.sides import NumberLabels, TokenLabels, shown
from attnviz.render.figure.size import Size
from attnviz.render.figure.stack import NameLabels, sheet_of, wrapped
from attnviz.render.pooling import pool
from attnviz.render.theme import Theme

# Fewer heads than this are no cloud of points.
_FEWEST = 4

# Beyond this ratio of its sides a map of tokens is no longer made of square cells.
_LONGEST = 6.0

# In letters: a cell at most, and the share of the width that tokens' labels may take.
_LARGEST_CELL, _LABEL_SHARE = 5.0, 0.2

# The cloud's height as a share of its width, and what its axes take at the left and below, in letters.
_HIGH, _AXES = 0.5, (4.2, 3.2)

# A number in a cell has so many characters at most, each so wide as a share of the letter size.
_CHARACTERS, _WIDE, _LEAST_NUMBER = 4, 0.66, 4.0


def draw_ablation(
    ablation: Ablation,
    *,
    theme: str = "light",
    size: Size | str | None = None,
    dpi: int | None = None,
) -> Figure:
    """Draw effects of removed heads.

    Heads of several layers stand in a map of layers and heads, and below it, where it is known, the effect of
    each against its importance. What is no such map has a row for each removal and a column for each token.

    Args:
        ablation: what to draw.
        theme: "light" or "dark".
        size: "column", "page" or a width such as "84mm"; None means as large as the content needs.
        dpi: pixels per inch, 200 unless told.

    Raises:
        RequestError: an unknown theme or size, one with a height, or a picture too small for its content.
    """
    sheet, colors = sheet_of(size, dpi), chosen_theme(theme)
    with matplotlib.rc_context(PLAIN):
        draw = _draw_map if effects.is_grid(ablation) else _draw_tokens
        return draw(ablation, colors, sheet)


def _draw_map(ablation: Ablation, theme: Theme, sheet: Sheet) -> Figure:
    layers, indices, values = effects.as_grid(ablation)
    words = Words(effects.title(ablation), source_line(ablation))
    lettering = letter([words.source])
    points = list(_points(ablation))
    content = Content(
        panels=1,
        rows=NumberLabels(layers, lettering).every,
        columns=NumberLabels(indices, lettering).every,
        columns_at="above",
        largest_cell=_LARGEST_CELL,
    )
    upper = fit(sheet, content)
    if len(points) >= _FEWEST:  # both drawings begin at the margin
        upper = replace(upper, edge=MARGIN * upper.letter)
    told = _told(_notes(ablation, values), upper, lettering)
    colors = ColorScale(theme, float(np.nanmax(values)) or 1.0)
    if len(points) < _FEWEST:
        layout = fit(sheet, replace(content, notes=len(told)))
        canvas = open_canvas(sheet, layout, colors, lettering)
        _draw_cells(canvas, ablation, values, words.with_notes(*told))
        return canvas.figure
    box, lower = _below(upper, len(told))
    canvas = open_canvas(sheet, replace(upper, height=lower.height), colors, lettering)
    _draw_cells(canvas, ablation, values, words)
    below = replace(canvas, layout=lower)
    draw_scatter(below, points, box, (_IMPORTANCE, f"effect, {effects.unit(ablation)}"))
    draw_words(below, Words("Effect against importance", _AGAINST, told))
    return canvas.figure


_IMPORTANCE = "importance (share of its layer)"
_AGAINST = "gradients judge a small change of a head, removal all of it"


def _points(ablation: Ablation) -> Iterator[Point]:
    """Give importance and effect of each head of which both are known."""
    for head, entry in ablation.effects.by_head.items():
        known = ablation.importance.get(head)
        if known is not None:
            yield Point(str(head), known.share, entry.mean)


def _draw_cells(canvas: Canvas, ablation: Ablation, values: NDArray[np.float64], words: Words) -> None:
    """Draw the map, with numbers where they can be read."""
    axes = canvas.panel(0, "effects", values.astype(np.float32))
    number_tiles(canvas, axes)
    _write_numbers(canvas, axes, values)
    draw_bar(canvas, name=effects.unit(ablation))
    draw_words(canvas, words)


def _draw_tokens(ablation: Ablation, theme: Theme, sheet: Sheet) -> Figure:
    """Draw each removal as a row, with what it does at each token."""
    entries, tokens = ablation.effects.entries, ablation.effects.tokens
    values = np.stack([entry.rows for entry in entries])
    words = Words(effects.title(ablation), source_line(ablation))
    lettering = letter([words.source, *map(shown, tokens)])
    together = entries[0].head is None
    names = [f"{len(entries[0].removed)} heads"] if together else [entry.name for entry in entries]
    content = Content(
        panels=1,
        rows=NameLabels(names, lettering).every,
        columns=TokenLabels(tokens, lettering, _LABEL_SHARE * sheet.width / sheet.letter).every,
        largest_cell=_LARGEST_CELL,
        ratio=min(max(len(tokens) / len(entries), 1 / _LONGEST), _LONGEST),
    )
    told = _told(_notes(ablation, values), fit(sheet, content), lettering)
    layout = fit(sheet, replace(content, notes=len(told)))
    canvas = open_canvas(sheet, layout, ColorScale(theme, float(values.max()) or 1.0), lettering)
    rows, columns = (min(*both) for both in zip(values.shape, layout.pixels(sheet.pixel), strict=True))
    axes = canvas.panel(0, "effects", pool(values.astype(np.float32), rows, columns))
    canvas.label_rows(axes, "layer" if ablation.mode == "layers" else "" if together else "head")
    canvas.label_columns(axes, "at")
    if columns == values.shape[1]:
        _write_numbers(canvas, axes, values)
    draw_bar(canvas, name=effects.unit(ablation))
    draw_words(canvas, words.with_notes(*told))
    return canvas.figure


def _notes(ablation: Ablation, values: NDArray[np.float64]) -> Iterator[str]:
    """Say how to read the picture."""
    if effects.factor_of(float(np.nanmax(values))) != 1:
        yield "Numbers in cells are thousandths."
    if effects.is_grid(ablation):
        if np.isnan(values).any():
            yield "Grey: heads that were not removed."
        yield from effects.described_in_a_map(ablation)
    else:
        yield f"Effect: {ablation.effects.measure}."
        yield from effects.set_aside(ablation)
    yield effects.CAUTION


def _told(notes: Iterator[str], layout: Layout, lettering: Lettering) -> tuple[str, ...]:
    """Break notes into lines that begin below the title."""
    width = layout.width + MARGIN * layout.letter - layout.edge
    return wrapped(notes, lettering, width, layout.letter)


def _below(upper: Layout, notes: int) -> tuple[Box, Layout]:
    """Find a place for the cloud of points below the map, and give the layout around it."""
    unit = upper.letter
    left, bottom = (reach * unit for reach in _AXES)
    # One margin between both drawings will do.
    top = upper.height + (2 * HEADING + CROWN / 2) * unit
    width = upper.width - upper.edge - MARGIN * unit - left
    height = _HIGH * width
    foot = top + height + bottom
    lower = replace(
        upper,
        height=foot + (PAD + notes * NOTE + MARGIN) * unit,
        crown=upper.height,
        top=top,
        foot=foot,
    )
    return (upper.edge + left, top, width, height), lower


def _write_numbers(canvas: Canvas, axes: Axes, values: NDArray[np.float64]) -> None:
    """Print each effect in its cell, where the cells are large enough to read it.

    Shape:
        values: (row, column), NaN where there is none.
    """
    width, height = canvas.layout.cell
    size = min(width / (_CHARACTERS * _WIDE), 0.5 * height, 0.85 * canvas.layout.letter)
    if size < _LEAST_NUMBER:
        return
    top = float(np.nanmax(values))
    for row, column in np.argwhere(np.isfinite(values)):
        value = float(values[row, column])
        text = effects.number(value, top, _CHARACTERS) or effects.NOTHING
        ink = canvas.theme.muted if text == effects.NOTHING else canvas.colors.ink(value)
        style = canvas.lettering.style(size, ink)
        axes.text(column, row, text, ha="center", va="center_baseline", **style)
