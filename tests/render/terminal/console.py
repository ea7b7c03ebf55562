"""What a terminal of a given width shows."""

import io
import os
from pathlib import Path

from rich.console import Console
from rich.segment import Segment

GOLDEN = Path(__file__).parent / "golden"


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


def hold_to_golden(name, renderable, width, colors=None):
    """Hold what a terminal gets to the text kept of it, or write that anew where the environment says so."""
    file = GOLDEN / f"{name}_{width}{'_color' if colors else ''}.txt"
    text = shown(renderable, width, colors)
    if os.environ.get("ATTNVIZ_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
    return text


def styled_lines(renderable, width, colors="truecolor", **environment):
    """The styled pieces of every line."""
    console = terminal(width, colors, **environment)
    return list(Segment.split_lines(console.render(renderable)))
