"""Heads of one record held against each other: the matrix of their divergences, and a map of them."""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attnviz.analysis.comparing.headmap import HeadMap, head_map
from attnviz.analysis.comparing.heads import ALIKE, Comparison
from attnviz.render.figure import chosen_theme
from attnviz.render.figure.bar import draw_bar
from attnviz.render.figure.canvas import HAIRLINE, Canvas, open_canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.drawing import PLAIN
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.frame import Words, draw_words, name_heads, source_line
from attnviz.render.figure.headmap import Box, draw_map, map_height
from attnviz.render.figure.layout import HEADING, MARGIN, NOTE, PAD, Content, Layout, Sheet, fit
from attnviz.render.figure.size import Size
from attnviz.render.figure.stack import NameLabels, sheet_of, wrapped
from attnviz.render.groups import SIGNS, signs
from attnviz.render.notes import percent
from attnviz.render.theme import CATEGORIES, Theme

_MATRIX = (
    "Jensen-Shannon divergence per row, in bits: 0 where two heads read alike, 1 where they share nothing;"
    " means over the text's own tokens."
)

_MAP = "the nearer two stand, the more alike they read"

# Fewer heads than this are no map.
_FEWEST = 3

# In letters: the side of a cell of the matrix.
_LARGEST = 3.5

# Of more groups, and of more heads of one, the others are counted.
_MOST_GROUPS, _MOST_LISTED = 6, 16


def draw_divergences(
    comparison: Comparison,
    *,
    theme: str = "light",
    size: Size | str | None = None,
    dpi: int | None = None,
) -> Figure:
    """Draw how differently heads read: each pair as a cell of a matrix, and below each head as a point.

    Heads stand in an order in which those that read alike are neighbours; groups of them are framed.

    Args:
        comparison: what to draw.
        theme: "light" or "dark".
        size: "column", "page" or a width such as "84mm"; None means as large as the content needs.
        dpi: pixels per inch, 200 unless told.

    Raises:
        RequestError: an unknown theme or size, one with a height, or a picture too small for its content.
    """
    sheet = sheet_of(size, dpi)
    with matplotlib.rc_context(PLAIN):
        return _draw(comparison, chosen_theme(theme), sheet)


def _draw(comparison: Comparison, theme: Theme, sheet: Sheet) -> Figure:
    clustered = comparison.clustered
    block = "" if comparison.block == "self" else f" · {comparison.block} attention"
    words = Words(f"Divergence of {name_heads(comparison.heads).lower()}{block}", source_line(comparison))
    lettering = letter([words.source, SIGNS])
    colors = ColorScale(theme, float(comparison.divergences.max()) or 1.0)
    matrix = fit(sheet, _content(clustered, lettering, notes=0))
    if len(comparison.heads) < _FEWEST:
        notes = wrapped([_MATRIX], lettering, matrix.width, matrix.letter)
        matrix = fit(sheet, _content(clustered, lettering, notes=len(notes)))
        canvas = open_canvas(sheet, matrix, colors, lettering)
        _draw_matrix(canvas, clustered, words.with_notes(*notes))
        return canvas.figure
    placed = head_map(comparison)
    # One line more than these may take once the heads without a name are counted.
    notes = wrapped(_notes(comparison), lettering, matrix.width, matrix.letter)
    box, lower = _below(matrix, len(notes) + 2, map_height(placed, _room(matrix), matrix.letter))
    canvas = open_canvas(sheet, replace(matrix, height=lower.height), colors, lettering)
    _draw_matrix(canvas, clustered, words)
    below = replace(canvas, layout=lower)
    kept = wrapped([_kept(placed, draw_map(below, placed, box))], lettering, matrix.width, matrix.letter)
    draw_words(below, Words("A map of these heads", _MAP, (*notes, *kept)))
    return canvas.figure


def _content(clustered: Comparison, lettering: Lettering, *, notes: int) -> Content:
    labels = NameLabels([str(head) for head in clustered.heads], lettering)
    return Content(panels=1, rows=labels.every, columns=labels.every, notes=notes, largest_cell=_LARGEST)


def _kept(placed: HeadMap, unnamed: int) -> str:
    """Say what the map leaves out."""
    told = f"two dimensions keep {percent(placed.kept)} of the heads' spread"
    return f"{told}; {unnamed} heads have no name: no room" if unnamed else told


def _room(matrix: Layout) -> float:
    return matrix.width - 2 * MARGIN * matrix.letter


def _below(matrix: Layout, notes: int, height: float) -> tuple[Box, Layout]:
    """Find a place for the map below the matrix, and give the layout around it."""
    unit = matrix.letter
    # One margin between both drawings will do.
    top = matrix.height + 2 * HEADING * unit
    foot = top + height + PAD * unit
    lower = replace(
        matrix,
        height=foot + (PAD + notes * NOTE + MARGIN) * unit,
        crown=matrix.height,
        edge=MARGIN * unit,
        top=top,
        foot=foot,
    )
    return (MARGIN * unit, top, _room(matrix), height), lower


def _draw_matrix(canvas: Canvas, clustered: Comparison, words: Words) -> None:
    axes = canvas.panel(0, "divergences", clustered.divergences.astype(np.float32))
    canvas.label_rows(axes, "head")
    canvas.label_columns(axes, "head")
    _frame_groups(axes, clustered)
    draw_bar(canvas, name="bits")
    draw_words(canvas, words)


def _frame_groups(axes: Axes, clustered: Comparison) -> None:
    """Draw a frame around the cells of each group, which are neighbours in this order."""
    for group in clustered.groups:
        first, count = min(clustered.heads.index(head) for head in group), len(group)
        if count > 1:
            corner = (first - 0.5, first - 0.5)
            axes.add_patch(
                Rectangle(
                    corner,
                    count,
                    count,
                    fill=False,
                    edgecolor=CATEGORIES[1],
                    linewidth=2 * HAIRLINE,
                    clip_on=False,
                )
            )


def _notes(comparison: Comparison) -> Iterator[str]:
    """Say what the colours mean, and list the groups with their signs."""
    yield _MATRIX
    groups = [group for group in comparison.groups if len(group) > 1]
    if not groups:
        yield f"no two groups of heads are closer than {ALIKE} bits"
        return
    of_head = signs(comparison.groups)
    yield f"framed, and with one sign on the map: groups of heads closer than {ALIKE} bits on average"
    for group in groups[:_MOST_GROUPS]:
        more = f" and {len(group) - _MOST_LISTED} more" if len(group) > _MOST_LISTED else ""
        yield f"{of_head[group[0]]} {' '.join(map(str, group[:_MOST_LISTED]))}{more}"
    if len(groups) > _MOST_GROUPS:
        yield f"and {len(groups) - _MOST_GROUPS} more groups"
