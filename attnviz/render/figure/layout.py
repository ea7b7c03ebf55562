"""Where everything goes: panels as large as fit, labels as large as fit them. Lengths are in points."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attnviz.errors import RequestError
from attnviz.render.figure.sides import Side, next_step
from attnviz.render.figure.size import Size

POINTS = 72.0

Angle = Literal[0, 90]
ColumnsAt = Literal["above", "below"]

# As wide as a page of A4 or letter paper between its margins, in inches.
_WIDEST = 6.9

# In points: several panels in a narrow column may stand in more rows than its width would suggest.
_SEVERAL_HEIGHT = 330

# Beyond this ratio of its sides a panel is no longer made of square cells: a strip could not be labelled.
_LONGEST = 2.5

# Letters of the three named widths: what journals ask for at the least, and what a hall can read.
_WIDTHS, _LETTERS = (3.3, 6.9, 13.333), (7.0, 9.0, 15.0)
_SHRINK = np.linspace(1.0, 0.65, 6)

# What the parts around the panels take, in letters.
MARGIN, HEADING, CROWN, AXIS, PAD, NOTE = 1.0, 1.75, 1.7, 1.8, 0.45, 1.4
BAR_GAP, BAR, BAR_TICKS = 1.2, 0.8, 2.4
STRIP = 1.5
_SINK_GAP, _SINK = 0.5, 1.0
_GAP = 1.3
_NARROWEST = 36

# Cells of fewer pixels than this would shrink too much by being made of whole pixels.
_WHOLE_PIXELS = 6
# A panel smaller than this many letters shows nothing.
_LEAST_PANEL = 1.5


@dataclass(frozen=True)
class Sheet:
    """The paper.

    Attributes:
        size: its sides as asked for.
        pixel: the side of a pixel.
        letter: the size of ordinary letters; titles are larger, captions smaller.
    """

    size: Size
    pixel: float
    letter: float

    @classmethod
    def of(cls, size: Size, dpi: int) -> "Sheet":
        """Choose letters that suit the width."""
        letter = float(np.interp(size.width or _WIDEST, _WIDTHS, _LETTERS))
        return cls(size, POINTS / dpi, letter)

    @property
    def width(self) -> float:
        """The most width there is."""
        return (self.size.width or _WIDEST) * POINTS

    def height(self, panels: int) -> float:
        """Give the most height there is: what was asked for, or what looks well."""
        if self.size.height is not None:
            return self.size.height * POINTS
        return self.width * 1.3 if panels == 1 else max(self.width * 0.95, _SEVERAL_HEIGHT)

    def snap(self, length: float) -> float:
        """Cut a length to whole pixels."""
        return math.floor(length / self.pixel + 1e-6) * self.pixel


@dataclass(frozen=True)
class Content:
    """What is to be laid out.

    Attributes:
        panels: how many heatmaps.
        rows: gives the labels at the left, thinned out by a step.
        columns: gives the labels of the columns, thinned out by a step.
        columns_at: where the columns' labels stand.
        crown: how many letters high what stands right above each panel is.
        notes: how many lines stand below the panels.
        largest_cell: how many letters the side of a cell may have.
        ratio: of a panel's width to its height; None for that of its rows and columns, within reason.
        sink: whether one more, detached column stands right of each panel.
        beside: how wide what is written right of each panel is, in units of the labels' letter size.
        strips: whether the names of parts stand at the left, and whether below.
        marked: whether marks at round positions are left out sooner than letters shrink or turn.
    """

    panels: int
    rows: Callable[[int], Side]
    columns: Callable[[int], Side]
    columns_at: ColumnsAt = "below"
    crown: float = CROWN
    notes: int = 0
    largest_cell: float = 5.0
    ratio: float | None = None
    sink: bool = False
    beside: float = 0.0
    strips: tuple[bool, bool] = (False, False)
    marked: bool = False


@dataclass(frozen=True)
class Lettered:
    """How the labels are written: their size, how the columns' are turned, and which are left out."""

    letter: float
    angle: Angle
    rows: Side
    columns: Side

    @property
    def column_reach(self) -> float:
        """How far the columns' labels reach from the panel."""
        return self.letter * (self.columns.width if self.angle else self.columns.height)


