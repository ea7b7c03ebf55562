"""The bar that tells which colour is which weight."""

from collections.abc import Callable

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from attnviz.render.figure.canvas import Canvas
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.layout import BAR, BAR_GAP, MARGIN
from attnviz.render.scales import powers_of_ten, shares, weight_at, written

# In letters: as high as the panels, unless that is a lot.
_USUAL, _LONGEST = 20, 28

_SHADES = 256

# Of two halves of a scale each has half the room: a round number stays this far below its end.
_CLEAR = 0.85

Opacity = Callable[[NDArray[np.floating], float], NDArray[np.floating]]


def draw_bar(
    canvas: Canvas, opacity: Opacity | None = None, *, on: str = "none", name: str = "weight"
) -> None:
    """Draw the scale at the right of the panels, with its top printed.

    One image instead of matplotlib's own colour bar: that takes as long as all of the grid, and is cut into
    slices that show as seams in a PDF.

    Args:
        canvas: what is drawn on.
        opacity: how dense the colours of some weights are for a given top of the scale, where those of the
            panels let something shine through.
        on: the colour that shines through.
        name: what the colours stand for.
    """
    layout, unit, colors = canvas.layout, canvas.layout.letter, canvas.colors
    width, height = layout.block
    long = height if height <= _LONGEST * unit else _USUAL * unit
    left = layout.left + width + BAR_GAP * unit
    axes = canvas.axes(layout.box(left, layout.top, BAR * unit, long), "<colorbar>")
    shades = _shades(colors)
    # A logarithmic scale is drawn by shares of its length, so that its colours are evenly high.
    extent = (0, 1, colors.bottom, 1.0 if colors.floor else colors.top)
    axes.set_facecolor(on)
    axes.imshow(
        shades,
        cmap=colors.colormap,
        norm=colors.norm,
        alpha=None if opacity is None else opacity(shades, colors.top),
        origin="lower",
        aspect="auto",
        extent=extent,
    )
    style = canvas.lettering.style(0.85 * unit, canvas.theme.muted)
    axes.tick_params(length=0, pad=0.3 * unit, left=False, labelleft=False, right=True, labelright=True)
    ticks = _ticks(colors, long / unit)
    axes.set_yticks(list(ticks), list(ticks.values()), **style)
    # A name that is longer than the bar and its numbers begins further left.
    rightmost = layout.width - MARGIN * unit - canvas.width(name, 0.85 * unit)
    canvas.write(name, (min(left, rightmost), layout.top - 1.5 * unit), 0.85 * unit)


def _shades(colors: ColorScale) -> NDArray[np.floating]:
    """Give weights whose colours are those of the scale from below upwards, (shade, 1)."""
    if colors.floor:
        return weight_at(np.linspace(0, 1, _SHADES), colors.top, colors.floor)[:, None]
    return np.linspace(colors.bottom, colors.top, _SHADES)[:, None]


def _ticks(colors: ColorScale, long: float) -> dict[float, str]:
    """Say what is written where at a bar of so many letters."""
    if colors.floor:
        return _logarithmic_ticks(colors, at_most=int(long / 2))
    ticks = bar_ticks(colors.top, at_most=int(long / 2))
    if colors.bottom:
        rounds = bar_ticks(colors.top, at_most=int(long / 4))
        upper = [*(tick for tick in rounds if tick < _CLEAR * colors.top), colors.top]
        ticks = [*(-tick for tick in upper[:0:-1]), *upper]
    return {tick: f"{tick:.2g}" for tick in ticks}


def _logarithmic_ticks(colors: ColorScale, at_most: int) -> dict[float, str]:
    """Write both ends of a logarithmic scale, and the powers of ten that have room between."""
    ends = {0.0: written(colors.floor, 1), 1.0: written(colors.top)}
    powers = {
        float(shares(power, colors.top, colors.floor)): written(power, 1)
        for power in powers_of_ten(colors.top, colors.floor)
    }
    room = 1 / max(at_most, 1)
    between = {at: text for at, text in powers.items() if room < at < 1 - room}
    return dict(sorted({**ends, **between}.items())) if len(between) <= at_most - 2 else ends


def bar_ticks(top: float, at_most: int = 5) -> list[float]:
    """Give round weights from 0 up, and last the top itself.

    >>> bar_ticks(0.94)
    [0.0, 0.2, 0.4, 0.6, 0.8, 0.94]
    """
    if at_most < 2:
        return [0.0, top]
    rounds = MaxNLocator(min(at_most, 5), steps=[1, 2, 5, 10]).tick_values(0, top)
    return [round(float(tick), 12) for tick in rounds if tick < 0.92 * top] + [top]
