"""How heads come about, in the terminal: what they do at one step, and how each became what it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from attnviz.analysis.emergence import Rise
from attnviz.analysis.patterns.find import NO_PATTERN, Pattern
from attnviz.record import Attention
from attnviz.render import notes
from attnviz.render.labels import printable, printable_sentence
from attnviz.render.pooling import starts
from attnviz.render.terminal import legend
from attnviz.render.terminal.cells import elide, fit, weight_text
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.heatmap import axes
from attnviz.render.terminal.ink import Ink, ink_for
from attnviz.render.terminal.square import Line, Panel, draw, evenly, lay_out, printed
from attnviz.render.terminal.thumbnails import scaled
from attnviz.render.theme import Theme
from attnviz.selection import HeadId

# Behind the name of a pattern that is closest, but not clear.
_UNCLEAR = "?"

# Between two small squares, and how wide one is at least: as the name of a pattern, "punctuation?".
_GAP, _SLOT = 2, 12

# Cells of a weight where all squares are labelled.
_NARROWEST = 2

_BARS = " ▁▂▃▄▅▆▇█"
_SHORTEST_CURVE, _LONGEST_CURVE = 6, 61

_NAMES = ("head", "in the end", "steps", "now", "since")
_PAD = 2

_BOLD, _MUTED = Style(bold=True), Style(dim=True)

# Squares line by line, and what explains them.
_Drawn = tuple[list[Line], list[Flow]]


@dataclass(frozen=True)
class Emergence:
    """Heads at one step of a training, each with the pattern that is clearest.

    Labelled squares where there is room for all of them; small ones otherwise, and no more than fit.

    Attributes:
        record: their attention at that step.
        heads: which of them, at least one.
        patterns: what each is called.
        theme: the colours.
        told: the heading: step, loss, speed.
        top: the weight with the last colour of the scale, the same at every step.
        fitted: whether to keep to the height of the window, which is drawn anew in place.
    """

    record: Attention
    heads: tuple[HeadId, ...]
    patterns: Mapping[HeadId, Pattern]
    theme: Theme
    told: str
    top: float = 1.0
    fitted: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        ink = ink_for(console, self.theme, self.top, notes.scale(self.record))
        room = options.max_height if self.fitted else None
        yield Text(elide(self.told, width), style="bold", no_wrap=True)
        labelled = self._labelled(ink, width)
        squares, below = labelled or ([], [])
        if labelled is None or (room is not None and 1 + len(squares) + _height(below, width) > room):
            squares, below = self._small(ink, width, room)
        yield from printed(squares)
        yield from below

    def _labelled(self, ink: Ink, width: int) -> _Drawn | None:
        """Draw labelled squares; None where there is no room for labels or whole cells."""
        panels = [
            Panel(f"{self._name(head)} {pattern_and_score(self.patterns[head])}", self.record.head(head))
            for head in self.heads
        ]
        layout = lay_out(width, panels, *axes(self.record))
        if layout.cell < _NARROWEST or layout.pools:
            return None
        return [*draw(panels, layout, ink), []], [self._signs(ink, layout.cell)]

    def _small(self, ink: Ink, width: int, room: int | None) -> _Drawn:
        """Draw small squares; without room for all, what stands below is left out first, then heads."""
        slot = min(max(len(self.record.keys), _SLOT), width)
        across = evenly(len(self.heads), max((width + _GAP) // (slot + _GAP), 1))
        bands = [self.heads[first : first + across] for first in range(0, len(self.heads), across)]
        drawn = [list(self._band(band, ink, slot)) for band in bands]
        lines = [line for band in drawn for line in band]
        sentence = " ".join(printable(token.text) for token in self.record.keys)
        below = [
            Flow((Text(elide(f"rows and columns: {sentence}", width), style="dim"),)),
            self._signs(ink, 1),
        ]
        if room is None or 1 + len(lines) + _height(below, width) <= room:
            return lines, below
        kept = len(drawn)
        while kept > 1 and 1 + sum(map(len, drawn[:kept])) + (kept < len(drawn)) > room:
            kept -= 1
        lines = [line for band in drawn[:kept] for line in band]
        if left := sum(map(len, bands[kept:])):
            more = f"and {left} more heads: a larger window shows them"
            lines.append([Segment(elide(more, width), _MUTED)])
        return lines[: max(room - 1, 0)], []

    def _band(self, band: Sequence[HeadId], ink: Ink, slot: int) -> Iterator[Line]:
        gap = Segment(" " * _GAP)
        names = [fit(f"{self._name(head)} {self._score(head)}", slot) for head in band]
        patterns = [fit(self._pattern(head), slot) for head in band]
        yield [part for name in names for part in (Segment(name, _BOLD), gap)]
        yield [part for pattern in patterns for part in (Segment(pattern), gap)]
        images = [scaled(self.record.head(head), min(slot, len(self.record.keys)), slot) for head in band]
        height, wide = images[0].shape
        for row in range(0, height, 2):
            line: Line = []
            for image in images:
                lower = image[row + 1] if row + 1 < height else [None] * wide
                line += [ink.pair(*weights) for weights in zip(image[row], lower, strict=True)]
                line.append(Segment(" " * (slot - wide + _GAP)))
            yield line
        yield []

    def _name(self, head: HeadId) -> str:
        return f"{head}{legend.TAUGHT if head in self.record.taught else ''}"

    def _pattern(self, head: HeadId) -> str:
        return _name_of(self.patterns[head])

    def _score(self, head: HeadId) -> str:
        """Write the share of the mass on the clearest pattern."""
        return weight_text(self.patterns[head].score)

    def _signs(self, ink: Ink, cell: int) -> Flow:
        """Explain what a reader of cells of this width meets."""
        signs = [ink.scale(cell), Text("rows: from (query), columns: to (key)")]
        if any(self.patterns[head].label == NO_PATTERN for head in self.heads):
            signs.append(Text(f"{_UNCLEAR} closest, but not clear"))
        if any(head in self.record.taught for head in self.heads):
            signs.append(Text(f"{legend.TAUGHT} taught grammar"))
        return Flow(tuple(signs))


def pattern_and_score(pattern: Pattern) -> str:
    """Name a head's clearest pattern and write the share of its mass on it.

    >>> pattern_and_score(Pattern("previous", "previous", 0.92, 0.8))
    'previous .92'
    >>> pattern_and_score(Pattern(NO_PATTERN, "local", 0.41, 0.1))
    'local? .41'
    """
    return f"{_name_of(pattern)} {weight_text(pattern.score)}"


def _name_of(pattern: Pattern) -> str:
    return f"{pattern.nearest}{_UNCLEAR if pattern.label == NO_PATTERN else ''}"


def _height(flows: Sequence[Flow], width: int) -> int:
    return sum(sum(1 for _ in flow.lines(width)) for flow in flows)


@dataclass(frozen=True)
class RiseTable:
    """How each head became what it is: a line each, with the share of its mass on the pattern over time.

    Attributes:
        rises: of the heads.
        steps: of the history.
    """

    rises: tuple[Rise, ...]
    steps: tuple[int, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ends = [Text(_end(rise)) for rise in self.rises]
        lessons = [Text(printable_sentence(rise.lesson or "")) for rise in self.rises]
        columns = ([str(rise.head) for rise in self.rises], [end.plain for end in ends])
        taken = sum(
            max(map(cell_len, (*column, name))) for column, name in zip(columns, _NAMES, strict=False)
        )
        room = options.max_width - taken - sum(map(len, _NAMES[3:])) - _PAD * len(_NAMES)
        lesson = max(text.cell_len for text in lessons)
        taught = 0 < lesson + _PAD <= room - 2 * _SHORTEST_CURVE
        room = min(max(room - (lesson + _PAD) * taught, _SHORTEST_CURVE), _LONGEST_CURVE)
        yield self._table(ends, [curve(rise.scores, room) for rise in self.rises], lessons if taught else [])
        told = [f"steps {self.steps[0]} to {self.steps[-1]}: share of the mass on the pattern, 0 to 1"]
        told.append("since: the step from which on it is clear")
        if not all(rise.clear for rise in self.rises):
            told.append(f"{_UNCLEAR} closest, but not clear")
        yield Flow(tuple(Text(line, style="dim") for line in told))

    def _table(self, ends: Sequence[Text], curves: Sequence[str], lessons: Sequence[Text]) -> Table:
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, _PAD, 0, 0))
        for name in _NAMES[:3]:
            table.add_column(name, no_wrap=True)
        for name in _NAMES[3:]:
            table.add_column(name, justify="right", no_wrap=True)
        if lessons:
            table.add_column("taught", no_wrap=True)
        for place, rise in enumerate(self.rises):
            since = "–" if rise.since is None else str(rise.since)
            cells = [Text(str(rise.head)), ends[place], Text(curves[place])]
            cells += [Text(weight_text(rise.scores[-1])), Text(since)]
            table.add_row(*cells, *lessons[place : place + 1])
        return table


def _end(rise: Rise) -> str:
    return f"{rise.pattern}{'' if rise.clear else _UNCLEAR}"


def curve(shares: Sequence[float], width: int) -> str:
    """Draw shares over time as a line of bars, from 0 to 1; of neighbours that share a bar the mean.

    >>> curve([0.0, 0.5, 1.0], 9), curve([0.0, 0.0, 1.0, 1.0], 2)
    (' ▄█', ' █')
    """
    if len(shares) > width:
        first = starts(len(shares), width)
        sums = np.add.reduceat(np.asarray(shares, dtype=np.float64), first)
        shares = (sums / np.diff([*first, len(shares)])).tolist()
    return "".join(_BARS[round(min(max(share, 0.0), 1.0) * (len(_BARS) - 1))] for share in shares)
