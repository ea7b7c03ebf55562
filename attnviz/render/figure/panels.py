"""One head, or several side by side: every row and column with its token."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnviz.errors import RequestError
from attnviz.record import Attention, Weights
from attnviz.render import notes
from attnviz.render.figure.annex import (
    SINK,
    draw_sink,
    prediction_labels,
    sink_column,
    write_predictions,
)
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.fonts import Lettering, letter
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
from attnviz.render.figure.layout import CROWN, Content, Layout, Sheet, fit
from attnviz.render.figure.marks import draw_border, draw_parts, has_parts, hatch
from attnviz.render.figure.runs import labels_of
from attnviz.render.figure.sides import in_seconds, shown, shown_text
from attnviz.render.hidden import outside
from attnviz.render.labels import printable_sentence
from attnviz.render.notes import has_sink
from attnviz.render.positions import is_pooled
from attnviz.render.scales import floor_of
from attnviz.render.sections import border, parts
from attnviz.render.shrunk import shrunk
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

QUERIES, KEYS = "from (query)", "to (key)"

# No label takes more of the picture's width than this, and no token that follows.
_LABEL_SHARE, _TOKEN_SHARE = 0.2, 0.12

# The tokens that follow are left out where they would leave less than this of a panel's width.
_LEAST_LEFT = 0.6

# In letters: paper so wide has room for words beside positions.
_WIDE = 50

# A second line above the panels takes so many letters.
_LESSON = 1.15

# Numbers are printed in the cells of squares up to this many tokens a side, if they can be read.
_NUMBERED = 12
_LEAST_NUMBER = 4.0


def draw_panels(
    record: Attention, heads: Sequence[HeadId], theme: Theme, sheet: Sheet, moment: Moment | None = None
) -> Figure:
    """Draw one heatmap for each head, all on one colour scale.

    Args:
        record: whose weights.
        heads: which, in the order of the panels.
        theme: the colours.
        sheet: the paper.
        moment: when this is, and the scale's top, where the figure is one of several; numbers in cells would
            change faster than they can be read.
    """
    top = moment.top if moment else _top(record, heads)
    words, lessons = _words(record, heads, top).at(moment), [_lesson(record, head) for head in heads]
    lettering = letter([*_texts(record, heads), words.title, words.source, *filter(None, lessons)])
    layout, words, following = _plan(sheet, record, heads, words, lettering)
    rows, columns = _cells(layout, sheet)
    sinks = [sink_column(record, head, rows) for head in heads]
    canvas = open_canvas(sheet, layout, ColorScale(theme, top, floor_of(record, top)), lettering)
    for number, cells in enumerate(shrunk(record, heads, rows, columns)):
        numbered = moment is None and len(heads) == 1 and max(cells.shape) <= _NUMBERED
        axes = _draw_panel(canvas, number, record, heads, cells, sinks[number], numbered=numbered)
        if len(heads) > 1:
            _write_title(canvas, number, heads[number], lessons[number])
        if following:
            write_predictions(canvas, axes, following)
    draw_bar(canvas, name=notes.scale(record))
    draw_words(canvas, words)
    return canvas.figure


def _texts(record: Attention, heads: Sequence[HeadId]) -> Iterator[str]:
    """Give every text that comes from the input or the model, as it is looked up in fonts."""
    yield from map(shown, record.queries + record.keys)
    for side in (record.queries, record.keys):
        yield from (printable_sentence(part.name) for part in parts(side))
    if len(heads) == 1:
        yield from (shown_text(prediction.text) for prediction in record.predictions)


def _top(record: Attention, heads: Sequence[HeadId]) -> float:
    """Give the largest of all weights and of what sinks take."""
    columns = [float(record.lost(head).astype(np.float32).max()) for head in heads if has_sink(record, head)]
    return max(float(gather(record, heads).max()), *columns, 0.0) or 1.0


def _plan(
    sheet: Sheet, record: Attention, heads: Sequence[HeadId], words: Words, lettering: Lettering
) -> tuple[Layout, Words, tuple[str, ...]]:
    """Lay the panels out, with the tokens that follow beside a single one if enough of it is left."""
    content = _content(record, heads, sheet, lettering)
    layout, said = _lay_out(sheet, record, content, words)
    if len(heads) > 1 or not record.predictions:
        return layout, said, ()
    labels = prediction_labels(record.predictions, lettering, _TOKEN_SHARE * sheet.width / sheet.letter)
    beside = max(lettering.measure(label)[0] for label in labels)
    try:
        narrower, told = _lay_out(
            sheet, record, replace(content, beside=beside), words.with_notes(f"→ {notes.PREDICTION}")
        )
    except RequestError:
        pass
    else:
        if narrower.panel[0] >= _LEAST_LEFT * layout.panel[0]:
            return narrower, told, labels
    no_room = words.with_notes(notes.NO_ROOM)
    return *_lay_out(sheet, record, content, no_room), ()


def _content(record: Attention, heads: Sequence[HeadId], sheet: Sheet, lettering: Lettering) -> Content:
    """Say what is to be laid out."""
    limit = _LABEL_SHARE * sheet.width / sheet.letter
    sink = any(has_sink(record, head) for head in heads)
    columns = labels_of(record, record.keys, lettering, limit)
    return Content(
        panels=len(heads),
        crown=CROWN + (_LESSON if len(heads) > 1 and any(head in record.taught for head in heads) else 0),
        rows=labels_of(record, record.queries, lettering, limit, words=_has_room(sheet)),
        columns=(lambda step: columns(step).no_narrower(SINK, lettering)) if sink else columns,
        sink=sink,
        strips=(has_parts(record.queries), has_parts(record.keys)),
        marked=is_pooled(record, record.queries) and is_pooled(record, record.keys),
    )


def _lay_out(sheet: Sheet, record: Attention, content: Content, words: Words) -> tuple[Layout, Words]:
    """Lay the panels out, and say so if more weights are to be shown than there are pixels."""
    layout = fit(sheet, replace(content, notes=words.lines))
    note = pooled_note(*_cells(layout, sheet), record.weights, record.pooling, notes.shown(record))
    if not note:
        return layout, words
    words = words.with_notes(*note)
    return fit(sheet, replace(content, notes=words.lines)), words


def _has_room(sheet: Sheet) -> bool:
    """Say whether the words at runs of tokens may stand beside their positions."""
    return sheet.width >= _WIDE * sheet.letter


def _words(record: Attention, heads: Sequence[HeadId], top: float) -> Words:
    """Say what the figure shows, on a scale up to `top`."""
    title = _title(record, heads[0]) if len(heads) == 1 else name_heads(heads)
    kind = "" if record.block == "self" else f" · {record.block} attention"
    kind += "".join(f" · {shown}" for shown in notes.per_cell(record))
    told = [*extent_notes(record, top), *view_notes(record)]
    told += [*_lesson_note(record, heads), *mass_notes(record, heads)]
    if any(has_sink(record, head) for head in heads):
        told.append(notes.sink(record))
    if len(heads) > 1:
        told += notes.sharing(record, heads)
    examples = [*signs(record, heads)]
    if border(record.queries) or border(record.keys):
        examples.append("border")
    return Words(title + kind, source_line(record), tuple(told), tuple(examples))


def _lesson_note(record: Attention, heads: Sequence[HeadId]) -> tuple[str, ...]:
    """Explain the lines below the heads' names, if there are several heads and such lines."""
    if len(heads) == 1 or not any(head in record.taught for head in heads):
        return ()
    return ("grey below a name: what that head was taught; the others found what they do",)


