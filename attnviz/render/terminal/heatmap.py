"""Attention weights in the terminal: one head with its numbers, a few side by side, or a grid of many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attnviz.record import Attention, Token
from attnviz.render import notes, sections
from attnviz.render.hidden import as_seen
from attnviz.render.labels import printable, printable_sentence
from attnviz.render.pooling import counts_of
from attnviz.render.positions import is_part, is_pooled, spans
from attnviz.render.scales import floor_of
from attnviz.render.terminal import legend
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.ink import Ink, ink_for
from attnviz.render.terminal.square import ASIDE, Axis, Layout, Panel, draw, lay_out, printed
from attnviz.render.terminal.thumbnails import Thumbnail, draw_grid, lay_out_grid, weights_per_cell
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# More heads than this are a grid to look over, not squares to read.
_MOST_SQUARES = 8
_NARROWEST_OF_SQUARES = 2

# In fewer columns than this nothing can be laid out.
_NARROWEST = 20


@dataclass(frozen=True)
class Heatmap:
    """Heads of a record, drawn as large as the width allows, all on one scale.

    One head shows its weights as numbers where there is room; a few stand side by side with labelled rows;
    many are a grid of layers and heads. Rows are queries, columns are keys.

    Attributes:
        record: one text's attention.
        heads: which of its heads to draw, at least one.
        theme: the colours.
    """

    record: Attention
    heads: tuple[HeadId, ...]
    theme: Theme

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        counts = counts_of(self.record)
        panels = [
            replace(self._panel(head, seen), counts=counts)
            for head, seen in zip(self.heads, self._seen, strict=True)
        ]
        layout = lay_out(options.max_width, panels, *axes(self.record))
        squares = len(panels) == 1 or (len(panels) <= _MOST_SQUARES and layout.cell >= _NARROWEST_OF_SQUARES)
        shown = [panel.values for panel in panels]
        if squares:
            shown += [panel.sink for panel in panels if panel.sink is not None]
        top = legend.scale_top(shown)
        what = f"{notes.shown(self.record)} " if self.record.pooling else ""
        what += notes.scale(self.record)
        ink = ink_for(console, self.theme, top, what, floor_of(self.record, top))
        yield self._heading()
        if squares:
            yield from self._squares(panels, layout, ink, options.max_width)
        else:
            yield from self._grid(panels, options.max_width, ink)
        yield Flow((*legend.extent(self.record, top),))
        yield Flow((*self._notes(), *legend.taught(self.record, self.heads)))

    @property
    def _seen(self) -> Iterator[NDArray[np.floating]]:
        return as_seen(self.record, self.heads)

    def _panel(self, head: HeadId, seen: NDArray[np.floating]) -> Panel:
        title = f"{head}{legend.TAUGHT if head in self.record.taught else ''}"
        return Panel(title, seen, self.record.lost(head) if notes.has_sink(self.record, head) else None)

    def _heading(self) -> Text:
        block = "" if self.record.block == "self" else f", {self.record.block} attention"
        return Text(printable_sentence(self.record.model) + block, style="dim")

    def _squares(self, panels: Sequence[Panel], layout: Layout, ink: Ink, width: int) -> RenderResult:
        layout, following = self._following(panels, layout, width)
        yield from printed(draw(panels, layout, ink, following))
        yield ""
        if layout.numbers and self.record.keys != self.record.queries:
            yield Flow(tuple(legend.key_list(layout.columns)))
        yield Flow((ink.scale(layout.cell), *self._signs(ink), *self._shared(layout)))
        yield Flow((*legend.lines(layout, self.record), *self._beside(panels, layout, following)))

    def _shared(self, layout: Layout) -> Iterator[Text]:
        """Say how many weights a cell stands for, of a pooled record those it was made of."""
        rows, columns = (
            max(map(len, axis.whole if self.record.pooling else axis.positions))
            for axis in (layout.rows, layout.columns)
        )
        return legend.pooled(rows, columns, shown=notes.shown(self.record))

    def _following(
        self, panels: Sequence[Panel], layout: Layout, width: int
    ) -> tuple[Layout, list[str] | None]:
        """Find room beside a single head for the token that follows each query."""
        if len(panels) > 1 or not self.record.predictions or layout.pools:
            return layout, None
        labels = [legend.following(prediction) for prediction in self.record.predictions]
        room = width - max(map(cell_len, labels)) - len(ASIDE)
        if room < _NARROWEST:
            return layout, None
        narrower = lay_out(room, panels, *axes(self.record))
        return (layout, None) if narrower.pools else (narrower, labels)

    def _beside(self, panels: Sequence[Panel], layout: Layout, following: list[str] | None) -> Iterator[Text]:
        """Explain what stands right of the squares."""
        if layout.sink:
            yield Text(notes.sink(self.record, layout.name_of_sink))
        if following:
            yield Text(f"→ {notes.PREDICTION}")
        elif len(panels) == 1 and self.record.predictions:
            yield Text(notes.NO_ROOM)

    def _grid(self, panels: Sequence[Panel], width: int, ink: Ink) -> RenderResult:
        thumbnails = [
            Thumbnail.of(head, panel.title, panel.values, panel.counts)
            for head, panel in zip(self.heads, panels, strict=True)
        ]
        grid = lay_out_grid(width, thumbnails)
        yield from printed(draw_grid(thumbnails, grid, ink))
        rows, columns = weights_per_cell(thumbnails, grid, ink)
        high, wide = (max(map(len, axis.whole)) for axis in axes(self.record))
        if self.record.pooling:
            rows, columns = rows * high, columns * wide
        yield Flow(
            (ink.scale(1), *self._signs(ink), *legend.pooled(rows, columns, shown=notes.shown(self.record)))
        )
        yield Flow(tuple(map(Text, notes.sinks(self.record, self.heads))))

    def _signs(self, ink: Ink) -> Iterator[Text]:
        yield Text("rows: from (query), columns: to (key)")
        yield from legend.hidden(self.record, self.heads, ink)

    def _notes(self) -> Iterator[Text]:
        yield from map(Text, notes.view(self.record))
        yield from legend.lost_mass(self.record, self.heads)
        yield from legend.sharing(self.record, self.heads)


def axes(record: Attention) -> tuple[Axis, Axis]:
    """Give the sides of a record's squares: queries down the rows, keys along the columns."""
    sides = ("from ↓", record.queries), ("to →", record.keys)
    rows, columns = (_axis(name, tokens, runs=is_pooled(record, tokens)) for name, tokens in sides)
    return rows, columns


def _axis(name: str, tokens: Sequence[Token], *, runs: bool) -> Axis:
    write = printable_sentence if runs else printable
    return Axis(
        name=name,
        labels=tuple(write(token.text) for token in tokens),
        muted=tuple(token.is_special for token in tokens),
        positions=tuple(range(i, i + 1) for i in range(len(tokens))),
        lines=_lines(tokens),
        places=all(token.place is not None or token.is_special for token in tokens),
        spans=spans(tokens) if is_part(tokens) else (),
        runs=runs,
    )


def _lines(tokens: Sequence[Token]) -> dict[int, bool]:
    """Say where the parts of an input meet, and where a heavy line parts it from what the model said."""
    said = sections.border(tokens)
    return {part.start: False for part in sections.parts(tokens)[1:]} | ({said: True} if said else {})
