"""Two records held against each other: the divergence of each head, and in what some heads changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attnviz.analysis.comparing.contrast import Contrast, Match
from attnviz.errors import RequestError
from attnviz.record import Token
from attnviz.render import contrasts
from attnviz.render.figure import chosen_theme
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import HAIRLINE, Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale, DifferenceScale
from attnviz.render.figure.drawing import PLAIN
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.frame import TITLE, Words, draw_words
from attnviz.render.figure.layout import MARGIN, Content, Layout, Sheet, fit
from attnviz.render.figure.runs import RunLabels
from attnviz.render.figure.sides import NumberLabels, Side, TokenLabels
from attnviz.render.figure.size import Size
from attnviz.render.figure.stack import NameLabels, sheet_of, stack, wrapped
from attnviz.render.theme import Theme
from attnviz.selection import TOGETHER, HeadId

QUERIES, KEYS = "from (query)", "to (key)"
_AXES = "of each query's mass: + more, - less than in the first"

# No label takes more of the picture's width than this.
_LABEL_SHARE = 0.2

# In letters: the side of a cell of the overview.
_OVERVIEW_CELL = 2.6

# Differences of long inputs up to this are written in percent.
_SMALL = 0.01

# Beside so many columns that are runs of keys, what is elsewhere is one column wider.
_COLUMNS_PER_ELSEWHERE = 20

# Numbers are printed in the cells of squares up to this many tokens a side, if they can be read.
_NUMBERED = 12
_LEAST_NUMBER = 4.0


def draw_contrast(
    contrast: Contrast,
    heads: Sequence[HeadId | str] | None = None,
    *,
    theme: str = "light",
    size: Size | str | None = None,
    dpi: int | None = None,
) -> Figure:
    """Draw the divergence of each head, and below in what some of them changed, all on one scale around 0.

    Args:
        contrast: what to draw.
        heads: whose differences; None means the one that changed most.
        theme: "light" or "dark".
        size: "column", "page" or a width such as "84mm"; None means as large as the content needs.
        dpi: pixels per inch, 200 unless told.

    Raises:
        OutOfRange: one of the heads was not compared.
        RequestError: no head, an unknown theme or size, one with a height, or a picture too small.
    """
    chosen = [HeadId.parse(head) if isinstance(head, str) else head for head in heads or ()]
    if heads is not None and not chosen:
        raise RequestError("no head to draw: got an empty list, allowed one or more")
    sheet = sheet_of(size, dpi)
    with matplotlib.rc_context(PLAIN):
        return _draw(contrast, chosen or [contrast.ranked[0].head], chosen_theme(theme), sheet)


def _draw(contrast: Contrast, heads: Sequence[HeadId], theme: Theme, sheet: Sheet) -> Figure:
    maps = [_cells_of(contrast, head) for head in heads]
    titles = [_name(contrast, head) for head in heads]
    rows, columns = _rows(contrast), _columns(contrast)
    source, notes = contrasts.heading(contrast), list(_notes(contrast, heads))
    lettering = letter([source, *notes, *(token.text for token in rows + columns)])
    content = _content(contrast, lettering, sheet, len(heads))
    upper, lower, lines = _lay_out(contrast, sheet, content, notes, lettering)
    top = contrasts.top_of(contrast, heads) or 1.0
    scale, name = _unit(contrast, top)
    canvas = open_canvas(sheet, lower, DifferenceScale(theme, scale * top), lettering)
    if upper is not None:
        _draw_overview(replace(canvas, layout=upper), contrast, source)
    pooled = _cells(lower, sheet)
    for number, cells in enumerate(maps):
        _draw_map(canvas, number, titles, scale * contrasts.pool_differences(cells, *pooled), contrast)
    draw_bar(canvas, name=name)
    draw_words(canvas, Words(_title(canvas, contrast, heads), source if upper is None else _AXES, lines))
    return canvas.figure


def _unit(contrast: Contrast, top: float) -> tuple[float, str]:
    """Choose in what differences are told: single weights of long inputs are small."""
    return (100.0, "%") if contrasts.in_runs(contrast) and top < _SMALL else (1.0, "shift")


def _title(canvas: Canvas, contrast: Contrast, heads: Sequence[HeadId]) -> str:
    """Say what the maps show; of one head by how many bits it changed, too, as far as there is room."""
    if len(heads) > 1:
        return "Second minus first"
    found = contrast.changes[contrast.row(heads[0])].divergence
    plain, mean = f"{_name(contrast, heads[0])}: second minus first", f"{found.mean:.3f}"
    layout = canvas.layout
    room, size = layout.width - 2 * MARGIN * layout.letter, TITLE * layout.letter
    every = f"{plain} · {mean} ±{found.spread:.3f} bits", f"{plain} · {mean} bits"
    return next((title for title in every if canvas.width(title, size, "bold") <= room), plain)


def _lay_out(
    contrast: Contrast, sheet: Sheet, content: Content, notes: list[str], lettering: Lettering
) -> tuple[Layout | None, Layout, tuple[str, ...]]:
    """Lay out the overview, if there are several heads, and below it the maps, over notes that fit."""
    upper = fit(sheet, _overview_content(contrast, lettering)) if len(contrast.changes) > 1 else None
    lower = fit(sheet, content)
    if _cells(lower, sheet) != (lower.labels.rows.count, lower.labels.columns.count):
        notes = [*notes, "each cell shows the largest of several differences"]
    width = max(lower.width, upper.width if upper else 0.0)
    lines = wrapped(notes, lettering, width, sheet.letter)
    lower = fit(sheet, replace(content, notes=len(lines)))
    return (*stack(upper, lower), lines) if upper else (None, lower, lines)


def _notes(contrast: Contrast, heads: Sequence[HeadId]) -> Iterator[str]:
    """Say what was matched, and what the colours mean."""
    yield from contrasts.matched(contrast)
    yield from contrasts.unchanged(contrast)
    for told in (
        contrasts.pooled(contrast),
        contrasts.positions(contrast),
        contrasts.beyond(contrast, heads),
    ):
        yield from told
    if any(np.isnan(contrasts.squares(contrast, head)[0]).any() for head in heads):
        yield "grey: keys the query cannot see"
    if np.isnan(contrasts.overview(contrast)[0]).any():
        yield "grey above: heads that were not asked for"
    if len(contrast.changes) > 1:
        yield f"{contrasts.DIVERGENCE}."


def _name(contrast: Contrast, head: HeadId) -> str:
    return contrasts.name(contrast.changes[contrast.row(head)], contrast)


def _tokens(matches: Sequence[Match]) -> tuple[Token, ...]:
    """Give matched words as tokens with the labels they are shown by."""
    return tuple(
        Token(contrasts.label(match), kind="special" if match.first.is_special else "text")
        for match in matches
    )


def _rows(contrast: Contrast) -> tuple[Token, ...]:
    maps = contrasts.in_runs(contrast)
    return contrasts.run_tokens(contrast.queries, maps.queries) if maps else _tokens(contrast.queries)


def _columns(contrast: Contrast) -> tuple[Token, ...]:
    if maps := contrasts.in_runs(contrast):
        return contrasts.run_tokens(contrast.keys, maps.keys)
    elsewhere = () if contrast.is_whole else (Token(contrasts.ELSEWHERE, kind="special"),)
    return _tokens(contrast.keys) + elsewhere


def _width_of_elsewhere(contrast: Contrast) -> int:
    """Say how many columns wide what is elsewhere is drawn: beside hundreds of them one would not be seen."""
    if contrast.is_whole:
        return 0
    maps = contrasts.in_runs(contrast)
    return max(1, maps.keys.runs // _COLUMNS_PER_ELSEWHERE) if maps else 1


def _cells_of(contrast: Contrast, head: HeadId) -> NDArray[np.float64]:
    """Give a head's differences, and last, as wide as it is drawn, that of the mass elsewhere."""
    cells, elsewhere = contrasts.squares(contrast, head)
    if elsewhere is None:
        return cells
    return np.column_stack([cells, *[elsewhere] * _width_of_elsewhere(contrast)])