@dataclass(frozen=True)
class Layout:
    """Where everything is, from the left and from the top.

    Attributes:
        width: of the figure.
        height: of the figure.
        across: how many panels stand side by side.
        down: how many rows of panels there are.
        left: of the first panel.
        top: of the first panel.
        panel: width and height of a panel.
        sink: how far right of a panel a detached column stands, and its width; 0 if there is none.
        annex: width of all that stands right of a panel and belongs to it.
        strips: width and height of where the names of parts stand, at the left and below.
        gap: between panels, sideways and downwards.
        labels: how the labels are written.
        letter: the size of ordinary letters.
        edge: the left edge of all there is.
        crown: the upper edge of all there is.
        foot: the upper edge of the notes.
    """

    width: float
    height: float
    across: int
    down: int
    left: float
    top: float
    panel: tuple[float, float]
    sink: tuple[float, float]
    annex: float
    strips: tuple[float, float]
    gap: tuple[float, float]
    labels: Lettered
    letter: float
    edge: float
    crown: float
    foot: float

    def pixels(self, pixel: float) -> tuple[int, int]:
        """Give the rows and columns of pixels in a panel."""
        return max(1, round(self.panel[1] / pixel)), max(1, round(self.panel[0] / pixel))

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a cell."""
        return self.panel[0] / self.labels.columns.count, self.panel[1] / self.labels.rows.count

    @property
    def block(self) -> tuple[float, float]:
        """Width and height of all panels together."""
        return (
            self.across * (self.panel[0] + self.annex + self.gap[0]) - self.gap[0],
            self.down * (self.panel[1] + self.gap[1]) - self.gap[1],
        )

    def box(self, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
        """Give left, bottom, width and height as shares of the figure, as matplotlib counts them."""
        bottom = self.height - top - height
        return left / self.width, bottom / self.height, width / self.width, height / self.height

    def corner(self, number: int) -> tuple[float, float]:
        """Give where a panel begins, from the left and from the top."""
        down, right = divmod(number, self.across)
        left = self.left + right * (self.panel[0] + self.annex + self.gap[0])
        return left, self.top + down * (self.panel[1] + self.gap[1])

    def place(self, number: int) -> tuple[float, float, float, float]:
        """Give the box of a panel."""
        return self.box(*self.corner(number), *self.panel)

    def place_sink(self, number: int) -> tuple[float, float, float, float]:
        """Give the box of the detached column right of a panel."""
        left, top = self.corner(number)
        away, width = self.sink
        return self.box(left + self.panel[0] + away, top, width, self.panel[1])

    def legible(self) -> bool:
        """Say whether no label touches the next."""
        width, height = self.cell
        return _rows_fit(self.labels, height) and _columns_fit(self.labels, width)


def fit(sheet: Sheet, content: Content) -> Layout:
    """Find the largest letters with which no two labels touch; where there are none, leave labels out.

    Raises:
        RequestError: the paper is too small.
    """
    if content.marked:
        return _thinned(sheet, content, 1.0)
    rows, columns = content.rows(1), content.columns(1)
    for share in _SHRINK:
        for angle in _angles(content, columns):
            layout = _largest(sheet, content, Lettered(sheet.letter * float(share), angle, rows, columns))
            if layout is not None and layout.legible():
                return layout
    return _thinned(sheet, content, float(_SHRINK[-1]))


def _thinned(sheet: Sheet, content: Content, share: float) -> Layout:
    """Leave out more and more labels of a size on the sides where they touch."""
    letter = sheet.letter * share
    across, down = 1, 1
    while True:
        rows, columns = content.rows(down), content.columns(across)
        layout = _largest(sheet, content, Lettered(letter, _angles(content, columns)[-1], rows, columns))
        if layout is None:
            raise RequestError(_too_small(sheet, content))
        width, height = layout.cell
        rows_fit, columns_fit = _rows_fit(layout.labels, height), _columns_fit(layout.labels, width)
        if rows_fit and columns_fit:
            return layout
        down = down if rows_fit else next_step(down, rows.count)
        across = across if columns_fit else next_step(across, columns.count)


def _angles(content: Content, columns: Side) -> tuple[Angle, ...]:
    """Give the ways to turn the columns' labels, the better first; what is short anyway stays as it is."""
    may_turn = content.sink or columns.width > 2 * columns.height
    return (0, 90) if may_turn and not content.marked else (0,)


def _rows_fit(labels: Lettered, cell: float) -> bool:
    rows = labels.rows
    return len(rows.labels) == 1 or rows.step * cell >= labels.letter * rows.height * 1.05


def _columns_fit(labels: Lettered, cell: float) -> bool:
    columns = labels.columns
    needed = columns.height * 1.05 if labels.angle else columns.width + 0.5
    return len(columns.labels) == 1 or columns.step * cell >= labels.letter * needed


def _largest(sheet: Sheet, content: Content, labels: Lettered) -> Layout | None:
    """Arrange the panels so that they are large and few places stay empty; None if they fit in no way."""
    layouts = (_arrange(sheet, content, labels, across) for across in _columns_of(content.panels))

    def merit(layout: Layout) -> float:
        filled = content.panels / (layout.across * layout.down)
        return layout.panel[0] * filled * filled

    return max((layout for layout in layouts if layout), key=merit, default=None)


def _columns_of(panels: int) -> Iterator[int]:
    """Give the numbers of columns that leave no row empty."""
    widths = {math.ceil(panels / down) for down in range(1, panels + 1)}
    yield from sorted(widths, reverse=True)


