"""What is drawn over a panel's cells and beside them: windows, borders, the parts of an input."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from attnviz.record import Mask, Token
from attnviz.render.figure.canvas import HAIRLINE, Canvas
from attnviz.render.figure.layout import PAD, STRIP
from attnviz.render.figure.sides import elide
from attnviz.render.labels import printable_sentence
from attnviz.render.sections import Part, border, parts
from attnviz.render.theme import Theme

# Lines of a hatching, in points; how far apart they are, in letters; and their like in a swatch.
HATCH_LINE, HATCH_APART, HATCH = 0.7, 0.62, "////////"

# A dashed line in the foreground's colour on a solid one in the background's shows on every cell.
_BORDER, _AROUND, _DASHES = 1.0, 2.2, (0, (4, 2))

_SIZE = 0.85


def hatch(canvas: Canvas, axes: Axes, hidden: Mask) -> None:
    """Hatch the cells whose keys lie outside a window.

    Shape:
        hidden: (row, column) of the cells drawn.
    """
    if not hidden.any():
        return
    rows, columns = canvas.layout.labels.rows.count, canvas.layout.labels.columns.count
    high, wide = rows / hidden.shape[0], columns / hidden.shape[1]
    boxes = [
        _box(first * wide - 0.5, row * high - 0.5, last * wide - 0.5, (row + 1) * high - 0.5)
        for row, first, last in _runs(hidden)
    ]
    width, height = canvas.layout.panel
    lines = PathPatch(
        _slanted(width, height, HATCH_APART * canvas.layout.letter),
        transform=axes.transAxes,
        facecolor="none",
        edgecolor=canvas.theme.hatch,
        linewidth=HATCH_LINE,
    )
    # Matplotlib's own hatching is a tile, which some readers of a PDF draw too faintly to be seen.
    lines.set_clip_path(Path.make_compound_path(*boxes), axes.transData)
    axes.add_patch(lines)


def _slanted(width: float, height: float, apart: float) -> Path:
    """Draw lines at 45 degrees over all of a panel, in shares of its sides."""
    ends = np.arange(apart / 2, width + height, apart)
    below = np.stack([(ends - height) / width, np.zeros_like(ends)], axis=1)
    above = np.stack([ends / width, np.ones_like(ends)], axis=1)
    vertices = np.stack([below, above], axis=1).reshape(-1, 2)
    return Path(vertices, [Path.MOVETO, Path.LINETO] * len(ends))


def draw_border(canvas: Canvas, axes: Axes, queries: Sequence[Token], keys: Sequence[Token]) -> None:
    """Draw where the model's own words begin, among the rows and among the columns."""
    theme = canvas.theme
    strokes = [(theme.background, _AROUND, "solid"), (theme.foreground, _BORDER, _DASHES)]
    for color, width, dashes in strokes:
        style: dict[str, Any] = {"color": color, "linewidth": width, "linestyle": dashes}
        if row := border(queries):
            axes.axhline(row - 0.5, **style)
        if column := border(keys):
            axes.axvline(column - 0.5, **style)


def border_sample(theme: Theme, label: str) -> Line2D:
    """Give the border's line for a legend."""
    return Line2D([], [], color=theme.foreground, linewidth=_BORDER, linestyle=_DASHES, label=label)


def draw_parts(
    canvas: Canvas, axes: Axes, queries: Sequence[Token], keys: Sequence[Token], *, left: bool, below: bool
) -> None:
    """Part the sections of an input by thin lines, and name them along the axes.

    Args:
        canvas: what is drawn on.
        axes: the panel.
        queries: the tokens of the rows.
        keys: the tokens of the columns.
        left: whether the rows' sections are named at the left of this panel.
        below: whether the columns' sections are named below it.
    """
    style: dict[str, Any] = {"color": canvas.theme.muted, "linewidth": HAIRLINE}
    rows, columns = parts(queries), parts(keys)
    for part in rows[1:]:
        axes.axhline(part.start - 0.5, **style)
    for part in columns[1:]:
        axes.axvline(part.start - 0.5, **style)
    unit, layout = canvas.layout.letter, canvas.layout
    if left:
        away = layout.labels.letter * layout.labels.rows.width + PAD * unit
        for part in filter(_named, rows):
            _name_row(canvas, axes, part, away)
    if below:
        away = layout.labels.column_reach + PAD * unit
        for part in filter(_named, columns):
            _name_column(canvas, axes, part, away)


def has_parts(tokens: Sequence[Token]) -> bool:
    """Whether a side has sections to be named."""
    return any(map(_named, parts(tokens)))


def _named(part: Part) -> bool:
    return bool(part.name)


def _name_row(canvas: Canvas, axes: Axes, part: Part, away: float) -> None:
    """Draw a bracket left of the labels, with the part's name left of it."""
    wide, high = canvas.layout.cell
    line, name = away + 0.35 * canvas.layout.letter, away + 0.25 * canvas.layout.letter + _middle(canvas)
    ends = [part.start - 0.5 + _inset(part), part.stop - 0.5 - _inset(part)]
    _stroke(canvas, axes, [-0.5 - line / wide] * 2, ends)
    text = _fitted(canvas, part, (part.stop - part.start) * high)
    middle = (part.start + part.stop - 1) / 2
    axes.text(-0.5 - name / wide, middle, text, ha="center", va="center", rotation=90, **_style(canvas))


def _name_column(canvas: Canvas, axes: Axes, part: Part, away: float) -> None:
    """Draw a bracket below the labels, with the part's name below it."""
    wide, high = canvas.layout.cell
    bottom = canvas.layout.labels.rows.count - 0.5
    line, name = away + 0.35 * canvas.layout.letter, away + 0.25 * canvas.layout.letter + _middle(canvas)
    ends = [part.start - 0.5 + _inset(part), part.stop - 0.5 - _inset(part)]
    _stroke(canvas, axes, ends, [bottom + line / high] * 2)
    text = _fitted(canvas, part, (part.stop - part.start) * wide)
    middle = (part.start + part.stop - 1) / 2
    axes.text(middle, bottom + name / high, text, ha="center", va="center", **_style(canvas))


def _middle(canvas: Canvas) -> float:
    return 0.6 * STRIP * canvas.layout.letter


def _inset(part: Part) -> float:
    """Give how much shorter than its tokens a bracket is at each end, so that two of them do not touch."""
    return min(0.15, (part.stop - part.start) / 10)


def _stroke(canvas: Canvas, axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    axes.add_line(Line2D(x, y, color=canvas.theme.muted, linewidth=HAIRLINE, clip_on=False))


def _fitted(canvas: Canvas, part: Part, room: float) -> str:
    """Give a part's name as far as its tokens have room for it; nothing where not even a letter fits."""
    limit = room / (_SIZE * canvas.layout.letter)
    text = elide(canvas.lettering.spell(printable_sentence(part.name)), canvas.lettering, limit)
    return "" if text == "…" else text


def _style(canvas: Canvas) -> dict[str, Any]:
    return canvas.lettering.style(_SIZE * canvas.layout.letter, canvas.theme.muted)


def _runs(mask: Mask) -> Iterator[tuple[int, int, int]]:
    """Give, row by row, where each run of marked cells begins and where the next cell is unmarked."""
    edges = np.diff(mask.astype(np.int8), axis=1, prepend=0, append=0)
    firsts, lasts = np.argwhere(edges == 1), np.argwhere(edges == -1)
    for (row, first), (_, last) in zip(firsts.tolist(), lasts.tolist(), strict=True):
        yield row, first, last


def _box(left: float, top: float, right: float, bottom: float) -> Path:
    return Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], closed=True)
