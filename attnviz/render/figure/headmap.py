"""Heads as points of a plane: the nearer two stand, the more alike they read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from attnviz.analysis.comparing.headmap import HeadMap
from attnviz.render.figure.canvas import HAIRLINE, Canvas
from attnviz.render.groups import ALONE, color, signs
from attnviz.selection import HeadId

# In letters: a sign, a name, and what is left free around the points.
_SIGN, _NAME, _FREE = 0.9, 0.75, 1.6

# A name as drawn, as a multiple of what is measured, and the height of its line in letters.
_SPARE, _LINE = 1.06, 1.2

# A head like no other is a dot that is seen on paper too.
_DOT = "•"

# The map's height as a share of its width, within limits.
_FLAT, _HIGH = 0.4, 0.75

# What the ruler may stand for, in bits; the longest that takes no more than this share of the width is drawn.
_RULERS, _RULER = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001), 0.25

Spot = tuple[float, float]
Box = tuple[float, float, float, float]


def map_height(placed: HeadMap, width: float, letter: float) -> float:
    """Give how high a map of a width is, in points, so that it shows distances alike in all directions."""
    spans = np.ptp(placed.places, axis=0)
    free = 2 * _FREE * letter
    # The ruler has a strip of its own below the points.
    wanted = (width - free) * (spans[1] / spans[0] if spans[0] else 0) + free + 2 * letter
    return float(np.clip(wanted, _FLAT * width, _HIGH * width))


def draw_map(canvas: Canvas, placed: HeadMap, box: Box) -> int:
    """Draw heads as points with as many names as fit.

    Args:
        canvas: what is drawn on.
        placed: the heads.
        box: left, top, width and height, in points.

    Returns:
        How many heads have no name.
    """
    axes = canvas.axes(canvas.layout.box(*box), "map")
    axes.set_facecolor(canvas.theme.background)
    axes.set(xlim=(0, box[2]), ylim=(0, box[3]))
    spots, unit = _spots(placed, box[2], box[3], canvas.layout.letter)
    board = _Board(canvas, axes, (box[2], box[3]))
    _draw_ruler(board, unit)
    of_head = signs(placed.groups)
    for head, spot in spots.items():
        board.sign(of_head[head], spot)
    return sum(not board.name(str(head), spots[head]) for head in _loneliest_first(spots))


def _spots(placed: HeadMap, width: float, height: float, letter: float) -> tuple[dict[HeadId, Spot], float]:
    """Give where each head stands, from the left and from below, and how long a distance of 1 is: points."""
    spans = np.ptp(placed.places, axis=0)
    free = _FREE * letter
    room = np.array([width - 2 * free, height - 2 * free - 2 * letter])
    units = [side / span for side, span in zip(room, spans, strict=True) if span > 0]
    unit = min(units, default=0.0)
    corner = (room - spans * unit) / 2 + [free, free + 2 * letter]
    at = corner + (placed.places - placed.places.min(axis=0)) * unit
    return {head: (float(x), float(y)) for head, (x, y) in zip(placed.heads, at, strict=True)}, unit


def _loneliest_first(spots: Mapping[HeadId, Spot]) -> list[HeadId]:
    """Order heads by the distance to their nearest neighbour: who stands alone is sure to be named."""
    points = np.array(list(spots.values()))
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    nearest = dict(zip(spots, apart.min(axis=1), strict=True))
    return sorted(spots, key=lambda head: (-nearest[head], head))


@dataclass
class _Board:
    """Axes measured in points, and the boxes that are taken on them."""

    canvas: Canvas
    axes: Axes
    size: tuple[float, float]
    taken: list[Box] = field(default_factory=list)

    def sign(self, sign: str, spot: Spot) -> None:
        """Write a head's sign over its spot."""
        letter = self.canvas.layout.letter
        style = self.canvas.lettering.style(letter * _SIGN, color(sign) or self.canvas.theme.foreground)
        self.axes.text(*spot, _DOT if sign == ALONE else sign, ha="center", va="center_baseline", **style)
        half = _SIGN * letter / 2
        self.taken.append((spot[0] - half, spot[1] - half, spot[0] + half, spot[1] + half))

    def name(self, name: str, spot: Spot) -> bool:
        """Write a name beside its spot, where it covers nothing; say whether there was room."""
        letter = self.canvas.layout.letter
        width = _SPARE * _NAME * letter * self.canvas.lettering.measure(name)[0]
        height = _LINE * _NAME * letter
        for left, bottom in _around(spot, width, height, 0.6 * letter):
            box = (left, bottom, left + width, bottom + height)
            if self._is_free(box):
                style = self.canvas.lettering.style(_NAME * letter, self.canvas.theme.foreground)
                self.axes.text(left, bottom + height / 2, name, ha="left", va="center_baseline", **style)
                self.taken.append(box)
                return True
        return False

    def _is_free(self, box: Box) -> bool:
        inside = box[0] >= 1 and box[1] >= 1 and box[2] <= self.size[0] - 1 and box[3] <= self.size[1] - 1
        return inside and not any(_touch(box, other) for other in self.taken)


def _around(spot: Spot, width: float, height: float, away: float) -> Iterator[tuple[float, float]]:
    """Give the lower left corners of where a name may stand: right, left, above, below, and in between."""
    x, y = spot
    middle, across = y - height / 2, x - width / 2
    yield x + away, middle
    yield x - away - width, middle
    yield across, y + away
    yield across, y - away - height
    for up in (y + 0.6 * away, y - 0.6 * away - height):
        yield x + 0.6 * away, up
        yield x - 0.6 * away - width, up


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _draw_ruler(board: _Board, unit: float) -> None:
    """Draw how far apart heads of some divergence stand."""
    canvas, letter = board.canvas, board.canvas.layout.letter
    lengths = ((bits, float(np.sqrt(bits)) * unit) for bits in _RULERS)
    fitting = [(bits, length) for bits, length in lengths if letter < length <= _RULER * board.size[0]]
    if not fitting:
        return
    bits, length = fitting[0]
    left, middle, tick = letter, letter, 0.3 * letter
    ends = [left, left + length]
    strokes: Iterable[tuple[list[float], list[float]]] = [
        (ends, [middle] * 2),
        *(([end] * 2, [middle - tick, middle + tick]) for end in ends),
    ]
    for xs, ys in strokes:
        board.axes.add_line(Line2D(xs, ys, color=canvas.theme.muted, linewidth=2 * HAIRLINE))
    style = canvas.lettering.style(0.85 * letter, canvas.theme.muted)
    told = f"{bits:g} bits apart"
    board.axes.text(ends[1] + 0.6 * letter, middle, told, ha="left", va="center_baseline", **style)
    wide = ends[1] + 0.6 * letter + 0.85 * letter * canvas.lettering.measure(told)[0]
    board.taken.append((0, 0, wide, 2 * letter))
