"""A table of numbers, with bars beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.render.figure.sides import elide
from attnviz.render.figure.walkthrough.lines import Piece, Setter
from attnviz.render.figure.walkthrough.paper import ACCENT, CELL, MARGIN, ROOM, THEME, Part, Sheet, Style
from attnviz.render.walkthrough.blocks import Table

# Between columns, and the longest and the shortest bar.
_GAP, _LONG_BAR, _SHORT_BAR = 11.0, 90.0, 24.0

# A name of a row takes at most this part of the width.
_NAMES = 0.34

_ROW = CELL * 1.55


def set_table(setter: Setter, table: Table) -> Part:
    """Set a table, in smaller letters where it would be too wide."""
    titles = [column.title.strip() for column in table.columns]
    cells = [[cell.strip() for cell in column.cells] for column in table.columns]
    limit = ROOM * _NAMES / CELL
    cells[0] = [elide(setter.lettering.spell(cell), setter.lettering, limit) for cell in cells[0]]
    rooms = [
        max(setter.width(Piece(text, Style(CELL, bold=True))) for text in (title, *column))
        for title, column in zip(titles, cells, strict=True)
    ]
    total = sum(rooms) + _GAP * (len(rooms) - 1)
    bars = table.bars.values if table.bars is not None else ()
    scale = min(1.0, (ROOM - (_SHORT_BAR + _GAP if bars else 0)) / total)
    drawn = _Drawn(table, titles, cells, bars, [room * scale for room in rooms], total * scale, scale)
    return Part(_ROW * (table.height + 1) + 4, drawn.draw)


@dataclass(frozen=True)
class _Drawn:
    """A table whose places are known.

    Attributes:
        table: which.
        titles: above its columns.
        cells: of each column.
        bars: beside its rows, if any.
        rooms: how wide each column is, in points.
        width: how wide all of them are.
        scale: by how much it is smaller than it would be.
    """

    table: Table
    titles: list[str]
    cells: list[list[str]]
    bars: tuple[float | None, ...]
    rooms: list[float]
    width: float
    scale: float

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw it on a sheet, from a distance from the top on."""
        self._write(sheet, self.titles, top + _ROW / 2, Style(CELL * self.scale, THEME.muted))
        self._rule(sheet, top + _ROW)
        for row in range(self.table.height):
            start = top + (row + 1) * _ROW + 2
            closing = self.table.closed and row == self.table.height - 1
            if closing:
                self._rule(sheet, start)
            style = Style(CELL * self.scale, bold=closing or row in self.table.marked)
            self._write(sheet, [column[row] for column in self.cells], start + _ROW / 2 + closing, style)
            if self.bars and (value := self.bars[row]):
                self._bar(sheet, value, start)

    def _write(self, sheet: Sheet, texts: Sequence[str], y: float, style: Style) -> None:
        x = MARGIN
        for column, text, room in zip(self.table.columns, texts, self.rooms, strict=True):
            at = x if column.align == "left" else x + room
            sheet.write(text, at, y, style, column.align)
            x += room + _GAP * self.scale

    def _rule(self, sheet: Sheet, y: float) -> None:
        sheet.line([(MARGIN, y), (MARGIN + self.width, y)], color=THEME.rule)

    def _bar(self, sheet: Sheet, value: float, start: float) -> None:
        """Draw a number as a bar; one below 0 is only an outline."""
        gap = _GAP * self.scale
        longest = min(_LONG_BAR, ROOM - self.width - gap)
        largest = max(1.0, *(abs(one) for one in self.bars if one is not None))
        corner = MARGIN + self.width + gap, start + _ROW * 0.28
        size = abs(value) / largest * longest, _ROW * 0.44
        if value > 0:
            sheet.rect(corner, size, fill=ACCENT)
        else:
            sheet.rect(corner, size, edge=ACCENT, dotted=True)
