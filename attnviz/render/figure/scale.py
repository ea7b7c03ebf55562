"""One colour scale for all panels of a figure, and its bar."""

from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.ticker import MaxNLocator

from attnviz.render.figure.canvas import HAIRLINE, Canvas
from attnviz.render.figure.layout import BAR, BAR_GAP
from attnviz.render.theme import Theme

# Off the scale, below and above it: what parts tiles, and a tile that was not asked for.
RULE, NOTHING = -1.0, 2.0

# In letters: as high as the panels, unless that is a lot.
_BAR, _LONGEST_BAR = 20, 28


def color_scale(theme: Theme, top: float) -> ScalarMappable:
    """Give the colours of weights from 0 to the largest one shown; all black would be no scale at all."""
    colors = LinearSegmentedColormap.from_list(f"attnviz {theme.name}", theme.scale, N=1024)
    extremes = colors.with_extremes(bad=theme.masked, under=theme.rule, over=theme.background)
    return ScalarMappable(Normalize(0, top or 1), extremes)


def draw_bar(canvas: Canvas) -> None:
    """Draw the scale at the right of the panels, with its top printed."""
    layout, unit = canvas.layout, canvas.layout.letter
    width, height = layout.block
    left = layout.left + width + BAR_GAP * unit
    long = height if height <= _LONGEST_BAR * unit else _BAR * unit
    box = layout.box(left, layout.top, BAR * unit, long)
    axes = canvas.figure.add_axes(box)
    bar = canvas.figure.colorbar(canvas.colors, cax=axes)
    bar.outline.set(edgecolor=canvas.theme.rule, linewidth=HAIRLINE)
    ticks = bar_ticks(float(canvas.colors.norm.vmax or 1))
    axes.set_yticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.minorticks_off()
    axes.tick_params(length=0, pad=0.3 * unit)
    style = canvas.lettering.style(0.85 * unit, canvas.theme.muted)
    for label in axes.get_yticklabels():
        label.set(**style)
    axes.set_title("weight", loc="left", pad=0.6 * unit, **style)


def bar_ticks(top: float) -> list[float]:
    """Give round weights from 0 up, and last the top itself.

    >>> bar_ticks(0.94)
    [0.0, 0.2, 0.4, 0.6, 0.8, 0.94]
    """
    rounds = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, top)
    return [round(float(tick), 12) for tick in rounds if tick < 0.92 * top] + [top]
