"""Attention weights in the terminal: one head with its numbers, a few side by side, or a grid of many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attnviz.record import Attention, Token
from attnviz.render.labels import printable, printable_sentence
from attnviz.render.terminal import legend
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.ink import Ink, ink_for
from attnviz.render.terminal.square import Axis, Layout, Panel, draw, lay_out, printed
from attnviz.render.terminal.thumbnails import Thumbnail, draw_grid, lay_out_grid, weights_per_cell
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# More heads than this are a grid to look over, not squares to read.
_MOST_SQUARES = 8
_NARROWEST_OF_SQUARES = 2


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
        panels = [self._panel(head) for head in self.heads]
        top = legend.scale_top([panel.values for panel in panels])
        ink = ink_for(console, self.theme, top, "weight")
        layout = lay_out(options.max_width, panels, *axes(self.record))
        few = len(panels) <= _MOST_SQUARES and layout.cell >= _NARROWEST_OF_SQUARES
        yield self._heading()
        if few or len(panels) == 1:
            yield from self._squares(panels, layout, ink)
        else:
            yield from self._grid(panels, options.max_width, ink)
        yield Flow((*legend.lost_mass(self.record, self.heads), *legend.taught(self.record, self.heads)))

    def _panel(self, head: HeadId) -> Panel:
        title = f"{head}{legend.TAUGHT if head in self.record.taught else ''}"
        return Panel(title, np.where(self.record.visible(head.layer), self.record.head(head), np.nan))

    def _heading(self) -> Text:
        block = "" if self.record.block == "self" else f", {self.record.block} attention"
        return Text(printable_sentence(self.record.model) + block, style="dim")

    def _squares(self, panels: Sequence[Panel], layout: Layout, ink: Ink) -> RenderResult:
        yield from printed(draw(panels, layout, ink))
        yield ""
        if layout.numbers and self.record.keys != self.record.queries:
            yield Flow(legend.key_list(layout.columns))
        most = tuple(max(len(run) for run in axis.positions) for axis in (layout.rows, layout.columns))
        yield Flow((ink.scale(layout.cell), *self._signs(ink), *legend.pooled(*most)))

    def _grid(self, panels: Sequence[Panel], width: int, ink: Ink) -> RenderResult:
        thumbnails = [
            Thumbnail(head, panel.title.removeprefix(f"L{head.layer}"), panel.values)
            for head, panel in zip(self.heads, panels, strict=True)
        ]
        grid = lay_out_grid(width, thumbnails)
        yield from printed(draw_grid(thumbnails, grid, ink))
        most = weights_per_cell(thumbnails, grid, ink)
        yield Flow((ink.scale(1), *self._signs(ink), *legend.pooled(*most)))

    def _signs(self, ink: Ink) -> Iterator[Text]:
        yield Text("rows: from (query), columns: to (key)")
        if not all(self.record.visible(layer).all() for layer in {head.layer for head in self.heads}):
            yield ink.masked()


def axes(record: Attention) -> tuple[Axis, Axis]:
    """Give the sides of a record's squares: queries down the rows, keys along the columns."""
    return _axis("from ↓", record.queries), _axis("to →", record.keys)


def _axis(name: str, tokens: Sequence[Token]) -> Axis:
    return Axis(
        name=name,
        labels=tuple(printable(token.text) for token in tokens),
        muted=tuple(token.is_special for token in tokens),
        positions=tuple(range(i, i + 1) for i in range(len(tokens))),
    )
