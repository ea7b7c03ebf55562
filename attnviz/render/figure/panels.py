"""One head, or several side by side: every row and column with its token."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnviz.record import Attention, Weights
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.frame import (
    Words,
    draw_words,
    gather,
    mass_notes,
    name_heads,
    pooled_note,
    source_line,
)
from attnviz.render.figure.layout import CROWN, Content, Layout, Sheet, fit
from attnviz.render.figure.sides import TokenLabels, shown
from attnviz.render.labels import printable_sentence
from attnviz.render.pooling import pool
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

QUERIES, KEYS = "from (query)", "to (key)"

# No label takes more of the picture's width than this.
_LABEL_SHARE = 0.2

# A second line above the panels takes so many letters.
_LESSON = 1.15

# Numbers are printed in the cells of squares up to this many tokens a side, if they can be read.
_NUMBERED = 12
_LEAST_NUMBER = 4.0


def draw_panels(record: Attention, heads: Sequence[HeadId], theme: Theme, sheet: Sheet) -> Figure:
    """Draw one heatmap for each head, all on one colour scale.

    Args:
        record: whose weights.
        heads: which, in the order of the panels.
        theme: the colours.
        sheet: the paper.
    """
    weights = gather(record, heads)
    words, lessons = _words(record, heads, weights), [_lesson(record, head) for head in heads]
    tokens = [shown(token) for token in record.queries + record.keys]
    lettering = letter([*tokens, words.title, words.source, *filter(None, lessons)])
    layout, words = _fit(sheet, record, heads, words, lettering)
    canvas = open_canvas(sheet, layout, ColorScale(theme, float(weights.max()) or 1.0), lettering)
    seen = np.where([record.visible(head.layer) for head in heads], weights, np.float32(np.nan))
    for number, cells in enumerate(pool(seen, *_cells(layout, sheet))):
        axes = _draw_panel(canvas, number, heads, cells)
        if len(heads) == 1:
            _write_numbers(canvas, axes, cells)
        else:
            _write_title(canvas, number, heads[number], lessons[number])
    draw_bar(canvas)
    draw_words(canvas, words)
    return canvas.figure


def _fit(
    sheet: Sheet, record: Attention, heads: Sequence[HeadId], words: Words, lettering: Lettering
) -> tuple[Layout, Words]:
    """Lay the panels out, and say so if more weights are to be shown than there are pixels."""
    limit = _LABEL_SHARE * sheet.width / sheet.letter
    content = Content(
        panels=len(heads),
        crown=CROWN + (_LESSON if len(heads) > 1 and any(head in record.taught for head in heads) else 0),
        rows=TokenLabels(record.queries, lettering, limit).every,
        columns=TokenLabels(record.keys, lettering, limit).every,
        notes=words.lines,
    )
    layout = fit(sheet, content)
    note = pooled_note(*_cells(layout, sheet), record.weights)
    if not note:
        return layout, words
    words = replace(words, notes=(*words.notes, *note))
    return fit(sheet, replace(content, notes=words.lines)), words


def _words(record: Attention, heads: Sequence[HeadId], weights: Weights) -> Words:
    """Say what the figure shows."""
    title = _title(record, heads[0]) if len(heads) == 1 else name_heads(heads)
    kind = "" if record.block == "self" else f" · {record.block} attention"
    masked = not all(record.visible(head.layer).all() for head in heads)
    notes = (*_lesson_note(record, heads), *mass_notes(weights))
    return Words(title + kind, source_line(record), notes, masked)


def _lesson_note(record: Attention, heads: Sequence[HeadId]) -> tuple[str, ...]:
    """Explain the lines below the heads' names, if there are several heads and such lines."""
    if len(heads) == 1 or not any(head in record.taught for head in heads):
        return ()
    return ("grey below a name: what that head was taught; the others found what they do",)


def _title(record: Attention, head: HeadId) -> str:
    lesson = _lesson(record, head)
    return f"{head} · taught {lesson}" if lesson else str(head)


def _lesson(record: Attention, head: HeadId) -> str | None:
    taught = record.taught.get(head)
    return printable_sentence(taught) if taught else None


def _cells(layout: Layout, sheet: Sheet) -> tuple[int, int]:
    """Give the rows and columns of cells there is room for: all of them, or one for each pixel."""
    rows, columns = layout.pixels(sheet.pixel)
    return min(layout.labels.rows.count, rows), min(layout.labels.columns.count, columns)


def _draw_panel(canvas: Canvas, number: int, heads: Sequence[HeadId], cells: Weights) -> Axes:
    """Draw one head; only the panels at the left and at the bottom have labels."""
    axes = canvas.panel(number, str(heads[number]), cells)
    if number % canvas.layout.across == 0:
        canvas.label_rows(axes, QUERIES)
    if number + canvas.layout.across >= len(heads):
        canvas.label_columns(axes, KEYS)
    return axes


def _write_title(canvas: Canvas, number: int, head: HeadId, lesson: str | None) -> None:
    """Name a panel's head, and below what it was taught."""
    layout, unit = canvas.layout, canvas.layout.letter
    down, right = divmod(number, layout.across)
    left = layout.left + right * (layout.panel[0] + layout.gap[0])
    top = layout.top + down * (layout.panel[1] + layout.gap[1])
    room = layout.panel[0]
    if lesson:
        canvas.write(lesson, (left, top - 1.3 * unit), 0.8 * unit, room=room)
    above = 1.5 + (_LESSON if lesson else 0)
    canvas.write(str(head), (left, top - above * unit), unit, weight="bold", room=room)


def _write_numbers(canvas: Canvas, axes: Axes, cells: Weights) -> None:
    """Print each weight in its cell, where the cells are large enough to read it."""
    width, height = canvas.layout.cell
    size = min(0.34 * width, 0.5 * height, 0.85 * canvas.layout.letter)
    if max(cells.shape) > _NUMBERED or size < _LEAST_NUMBER:
        return
    for row, column in np.argwhere(np.isfinite(cells)):
        weight = write_weight(float(cells[row, column]))
        ink = canvas.theme.muted if weight == "0" else canvas.colors.ink(float(cells[row, column]))
        style = canvas.lettering.style(size, ink)
        axes.text(column, row, weight, ha="center", va="center_baseline", **style)


def write_weight(weight: float) -> str:
    """Write a weight with two decimals, one too small for them as 0.

    >>> write_weight(0.4567), write_weight(0.001)
    ('0.46', '0')
    """
    return f"{weight:.2f}" if weight >= 0.005 else "0"
