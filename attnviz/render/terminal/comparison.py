"""Heads held against each other: a few side by side row by row, many as ranked pairs and groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from attnviz.analysis.comparing.headmap import head_map
from attnviz.analysis.comparing.heads import ALIKE, Choice, Comparison, Pair
from attnviz.render.groups import signs
from attnviz.render.labels import printable_sentence
from attnviz.render.terminal import sentences
from attnviz.render.terminal.cells import weight_text
from attnviz.render.terminal.headmap import HeadMapView, sign_style
from attnviz.render.terminal.ink import Ink, ink_for
from attnviz.render.terminal.square import Axis, Panel, draw, lay_out, printed
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# More heads than this do not stand side by side.
_MOST_SIDE_BY_SIDE = 4

# A divergence of 1 bit is a bar of so many cells, where the view has this width at least.
_BAR, _WIDE = 10, 72

# The matrix is left out where its cells would be narrower, and where it would take more lines.
_NARROWEST_CELL, _MOST_IN_MATRIX = 2, 32

# Of more rows than this only those are told at which the heads differ most, and so many of them.
_MOST_ROWS, _TOLD_ROWS = 128, 32

# How many of the most alike and the most different pairs are told, unless told otherwise.
TOLD = 5

_DIVERGENCE = (
    "Jensen-Shannon divergence per row, in bits: 0 where two heads read alike, 1 where they share nothing;"
    " means over the text's own tokens, ± their standard deviation."
)


@dataclass(frozen=True)
class ComparisonView:
    """Some heads held against each other, fitted to the width.

    Attributes:
        comparison: what to show.
        theme: the colours of the matrix of divergences.
        told: how many of the most alike and of the most different pairs to list.
    """

    comparison: Comparison
    theme: Theme
    told: int = TOLD

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._heading()
        if len(self.comparison.heads) <= _MOST_SIDE_BY_SIDE:
            yield from self._side_by_side(_bar(options))
        if len(self.comparison.heads) > 2:
            yield from self._ranked(_bar(options))
        if 2 < len(self.comparison.heads) <= _MOST_IN_MATRIX:
            yield from self._matrix(options.max_width, ink_for(console, self.theme, 1.0, "bits"))
        if len(self.comparison.heads) > 2:
            yield HeadMapView(head_map(self.comparison))
            yield ""
        yield Text(_DIVERGENCE, style="dim")

    def _heading(self) -> Text:
        block = "" if self.comparison.block == "self" else f", {self.comparison.block} attention"
        return Text(printable_sentence(self.comparison.model) + block, style="dim")

    def _side_by_side(self, bar: int) -> Iterator[RenderableType]:
        pairs, count = self.comparison.pairs, len(self.comparison.positions)
        names = sentences.enumeration([Text(str(head), style="bold") for head in self.comparison.heads])
        mean = sum(pair.divergence for pair in pairs) / len(pairs)
        spread = f" ±{pairs[0].spread:.2f}" if len(pairs) == 1 else ""
        told = f" read the same word most at {self.comparison.agreeing:,} of {count:,} words"
        yield Text(" ").join(names) + f"{told}; they differ by {mean:.2f}{spread} bits."
        yield ""
        is_long = count > _MOST_ROWS
        if is_long:
            yield Text(f"the {_TOLD_ROWS} words of {count:,} at which they differ most:", style="dim")
        yield _rows(self.comparison, bar, is_long=is_long)
        yield ""

    def _ranked(self, bar: int) -> Iterator[RenderableType]:
        pairs = self.comparison.pairs
        told = min(self.told, len(pairs) // 2)
        yield _pairs(pairs[:told], pairs[: -told - 1 : -1], bar)
        yield ""
        yield from _groups(self.comparison.groups)

    def _matrix(self, width: int, ink: Ink) -> Iterator[RenderableType | Segment]:
        clustered = self.comparison.clustered
        names = _axis(clustered.heads)
        panels = [Panel("", clustered.divergences)]
        layout = lay_out(width, panels, names, names)
        if layout.cell >= _NARROWEST_CELL:
            yield from printed(draw(panels, layout, ink))
            yield ink.scale(layout.cell)
            yield ""


def _rows(comparison: Comparison, bar: int, *, is_long: bool) -> Table:
    """Put the words each head reads most side by side, a row for each query or for those that differ most."""
    every = np.arange(len(comparison.positions))
    places = np.sort(np.argsort(-comparison.apart, kind="stable")[:_TOLD_ROWS]) if is_long else every
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(Text("from", style="dim"), justify="right")
    for head in comparison.heads:
        table.add_column(str(head))
    table.add_column("")
    table.add_column(Text("bits", style="dim"))
    queries, keys = (sentences.positions(side) for side in (comparison.queries, comparison.keys))
    for row in comparison.some_rows(places.tolist()):
        choices = [_choice(choice, keys[choice.position]) for choice in row.choices]
        sign = "=" if row.agrees else "≠"
        query = Text.assemble(sentences.word(row.query), (queries[row.position], "dim"))
        table.add_row(query, *choices, sign, _amount(row.divergence, bar))
    return table


def _choice(choice: Choice, at: str) -> Text:
    return Text.assemble(sentences.word(choice.token), (f"{at} {weight_text(choice.weight)}", "dim"))


def _amount(bits: float, bar: int, spread: float | None = None) -> Text:
    """Show a divergence as a number, a mean with its spread, and as a bar drawn to half a cell."""
    halves = round(bits * bar * 2)
    around = "" if spread is None else f"±{sentences.decimals(spread)} "
    return Text.assemble(f"{bits:.2f} ", (around + "━" * (halves // 2) + "╸" * (halves % 2), "dim"))


def _bar(options: ConsoleOptions) -> int:
    return _BAR if options.max_width >= _WIDE else 0


def _pairs(alike: Sequence[Pair], different: Sequence[Pair], bar: int) -> Table:
    apart = 4 if bar else 2
    table = Table(box=None, padding=(0, apart, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("most alike")
    table.add_column("most different")
    for pairs in zip(alike, different, strict=True):
        table.add_row(
            *(
                Text(f"{pair.first} {pair.second} ") + _amount(pair.divergence, bar, pair.spread)
                for pair in pairs
            )
        )
    return table


def _groups(groups: Sequence[Sequence[HeadId]]) -> Iterator[RenderableType]:
    """List the heads that go together, and those that are like no other."""
    sign = signs(groups)
    together = [
        Text.assemble((f"{sign[group[0]]} ", sign_style(sign[group[0]])), " ".join(map(str, group)))
        for group in groups
        if len(group) > 1
    ]
    alone = [str(group[0]) for group in groups if len(group) == 1]
    if together:
        yield Text(f"groups that read alike, closer than {ALIKE} bits on average:", style="dim")
        yield from together
    if alone:
        yield Text("like no other:", style="dim")
        yield Text(" ".join(alone))
    yield ""


def _axis(heads: Sequence[HeadId]) -> Axis:
    positions = tuple(range(i, i + 1) for i in range(len(heads)))
    return Axis("", tuple(map(str, heads)), (False,) * len(heads), positions)
