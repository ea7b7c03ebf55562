"""From heads to a figure: which way of drawing suits how many there are."""

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from attnviz.record import Attention
from attnviz.render.figure.frame import Moment
from attnviz.render.figure.grid import draw_grid
from attnviz.render.figure.layout import Sheet
from attnviz.render.figure.panels import draw_panels
from attnviz.render.figure.size import Size
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# More heads than this are drawn without their tokens, unless they are of one layer: a grid would be a strip.
_MOST_PANELS = 12

# What a notebook or another library set for its own plots is not for these.
PLAIN: dict[Any, Any] = {
    name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")
}


def draw(
    record: Attention,
    heads: Sequence[HeadId],
    theme: Theme,
    size: Size,
    dpi: int,
    moment: Moment | None = None,
) -> Figure:
    """Draw heads as panels side by side, or as the grid of layers and heads."""
    way = draw_panels if fits_panels(heads) else draw_grid
    with matplotlib.rc_context(PLAIN):
        return way(record, heads, theme, Sheet.of(size, dpi), moment)


def fits_panels(heads: Sequence[HeadId]) -> bool:
    """Say whether heads are to have a panel each: they are few, or a grid of them would be a strip."""
    layers, indices = {head.layer for head in heads}, {head.index for head in heads}
    return len(heads) <= _MOST_PANELS or min(len(layers), len(indices)) == 1
