"""Labelled squares side by side: the rows' labels once at the left, the columns' above every square."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from attnviz.render.labels import from_to
from attnviz.render.pooling import Counts, pool, starts
from attnviz.render.positions import marks
from attnviz.render.terminal.cells import fit
from attnviz.render.terminal.ink import Ink

Line = list[Segment]

_GAP = 2
_SHORTEST_ELIDED, _WIDEST_CELL, _NARROWEST_OF_MANY = 5, 16, 2
_PLAIN, _MUTED, _BOLD = Style(), Style(dim=True), Style(bold=True)

# Light and heavy lines: between columns, between rows, and where one of either crosses the other.
_UPRIGHT, _LEVEL = ("│", "┃"), ("─", "━")
_CROSSING = (("┼", "╂"), ("┿", "╋"))

# Stands before a position, over the column it is in.
_MARK = "╷"

# Between a square and what stands beside its rows.
ASIDE = "  "


@dataclass(frozen=True)
class Axis:
    """One side of the squares.

    Attributes:
        name: what it holds, with an arrow, such as "from ↓"; or nothing.
        labels: a printable text for each row or column.
        muted: which of them matter less.
        positions: the tokens each stands for.
        lines: before which rows or columns a line stands, and whether it is a heavy one.
        places: whether labels are places in a picture or a sound, of which a run tells the first and last.
        first: the label of each run's first token, where it is not the run's own.
        spans: their positions in the whole input, where these are not the same as `positions`.
        runs: whether each row or column was made of a run of tokens to begin with: then numbers say where it
            begins, and of columns only round ones.
    """

    name: str
    labels: tuple[str, ...]
    muted: tuple[bool, ...]
    positions: tuple[range, ...]
    lines: Mapping[int, bool] = field(default_factory=dict)
    places: bool = False
    first: tuple[str, ...] = ()
    spans: tuple[range, ...] = ()
    runs: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def longest(self) -> int:
        """The cells its longest label takes."""
        return max(cell_len(label) for label in self.labels)

    @property
    def firsts(self) -> tuple[str, ...]:
        """The label of the first token of each row or column."""
        return self.first or self.labels

    @property
    def whole(self) -> tuple[range, ...]:
        """The positions in the whole input."""
        return self.spans or self.positions

    @property
    def numbers(self) -> tuple[str, ...]:
        """The positions in writing: "7", or "8-11" for a run; where all are runs, "8" for where it begins."""
        if self.runs:
            return tuple(f"{run[0]:,}" for run in self.whole)
        return tuple(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in self.whole)

    def pooled(self, runs: int) -> "Axis":
        """Join neighbours into so many runs."""
        if runs == len(self):
            return self
        firsts = starts(len(self), runs).tolist()
        joined = tuple(range(a, b) for a, b in zip(firsts, [*firsts[1:], len(self)], strict=True))
        lines: dict[int, bool] = {}
        for at, heavy in self.lines.items():
            run = bisect_right(firsts, at) - 1
            lines[run] = heavy or lines.get(run, False)
        return replace(
            self,
            labels=tuple(self._joined(run) for run in joined),
            first=tuple(self.labels[at] for at in firsts),
            muted=tuple(all(self.muted[run[0] : run[-1] + 1]) for run in joined),
            positions=joined,
            lines={at: heavy for at, heavy in lines.items() if at},
            spans=tuple(range(self.spans[run[0]].start, self.spans[run[-1]].stop) for run in joined)
            if self.spans
            else (),
        )

    def _joined(self, run: range) -> str:
        if self.runs:
            return self.labels[run[0]]
        if self.places and len(run) > 1:
            return from_to(self.labels[run[0]], self.labels[run[-1]])
        return " ".join(self.labels[run[0] : run[-1] + 1])


@dataclass(frozen=True)
class Panel:
    """One square.

    Attributes:
        title: what stands above it.
        values: numbers (row, column), with `hidden.LATER` or `hidden.OUTSIDE` where there is none to show.
        sink: one more column (row,), which belongs to no token.
        counts: of how many weights each value is the mean; None where it is none.
    """

    title: str
    values: NDArray[np.floating]
    sink: NDArray[np.floating] | None = None
    counts: Counts | None = None


@dataclass(frozen=True)
class Layout:
    """How squares of one size stand.

    Attributes:
        rows: the rows as drawn; shorter than they were if they are pooled.
        columns: the columns as drawn.
        numbers: cells for the numbers beside the rows' labels; 0 if columns carry labels themselves.
        margin: cells for all that stands left of the first square.
        cell: cells per column.
        square: cells per square.
        across: how many squares stand side by side.
        sink: whether a further column stands right of each square's, behind a gap.
    """

    rows: Axis
    columns: Axis
    numbers: int
    margin: int
    cell: int
    square: int
    across: int
    sink: bool = False

    @property
    def taken(self) -> int:
        """Cells of a square that hold no cell of a row: lines between columns, and the gap before a sink."""
        return len(self.columns.lines) + self.sink

    @property
    def name_of_sink(self) -> str:
        """What stands above the sink's column."""
        return "sink" if self.cell > len("sink") else "∅"

    @property
    def pools(self) -> bool:
        """Whether a cell stands for several tokens."""
        return any(len(run) > 1 for run in self.rows.positions + self.columns.positions)


