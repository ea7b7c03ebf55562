"""Things as points between two numbers, with as many names as fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from attnviz.render.figure.canvas import HAIRLINE, Canvas

# In letters: a point, a name, and how far a name stands from its point.
_POINT, _NAME, _AWAY = 0.45, 0.75, 0.45

# A name as drawn, as a multiple of what is measured, and the height of its line in letters.
_SPARE, _LINE = 1.06, 1.2

# How far up the theme's scale the colour of points is: it shows on either background.
_SHADE = 0.7

# Beyond the largest number there is so much room, as a share of it, and below 0 so that points show whole.
_ROOM, _BELOW = 0.08, 0.03

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """A name and its two numbers, each 0 or more."""

    name: str
    across: float
    up: float


def draw_scatter(canvas: Canvas, points: Sequence[Point], box: Box, names: tuple[str, str]) -> None:
    """Draw points; those farthest out are named first.

    Args:
        canvas: what is drawn on.
        points: what to draw.
        box: left, top, width and height, in points of the paper.
        names: what the numbers across are, and those upwards.
    """
    unit = canvas.layout.letter
    axes = canvas.axes(canvas.layout.box(*box), "scatter")
    axes.set_facecolor(canvas.theme.background)
    tops = max(point.across for point in points) or 1.0, max(point.up for point in points) or 1.0
    axes.set(
        xlim=(-_BELOW * tops[0], (1 + _ROOM) * tops[0]),
        ylim=(-_BELOW * tops[1], (1 + _ROOM) * tops[1]),
    )
    axes.scatter(
        [point.across for point in points],
        [point.up for point in points],
        s=(_POINT * unit) ** 2,
        color=[share / 255 for share in canvas.theme.color(_SHADE)],
        linewidths=0,
    )
    _number_axes(canvas, axes, names)
    _write_names(canvas, axes, points, box, tops)


def _number_axes(canvas: Canvas, axes: Axes, names: tuple[str, str]) -> None:
    unit, theme = canvas.layout.letter, canvas.theme
    style = canvas.lettering.style(0.85 * unit, theme.muted)
    axes.tick_params(length=0.3 * unit, width=HAIRLINE, color=theme.muted, pad=0.25 * unit)
    for axis, label in ((axes.xaxis, names[0]), (axes.yaxis, names[1])):
        low, high = axis.get_view_interval()
        ticks = [tick for tick in MaxNLocator(5).tick_values(0, high) if low <= tick <= high]
        axis.set_ticks(ticks, [f"{tick:.3g}" for tick in ticks], **style)
        axis.set_label_text(label, **canvas.lettering.style(0.9 * unit, theme.muted))
    height = axes.bbox.height / axes.figure.dpi * 72
    width = axes.bbox.width / axes.figure.dpi * 72
    axes.xaxis.set_label_coords(0.5, -2.2 * unit / height)
    axes.yaxis.set_label_coords(-3.4 * unit / width, 0.5)


def _write_names(
    canvas: Canvas, axes: Axes, points: Sequence[Point], box: Box, tops: tuple[float, float]
) -> None:
    """Write names beside points, where they cover nothing."""
    unit = canvas.layout.letter
    spots = {point.name: _spot(axes, point, box) for point in points}
    half = _POINT * unit / 2
    taken = [(x - half, y - half, x + half, y + half) for x, y in spots.values()]
    outermost = sorted(points, key=lambda point: -max(point.across / tops[0], point.up / tops[1]))
    for point in outermost:
        width = _SPARE * _NAME * unit * canvas.lettering.measure(point.name)[0]
        height = _LINE * _NAME * unit
        for left, bottom in _around(spots[point.name], width, height, _AWAY * unit):
            place = (left, bottom, left + width, bottom + height)
            inside = left >= 1 and bottom >= 1 and place[2] <= box[2] - 1 and place[3] <= box[3] - 1
            if inside and not any(_touch(place, other) for other in taken):
                style = canvas.lettering.style(_NAME * unit, canvas.theme.foreground)
                at = left / box[2], (bottom + height / 2) / box[3]
                axes.text(*at, point.name, va="center_baseline", transform=axes.transAxes, **style)
                taken.append(place)
                break


def _spot(axes: Axes, point: Point, box: Box) -> tuple[float, float]:
    """Give where a point is, from the left and from below, in points of the paper."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return (point.across - left) / (right - left) * box[2], (point.up - low) / (high - low) * box[3]


def _around(
    spot: tuple[float, float], width: float, height: float, away: float
) -> Iterator[tuple[float, float]]:
    """Give the lower left corners of where a name may stand: right, left, above, below."""
    x, y = spot
    yield x + away, y - height / 2
    yield x - away - width, y - height / 2
    yield x - width / 2, y + away
    yield x - width / 2, y - away - height


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
