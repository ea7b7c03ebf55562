"""What is seen of a training on stderr: how far it is and, where asked for, what its heads do."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from attnviz.render.when import when

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import Progress as Bar

    from attnviz.analysis.patterns.find import Pattern
    from attnviz.model.training.loop import Progress
    from attnviz.model.training.snapshots import Snapshot
    from attnviz.render.terminal.emergence import Emergence
    from attnviz.selection import HeadId

_LINE_EVERY = 100

# A window is drawn anew no more often, in seconds: drawing is not what the time is for.
_PAUSE = 1.0


class Display(Protocol):
    """Shows how far a training is."""

    def report(self, progress: "Progress") -> None:
        """Take a step's result."""

    def show(self, snapshot: "Snapshot") -> None:
        """Take what the heads do, once in a while."""


@contextmanager
def display(steps: int, layer: int | None) -> Iterator[Display]:
    """Show on stderr how far a training is: in place on a terminal, as lines elsewhere.

    Args:
        steps: of the whole training.
        layer: whose heads are shown too; None means none.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield _Lines(steps) if layer is None else _HeadLines(steps, layer)
        return
    with _bar(steps, console, alone=layer is None) as bar:
        if layer is None:
            yield bar
        else:
            with _window(console, layer, bar) as window:
                yield window


@contextmanager
def _bar(steps: int, console: "Console", *, alone: bool) -> "Iterator[_Bar]":
    """Make a bar; one that does not stand alone is drawn by whoever has it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    bar = Progress(*(columns if alone else columns[1:]), TimeRemainingColumn(), console=console)
    if not alone:
        yield _Bar(bar, steps, alone=False)
        return
    with bar:
        yield _Bar(bar, steps)


@contextmanager
def _window(console: "Console", layer: int, bar: "_Bar") -> "Iterator[_Window]":
    """Take the whole terminal; the last picture stays behind, after Ctrl-C too."""
    from rich.live import Live

    # A screen of its own is whole again after a change of its size.
    with Live(bar.bar, console=console, screen=True, auto_refresh=False) as live:
        window = _Window(layer, bar, live)
        try:
            yield window
        finally:
            live.stop()
            if window.heads is not None:
                console.print(replace(window.heads, fitted=False))


class _Bar:
    """A bar that fills."""

    def __init__(self, bar: "Bar", steps: int, *, alone: bool = True) -> None:
        self.bar, self._speed, self._alone = bar, _Speed(), alone
        self._task = bar.add_task("training", total=steps, told="reading the texts")

    def report(self, progress: "Progress") -> None:
        speed = self._speed.after(progress)
        # A window's heading tells the loss.
        told = _told(progress, speed) if self._alone else _words(speed)
        self.bar.update(self._task, completed=progress.step, told=told)

    def show(self, snapshot: "Snapshot") -> None:
        pass


class _Window:
    """The heads of a layer, drawn anew in place, above a bar.

    Attributes:
        heads: as they were last seen; None before the first time.
    """

    def __init__(self, layer: int, bar: _Bar, live: "Live") -> None:
        self._layer, self._bar, self._live, self._drawn = layer, bar, live, 0.0
        self.heads: Emergence | None = None

    def report(self, progress: "Progress") -> None:
        self._bar.report(progress)
        if time.monotonic() - self._drawn >= _PAUSE:
            self._draw()

    def show(self, snapshot: "Snapshot") -> None:
        from attnviz.render.terminal.emergence import Emergence
        from attnviz.render.theme import THEMES

        heads, patterns = _named(snapshot, self._layer)
        told = when(snapshot.step, snapshot.planned, snapshot.loss)
        first = self.heads is None
        self.heads = Emergence(snapshot.record, heads, patterns, THEMES["dark"], told, fitted=True)
        if first:
            self._draw()

    def _draw(self) -> None:
        from attnviz.render.terminal.beneath import Beneath

        self._live.update(Beneath(self.heads, self._bar.bar), refresh=True)
        self._drawn = time.monotonic()


class _Lines:
    """Tells a log how far a training is."""

    def __init__(self, steps: int) -> None:
        self._steps, self._speed = steps, _Speed()

    def report(self, progress: "Progress") -> None:
        """Print a line every 100 steps and at the end."""
        speed = self._speed.after(progress)
        if progress.step % _LINE_EVERY == 0 or progress.step == self._steps:
            _log(f"step {progress.step}/{self._steps}  {_told(progress, speed)}")

    def show(self, snapshot: "Snapshot") -> None:
        pass


class _HeadLines(_Lines):
    """Tells a log what heads do, too."""

    def __init__(self, steps: int, layer: int) -> None:
        super().__init__(steps)
        self._layer = layer

    def show(self, snapshot: "Snapshot") -> None:
        """Print a line each time."""
        from attnviz.render.terminal.emergence import pattern_and_score

        _, patterns = _named(snapshot, self._layer)
        named = "  ".join(f"{head} {pattern_and_score(pattern)}" for head, pattern in patterns.items())
        _log(f"{when(snapshot.step, snapshot.planned, snapshot.loss)}  {named}")


class _Speed:
    """Words per second since the first step."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._words = 0

    def after(self, progress: "Progress") -> float:
        """Count a step's words; the first step only starts the clock."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            return 0.0
        self._words += progress.words
        return self._words / max(1e-9, now - self._began)


def _told(progress: "Progress", speed: float) -> str:
    taught = "" if progress.teaching is None else f"  grammar {progress.teaching:.3f}"
    return f"loss {progress.detection:.3f}{taught}  {_words(speed)}"


def _words(speed: float) -> str:
    return f"{speed:,.0f} words/s"


def _named(snapshot: "Snapshot", layer: int) -> "tuple[tuple[HeadId, ...], dict[HeadId, Pattern]]":
    from attnviz.analysis.patterns.find import find_patterns

    heads = tuple(head for head in snapshot.record.head_ids if head.layer == layer)
    return heads, find_patterns(snapshot.record, heads)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
