"""A walk through one head in the terminal: pages one after the other, or one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from attnviz.render.terminal.flow import Flow
from attnviz.render.walkthrough.blocks import (
    Arrow,
    Block,
    Column,
    Formula,
    Page,
    Paragraph,
    Points,
    Shapes,
    Story,
    Strip,
    Table,
    Term,
    Word,
)

# Lines of text longer than this are hard to read, however wide the terminal is.
_LINE = 96

# Columns of a table stand so far apart, and a bar is at least, and at most, so long.
_GAP, _LEAST_BAR, _MOST_BAR = 2, 6, 24

# A name of a row is cut only where it would take more than this part of the width.
_NAMES = 0.4


@dataclass(frozen=True)
class StoryView:
    """All pages of a story, fitted to the width."""

    story: Story

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Heading(self.story)
        for number in range(len(self.story.pages)):
            yield ""
            yield PageView(self.story, number)


@dataclass(frozen=True)
class Heading:
    """What a story is about."""

    story: Story

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.story.title, style="bold")
        yield Text(self.story.about, style="dim")


@dataclass(frozen=True)
class PageView:
    """One page of a story, fitted to the width.

    Attributes:
        story: all of it.
        number: the page's, from 0.
    """

    story: Story
    number: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = self.story.pages[self.number]
        yield _title(page, self.number, len(self.story.pages))
        for block in page.blocks:
            yield ""
            yield from _block(block, options.max_width)


def _title(page: Page, number: int, pages: int) -> Text:
    """Number the steps; the last page is none."""
    step = f"Step {number + 1} of {pages - 1}  " if number < pages - 1 else ""
    return Text.assemble((step, "dim"), (page.title, "bold"))


def _block(block: Block, width: int) -> Iterator[RenderableType]:
    """Show one block."""
    line = min(width, _LINE)
    if isinstance(block, Paragraph):
        yield _wrapped(_text(block), line)
    elif isinstance(block, Points):
        for paragraph in block.paragraphs:
            yield _hanging("· ", _text(paragraph), line)
    elif isinstance(block, Formula):
        yield _formula(block, line)
    elif isinstance(block, Shapes):
        yield from _shapes(block, width)
    elif isinstance(block, Strip):
        yield _strip(block)
    else:
        yield from _table(block, width)


def _text(paragraph: Paragraph) -> Text:
    """Give running text, its words and terms set off."""
    text = Text()
    for piece in paragraph.pieces:
        if isinstance(piece, Word):
            text.append(piece.text if piece.alone else f"“{piece.text}”", "bold")
        elif isinstance(piece, Term):
            text.append(piece.text, "italic")
        else:
            text.append(piece)
    return text


def _wrapped(text: Text, width: int) -> RenderableType:
    return _Narrow(text, width)


@dataclass(frozen=True)
class _Narrow:
    """Something that takes only so much of the width."""

    inner: RenderableType
    width: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.inner, options.update(width=min(self.width, options.max_width)))


def _hanging(mark: str, text: Text, width: int) -> RenderableType:
    grid = Grid.grid(padding=0)
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(mark, text)
    return _Narrow(grid, width)


def _formula(formula: Formula, width: int) -> RenderableType:
    source = [Text(f"({formula.source})", style="dim")] if formula.source else []
    return _Narrow(Padding(Group(Text(formula.plain, style="bold"), *source), (0, 0, 0, 2)), width)


def _shapes(shapes: Shapes, width: int) -> Iterator[Text]:
    """Draw arrows below each other, their parts aligned where there is room."""
    parts = [_arrow(arrow) for arrow in shapes.arrows]
    first, middle, last = (max(cell_len(part[at]) for part in parts) for at in range(3))
    aligned = [
        Text.assemble(
            "  ",
            source.ljust(first),
            ("  ──", "dim"),
            by.center(middle) if by else "─" * middle,
            ("──▶  ", "dim"),
            (result.ljust(last), "bold"),
            (f"  {arrow.says}", "dim") if arrow.says else "",
        )
        for arrow, (source, by, result) in zip(shapes.arrows, parts, strict=True)
    ]
    if all(line.cell_len <= width for line in aligned):
        yield from aligned
        return
    for arrow, (source, by, result) in zip(shapes.arrows, parts, strict=True):
        says = Text(f"({arrow.says})", style="dim") if arrow.says else Text()
        yield Flow(
            (
                Text(f"  {source}"),
                Text.assemble(("──", "dim"), by, ("──▶", "dim")),
                Text(result, style="bold"),
                says,
            ),
            gap=" ",
        )  # type: ignore[misc]


def _arrow(arrow: Arrow) -> tuple[str, str, str]:
    by = f" {arrow.by} " if str(arrow.by) else ""
    return str(arrow.source), by, str(arrow.result)


def _strip(strip: Strip) -> Flow:
    """Draw pieces side by side, the one that is meant reversed."""
    return Flow(
        tuple(
            Text(f"▐{label}▌", style="bold") if place == strip.chosen else Text(f"│{label}│", style="dim")
            for place, label in enumerate(strip.labels)
        ),
        gap="",
    )


def _table(table: Table, width: int) -> Iterator[RenderableType]:
    """Show a table; one that is too wide in several, each with the names of the rows."""
    names, *others = table.columns
    names = _shortened(names, width)
    rooms = [_room(column) for column in others]
    groups = _groups(rooms, width - _room(names) - 1)
    for number, group in enumerate(groups):
        if number:
            yield ""
        used = _room(names) + sum(rooms[at] for at in group) + _GAP * len(group)
        last = number == len(groups) - 1
        bar = min(width - used - _GAP, _MOST_BAR) if last and table.bars is not None else 0
        yield _grid(table, [names, *(others[at] for at in group)], bar if bar >= _LEAST_BAR else 0)


def _shortened(names: Column, width: int) -> Column:
    """Cut names that would leave no room for numbers."""
    from attnviz.render.terminal.cells import elide

    most = max(int(width * _NAMES), 10)
    return Column(elide(names.title, most), tuple(elide(cell, most) for cell in names.cells), names.align)


def _room(column: Column) -> int:
    return max(map(cell_len, (column.title, *column.cells)))


def _groups(rooms: Sequence[int], width: int) -> list[list[int]]:
    """Put columns together that fit into the width beside the names of the rows."""
    groups: list[list[int]] = [[]]
    used = 0
    for at, room in enumerate(rooms):
        if groups[-1] and used + room + _GAP > width:
            groups.append([])
            used = 0
        groups[-1].append(at)
        used += room + _GAP
    return groups


def _grid(table: Table, columns: Sequence[Column], bar: int) -> Grid:
    grid = Grid(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(Text(column.title), justify=column.align, no_wrap=True)
    if bar:
        grid.add_column("", no_wrap=True)
    for row in range(table.height):
        sum_row = table.closed and row == table.height - 1
        style = "bold" if sum_row or row in table.marked else ""
        cells = [Text(column.cells[row], style=style) for column in columns]
        if bar and table.bars is not None:
            cells.append(_bar(table.bars.values[row], table.bars.values, bar))
        if sum_row:
            grid.add_row(*(Text("─" * _room(column), style="dim") for column in columns))
        grid.add_row(*cells)
    return grid


def _bar(value: float | None, every: Sequence[float | None], width: int) -> Text:
    """Draw a number as a length, to half a cell; below 0 hollow, so that it needs no colour."""
    largest = max(1.0, *(abs(other) for other in every if other is not None))
    halves = 0 if value is None else round(abs(value) / largest * width * 2)
    if value is not None and value < 0:
        return Text("┄" * (halves // 2) or ("╶" if halves else ""), style="dim")
    return Text("━" * (halves // 2) + "╸" * (halves % 2), style="dim")
