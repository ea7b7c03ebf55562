"""`attnviz play`: show how the heads of a model came about while it was trained."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import Output
from attnviz.selection import Selection

if TYPE_CHECKING:
    from rich.console import Console

    from attnviz.history import History
    from attnviz.render.terminal.emergence import Emergence
    from attnviz.selection import HeadId

_WHICH, _PLAYING = "Which heads", "Playing"

# Printed one below the other, more would hide each other.
_FRAMES_OF_A_PIPE = 3


@dataclass(frozen=True)
class Played:
    """What is played."""

    history: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A model's folder, or the history.safetensors in it."),
    ]
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", help="Layers: 0,3,5-7, -1, or all.", rich_help_panel=_WHICH)
    ] = None
    head: Annotated[
        str | None,
        typer.Option("--head", "-H", help="Heads: 0,2-4, all, or names: L0H2,L1H7.", rich_help_panel=_WHICH),
    ] = None

    @property
    def selection(self) -> Selection:
        """The heads asked for; of the last layer where no layer was."""
        asked = Selection(self.layer, self.head)
        return Selection("-1", self.head) if self.layer is None and not asked.names_heads else asked


@dataclass(frozen=True)
class Playing:
    """How it is played."""

    fps: Annotated[float, typer.Option(help="Steps shown a second.", rich_help_panel=_PLAYING)] = 8.0
    frames: Annotated[
        int | None,
        typer.Option(
            min=1, help="Show so many steps at most; 3 in a pipe if not given.", rich_help_panel=_PLAYING
        ),
    ] = None
    size: Annotated[
        str | None,
        typer.Option(help="Of a picture: column, page, slide, or 3.3x3in.", rich_help_panel=_PLAYING),
    ] = None
    dpi: Annotated[
        int | None,
        typer.Option(min=20, max=1200, help="Of a picture; 100 if not given.", rich_help_panel=_PLAYING),
    ] = None


def play(played: Played, playing: Playing, out: Output) -> None:
    """Show how the heads of a trained model came about: in the terminal, or with -o as .gif or .png (APNG).

    attnviz train keeps what all heads do on one sentence, before the first step and up to sixty times after.
    """
    from attnviz.cli.outputs import check_output
    from attnviz.history import read_history
    from attnviz.render.figure.pace import SUFFIXES, frame_durations

    check_output(out, *SUFFIXES)
    frame_durations(1, playing.fps)
    history = read_history(_file(played.history))
    heads = played.selection.resolve(history.layers, history.heads)
    shown = history if playing.frames is None else history.thinned(playing.frames)
    if out.output is not None:
        _draw(shown, heads, playing, out, out.output)
    if out.json:
        _print_json(history, heads)
    elif out.output is not None:
        print(out.output)
    else:
        _show(history, shown, heads, playing, out)


def _file(path: Path) -> Path:
    """Find the history of a model's folder."""
    return path / "history.safetensors" if path.is_dir() else path


def _draw(history: "History", heads: "tuple[HeadId, ...]", playing: Playing, out: Output, to: Path) -> None:
    from attnviz.cli.outputs import write
    from attnviz.cli.progress import progress
    from attnviz.render.figure.animation import animate
    from attnviz.render.figure.size import parse_size

    size = parse_size(playing.size) if playing.size else None
    with progress("drawing") as tick:
        picture = animate(
            history,
            heads,
            to.suffix,
            fps=playing.fps,
            theme=out.theme or "light",
            size=size,
            dpi=playing.dpi,
            tick=tick,
        )
    write(to, picture, force=out.force)


def _print_json(history: "History", heads: "tuple[HeadId, ...]") -> None:
    from attnviz.analysis.emergence import rises
    from attnviz.cli.progress import progress
    from attnviz.render.machine.rises import rises_json

    with progress("naming") as tick:
        found = rises(history, heads, tick)
    print(rises_json(history, found))


def _show(
    history: "History", shown: "History", heads: "tuple[HeadId, ...]", playing: Playing, out: Output
) -> None:
    """Play in place on a terminal; elsewhere print a few steps. Then tell what became of each head."""
    from attnviz.analysis.emergence import rises
    from attnviz.cli.outputs import console
    from attnviz.cli.progress import progress
    from attnviz.render.terminal.emergence import RiseTable

    page = console(out)
    with progress("naming") as tick:
        found = rises(history, heads, tick)
    terminal = sys.stdout.isatty()
    if terminal:
        _run(page, shown, heads, playing, out)
        shown = shown.thinned(1)
    elif playing.frames is None:
        shown = shown.thinned(_FRAMES_OF_A_PIPE)
    for place in range(len(shown)):
        page.print(_frame(shown, place, heads, out, fitted=terminal))
        page.print()
    page.print(RiseTable(found, history.steps))


def _run(
    page: "Console", history: "History", heads: "tuple[HeadId, ...]", playing: Playing, out: Output
) -> None:
    """Show one step after the other, each in the place of the one before."""
    from rich.live import Live

    with Live(console=page, screen=True, auto_refresh=False) as live:
        due = time.monotonic()
        for place in range(len(history)):
            live.update(_frame(history, place, heads, out, fitted=True), refresh=True)
            due += 1 / playing.fps
            time.sleep(max(0.0, due - time.monotonic()))


def _frame(
    history: "History", place: int, heads: "tuple[HeadId, ...]", out: Output, *, fitted: bool = False
) -> "Emergence":
    from attnviz.analysis.patterns.find import find_patterns
    from attnviz.cli.outputs import terminal_theme
    from attnviz.render.terminal.emergence import Emergence
    from attnviz.render.when import when

    record = history.record(place)
    return Emergence(
        record,
        heads,
        find_patterns(record, heads),
        terminal_theme(out),
        when(history.steps[place], history.planned, history.losses[place]),
        fitted=fitted,
    )
