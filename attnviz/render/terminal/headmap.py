"""Heads as points of a plane, drawn with characters: the nearer two stand, the more alike they read."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from attnviz.analysis.comparing.headmap import HeadMap
from attnviz.render import groups
from attnviz.render.notes import percent
from attnviz.render.terminal.flow import Flow
from attnviz.selection import HeadId

# A line of the terminal is as high as so many columns are wide.
_HIGH = 2

# The map takes this share of the width in lines, within limits.
_LINES, _FEWEST, _MOST = 0.3, 8, 36

# What the ruler may stand for, in bits; the longest that takes no more than this share of the width is drawn.
_RULERS, _RULER = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001), 0.3

Place = tuple[int, int]


@dataclass(frozen=True)
class HeadMapView:
    """Heads as points, with as many names as fit; the others are listed below.

    Attributes:
        placed: what to show.
    """

    placed: HeadMap

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        canvas = _drawn(self.placed, options.max_width)
        yield from canvas.lines()
        yield ""
        yield Flow((*self._legend(canvas),))

    def _legend(self, canvas: "_Canvas") -> Iterator[Text]:
        yield Text(
            f"the nearer, the more alike; two dimensions keep {percent(self.placed.kept)} of the spread"
        )
        yield from _ruler(canvas)
        shown = {sign for sign, _ in canvas.signs.values()}
        if shown & set(groups.SIGNS):
            yield Text(f"{groups.SIGNS[0]} {groups.SIGNS[1]} … groups of heads that read alike")
        if groups.ALONE in shown:
            yield Text(f"{groups.ALONE} like no other")
        if groups.MIXED in shown:
            yield Text(f"{groups.MIXED} several groups at one place")
        if canvas.unnamed:
            yield Text("without a name, line by line from the left:", style="dim")
            yield from (Text("+".join(map(str, heads))) for heads in canvas.unnamed)


def sign_style(sign: str) -> Style:
    """Give what a group's sign is written in, as far as there are colours."""
    color = groups.color(sign)
    return Style(dim=sign == groups.ALONE) if color is None else Style(bold=True, color=color)


@dataclass
class _Canvas:
    """Characters being placed.

    Attributes:
        width: in columns.
        unit: columns for a distance of 1.
        signs: at each place, its sign and the heads there.
        names: at each place where a name begins, that name.
        unnamed: heads whose name has no room, in reading order.
    """

    width: int
    unit: float
    signs: dict[Place, tuple[str, list[HeadId]]]
    names: dict[Place, str] = field(default_factory=dict)
    unnamed: list[list[HeadId]] = field(default_factory=list)

    def lines(self) -> Iterator[Text]:
        for row in range(1 + max(row for row, _ in self.signs)):
            line = Text()
            pieces = [
                (column, sign, sign_style(sign))
                for (at, column), (sign, _) in self.signs.items()
                if at == row
            ]
            pieces += [(column, name, Style()) for (at, column), name in self.names.items() if at == row]
            for column, text, style in sorted(pieces, key=lambda piece: piece[0]):
                line.append(" " * (column - line.cell_len)).append(text, style)
            yield line


def _drawn(placed: HeadMap, width: int) -> _Canvas:
    """Place signs first, so that no name covers one; then names, of the loneliest heads first."""
    name = max(len(str(head)) for head in placed.heads)
    room = max(width - name - 2, 1)
    spans = np.ptp(placed.places, axis=0)
    high = min(max(round(_LINES * width), _FEWEST), _MOST)
    limits = [
        (room - 1) / spans[0] if spans[0] else np.inf,
        (high - 1) * _HIGH / spans[1] if spans[1] else np.inf,
    ]
    unit = min(limits) if min(limits) < np.inf else 0.0
    left = (room - 1 - unit * spans[0]) / 2
    cells: dict[Place, list[HeadId]] = defaultdict(list)
    for head, (across, up) in zip(placed.heads, placed.places - placed.places.min(axis=0), strict=True):
        # Rows count downwards, the map's second dimension upwards.
        cells[round((spans[1] - up) * unit / _HIGH), round(left + across * unit)].append(head)
    of_head = groups.signs(placed.groups)
    canvas = _Canvas(
        width,
        unit,
        {place: (_shared(of_head[head] for head in heads), heads) for place, heads in cells.items()},
    )
    _name(canvas)
    return canvas


def _shared(found: Iterable[str]) -> str:
    different = set(found)
    return different.pop() if len(different) == 1 else groups.MIXED


def _name(canvas: _Canvas) -> None:
    """Write names beside signs, at the right or else at the left, where neither touches anything else."""
    taken = set(canvas.signs)
    told = set()
    for place in sorted(canvas.signs, key=lambda place: (-_loneliness(place, canvas.signs), place)):
        row, column = place
        heads = canvas.signs[place][1]
        name = str(heads[0]) if len(heads) == 1 else f"{heads[0]}+{len(heads) - 1}"
        for start in (column + 1, column - len(name)):
            # One more column on either side, so that names do not run together.
            cells = {(row, at) for at in range(start - 1, start + len(name) + 1)} - {place}
            if start >= 0 and start + len(name) <= canvas.width and not cells & taken:
                canvas.names[row, start] = name
                taken |= cells
                told |= {place} if len(heads) == 1 else set()
                break
    canvas.unnamed = [canvas.signs[place][1] for place in sorted(canvas.signs) if place not in told]


def _loneliness(place: Place, places: Iterable[Place]) -> float:
    """Give the distance to the nearest other sign, in columns."""
    others = (
        np.hypot(_HIGH * (place[0] - row), place[1] - column)
        for row, column in places
        if (row, column) != place
    )
    return float(min(others, default=np.inf))


def _ruler(canvas: _Canvas) -> Iterator[Text]:
    for bits in _RULERS:
        columns = round(np.sqrt(bits) * canvas.unit)
        if 3 <= columns <= _RULER * canvas.width:
            yield Text(f"├{'─' * (columns - 2)}┤ {bits:g} bits apart")
            return