def _content(contrast: Contrast, lettering: Lettering, sheet: Sheet, panels: int) -> Content:
    rows, columns = _rows(contrast), _columns(contrast)
    limit = _LABEL_SHARE * sheet.width / sheet.letter
    if contrasts.in_runs(contrast) is None:
        return Content(
            panels=panels,
            rows=TokenLabels(rows, lettering, limit).every,
            columns=TokenLabels(columns, lettering, limit).every,
        )
    beside, along = _width_of_elsewhere(contrast), RunLabels(columns, lettering, 0)

    def labels(step: int) -> Side:
        side = along.every(step)
        return replace(side, count=side.count + beside)

    return Content(panels=panels, rows=RunLabels(rows, lettering, 0).every, columns=labels, marked=True)


def _cells(layout: Layout, sheet: Sheet) -> tuple[int, int]:
    """Give the rows and columns of cells there is room for: all of them, or one for each pixel."""
    rows, columns = layout.pixels(sheet.pixel)
    return min(layout.labels.rows.count, rows), min(layout.labels.columns.count, columns)


def _overview_content(contrast: Contrast, lettering: Lettering) -> Content:
    _, layers, indices = contrasts.overview(contrast)
    heads = ["all" if index == TOGETHER else str(index) for index in indices]
    return Content(
        panels=1,
        rows=NumberLabels(layers, lettering).every,
        columns=NameLabels(heads, lettering).every,
        largest_cell=_OVERVIEW_CELL,
    )


