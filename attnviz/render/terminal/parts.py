"""What the parts of an input read of each other: a line for each head, or several where that is too wide."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from attnviz.analysis.parts import HeadParts, Part, Parts
from attnviz.render.labels import printable, printable_sentence
from attnviz.render.terminal.cells import elide, smallest_written, weight_text
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.sentences import decimals

_LONGEST_NAME = 16

# This far above chance a share stands out.
_NOTABLE = 0.1

# The part that tokens the model added belong to.
_SPECIAL = "special"

# Wider than any table.
_UNBOUNDED = 10_000

_FOOTNOTES = (
    ".62 +.12: the share of its attention that a token of the first part gives the second, and what that is "
    "above attention spread evenly over all it can see.",
    "Means are over the tokens of a part.",
)
_LEFT_OUT = "What added tokens look at is left out."


@dataclass(frozen=True)
class PartsTable:
    """What the parts of an input read of each other, fitted to the width.

    Attributes:
        parts: what to tell.
    """

    parts: Parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._heading()
        if crossing := _crossing(self.parts):
            yield crossing
        yield ""
        yield self._fitting(console, options)
        yield ""
        yield Text(" ".join(self._footnotes()), style="dim")

    def _fitting(self, console: Console, options: ConsoleOptions) -> Table:
        """Choose the widest table there is room for; the last one fits anywhere."""
        anyhow = options.update(width=_UNBOUNDED)
        for table in (self._by_head(), self._by_part()):
            if Measurement.get(console, anyhow, table).maximum <= options.max_width:
                return table
        return self._by_share()

    def _footnotes(self) -> Iterator[str]:
        yield from _FOOTNOTES
        if len(self._sources()) < len(self.parts.queries):
            yield _LEFT_OUT

    def _sources(self) -> list[int]:
        """Which parts that look are told of: added tokens only where nothing else looks."""
        written = [place for place, part in enumerate(self.parts.queries) if part.name != _SPECIAL]
        return written or list(range(len(self.parts.queries)))

    def _heading(self) -> Text:
        block = "" if self.parts.block == "self" else f", {self.parts.block} attention"
        counts = ", ".join(f"{_name(part)} {part.tokens}" for part in self._counted())
        return Text(f"{printable_sentence(self.parts.model)}{block}; tokens: {counts}", style="dim")

    def _counted(self) -> tuple[Part, ...]:
        """Every part once: in cross-attention the parts that look are others than those looked at."""
        return tuple(dict.fromkeys(self.parts.queries + self.parts.keys))

    def _rows(self) -> Iterator[tuple[Text, HeadParts]]:
        for head in self.parts.heads:
            yield Text(str(head.head), style="bold"), head
        if len(self.parts.heads) > 1:
            yield Text("mean", style="bold"), self.parts.together

    def _by_head(self) -> Table:
        """A line for each head, a column for each pair of parts."""
        table = _table()
        table.add_column("head", no_wrap=True)
        for place in self._sources():
            for target in self._targets():
                table.add_column(f"{_name(self.parts.queries[place])} → {target}", no_wrap=True)
        for name, head in self._rows():
            table.add_row(name, *(cell for place in self._sources() for cell in self._cells(head, place)))
        return table

    def _by_part(self) -> Table:
        """For each head a line for each part that looks, a column for each part looked at."""
        table = _table()
        table.add_column("head", no_wrap=True)
        table.add_column("from", no_wrap=True)
        for target in self._targets():
            table.add_column(f"to {target}", no_wrap=True)
        for name, head, place in self._lines():
            table.add_row(name, _name(self.parts.queries[place]), *self._cells(head, place))
        return table

    def _by_share(self) -> Table:
        """For each part that looks its shares, as many to a line as fit."""
        table = _table()
        table.show_header = False
        for name, head, place in self._lines():
            cells = zip(self._targets(), self._cells(head, place), strict=True)
            shares = Flow(tuple(Text(f"→ {target} ") + cell for target, cell in cells))
            table.add_row(name, _name(self.parts.queries[place]), shares)
        return table

    def _lines(self) -> Iterator[tuple[Text | str, HeadParts, int]]:
        """Each head with each part that looks; only the first of its lines is named."""
        for name, head in self._rows():
            for place in self._sources():
                yield name if place == self._sources()[0] else "", head, place

    def _targets(self) -> list[str]:
        return [_name(target) for target in self.parts.keys] + ["no key"] * self._loses()

    def _loses(self) -> bool:
        """Whether any mass went to no key."""
        return bool(max(head.lost.max() for head in self.parts.heads) >= smallest_written(2))

    def _cells(self, head: HeadParts, source: int) -> list[Text]:
        """Show what one part gives to each, and what it gives to no key."""
        shown = [
            _share(mass, above)
            for mass, above in zip(head.mass[source], head.over_chance[source], strict=True)
        ]
        return shown + [Text(weight_text(head.lost[source]))] * self._loses()


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")


def _share(mass: float, above: float) -> Text:
    """Show a share with what it is above chance, in bold where that is notable."""
    style = "bold" if above >= _NOTABLE else ""
    return Text.assemble((f"{weight_text(mass):<3}", style), (f" {decimals(above, '+')}", "dim"))


def _name(part: Part) -> str:
    return elide(printable(part.name), _LONGEST_NAME)


def _crossing(parts: Parts) -> Text | None:
    """Name the head that reads most of another part beyond chance, if any does; added tokens are no part."""
    found = [
        (float(head.over_chance[i, j]), float(head.mass[i, j]), str(head.head), source, target)
        for head in parts.heads
        for i, source in enumerate(parts.queries)
        for j, target in enumerate(parts.keys)
        if source.name != target.name and _SPECIAL not in (source.name, target.name)
    ]
    if not found:
        return None
    above, mass, head, source, target = max(found, key=lambda crossing: crossing[0])
    if above < _NOTABLE:
        return None
    return Text.assemble(
        f"{head} looks across most: ",
        (f"{_name(source)} → {_name(target)}", "bold"),
        f" {weight_text(mass)}",
        (f" ({decimals(above, '+')} over chance)", "dim"),
    )
