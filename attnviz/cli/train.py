"""`attnviz train`: make a model of the built-in kind from text."""

import shlex
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.errors import OutputExists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attnviz.model.training.loop import Progress
    from attnviz.model.training.settings import Settings

_TEXTS, _NETWORK, _OUTPUT = "Texts", "Network and training", "Output"
_NO_PART_OF_THE_RECIPE = ("files", "resume", "debug")
_LINE_EVERY = 100


@dataclass(frozen=True)
class Reading:
    """What to learn from."""

    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Texts, one a line, plain or .gz; - is standard input."),
    ]
    treebank: Annotated[
        Path | None,
        typer.Option(help="Teach some heads grammar from this .conllu file.", rich_help_panel=_TEXTS),
    ] = None
    dev: Annotated[
        Path | None,
        typer.Option(
            help="Measure on this .conllu file; a tenth of the treebank if not given.", rich_help_panel=_TEXTS
        ),
    ] = None


@dataclass(frozen=True)
class Choices:
    """What can be chosen about the network and its training."""

    steps: Annotated[int, typer.Option(help="Batches of texts to learn from.", rich_help_panel=_NETWORK)] = (
        2200
    )
    seed: Annotated[int, typer.Option(help="Where all chance comes from.", rich_help_panel=_NETWORK)] = 0
    layers: Annotated[int, typer.Option(help="Number of layers.", rich_help_panel=_NETWORK)] = 2
    heads: Annotated[int, typer.Option(help="Number of heads in each layer.", rich_help_panel=_NETWORK)] = 8
    width: Annotated[int, typer.Option(help="d_model.", rich_help_panel=_NETWORK)] = 128
    d_k: Annotated[
        int | None,
        typer.Option("--d-k", help="Length of a query or key; width / heads.", rich_help_panel=_NETWORK),
    ] = None
    d_v: Annotated[
        int | None, typer.Option("--d-v", help="Length of a value; width / heads.", rich_help_panel=_NETWORK)
    ] = None
    threads: Annotated[int, typer.Option(help="Processor threads.", rich_help_panel=_NETWORK)] = 1

    def settings(self) -> "Settings":
        """Give them to the model's room, which checks them."""
        from attnviz.model.training.settings import Settings

        return Settings(**vars(self))


@dataclass(frozen=True)
class Target:
    """Where the model goes."""

    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The model's folder, for --model.", rich_help_panel=_OUTPUT),
    ]
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue an interrupted training.", rich_help_panel=_OUTPUT),
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Replace the model that is there.", rich_help_panel=_OUTPUT)
    ] = False
    about: Annotated[
        Path | None,
        typer.Option(help="Markdown for the model card: licence, limits ...", rich_help_panel=_OUTPUT),
    ] = None
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_OUTPUT)
    ] = False


def train(reading: Reading, choices: Choices, target: Target) -> None:
    """Train a small transformer on texts; --model FOLDER then reads with it.

    Every 100 steps a checkpoint is kept in the folder: after an interruption, --resume goes on from there.
    """
    from attnviz.cli.inputs import read_text
    from attnviz.corpus import read_texts, read_treebank
    from attnviz.model.training.run import make_model

    settings = choices.settings()
    _make_room(target)
    makers = read_text(target.about) if target.about else ""
    with _progress(settings.steps) as report:
        make_model(
            target.output,
            settings,
            read_texts(reading.files),
            read_treebank(reading.treebank) if reading.treebank else (),
            read_treebank(reading.dev) if reading.dev else (),
            command=_command(reading, choices, target),
            words_of_its_makers=makers,
            report=report,
        )
    print(target.output)


def _make_room(target: Target) -> None:
    """Refuse a folder that holds something, unless it is to be continued or replaced."""
    from attnviz.files import refuse_full
    from attnviz.model.training.checkpoint import has_checkpoint, remove_checkpoint

    if target.resume:
        refuse_full(target.output, force=target.force or has_checkpoint(target.output))
        return
    if has_checkpoint(target.output) and not target.force:
        raise OutputExists(f"will not replace {target.output}: an interrupted training is there (--resume)")
    refuse_full(target.output, force=target.force)
    remove_checkpoint(target.output)


def _command(reading: Reading, choices: Choices, target: Target) -> str:
    """Write the command that makes the same model again, defaults left out."""
    words = ["attnviz", "train", *map(str, reading.files)]
    for group in (reading, choices, target):
        for field in fields(group):
            value = getattr(group, field.name)
            if field.name not in _NO_PART_OF_THE_RECIPE and value != field.default:
                words += [f"--{field.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


@contextmanager
def _progress(steps: int) -> "Iterator[Callable[[Progress], None]]":
    """Show on stderr how far the training is: a bar on a terminal, a line every 100 steps elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(steps).report
        return
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Bar(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("training", total=steps, told="reading the texts")
        speed = _Speed()

        def report(progress: "Progress") -> None:
            bar.update(task, completed=progress.step, told=_told(progress, speed.after(progress)))

        yield report


class _Lines:
    """Tells a log how far a training is."""

    def __init__(self, steps: int) -> None:
        self._steps, self._speed = steps, _Speed()

    def report(self, progress: "Progress") -> None:
        """Print a line every 100 steps and at the end."""
        speed = self._speed.after(progress)
        if progress.step % _LINE_EVERY == 0 or progress.step == self._steps:
            print(
                f"step {progress.step}/{self._steps}  {_told(progress, speed)}", file=sys.stderr, flush=True
            )


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
    return f"loss {progress.detection:.3f}{taught}  {speed:,.0f} words/s"
