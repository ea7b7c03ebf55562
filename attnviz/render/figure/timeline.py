"""When each word was said: the weights that tell, words down the rows, seconds along, and the way through."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from attnviz.analysis.alignment import AlignedWord, Alignment
from attnviz.record import Token
from attnviz.render import notes
from attnviz.render.figure import chosen_theme
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import HAIRLINE, Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.drawing import PLAIN
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.frame import Words, draw_words, pooled_note, source_line
from attnviz.render.figure.layout import PAD, Content, Layout, Sheet, fit
from attnviz.render.figure.sides import TokenLabels, in_seconds, shown
from attnviz.render.figure.size import Size, check_dpi, parse_size
from attnviz.render.pooling import pool

_LABEL_SHARE = 0.2

# A row is so many letters high where there is room, and the panel no flatter and no steeper than this.
_ROW, _FLATTEST, _STEEPEST = 1.5, 3.0, 0.8

# The way through: a line in the foreground's colour on a wider one in the background's shows on every cell.
_WAY, _AROUND = 0.8, 2.0

# What the end of the text is called, whose row has no token.
_END = Token("end", kind="special")


def timeline(
    alignment: Alignment,
    *,
    theme: str = "light",
    size: Size | str | None = None,
    dpi: int | None = None,
) -> Figure:
    """Draw when each word of a transcript was said.

    Args:
        alignment: the words, and the weights that line them up with the sound.
        theme: "light" or "dark".
        size: "column", "page", "slide", "8x6" or "12x9cm"; None means as large as the content needs.
        dpi: pixels per inch, 200 unless told.

    Returns:
        A figure, independent of pyplot.

    Raises:
        RequestError: there is no such theme or size, or the figure is too small for its content.
    """
    paper = parse_size(size) if isinstance(size, str) else size or Size()
    sheet = Sheet.of(paper, check_dpi(dpi, paper))
    colors = chosen_theme(theme)
    with matplotlib.rc_context(PLAIN):
        tokens = _tokens(alignment)
        words = _words(alignment)
        lettering = letter([*map(shown, tokens), words.title, words.source, *words.notes])
        layout, words = _lay_out(alignment, tokens, words, sheet, lettering)
        cells = pool(alignment.weights, *_cells(layout, sheet))
        canvas = open_canvas(sheet, layout, ColorScale(colors, float(cells.max()) or 1.0), lettering)
        axes = canvas.panel(0, "timeline", cells.astype(np.float32))
        _draw_words(canvas, axes, alignment)
        _draw_way(canvas, axes, alignment)
        _name_times(canvas, axes)
        canvas.label_rows(axes, "word that is written")
        canvas.label_columns(axes, in_seconds(alignment.frames, "the sound"))
        draw_bar(canvas)
        draw_words(canvas, words)
        return canvas.figure


def _tokens(alignment: Alignment) -> tuple[Token, ...]:
    """Give what each row speaks for."""
    return tuple(_END if token is None else token for token in alignment.tokens)


def _words(alignment: Alignment) -> Words:
    """Say what the figure shows."""
    told = (
        f"outlined: when each token is said, by {notes.aligning(alignment)}",
        *notes.chosen_to_align(alignment),
        "rows: of the token before, which predicts; they sum to 1",
    )
    return Words("When each word is said", source_line(alignment), told)


def _lay_out(
    alignment: Alignment, tokens: Sequence[Token], words: Words, sheet: Sheet, lettering: Lettering
) -> tuple[Layout, Words]:
    """Lay the panel out, with each word's times beside it."""
    limit = _LABEL_SHARE * sheet.width / sheet.letter
    times = [_times(word) for word in alignment.words]

    def content(lines: int) -> Content:
        return Content(
            panels=1,
            rows=TokenLabels(tokens, lettering, limit).every,
            columns=TokenLabels(alignment.frames, lettering, limit).every,
            notes=lines,
            largest_cell=_largest_cell(alignment, sheet),
            ratio=_ratio(len(tokens), sheet),
            beside=max(lettering.measure(text)[0] for text in times),
        )

    layout = fit(sheet, content(words.lines))
    note = pooled_note(*_cells(layout, sheet), alignment.weights.astype(np.float32))
    words = words.with_notes(*note)
    return (fit(sheet, content(words.lines)) if note else layout), words


def _ratio(rows: int, sheet: Sheet) -> float:
    """Give the width to height with which rows are high enough to be read."""
    wide = 0.6 * sheet.width
    return float(np.clip(wide / (rows * _ROW * sheet.letter), _STEEPEST, _FLATTEST))


def _largest_cell(alignment: Alignment, sheet: Sheet) -> float:
    """Let nothing but the paper limit the panel: few rows are no reason for a narrow one."""
    return sheet.width / sheet.letter / min(len(alignment.rows), len(alignment.frames))


def _cells(layout: Layout, sheet: Sheet) -> tuple[int, int]:
    rows, columns = layout.pixels(sheet.pixel)
    return min(layout.labels.rows.count, rows), min(layout.labels.columns.count, columns)


def _draw_words(canvas: Canvas, axes: Axes, alignment: Alignment) -> None:
    """Part the words by thin lines, and write right of each when it is said."""
    layout = canvas.layout
    style = canvas.lettering.style(layout.labels.letter, canvas.theme.muted)
    left = layout.labels.columns.count - 0.5 + 2 * PAD * layout.letter / layout.cell[0]
    written = {label.at for label in layout.labels.rows.labels}
    for word, (first, last) in zip(alignment.words, _rows(alignment), strict=True):
        axes.axhline(last + 0.5, color=canvas.theme.rule, linewidth=HAIRLINE)
        if written & set(range(first, last + 1)):
            axes.text(left, (first + last) / 2, _times(word), ha="left", va="center_baseline", **style)


def _draw_way(canvas: Canvas, axes: Axes, alignment: Alignment) -> None:
    """Outline the way through the cells: each row from where it begins to where the next one does."""
    rows, frames = alignment.path.T
    firsts = frames[np.searchsorted(rows, np.arange(len(alignment.rows)))]
    edges = np.append(firsts, frames[-1] + 1) - 0.5
    boxes = [
        Path(
            [(left, row - 0.5), (right, row - 0.5), (right, row + 0.5), (left, row + 0.5), (left, row - 0.5)]
        )
        for row, (left, right) in enumerate(pairwise(edges.tolist()))
    ]
    way = Path.make_compound_path(*boxes)
    for color, width in ((canvas.theme.background, _AROUND), (canvas.theme.foreground, _WAY)):
        axes.add_patch(
            PathPatch(way, fill=False, edgecolor=color, linewidth=width, joinstyle="miter", zorder=3)
        )


def _name_times(canvas: Canvas, axes: Axes) -> None:
    """Say above the words' times what they are."""
    layout = canvas.layout
    style = canvas.lettering.style(0.85 * layout.letter, canvas.theme.muted)
    left = layout.labels.columns.count - 0.5 + 2 * PAD * layout.letter / layout.cell[0]
    axes.text(left, -0.5 - 0.7 * layout.letter / layout.cell[1], "seconds", ha="left", va="baseline", **style)


def _rows(alignment: Alignment) -> Iterator[tuple[int, int]]:
    """Give the first and the last row that speak for each word."""
    before = {query: row for row, query in enumerate(alignment.rows)}
    for word in alignment.words:
        yield before[word.queries[0] - 1], before[word.queries[1] - 1]


def _times(word: AlignedWord) -> str:
    return f"{word.start:.2f}-{word.end:.2f}"
