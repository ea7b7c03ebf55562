"""Pieces of text one after another, broken into lines only between pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text


@dataclass(frozen=True)
class Flow:
    """As many pieces to a line as fit; only a piece wider than a whole line is broken itself.

    Attributes:
        pieces: what to show, in order.
        gap: what stands between two pieces of a line.
    """

    pieces: tuple[Text, ...]
    gap: str = "   "

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(options.max_width):
            yield Text(self.gap).join(line)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        lengths = [piece.cell_len for piece in self.pieces] or [0]
        whole = sum(lengths) + len(self.gap) * (len(lengths) - 1)
        return Measurement(max(lengths), whole).with_maximum(options.max_width)

    def lines(self, width: int) -> Iterator[list[Text]]:
        """Divide the pieces into lines."""
        line: list[Text] = []
        filled = 0
        for piece in self.pieces:
            if line and filled + len(self.gap) + piece.cell_len > width:
                yield line
                line, filled = [], 0
            filled += piece.cell_len + (len(self.gap) if line else 0)
            line.append(piece)
        if line:
            yield line