def _title(record: Attention, head: HeadId) -> str:
    lesson = _lesson(record, head)
    taught = [f"taught {lesson}"] if lesson else []
    return " · ".join([str(head), *taught, *notes.sharing(record, [head])])


def _lesson(record: Attention, head: HeadId) -> str | None:
    taught = record.taught.get(head)
    return printable_sentence(taught) if taught else None


def _cells(layout: Layout, sheet: Sheet) -> tuple[int, int]:
    """Give the rows and columns of cells there is room for: all of them, or one for each pixel."""
    rows, columns = layout.pixels(sheet.pixel)
    return min(layout.labels.rows.count, rows), min(layout.labels.columns.count, columns)


def _draw_panel(
    canvas: Canvas,
    number: int,
    record: Attention,
    heads: Sequence[HeadId],
    cells: Weights,
    sink: Weights | None,
    *,
    numbered: bool,
) -> Axes:
    """Draw one head; only the panels at the left and at the bottom have labels."""
    hidden = outside(cells)
    axes = canvas.panel(
        number, str(heads[number]), np.where(hidden, np.nan, cells) if hidden.any() else cells
    )
    hatch(canvas, axes, hidden)
    leftmost = number % canvas.layout.across == 0
    lowest = number + canvas.layout.across >= len(heads)
    draw_parts(canvas, axes, record.queries, record.keys, left=leftmost, below=lowest)
    draw_border(canvas, axes, record.queries, record.keys)
    if leftmost:
        canvas.label_rows(axes, in_seconds(record.queries, QUERIES))
    if lowest:
        canvas.label_columns(axes, in_seconds(record.keys, KEYS))
    if numbered:
        _write_numbers(canvas, axes, cells)
    if sink is not None:
        beside = draw_sink(canvas, number, f"{heads[number]} sink", sink, labelled=lowest)
        if numbered:
            _write_numbers(canvas, beside, sink)
    return axes


def _write_title(canvas: Canvas, number: int, head: HeadId, lesson: str | None) -> None:
    """Name a panel's head, and below what it was taught."""
    layout, unit = canvas.layout, canvas.layout.letter
    left, top = layout.corner(number)
    room = layout.panel[0]
    if lesson:
        canvas.write(lesson, (left, top - 1.3 * unit), 0.8 * unit, room=room)
    above = 1.5 + (_LESSON if lesson else 0)
    canvas.write(str(head), (left, top - above * unit), unit, weight="bold", room=room)


def _write_numbers(canvas: Canvas, axes: Axes, cells: Weights) -> None:
    """Print each weight in its cell, where the cells are large enough to read it."""
    width, height = canvas.layout.cell
    size = min(0.34 * width, 0.5 * height, 0.85 * canvas.layout.letter)
    if size < _LEAST_NUMBER:
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
