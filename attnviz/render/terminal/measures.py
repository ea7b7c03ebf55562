"""Measures of heads as a table: a row for each head, as many measures side by side as fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from attnviz.analysis.measures.sinks import SINK
from attnviz.analysis.measures.table import MEASURES, Measured
from attnviz.render.labels import printable_sentence
from attnviz.render.terminal.sentences import decimals

_GAP = 2

# From this number on a column has one digit behind the point, so that all of it fits.
_LONG = 9.995

_SHARES = ("share", "0 to 1")

_READ = ".62 ±.10: the mean over these queries, and the standard deviation among them."
_ABOVE = "+.50: what the mean is above attention spread evenly over all a query can see."


@dataclass(frozen=True)
class MeasuresTable:
    """Measures of some heads, fitted to the width: in several tables where one is too wide.

    Attributes:
        measured: what to tell.
        caption: what the numbers are, where they are not the weights themselves.
    """

    measured: Measured
    caption: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(". ".join(self._heading()), style="dim")
        yield ""
        columns = [_column(self.measured, place) for place in range(len(self.measured.names))]
        heads = [str(head) for head in self.measured.heads]
        for several in _fitting(columns, options.max_width - max(map(len, ("head", *heads)))):
            yield _table(heads, several)
            yield ""
        yield Text(" ".join(self._footnotes()), style="dim")
        yield ""
        yield self._meanings()

    def _heading(self) -> Iterator[str]:
        block = "" if self.measured.block == "self" else f", {self.measured.block} attention"
        yield printable_sentence(self.measured.model) + block
        if self.caption:
            yield self.caption

    def _footnotes(self) -> Iterator[str]:
        counted, queries = self.measured.counted, len(self.measured.queries)
        which = f"all {queries:,} queries" if counted == queries else f"{counted:,} of {queries:,} queries"
        aside = "" if counted == queries else "; the others are tokens the model added"
        yield f"Means are over {which}{aside}. Nothing is renormalised."
        yield _READ
        if np.isfinite(self.measured.over_chance).any():
            yield _ABOVE
        if "sink" in self.measured.names:
            heads = len(self.measured.heads)
            over = round(self.measured.sink_rate * heads)
            yield f"Sink rate: {over} of {heads} heads give the first key over {decimals(SINK)},"
            yield "on average over all queries."

    def _meanings(self) -> Table:
        """Say what each measure is, a line for each."""
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for name in self.measured.names:
            table.add_row(Text(name, style="dim"), Text(MEASURES[name].says, style="dim"))
        return table


@dataclass(frozen=True)
class _Column:
    """One measure of every head.

    Attributes:
        title: its name and its unit, a word to a line.
        cells: one for each head, all of one width.
    """

    title: Text
    cells: tuple[Text, ...]

    @property
    def width(self) -> int:
        return max(cell_len(line) for line in [*self.title.plain.split("\n"), *(c.plain for c in self.cells)])


def _column(measured: Measured, place: int) -> _Column:
    """Write one measure of every head, numbers under numbers."""
    unit = measured.units[place]
    means, spreads, above = (
        numbers[:, place] for numbers in (measured.means, measured.spreads, measured.over_chance)
    )
    digits = 1 if np.nanmax(means, initial=0.0) >= _LONG else 2
    written = _aligned([_amount(mean, unit, digits) for mean in means])
    behind = _aligned([_amount(spread, unit, digits, "±") for spread in spreads])
    beyond = _aligned([decimals(share, "+") if np.isfinite(share) else "" for share in above])
    title = Text.assemble((measured.names[place].replace(" ", "\n"), "bold"), "\n", (unit, "dim"))
    cells = tuple(
        Text.assemble(mean, (f" {spread}", "dim"), f" {share}" if share else "")
        for mean, spread, share in zip(written, behind, beyond, strict=True)
    )
    return _Column(title, cells)


def _amount(number: float, unit: str, digits: int = 2, sign: str = "") -> str:
    """Write a number; a share of 1 without the zero before its point.

    >>> _amount(0.754, "share"), _amount(14.21, "keys", 1), _amount(0.2, "bits", 2, "±"), _amount(np.nan, "")
    ('.75', '14.2', '±0.20', '–')
    """
    if np.isnan(number):
        return "" if sign else "–"
    return sign + (decimals(number) if unit in _SHARES else f"{number:.{digits}f}")


def _aligned(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def _fitting(columns: Sequence[_Column], width: int) -> list[list[_Column]]:
    """Split columns into as few tables as fit into a width, and these into tables of about one width."""
    tables = _split(columns, width)
    while len(narrower := _split(columns, width - 1)) == len(tables) and width > 0:
        tables, width = narrower, width - 1
    return tables


def _split(columns: Sequence[_Column], width: int) -> list[list[_Column]]:
    """Fill one table after the other; each has one column at least."""
    tables: list[list[_Column]] = []
    filled = width
    for column in columns:
        needed = _GAP + column.width
        if filled + needed > width:
            tables.append([])
            filled = 0
        tables[-1].append(column)
        filled += needed
    return tables


def _table(heads: Sequence[str], columns: Sequence[_Column]) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    table.add_column(Text("head", style="dim"), no_wrap=True)
    for column in columns:
        table.add_column(column.title, no_wrap=True)
    for place, head in enumerate(heads):
        table.add_row(Text(head, style="bold"), *(column.cells[place] for column in columns))
    return table