def lay_out(width: int, panels: Sequence[Panel], rows: Axis, columns: Axis) -> Layout:
    """Find the largest cells with which as many squares as possible stand side by side.

    Columns carry their labels if these are readable, numbers otherwise. A square that is too wide even alone,
    with one cell per column, has its rows and columns pooled.
    """
    title = max(cell_len(panel.title) for panel in panels)
    sink = any(panel.sink is not None for panel in panels)
    rows = _lowered(rows, max(len(columns), width))
    for across in range(len(panels), 0, -1):
        for numbers in (0, _longest_number(rows))[rows.runs or columns.runs :]:
            layout = _stand(width, across, title, rows, columns, numbers, sink=sink)
            if layout.cell >= _least_cell(layout):
                return replace(layout, across=evenly(len(panels), across))
    pairs_of_digits = 2 * len(str(max(len(rows), rows.whole[-1][-1]))) + 1
    numbers = _longest_number(rows) if rows.runs else pairs_of_digits
    room = max(width - _margin(width, rows, numbers) - 2 * sink, 1)
    if len(columns.lines) > room // 4:
        columns = replace(columns, lines={})
    rows, columns = _lowered(rows, room), _lowered(columns, max(room - len(columns.lines), 1))
    return _stand(width, 1, title, rows, columns, _longest_number(rows), sink=sink)


