"""What a terminal of a given width shows."""

import io

from rich.console import Console
from rich.segment import Segment


def terminal(width, colors=None, **environment):
    """A terminal that ignores its surroundings; colors is None, "standard", "256" or "truecolor"."""
    return Console(
        file=io.StringIO(),
        width=width,
        color_system=colors,
        force_terminal=colors is not None,
        legacy_windows=False,
        _environ=environment,
    )


def shown(renderable, width, colors=None):
    """The text a terminal gets, with its escape sequences."""
    console = terminal(width, colors)
    console.print(renderable)
    return console.file.getvalue()


def styled_lines(renderable, width, colors="truecolor", **environment):
    """The styled pieces of every line."""
    console = terminal(width, colors, **environment)
    return list(Segment.split_lines(console.render(renderable)))
