"""A story as pages of paper: real text, tables to check the sums by, and the drawings beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.textpath import TextToPath

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.record import Attention
from attnviz.render.figure.colors import ColorScale
from attnviz.render.figure.encoding import pages_to_bytes
from attnviz.render.figure.fonts import Lettering, letter
from attnviz.render.figure.layout import POINTS
from attnviz.render.figure.sides import elide
from attnviz.render.labels import clusters
from attnviz.render.theme import CATEGORIES, THEMES
from attnviz.render.walkthrough.blocks import (
    Arrow,
    Block,
    Formula,
    Paragraph,
    Points,
    Shapes,
    Story,
    Strip,
    Table,
    Term,
    Word,
)
from attnviz.render.walkthrough.drawings import NAME, SMALL, Drawing, Square, flow, square
from attnviz.render.walkthrough.tell import Level, tell

# A4, upright, in points.
PAPER = (595.0, 842.0)
_MARGIN, _FOOT = 62.0, 56.0
_ROOM = PAPER[0] - 2 * _MARGIN
_BOTTOM = PAPER[1] - _FOOT

_TITLE, _HEADING, _BODY, _CELL, _FINE = 19.0, 13.0, 9.5, 8.0, 8.0
_LEADING = 1.45
_BETWEEN = 8.0

_DOTS_PER_INCH = 150

# In a table: between columns, and the longest and the shortest bar.
_GAP, _LONG_BAR, _SHORT_BAR = 11.0, 90.0, 24.0

# A name of a row takes at most this part of the width.
_NAMES = 0.34

# The weights are drawn on a square of at most this, in cells of at most that.
_SQUARE, _CELL_SIDE = 260.0, 24.0

# The whole way is at most so tall; below a step, smaller by so much that both fit on a page.
_TALLEST, _SMALLER = 570.0, 0.75

_THEME = THEMES["light"]
_BOX, _ACCENT = _THEME.scale[1], CATEGORIES[1]
_MEASURER = TextToPath()


@dataclass(frozen=True)
class _Style:
    """How a piece of text is written."""

    size: float = _BODY
    color: str = _THEME.foreground
    bold: bool = False
    slanted: bool = False


@dataclass(frozen=True)
class _Piece:
    """Text in one style."""

    text: str
    style: _Style


@dataclass(frozen=True)
class _Part:
    """Something as wide as the page that is never torn apart.

    Attributes:
        height: in points.
        draw: draws it on the sheet, from a distance from the top on.
    """

    height: float
    draw: Callable[["_Sheet", float], None]


@dataclass
class _Sheet:
    """One page being drawn; places are in points from the left and from the top."""

    lettering: Lettering
    figure: Figure = field(
        default_factory=lambda: Figure(
            figsize=(PAPER[0] / POINTS, PAPER[1] / POINTS),
            dpi=_DOTS_PER_INCH,
            facecolor=_THEME.background,
        )
    )

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Give a place as matplotlib counts it."""
        return x / PAPER[0], 1 - y / PAPER[1]

    def write(
        self, text: str, x: float, y: float, style: _Style, align: str = "left", *, turned: bool = False
    ) -> None:
        """Write a line, the middle of its letters at y."""
        weight = "bold" if style.bold else "normal"
        self.figure.text(
            *self.place(x, y),
            self.lettering.spell(text),
            ha="center" if turned and align == "middle" else {"middle": "center"}.get(align, align),
            va="center_baseline",
            rotation=90 if turned else 0,
            rotation_mode="anchor",
            fontstyle="italic" if style.slanted else "normal",
            **self.lettering.style(style.size, style.color, weight),
        )

    def rect(
        self,
        corner: tuple[float, float],
        size: tuple[float, float],
        *,
        fill: str = "none",
        edge: str = "none",
        thick: float = 0.6,
        dotted: bool = False,
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        left, bottom = self.place(corner[0], corner[1] + size[1])
        self.figure.add_artist(
            Rectangle(
                (left, bottom),
                size[0] / PAPER[0],
                size[1] / PAPER[1],
                facecolor=fill,
                edgecolor=edge,
                linewidth=thick,
                linestyle=":" if dotted else "-",
            )
        )

    def line(self, points: Sequence[tuple[float, float]], color: str = _THEME.muted) -> None:
        """Draw a line from point to point."""
        xs, ys = zip(*(self.place(x, y) for x, y in points), strict=True)
        self.figure.add_artist(Line2D(xs, ys, linewidth=0.7, color=color))

    def tip(self, x: float, y: float, size: float) -> None:
        """Draw the head of an arrow that points down."""
        corners = [(x, y), (x - size * 0.55, y - size), (x + size * 0.55, y - size)]
        self.figure.add_artist(Polygon([self.place(*corner) for corner in corners], color=_THEME.muted))


def walkthrough_figures(walk: Walkthrough, record: Attention, level: Level) -> list[Figure]:
    """Draw a walk on pages of A4, with drawings of the shapes and of the weights.

    Args:
        walk: what to tell.
        record: what the walk was made of.
        level: of the telling; see `attnviz.render.walkthrough.tell`.

    Raises:
        OutOfRange: the record lacks the head that is followed.
    """
    story, way, weights = tell(walk, level), flow(walk, level), square(walk, record, level)
    lettering = letter(_said(story, way, weights))
    sheets = _filled(_Setter(lettering).sections(story, level, way, weights), lettering)
    for number, sheet in enumerate(sheets):
        y = PAPER[1] - _FOOT / 2
        fine = _Style(_FINE, _THEME.muted)
        sheet.write(f"{number + 1} / {len(sheets)}", PAPER[0] - _MARGIN, y, fine, "right")
        sheet.write(elide(lettering.spell(story.title), lettering, _ROOM / _FINE / 2), _MARGIN, y, fine)
    return [sheet.figure for sheet in sheets]


def walkthrough_pdf(walk: Walkthrough, record: Attention, level: Level) -> bytes:
    """Write the pages of `walkthrough_figures` as a PDF: the same walk always gives the same bytes."""
    return pages_to_bytes(walkthrough_figures(walk, record, level))


def _filled(sections: Sequence[list[_Part]], lettering: Lettering) -> list[_Sheet]:
    """Lay sections onto sheets: one that fits on what is left of a page stays whole."""
    sheets = [_Sheet(lettering)]
    top = _MARGIN
    for section in sections:
        whole = sum(part.height for part in section)
        if top > _MARGIN and top + whole > _BOTTOM:
            sheets.append(_Sheet(lettering))
            top = _MARGIN
        for part in section:
            if top + part.height > _BOTTOM and top > _MARGIN:
                sheets.append(_Sheet(lettering))
                top = _MARGIN
            part.draw(sheets[-1], top)
            top += part.height
    return sheets


@dataclass(frozen=True)
class _Setter:
    """Sets a story in type."""

    lettering: Lettering

    def sections(self, story: Story, level: Level, way: Drawing, weights: Square) -> list[list[_Part]]:
        """Set the heading, and every step with its drawings."""
        heading = [
            *self._lines([_Piece(story.title, _Style(_TITLE, bold=True))]),
            *self._lines([_Piece(story.about, _Style(color=_THEME.muted))]),
            _space(_BETWEEN),
        ]
        drawn = self._way(way, _SMALLER if level == "beginner" else 1.0)
        sections = [heading] if level == "beginner" else [[*heading, *drawn]]
        last = len(story.pages) - 1
        for number, page in enumerate(story.pages):
            step = f"Step {number + 1} of {last}   " if number < last else ""
            title = [
                _Piece(step, _Style(_FINE, _THEME.muted)),
                _Piece(page.title, _Style(_HEADING, bold=True)),
            ]
            parts = [_space(_BETWEEN), _rule(), *self._lines(title), _space(_BETWEEN / 2)]
            for block in page.blocks:
                parts += [*self._block(block), _space(_BETWEEN)]
            if number == 2:
                parts += self._weights(weights)
            if number == last - 1 and level == "beginner":
                parts += drawn
            sections.append(_kept_together(parts))
        return sections

    def _block(self, block: Block) -> Iterator[_Part]:
        if isinstance(block, Paragraph):
            yield from self._lines(list(_pieces(block)))
        elif isinstance(block, Points):
            for paragraph in block.paragraphs:
                yield from self._lines([_Piece("·  ", _Style()), *_pieces(paragraph)], 12)
        elif isinstance(block, Formula):
            yield from self._lines([_Piece(block.plain, _Style(11))], 16)
            if block.source:
                yield from self._lines([_Piece(f"({block.source})", _Style(_FINE, _THEME.muted))], 16)
        elif isinstance(block, Shapes):
            for arrow in block.arrows:
                yield from self._lines(list(_arrow(arrow)))
        elif isinstance(block, Strip):
            yield self._strip(block)
        else:
            yield self._table(block)

    def _lines(self, pieces: Sequence[_Piece], indent: float = 0.0) -> Iterator[_Part]:
        """Break text into lines, between words; a word that is too long in itself."""
        line: list[_Piece] = []
        used = 0.0
        for word in self._words(pieces):
            width = self._width(word)
            if line and used + self._width(_Piece(word.text.rstrip(), word.style)) > _ROOM - indent:
                yield self._line(line, indent)
                line, used = [], 0.0
            line.append(word)
            used += width
        if line:
            yield self._line(line, indent)

    def _words(self, pieces: Sequence[_Piece]) -> Iterator[_Piece]:
        """Split text after its blanks, and what is wider than a page between letters."""
        for piece in pieces:
            start = 0
            for at in range(1, len(piece.text) + 1):
                if at == len(piece.text) or (piece.text[at - 1] == " " and piece.text[at] != " "):
                    yield from self._cut(_Piece(piece.text[start:at], piece.style))
                    start = at

    def _cut(self, word: _Piece) -> Iterator[_Piece]:
        if self._width(word) <= _ROOM - 20:
            yield word
            return
        kept = ""
        for cluster in clusters(word.text):
            if kept and self._width(_Piece(kept + cluster, word.style)) > _ROOM - 20:
                yield _Piece(kept, word.style)
                kept = ""
            kept += cluster
        yield _Piece(kept, word.style)

    def _line(self, words: Sequence[_Piece], indent: float) -> _Part:
        """Set a line; words of one style that follow each other are one text."""
        runs: list[_Piece] = []
        for word in words:
            if runs and runs[-1].style == word.style:
                runs[-1] = _Piece(runs[-1].text + word.text, word.style)
            else:
                runs.append(word)
        height = max(run.style.size for run in runs) * _LEADING

        def draw(sheet: _Sheet, top: float) -> None:
            x = _MARGIN + indent
            for run in runs:
                sheet.write(run.text.rstrip(), x, top + height / 2, run.style)
                x += self._width(run)

        return _Part(height, draw)

    def _width(self, piece: _Piece) -> float:
        style = piece.style
        # The blanks at an end are not measured, but stand there.
        text = self.lettering.spell(piece.text)
        return style.size * (
            _measured(f"|{text}|", self.lettering.families, style.bold, style.slanted)
            - _measured("||", self.lettering.families, style.bold, style.slanted)
        )

    def _strip(self, strip: Strip) -> _Part:
        """Set pieces side by side, in as many rows as they need."""
        widths = [self._width(_Piece(label, _Style(_CELL, bold=True))) + 10 for label in strip.labels]
        places, x, row = [], 0.0, 0
        for width in widths:
            if x and x + width > _ROOM:
                x, row = 0.0, row + 1
            places.append((x, row))
            x += width + 2

        def draw(sheet: _Sheet, top: float) -> None:
            for at, (label, width, (x, row)) in enumerate(zip(strip.labels, widths, places, strict=True)):
                chosen = at == strip.chosen
                y = top + row * 18
                fill = _ACCENT if chosen else "none"
                sheet.rect((_MARGIN + x, y), (width, 15), fill=fill, edge=_THEME.rule)
                color = _THEME.background if chosen else _THEME.muted
                style = _Style(_CELL, color, bold=chosen)
                sheet.write(label, _MARGIN + x + width / 2, y + 7.5, style, "middle")

        return _Part((row + 1) * 18.0, draw)

    def _table(self, table: Table) -> _Part:
        """Set a table, in smaller letters where it would be too wide."""
        bars = table.bars.values if table.bars is not None else ()
        titles = [column.title.strip() for column in table.columns]
        cells = [[cell.strip() for cell in column.cells] for column in table.columns]
        limit = _ROOM * _NAMES / _CELL
        cells[0] = [elide(self.lettering.spell(cell), self.lettering, limit) for cell in cells[0]]
        rooms = [
            max(self._width(_Piece(text, _Style(_CELL, bold=True))) for text in (title, *column))
            for title, column in zip(titles, cells, strict=True)
        ]
        total = sum(rooms) + _GAP * (len(rooms) - 1)
        scale = min(1.0, (_ROOM - (_SHORT_BAR + _GAP if bars else 0)) / total)
        rooms, gap, size = [room * scale for room in rooms], _GAP * scale, _CELL * scale
        long_bar = min(_LONG_BAR, _ROOM - total * scale - gap)
        row_height = _CELL * 1.55
        largest = max(1.0, *(abs(value) for value in bars if value is not None)) if bars else 1.0

        def write_row(sheet: _Sheet, texts: Sequence[str], y: float, style: _Style) -> None:
            x = _MARGIN
            for column, text, room in zip(table.columns, texts, rooms, strict=True):
                at = x if column.align == "left" else x + room
                sheet.write(text, at, y, style, column.align)
                x += room + gap

        def rule(sheet: _Sheet, y: float) -> None:
            sheet.line([(_MARGIN, y), (_MARGIN + total * scale, y)], color=_THEME.rule)

        def draw(sheet: _Sheet, top: float) -> None:
            write_row(sheet, titles, top + row_height / 2, _Style(size, _THEME.muted))
            rule(sheet, top + row_height)
            for row in range(table.height):
                start = top + (row + 1) * row_height + 2
                closing = table.closed and row == table.height - 1
                if closing:
                    rule(sheet, start)
                bold = closing or row in table.marked
                texts = [column[row] for column in cells]
                write_row(sheet, texts, start + row_height / 2 + closing, _Style(size, bold=bold))
                value = bars[row] if bars else None
                if value:
                    x = _MARGIN + total * scale + gap
                    length = abs(value) / largest * long_bar, row_height * 0.44
                    corner = x, start + row_height * 0.28
                    if value > 0:
                        sheet.rect(corner, length, fill=_ACCENT)
                    else:
                        sheet.rect(corner, length, edge=_ACCENT, dotted=True)

        return _Part(row_height * (table.height + 1) + 4, draw)

    def _way(self, drawing: Drawing, most: float) -> list[_Part]:
        """Draw all shapes, smaller where a page has no room."""
        scale = min(most, _TALLEST * most / drawing.height)

        def draw(sheet: _Sheet, top: float) -> None:
            def at(point: tuple[float, float]) -> tuple[float, float]:
                return _MARGIN + point[0] * scale, top + point[1] * scale

            for rect in drawing.rects:
                fill = _BOX if rect.kind == "matrix" else _ACCENT
                edge = _THEME.muted if rect.kind == "matrix" else "none"
                size = rect.width * scale, rect.height * scale
                sheet.rect(at(rect.corner), size, fill=fill, edge=edge)
            for stroke in drawing.strokes:
                points = [at(point) for point in stroke.points]
                sheet.line(points)
                if stroke.has_head:
                    sheet.tip(*points[-1], 6 * scale)
            for label in drawing.labels:
                name = label.kind == "name"
                color = _THEME.foreground if name else _THEME.muted
                style = _Style((NAME if name else SMALL) * scale, color, bold=name)
                align = {"start": "left", "middle": "middle"}[label.anchor]
                sheet.write(label.text, *at(label.at), style, align)

        return [_Part(drawing.height * scale, draw), *self._caption(drawing.caption)]

    def _weights(self, found: Square) -> list[_Part]:
        """Draw the weights of the head as cells, the row of the query framed."""
        rows, columns = found.weights.shape
        cell = min(_SQUARE / max(rows, columns), _CELL_SIDE)
        size = min(_CELL, cell * 0.9)
        texts = [elide(self.lettering.spell(text), self.lettering, 90 / _CELL) for text in found.rows]
        below = [elide(self.lettering.spell(text), self.lettering, 90 / _CELL) for text in found.columns]
        style, bold = _Style(size), _Style(size, bold=True)
        left = 20 + max(self._width(_Piece(text, bold)) for text in texts)
        reach = max(self._width(_Piece(text, style)) for text in below)
        height = 4 + rows * cell + reach + 46

        def draw(sheet: _Sheet, top: float) -> None:
            x, y, width = _MARGIN + left, top + 4, columns * cell
            self._cells(sheet, found, (x, y), cell)
            sheet.rect((x, y + found.chosen * cell), (width, cell), edge=_ACCENT, thick=1.8)
            for row, text in enumerate(texts):
                look = bold if row == found.chosen else style
                sheet.write(text, x - 5, y + (row + 0.5) * cell, look, "right")
            end = y + rows * cell
            for column, text in enumerate(below):
                sheet.write(text, x + (column + 0.5) * cell, end + 5, style, "right", turned=True)
            muted = _Style(_FINE, _THEME.muted)
            sheet.write(f"{found.names[1]} →", x + width / 2, end + reach + 18, muted, "middle")
            sheet.write(f"← {found.names[0]}", _MARGIN + 5, y + rows * cell / 2, muted, "middle", turned=True)
            self._legend(sheet, found, x, end + reach + 30)

        return [_Part(height, draw), *self._caption(found.caption)]

    def _cells(self, sheet: _Sheet, found: Square, corner: tuple[float, float], cell: float) -> None:
        rows, columns = found.weights.shape
        left, bottom = sheet.place(corner[0], corner[1] + rows * cell)
        axes = sheet.figure.add_axes(
            (left, bottom, columns * cell / PAPER[0], rows * cell / PAPER[1]),
            label="weights",
            xticks=[],
            yticks=[],
        )
        axes.spines[:].set(color=_THEME.rule, linewidth=0.6)
        scale = ColorScale(_THEME, found.top)
        shown = np.where(found.visible, found.weights, np.nan)
        axes.imshow(shown, cmap=scale.colormap, norm=scale.norm, interpolation="nearest", aspect="auto")

    def _legend(self, sheet: _Sheet, found: Square, x: float, y: float) -> None:
        scale = ColorScale(_THEME, found.top)
        left, bottom = sheet.place(x + 12, y + 8)
        axes = sheet.figure.add_axes(
            (left, bottom, 90 / PAPER[0], 8 / PAPER[1]), label="scale", xticks=[], yticks=[]
        )
        axes.spines[:].set(color=_THEME.rule, linewidth=0.6)
        steps = np.linspace(0, found.top, 256)[np.newaxis]
        axes.imshow(steps, cmap=scale.colormap, norm=scale.norm, aspect="auto")
        muted = _Style(_FINE, _THEME.muted)
        sheet.write("0", x, y + 4, muted)
        sheet.write(f"{found.top:.4f}", x + 108, y + 4, muted)

    def _caption(self, text: str) -> Iterator[_Part]:
        yield _space(4)
        yield from self._lines([_Piece(text, _Style(_FINE, _THEME.muted))])
        yield _space(_BETWEEN)


def _kept_together(parts: list[_Part]) -> list[_Part]:
    """Keep a heading on the page of what follows it, and a line above a table on that of the table."""
    first = parts[:5]

    def draw(sheet: _Sheet, top: float) -> None:
        for part in first:
            part.draw(sheet, top)
            top += part.height

    return [_Part(sum(part.height for part in first), draw), *parts[5:]]


def _pieces(paragraph: Paragraph) -> Iterator[_Piece]:
    """Give running text in its styles."""
    for piece in paragraph.pieces:
        if isinstance(piece, Word):
            text = piece.text if piece.alone else f"“{piece.text}”"
            yield _Piece(text, _Style(bold=True))
        elif isinstance(piece, Term):
            yield _Piece(piece.text, _Style(slanted=True))
        else:
            yield _Piece(piece, _Style())


def _arrow(arrow: Arrow) -> Iterator[_Piece]:
    muted = _Style(color=_THEME.muted)
    yield _Piece(f"{arrow.source}  ", _Style())
    yield _Piece(f"— {arrow.by} →  " if str(arrow.by) else "→  ", muted)
    yield _Piece(f"{arrow.result}  ", _Style(bold=True))
    if arrow.says:
        yield _Piece(arrow.says, muted)


def _space(height: float) -> _Part:
    return _Part(height, lambda _sheet, _top: None)


def _rule() -> _Part:
    def draw(sheet: _Sheet, top: float) -> None:
        sheet.line([(_MARGIN, top), (PAPER[0] - _MARGIN, top)], color=_THEME.rule)

    return _Part(10, draw)


def _said(story: Story, way: Drawing, weights: Square) -> Iterator[str]:
    """Give everything the pages say."""
    yield from (story.title, story.about, way.caption, weights.caption, "·—→←“”…")
    yield from (label.text for label in way.labels)
    yield from (*weights.rows, *weights.columns, *weights.names)
    for page in story.pages:
        yield page.title
        for block in page.blocks:
            yield from _words_of(block)


def _words_of(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from (piece.text for piece in _pieces(block))
    elif isinstance(block, Points):
        yield from (piece.text for paragraph in block.paragraphs for piece in _pieces(paragraph))
    elif isinstance(block, Formula):
        yield from (block.plain, block.source)
    elif isinstance(block, Shapes):
        yield from (piece.text for arrow in block.arrows for piece in _arrow(arrow))
    elif isinstance(block, Strip):
        yield from block.labels
    else:
        for column in block.columns:
            yield from (column.title, *column.cells)


@lru_cache(maxsize=8192)
def _measured(text: str, families: tuple[str, ...], bold: bool, slanted: bool) -> float:
    """Give the width of a text in units of the letter size."""
    font = FontProperties(
        family=list(families),
        size=100.0,
        weight="bold" if bold else "normal",
        style="italic" if slanted else "normal",
    )
    width, _, _ = _MEASURER.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 100.0
