"""What a query reads of a picture, in the terminal: patches as cells of its grid, a few heads or many."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attnviz.analysis.patches import Gaze, Query, gaze
from attnviz.record import Attention
from attnviz.render import notes
from attnviz.render.labels import printable_sentence
from attnviz.render.terminal import legend
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.ink import Ink, ink_for
from attnviz.render.terminal.square import Axis, Layout, Panel, draw, lay_out, printed
from attnviz.render.terminal.thumbnails import Thumbnail, draw_grid, lay_out_grid, weights_per_cell
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# More heads than this are a grid to look over, not squares to read.
_MOST_SQUARES = 8

# Below this, two decimals hardly tell one weight from another.
_TINY = 0.1

Weights = NDArray[np.floating]


@dataclass(frozen=True)
class PatchMap:
    """What heads read of a picture, as large as the width allows, all on one scale.

    Attributes:
        record: some keys of which are patches.
        heads: which of its heads to draw, at least one.
        theme: the colours.
        query: from where, as in `attnviz.analysis.patches.gaze`.
    """

    record: Attention
    heads: tuple[HeadId, ...]
    theme: Theme
    query: Query | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        gazes = [gaze(self.record, head, self.query) for head in self.heads]
        weights, what = _readable([found.weights for found in gazes], notes.scale(self.record))
        panels = [Panel(str(head), values) for head, values in zip(self.heads, weights, strict=True)]
        ink = ink_for(console, self.theme, legend.scale_top(weights), what)
        layout = lay_out(options.max_width, panels, *_axes(*gazes[0].weights.shape))
        few = len(panels) <= _MOST_SQUARES and not layout.numbers
        yield self._heading(gazes[0])
        if few or len(panels) == 1:
            yield from self._squares(panels, layout, ink)
        else:
            yield from self._grid(panels, options.max_width, ink)
        yield Flow(tuple(self._notes(gazes)))

    def _heading(self, found: Gaze) -> Text:
        block = "" if self.record.block == "self" else f", {self.record.block} attention"
        who = printable_sentence(found.name)
        return Text.assemble((f"{printable_sentence(self.record.model)}{block}, ", "dim"), f"from {who}")

    def _squares(self, panels: list[Panel], layout: Layout, ink: Ink) -> RenderResult:
        yield from printed(draw(panels, layout, ink))
        yield ""
        most = tuple(max(len(run) for run in axis.positions) for axis in (layout.rows, layout.columns))
        yield Flow((ink.scale(layout.cell), *_blank(panels, ink), *legend.pooled(*most)))

    def _grid(self, panels: list[Panel], width: int, ink: Ink) -> RenderResult:
        thumbnails = [
            Thumbnail.of(head, panel.title, panel.values)
            for head, panel in zip(self.heads, panels, strict=True)
        ]
        grid = lay_out_grid(width, thumbnails)
        yield from printed(draw_grid(thumbnails, grid, ink))
        most = weights_per_cell(thumbnails, grid, ink)
        yield Flow((ink.scale(1), *_blank(panels, ink), *legend.pooled(*most)))

    def _notes(self, gazes: list[Gaze]) -> Iterator[Text]:
        yield Text("each cell is a patch of the picture")
        yield from map(Text, notes.view(self.record))
        yield from map(Text, notes.dropped(self.record))
        yield from map(Text, notes.beside_patches([found.aside for found in gazes]))


def _readable(weights: list[Weights], name: str) -> tuple[list[Weights], str]:
    """Give numbers that two decimals can tell apart, and what they are, by the name of the scale.

    A picture has so many patches that the weight of each may be tiny: then each is a share of the largest.
    """
    largest = max(float(np.nanmax(cells, initial=0.0)) for cells in weights)
    if largest == 0 or largest >= _TINY:
        return weights, name
    return [cells / largest for cells in weights], f"{name} as a share of the largest ({largest:.2g})"


def _blank(panels: list[Panel], ink: Ink) -> Iterator[Text]:
    """Explain the places of patches that were not seen, if there are some."""
    if any(np.isnan(panel.values).any() for panel in panels):
        yield ink.masked("patches that were not seen")


def _axes(rows: int, columns: int) -> tuple[Axis, Axis]:
    """Give the sides of a grid of patches, numbered from 0."""
    return _axis("row ↓", rows), _axis("column →", columns)


def _axis(name: str, count: int) -> Axis:
    return Axis(
        name=name,
        labels=tuple(map(str, range(count))),
        muted=(True,) * count,
        positions=tuple(range(i, i + 1) for i in range(count)),
        places=True,
    )