def _draw_overview(canvas: Canvas, contrast: Contrast, source: str) -> None:
    """Draw the divergence of each head, layers down and heads across."""
    values, _, _ = contrasts.overview(contrast)
    canvas = replace(canvas, colors=ColorScale(canvas.theme, float(np.nanmax(values)) or 1.0))
    axes = canvas.panel(0, "overview", values.astype(np.float32))
    canvas.label_rows(axes, "layer")
    canvas.label_columns(axes, "head")
    draw_bar(canvas, name="bits")
    draw_words(canvas, Words("Divergence of each head", source))


def _draw_map(
    canvas: Canvas, number: int, titles: Sequence[str], cells: NDArray[np.floating], contrast: Contrast
) -> None:
    """Draw one head's differences; only the panels at the left and at the bottom have labels."""
    axes = canvas.panel(number, titles[number], cells.astype(np.float32))
    layout = canvas.layout
    if number % layout.across == 0:
        canvas.label_rows(axes, QUERIES)
    if number + layout.across >= len(titles):
        canvas.label_columns(axes, KEYS)
    room = layout.panel[0]
    if not contrast.is_whole:
        room -= _part_elsewhere(canvas, axes, number, contrast)
    if len(titles) > 1:
        canvas.write(titles[number], _above(layout, number), layout.letter, weight="bold", room=room)
    elif max(cells.shape) <= _NUMBERED:
        _write_numbers(canvas, axes, cells)


def _part_elsewhere(canvas: Canvas, axes: Axes, number: int, contrast: Contrast) -> float:
    """Part what is elsewhere, which is no key, from keys; say what room its name takes above.

    Beside tokens it is named as they are; beside positions its name stands above it, where there is room.
    """
    layout, size = canvas.layout, 0.85 * canvas.layout.letter
    line = layout.labels.columns.count - _width_of_elsewhere(contrast) - 0.5
    axes.axvline(line, color=canvas.theme.muted, linewidth=2 * HAIRLINE)
    width = canvas.width(contrasts.ELSEWHERE, size)
    if contrasts.in_runs(contrast) is None or width > layout.panel[0] / 2:
        return 0.0
    left, top = _above(layout, number)
    canvas.write(contrasts.ELSEWHERE, (left + layout.panel[0] - width, top), size, room=1.1 * width)
    return width + layout.letter


def _above(layout: Layout, number: int) -> tuple[float, float]:
    """Say where a line right above a panel begins."""
    left, top = layout.corner(number)
    return left, top - 1.5 * layout.letter


def _write_numbers(canvas: Canvas, axes: Axes, cells: NDArray[np.floating]) -> None:
    """Print each difference in its cell, where the cells are large enough to read it."""
    width, height = canvas.layout.cell
    size = min(0.3 * width, 0.5 * height, 0.85 * canvas.layout.letter)
    if size < _LEAST_NUMBER:
        return
    for row, column in np.argwhere(np.isfinite(cells)):
        difference = float(cells[row, column])
        small = abs(difference) < 0.005
        style = canvas.lettering.style(size, canvas.theme.muted if small else canvas.colors.ink(difference))
        text = "0" if small else contrasts.signed(difference)
        axes.text(column, row, text, ha="center", va="center_baseline", **style)