def _arrange(sheet: Sheet, content: Content, labels: Lettered, across: int) -> Layout | None:
    """Give every panel the same share of what the margins leave; None if that is too little."""
    down = math.ceil(content.panels / across)
    margins = _margins(sheet, content, labels)
    gap = sheet.snap(_GAP * sheet.letter), sheet.snap((content.crown + _GAP) * sheet.letter)
    beside = sheet.snap(labels.letter * content.beside + 2 * PAD * sheet.letter) if content.beside else 0.0
    room = (
        (sheet.width - margins.left - margins.right - (across - 1) * gap[0]) / across - beside,
        (sheet.height(content.panels) - margins.top - margins.bottom - (down - 1) * gap[1]) / down,
    )
    room = _room_but_sink(sheet, content, labels, room)
    if min(room) < _LEAST_PANEL * sheet.letter:
        return None
    panel = _panel(sheet, content, labels, room)
    sink = _sink(sheet, panel[0] / labels.columns.count) if content.sink else (0.0, 0.0)
    annex = sum(sink) + beside
    used = (
        margins.left + across * (panel[0] + annex) + (across - 1) * gap[0] + margins.right,
        margins.top + down * panel[1] + (down - 1) * gap[1] + margins.bottom,
    )
    width, height = _figure(sheet, content, used)
    edge, crown = sheet.snap(max(0, width - used[0]) / 2), sheet.snap(max(0, height - used[1]) / 2)
    return Layout(
        width=width,
        height=height,
        across=across,
        down=down,
        left=sheet.snap(edge + margins.left),
        top=sheet.snap(crown + margins.top),
        panel=panel,
        sink=sink,
        annex=annex,
        strips=margins.strips,
        gap=gap,
        labels=labels,
        letter=sheet.letter,
        edge=edge + MARGIN * sheet.letter,
        crown=crown + MARGIN * sheet.letter,
        foot=crown + used[1] - MARGIN * sheet.letter - margins.notes,
    )


@dataclass(frozen=True)
class _Margins:
    """What stands around the panels takes, and of that the notes' part and the parts' names'."""

    left: float
    right: float
    top: float
    bottom: float
    notes: float
    strips: tuple[float, float]


def _margins(sheet: Sheet, content: Content, labels: Lettered) -> _Margins:
    unit = sheet.letter
    strips = (STRIP * unit * content.strips[0], STRIP * unit * content.strips[1])
    axis = labels.column_reach + (PAD + AXIS) * unit + strips[1]
    above, below = (axis, 0.0) if content.columns_at == "above" else (0.0, axis)
    notes = (content.notes * NOTE + (PAD if content.notes else 0)) * unit
    return _Margins(
        left=(MARGIN + AXIS + PAD) * unit + labels.letter * labels.rows.width + strips[0],
        right=(BAR_GAP + BAR + BAR_TICKS + MARGIN) * unit,
        top=(MARGIN + 2 * HEADING) * unit + max(content.crown * unit, above),
        bottom=below + notes + MARGIN * unit,
        notes=notes,
        strips=strips,
    )


def _room_but_sink(
    sheet: Sheet, content: Content, labels: Lettered, room: tuple[float, float]
) -> tuple[float, float]:
    """Leave room right of a panel for a column as wide as its own ones, and wide enough to be seen."""
    if not content.sink:
        return room
    width, columns = room[0] - _SINK_GAP * sheet.letter, labels.columns.count
    return min(width * columns / (columns + 1), width - _SINK * sheet.letter), room[1]


def _sink(sheet: Sheet, cell: float) -> tuple[float, float]:
    return sheet.snap(_SINK_GAP * sheet.letter), sheet.snap(max(cell, _SINK * sheet.letter))


def _figure(sheet: Sheet, content: Content, used: tuple[float, float]) -> tuple[float, float]:
    """Give the sides that were asked for, and where none were, what is used."""
    width = sheet.width if sheet.size.width else min(sheet.width, max(used[0], _NARROWEST * sheet.letter))
    height = sheet.height(content.panels) if sheet.size.height else used[1]
    return sheet.snap(width), sheet.snap(height)


def _panel(
    sheet: Sheet, content: Content, labels: Lettered, room: tuple[float, float]
) -> tuple[float, float]:
    """Give the largest width and height with square cells, unless that would be a strip."""
    columns, rows = labels.columns.count, labels.rows.count
    ratio = content.ratio or square_ratio(rows, columns)
    width = min(room[0], room[1] * ratio)
    largest = max(width / columns, width / ratio / rows)
    width *= min(1.0, content.largest_cell * sheet.letter / largest)
    return _whole(sheet, width, columns), _whole(sheet, width / ratio, rows)


def square_ratio(rows: int, columns: int) -> float:
    """Give the width to height of a panel with square cells, within reason."""
    return min(max(columns / rows, 1 / _LONGEST), _LONGEST)


def _whole(sheet: Sheet, length: float, cells: int) -> float:
    """Make each cell a whole number of pixels, or the panel if its cells are too small."""
    cell = sheet.snap(length / cells)
    return cell * cells if cell >= _WHOLE_PIXELS * sheet.pixel else sheet.snap(length)


def _too_small(sheet: Sheet, content: Content) -> str:
    width, height = sheet.width / POINTS, sheet.height(content.panels) / POINTS
    heads = f"{content.panels} heads" if content.panels > 1 else "a head with these labels"
    return f"too small a picture: got {width:.3g} x {height:.3g} inches for {heads}, allowed larger ones"
