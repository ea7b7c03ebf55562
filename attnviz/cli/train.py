"""`attnviz train`: make a model of the built-in kind from text."""

import shlex
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.errors import OutputExists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from attnviz.model.training.loop import Progress
    from attnviz.model.training.settings import Settings

_TEXTS, _NETWORK, _WATCH, _OUTPUT = "Texts", "Network and training", "Watching", "Output"
_NO_PART_OF_THE_RECIPE = ("files", "watch", "watch_layer", "resume", "debug")


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
class Watching:
    """What is seen of the heads while they learn."""

    watch: Annotated[
        bool, typer.Option("--watch", help="Show how the heads come about.", rich_help_panel=_WATCH)
    ] = False
    watch_text: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="On this sentence, of 48 words at most.", rich_help_panel=_WATCH),
    ] = None
    watch_layer: Annotated[
        int, typer.Option(metavar="N", help="The layer to show; -1 is the last.", rich_help_panel=_WATCH)
    ] = -1

    @property
    def text(self) -> str:
        """The sentence, checked.

        Raises:
            EmptyText, RequestError: there is no word in it, or too many.
        """
        from attnviz.model.training.sentence import SENTENCE, check_sentence

        return SENTENCE if self.watch_text is None else check_sentence(self.watch_text)

    def layer(self, layers: int) -> int:
        """Give the number of the layer to show.

        Raises:
            OutOfRange: there is no such layer.
        """
        from attnviz.selection import Selection

        return Selection(str(self.watch_layer)).resolve(range(layers), range(1))[0].layer


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


def train(reading: Reading, choices: Choices, watching: Watching, target: Target) -> None:
    """Train a small transformer on texts; --model FOLDER reads with it, play FOLDER shows how it learned.

    Every 100 steps a checkpoint is kept in the folder: after an interruption, --resume goes on from there.
    Ctrl-C ends after the step that is being done, which is kept.
    """
    from attnviz.cli.inputs import read_text
    from attnviz.cli.outputs import note
    from attnviz.cli.watching import display
    from attnviz.corpus import read_texts, read_treebank
    from attnviz.model.training.run import make_model

    settings = choices.settings()
    watched, layer = watching.text, watching.layer(settings.layers)
    _make_room(target)
    makers = read_text(target.about) if target.about else ""
    shown = layer if watching.watch else None
    patience = _Patience(settings.steps)
    try:
        with display(settings.steps, shown) as screen, patience.between_steps(screen.report) as report:
            make_model(
                target.output,
                settings,
                read_texts(reading.files),
                read_treebank(reading.treebank) if reading.treebank else (),
                read_treebank(reading.dev) if reading.dev else (),
                command=_command(reading, choices, watching, target),
                words_of_its_makers=makers,
                report=report,
                watched=watched,
                show=screen.show,
            )
    except KeyboardInterrupt:
        if patience.kept:
            note(f"{patience.kept} of {settings.steps} steps are kept: --resume goes on")
        raise
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


def _command(reading: Reading, choices: Choices, watching: Watching, target: Target) -> str:
    """Write the command that makes the same model again, defaults left out."""
    words = ["attnviz", "train", *map(str, reading.files)]
    for group in (reading, choices, watching, target):
        for field in fields(group):
            value = getattr(group, field.name)
            if field.name not in _NO_PART_OF_THE_RECIPE and value != field.default:
                words += [f"--{field.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


class _Patience:
    """Lets the first Ctrl-C wait for the end of a step, so that none is lost; a second one does not wait.

    Attributes:
        kept: the steps that were kept when it came; 0 where none were.
    """

    def __init__(self, steps: int) -> None:
        self.kept = 0
        self._steps = steps
        self._asked = self._training = False

    @contextmanager
    def between_steps(self, report: "Callable[[Progress], None]") -> "Iterator[Callable[[Progress], None]]":
        """Give what is to be told after every step instead of `report`."""

        def told(progress: "Progress") -> None:
            self._training = progress.step < self._steps
            report(progress)
            if self._asked:
                self.kept = progress.step
                raise KeyboardInterrupt

        # Elsewhere Ctrl-C is somebody else's: in a thread, or in a job that is to outlive its terminal.
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if not ours or threading.current_thread() is not threading.main_thread():
            yield told
            return
        signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield told
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, _number: int, _frame: "FrameType | None") -> None:
        if self._asked or not self._training:
            raise KeyboardInterrupt
        self._asked = True
