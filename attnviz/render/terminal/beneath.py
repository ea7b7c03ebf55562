"""Something at the top of a window, and a line beneath that is never pushed out of it."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


@dataclass(frozen=True)
class Beneath:
    """A tall view and a line below it.

    Attributes:
        view: is given the height of the window less the line's; None for nothing.
        line: one line.
    """

    view: RenderableType | None
    line: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.view is not None:
            # Only `max_height` tells how high the window is: a `height` would be filled with blank lines.
            room = options.update_height(max(options.max_height - 1, 1)).update(height=None)
            for line in console.render_lines(self.view, room, pad=False)[: room.max_height]:
                yield from line
                yield Segment.line()
        yield self.line
