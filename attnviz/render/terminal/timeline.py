"""When each word was said, in the terminal: a bar for each word on one axis of seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attnviz.analysis.alignment import AlignedWord, Alignment
from attnviz.render import notes
from attnviz.render.labels import printable, printable_sentence
from attnviz.render.terminal.cells import fit

_LONGEST_WORD = 24

# Seconds between two marks of the axis, and the cells each mark needs at least.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_LEAST_CELLS = 8

# From a line this narrow on there are no bars.
_NARROWEST = 16

# A cell whose left half, right half or both belong to a word.
_HALVES = {(True, False): "▌", (False, True): "▐", (True, True): "█", (False, False): " "}


@dataclass(frozen=True)
class Timeline:
    """The words of a transcript with their times, fitted to the width.

    Attributes:
        alignment: what to tell.
    """

    alignment: Alignment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found = self.alignment
        yield Text(f"{printable_sentence(found.model)}, {found.seconds:.2f} s of sound", style="dim")
        yield ""
        words = [printable(word.text) for word in found.words]
        label = min(max(cell_len(word) for word in [*words, "word"]), _LONGEST_WORD, options.max_width // 3)
        digits = len(f"{found.seconds:.2f}")
        facts = [self._facts(word, digits) for word in found.words]
        heading = f"{'from':>{digits}} {'to':>{digits}}" + ("   p" if _has_shares(found) else "")
        room = options.max_width - label - max(map(len, [*facts, heading])) - 4
        bars = room if room >= _NARROWEST else 0
        head = Text(f"{fit('word', label)}  {heading}", style="dim")
        if bars:
            head.append("  " + _axis(found.seconds, bars))
        yield head
        for word, text, fact in zip(found.words, words, facts, strict=True):
            line = Text.assemble((fit(text, label), "bold"), "  ", (fact, "dim"))
            if bars:
                line.append("  " + _bar(word, found.seconds, bars))
            line.rstrip()
            yield line
        yield ""
        yield Text(". ".join(self._footnotes()) + ".", style="dim")

    def _facts(self, word: AlignedWord, digits: int) -> str:
        share = "" if word.probability is None else f" {notes.write_share(word.probability):>3}"
        return f"{word.start:{digits}.2f} {word.end:{digits}.2f}{share}"

    def _footnotes(self) -> Iterator[str]:
        yield f"from, to: seconds, as {notes.aligning(self.alignment)} have it"
        yield from (note[0].upper() + note[1:] for note in notes.chosen_to_align(self.alignment))
        if _has_shares(self.alignment):
            yield "p: the mean probability the model gave the tokens of the word"
        yield "The method is that of Whisper's own timestamps"


def _has_shares(alignment: Alignment) -> bool:
    return any(word.probability is not None for word in alignment.words)


def _axis(seconds: float, cells: int) -> str:
    """Write marks at round seconds, each beginning in the cell of its time."""
    apart = next((step for step in _STEPS if step / seconds * cells >= _LEAST_CELLS), seconds)
    axis = ""
    for number in range(floor(seconds / apart + 1e-6) + 1):
        at = round(number * apart / seconds * cells)
        mark = f"╷{number * apart:.6g}"
        if len(axis) <= at and at + len(mark) <= cells:
            axis = axis.ljust(at) + mark
    return axis


def _bar(word: AlignedWord, seconds: float, cells: int) -> str:
    """Draw when a word is said, in halves of cells; even the shortest word has one."""
    halves = 2 * cells
    start = min(round(word.start / seconds * halves), halves - 1)
    end = max(round(word.end / seconds * halves), start + 1)
    covered = [start <= half < end for half in range(halves)]
    pairs = zip(covered[::2], covered[1::2], strict=True)
    return "".join(_HALVES[pair] for pair in pairs).rstrip()
