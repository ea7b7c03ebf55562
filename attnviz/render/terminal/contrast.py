"""Two records held against each other: heads ranked by how much they changed, and in what the first did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from attnviz.analysis.comparing.contrast import Change, Contrast, Match
from attnviz.render import contrasts
from attnviz.render.positions import spans
from attnviz.render.terminal.cells import elide
from attnviz.render.terminal.differences import difference_ink
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.ink import ink_for
from attnviz.render.terminal.legend import key_list, scale_top
from attnviz.render.terminal.square import Axis, Layout, Panel, draw, lay_out, printed
from attnviz.render.theme import Theme
from attnviz.runs import Runs
from attnviz.selection import TOGETHER, HeadId

# So many heads are listed unless told otherwise.
TOLD = 10

# The longest bar, where the view has this width at least.
_BAR, _WIDE = 20, 60

# Divergences up to this many bits are written in hundredths of one, so that they have two digits.
_SMALL = 0.09

# Of what changed most in a head no more than this is told.
_LONGEST_SHIFT = 40


@dataclass(frozen=True)
class ContrastView:
    """Two records held against each other, fitted to the width.

    Attributes:
        contrast: what to show.
        theme: the colours.
        heads: whose difference maps to draw.
        told: how many heads to list.
    """

    contrast: Contrast
    theme: Theme
    heads: tuple[HeadId, ...]
    told: int = TOLD

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(contrasts.heading(self.contrast), style="dim")
        yield Flow((*map(Text, contrasts.matched(self.contrast)),))
        yield Flow((*map(Text, contrasts.unchanged(self.contrast)),))
        yield ""
        if not self.contrast.has_changed:
            return
        yield _ranked(self.contrast, self.told, options.max_width)
        yield ""
        if len(self.contrast.changes) > 1:
            yield from self._overview(console, options.max_width)
        yield from self._maps(console, options.max_width)
        yield Text(f"{contrasts.DIVERGENCE}, ± their standard deviation.", style="dim")

    def _overview(self, console: Console, width: int) -> Iterator[RenderableType | Segment]:
        """Draw the divergence of each head, layers down and heads across."""
        values, layers, indices = contrasts.overview(self.contrast)
        sides = _numbers("layer ↓", layers), _numbers("head →", indices)
        layout = lay_out(width, [Panel("", values)], *sides)
        top = scale_top([values])
        what, values = ("bits", values) if top > _SMALL else ("hundredths of a bit", 100 * values)
        panel = Panel("", values)
        ink = ink_for(console, self.theme, scale_top([values]), what)
        yield from printed(draw([panel], layout, ink))
        yield Flow((ink.scale(layout.cell),))
        yield ""

    def _maps(self, console: Console, width: int) -> Iterator[RenderableType | Segment]:
        """Draw the differences of some heads, all on one scale."""
        panels = [_panel(self.contrast, head) for head in self.heads]
        rows, columns = _rows(self.contrast), _columns(self.contrast)
        layout = lay_out(width, panels, rows, columns)
        shrunk = [_shrunk(panel, layout) for panel in panels]
        top = contrasts.top_of(self.contrast, self.heads)
        ink = difference_ink(console, self.theme, scale_top([np.array([top])]), "change")
        yield from printed(draw(shrunk, layout, ink))
        if layout.numbers and layout.columns.labels != layout.rows.labels:
            yield Flow(tuple(key_list(layout.columns)))
        signs = (
            [ink.masked("not visible to the query")]
            if any(np.isnan(panel.values).any() for panel in panels)
            else []
        )
        if layout.pools or contrasts.in_runs(self.contrast):
            signs.append(Text("each cell: the largest of several differences"))
        if layout.sink:
            signs.append(Text(f"last column: {contrasts.ELSEWHERE}"))
        signs += map(Text, contrasts.positions(self.contrast))
        signs += map(Text, contrasts.beyond(self.contrast, self.heads))
        yield Flow((ink.scale(layout.cell), *signs))
        yield ""


def title(contrast: Contrast, head: HeadId) -> str:
    """Say whose differences a map shows."""
    return f"{contrasts.name(contrast.changes[contrast.row(head)], contrast)}: second minus first"


def _panel(contrast: Contrast, head: HeadId) -> Panel:
    """Give a head's differences; beside runs of keys, what is elsewhere stands apart."""
    if contrasts.in_runs(contrast) is None:
        return Panel(title(contrast, head), contrasts.difference_map(contrast, head))
    cells, elsewhere = contrasts.squares(contrast, head)
    return Panel(title(contrast, head), cells, elsewhere)


def _shrunk(panel: Panel, layout: Layout) -> Panel:
    cells = contrasts.pool_differences(panel.values, len(layout.rows), len(layout.columns))
    if panel.sink is None:
        return replace(panel, values=cells)
    sink = contrasts.pool_differences(panel.sink[:, None], len(layout.rows), 1)[:, 0]
    return replace(panel, values=cells, sink=sink)


def _ranked(contrast: Contrast, told: int, width: int) -> Table:
    """List the heads that changed most: by how many bits, and in what."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("head" if contrast.same_heads else "head → nearest", no_wrap=True)
    table.add_column("bits ± spread", no_wrap=True)
    table.add_column("changed most")
    ranked = [change for change in contrast.ranked[:told] if change.divergence.mean]
    top = ranked[0].divergence.mean
    bar = _BAR if width >= _WIDE else 0
    for change in ranked:
        shift = elide(contrasts.shift(contrast, change), _LONGEST_SHIFT)
        table.add_row(
            Text(contrasts.name(change, contrast), style="bold"), _amount(change, top, bar), Text(shift)
        )
    return table


def _amount(change: Change, top: float, bar: int) -> Text:
    """Show a divergence with its spread, and as a bar drawn to half a cell, as long as `bar` at the top."""
    found = change.divergence
    halves = round(found.mean / top * bar * 2)
    line = "━" * (halves // 2) + "╸" * (halves % 2)
    return Text.assemble(f"{found.mean:.3f}", (f" ±{found.spread:.3f} {line}".rstrip(), "dim"))


def _rows(contrast: Contrast) -> Axis:
    if maps := contrasts.in_runs(contrast):
        return _of_runs("from ↓", contrast.queries, maps.queries)
    labels = tuple(map(contrasts.label, contrast.queries))
    return _axis("from ↓", labels, tuple(not match.counted for match in contrast.queries))


def _columns(contrast: Contrast) -> Axis:
    if maps := contrasts.in_runs(contrast):
        return _of_runs("to →", contrast.keys, maps.keys)
    labels = [*map(contrasts.label, contrast.keys)]
    muted = [match.first.is_special for match in contrast.keys]
    if not contrast.is_whole:
        labels.append(contrasts.ELSEWHERE)
        muted.append(True)
    return _axis("to →", tuple(labels), tuple(muted))


def _of_runs(name: str, found: Sequence[Match], runs: Runs) -> Axis:
    tokens = contrasts.run_tokens(found, runs)
    axis = _axis(name, tuple(token.text for token in tokens), tuple(token.is_special for token in tokens))
    return replace(axis, spans=spans(tokens), runs=True)


def _numbers(name: str, numbers: Sequence[int]) -> Axis:
    labels = tuple("all" if number == TOGETHER else str(number) for number in numbers)
    return _axis(name, labels, (False,) * len(labels))


def _axis(name: str, labels: tuple[str, ...], muted: tuple[bool, ...]) -> Axis:
    return Axis(name, labels, muted, tuple(range(i, i + 1) for i in range(len(labels))))