def _lowered(axis: Axis, most: int) -> Axis:
    """Join as few neighbours as possible so that at most so many are left."""
    step = -(-len(axis) // most)
    return axis.pooled(-(-len(axis) // step))


def draw(
    panels: Sequence[Panel], layout: Layout, ink: Ink, beside: Sequence[str] | None = None
) -> Iterator[Line]:
    """Draw squares line by line, in bands of as many as stand side by side.

    Args:
        panels: the squares.
        layout: how they stand.
        ink: how weights are shown.
        beside: what stands right of each row.
    """
    for first in range(0, len(panels), layout.across):
        if first:
            yield []
        band = [_shrunk(panel, layout) for panel in panels[first : first + layout.across]]
        yield from _header(band, layout)
        for row in range(len(layout.rows)):
            if row in layout.rows.lines:
                yield _line(band, layout, heavy=layout.rows.lines[row])
            told = [Segment(f"{ASIDE}{beside[row]}", _MUTED)] if beside else []
            yield [*_row(band, layout, row, ink), *told]


def evenly(count: int, across: int) -> int:
    """Give how many of `count` things to put in a line, at most `across`, so that the last line is not short.

    >>> evenly(8, 7), evenly(8, 3), evenly(8, 8)
    (4, 3, 8)
    """
    lines = -(-count // across)
    return -(-count // lines)


def printed(lines: Iterable[Line]) -> Iterator[Segment]:
    """End each line, and join what looks the same."""
    for line in lines:
        yield from Segment.simplify(line)
        yield Segment.line()


def _stand(
    width: int, across: int, title: int, rows: Axis, columns: Axis, numbers: int, *, sink: bool
) -> Layout:
    margin = _margin(width, rows, numbers)
    room = (width - margin - _GAP * (across - 1)) // across
    widest = min(max(columns.longest + 2, _SHORTEST_ELIDED + 1), _WIDEST_CELL)
    taken, cells = len(columns.lines) + sink, len(columns) + sink
    cell = min((room - taken) // cells, widest) if title <= room or across == 1 else 0
    square = min(max(cell * cells + taken, title), room)
    return Layout(rows, columns, numbers, margin, cell, square, across, sink)


def _margin(width: int, rows: Axis, numbers: int) -> int:
    label = min(max(rows.longest, cell_len(rows.name)), max(width // 5, _SHORTEST_ELIDED))
    return min(label + 1 + (numbers + 1 if numbers else 0), width - 1)


def _longest_number(axis: Axis) -> int:
    return max(len(number) for number in axis.numbers)


def _least_cell(layout: Layout) -> int:
    """Give the narrowest cell that will do: labels must be readable in it, numbers stand on end."""
    if not layout.numbers:
        return min(layout.columns.longest, _SHORTEST_ELIDED) + 1
    return 1 if layout.across == 1 else _NARROWEST_OF_MANY


def _shrunk(panel: Panel, layout: Layout) -> Panel:
    sink = None if panel.sink is None else pool(panel.sink[:, None], len(layout.rows), 1)[:, 0]
    values = pool(panel.values, len(layout.rows), len(layout.columns), panel.counts)
    return replace(panel, values=values, sink=sink)


def _header(band: Sequence[Panel], layout: Layout) -> Iterator[Line]:
    blank = Segment(" " * layout.margin)
    if any(panel.title for panel in band):
        yield _joined(blank, [[Segment(fit(panel.title, layout.square), _BOLD)] for panel in band])
    if name := layout.columns.name:
        shown = name if cell_len(name) <= layout.square else name[-1]
        yield _joined(blank, [[Segment(fit(shown, layout.square), _MUTED)] for _ in band])
    *upper, last = _column_heads(layout)
    for head in upper:
        yield _joined(blank, [head for _ in band])
    corner = fit(layout.rows.name, layout.margin - 1, ">") + " "
    yield _joined(Segment(corner, _MUTED), [last for _ in band])


def _column_heads(layout: Layout) -> list[Line]:
    """Give what stands over the columns: labels, or numbers, on end where cells are narrow."""
    columns, cell = layout.columns, layout.cell
    sink = Segment(_centred(layout.name_of_sink, cell), _MUTED)
    if columns.runs:
        return [[Segment(_ruler(layout), _MUTED)]]
    if not layout.numbers:
        shown = zip((_centred(label, cell) for label in columns.labels), columns.muted, strict=True)
        return [_filled([Segment(label, _style(muted)) for label, muted in shown], layout, sink=sink)]
    numbers = [str(run[0]) for run in columns.whole]
    digits = len(numbers[-1])
    if cell > digits:
        levels = [numbers]
    else:
        levels = [list(level) for level in zip(*(number.rjust(digits) for number in numbers), strict=True)]
    *upper, last = [[Segment(_centred(text, cell), _MUTED) for text in level] for level in levels]
    return [*(_filled(level, layout) for level in upper), _filled(last, layout, sink=sink)]


def _ruler(layout: Layout) -> str:
    """Mark round positions over the columns they are in."""
    columns, cell = layout.columns, layout.cell
    longest = len(f"{columns.whole[-1][-1]:,}")
    line = ""
    for column, position in marks(columns.whole, -(-(len(_MARK) + longest + 1) // cell)):
        before = cell * column + sum(at <= column for at in columns.lines)
        longer = f"{line.ljust(before)}{_MARK}{position:,}"
        line = longer if len(longer) <= layout.square else line
    return fit(line, layout.square)


def _centred(text: str, cell: int) -> str:
    """Leave a gap to the next column."""
    return fit(text, cell - 1, "^") + " " if cell > 1 else fit(text, cell)


def _row(band: Sequence[Panel], layout: Layout, row: int, ink: Ink) -> Line:
    axis = layout.rows
    number = fit(axis.numbers[row], layout.numbers, ">") + " " if layout.numbers else ""
    label = fit(axis.labels[row], layout.margin - len(number) - 1, ">") + " "
    squares = []
    for panel in band:
        cells = [ink.cell(value, layout.cell) for value in panel.values[row]]
        sink = None if panel.sink is None else ink.cell(panel.sink[row], layout.cell)
        squares.append(_filled(cells, layout, _UPRIGHT, sink=sink))
    return [Segment(number, _MUTED), *_joined(Segment(label, _style(axis.muted[row])), squares)]


def _line(band: Sequence[Panel], layout: Layout, *, heavy: bool) -> Line:
    """Draw a line between two rows, through all squares."""
    cells = [Segment(_LEVEL[heavy] * layout.cell, _MUTED) for _ in range(len(layout.columns))]
    square = _filled(cells, layout, _CROSSING[heavy])
    return _joined(Segment(" " * layout.margin), [square for _ in band])


def _filled(
    cells: Line, layout: Layout, signs: tuple[str, str] = (" ", " "), *, sink: Segment | None = None
) -> Line:
    """Make a square's line of its cells: with what stands between columns, the sink's cell, and blanks.

    Args:
        cells: one for each column.
        layout: of the square.
        signs: what stands where a light line is between two columns, and where a heavy one is.
        sink: the cell of the sink's column.
    """
    line: Line = []
    for place, cell in enumerate(cells):
        if place in layout.columns.lines:
            line.append(Segment(signs[layout.columns.lines[place]], _MUTED))
        line.append(cell)
    if layout.sink:
        line += [Segment(" "), sink or Segment(" " * layout.cell)]
    used = layout.cell * (len(layout.columns) + layout.sink) + layout.taken
    return [*line, Segment(" " * (layout.square - used))]


def _joined(margin: Segment, parts: Sequence[Line]) -> Line:
    line = [margin]
    for place, part in enumerate(parts):
        line += [Segment(" " * _GAP), *part] if place else part
    return line


def _style(muted: bool) -> Style:
    return _MUTED if muted else _PLAIN
