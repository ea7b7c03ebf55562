"""`attnviz sweep`: train networks that differ in the number of heads, and show what it buys."""

import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import Color, Output, ThemeName
from attnviz.errors import Damaged, NotFound, OutputExists, RequestError, UnknownSuffix

if TYPE_CHECKING:
    from attnviz.analysis.headcount.sweep import Sweep, Trial
    from attnviz.model.training.plan import Plan
    from attnviz.studies.headcount import Stand

    Report = Callable[[Stand], None]

_TEXTS, _NETWORK, _OUTPUT, _PICTURE = "Texts", "Networks and training", "Output", "Picture"
_PICTURES, _TABLES = (".png", ".svg", ".pdf"), (".txt", ".json")

# What a folder holds in the end, beside the single trainings.
_RESULTS = ("sweep.json", "sweep.txt", "sweep.png")


@dataclass(frozen=True)
class Reading:
    """What to learn from, or what to show."""

    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Texts, one a line, plain or .gz; - is standard input.",
            show_default=False,
        ),
    ] = None
    treebank: Annotated[
        Path | None,
        typer.Option(
            help="Measure grammatical relations on this .conllu file; nothing is taught.",
            rich_help_panel=_TEXTS,
        ),
    ] = None
    show: Annotated[
        Path | None,
        typer.Option(
            metavar="SWEEP.JSON", help="Show a result again: nothing is trained.", rich_help_panel=_TEXTS
        ),
    ] = None


@dataclass(frozen=True)
class Choices:
    """Which networks."""

    heads: Annotated[
        str, typer.Option(metavar="H,H...", help="The numbers of heads to try.", rich_help_panel=_NETWORK)
    ] = "1,2,4,8,16"
    width: Annotated[int, typer.Option(help="d_model, of which heads share.", rich_help_panel=_NETWORK)] = 128
    layers: Annotated[int, typer.Option(help="Number of layers.", rich_help_panel=_NETWORK)] = 2
    steps: Annotated[
        int, typer.Option(help="Batches of texts each learns from.", rich_help_panel=_NETWORK)
    ] = 600
    seeds: Annotated[int, typer.Option(help="How often each is trained.", rich_help_panel=_NETWORK)] = 3
    seed: Annotated[int, typer.Option(help="The first of these seeds.", rich_help_panel=_NETWORK)] = 0
    threads: Annotated[int, typer.Option(help="Processor threads.", rich_help_panel=_NETWORK)] = 1

    def plan(self) -> "Plan":
        """Give them to the model's room, which checks them."""
        from attnviz.model.training.plan import Plan

        return Plan(**{**vars(self), "heads": _numbers(self.heads)})


@dataclass(frozen=True)
class Target:
    """Where the result goes."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A .txt, .json, .png, .svg or .pdf file, or a folder for all, each training kept.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Go on from the trainings kept in this folder, and keep more.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there.", rich_help_panel=_OUTPUT)
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print the machine form.", rich_help_panel=_OUTPUT)] = (
        False
    )
    color: Annotated[Color, typer.Option(help="Colour the terminal.", rich_help_panel=_OUTPUT)] = Color.auto
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_OUTPUT)
    ] = False
    theme: Annotated[ThemeName, typer.Option(help="Of a picture.", rich_help_panel=_PICTURE)] = (
        ThemeName.light
    )
    size: Annotated[
        str, typer.Option(help="Column, page, slide, or 3.3x5in, 8x12cm.", rich_help_panel=_PICTURE)
    ] = "column"
    dpi: Annotated[
        int | None,
        typer.Option(min=20, max=1200, help="Of a .png; 200 if not given.", rich_help_panel=_PICTURE),
    ] = None

    @property
    def folder(self) -> Path | None:
        """The folder that keeps every training, and all forms of the result."""
        if self.output is not None and not self.output.suffix:
            return self.output
        return self.resume


def sweep(reading: Reading, choices: Choices, target: Target) -> None:
    """Train the built-in network with 1, 2, 4, 8 and 16 heads, and show what their number buys.

    All else is equal: parameters, seeds, texts, steps. After an interruption, --resume FOLDER goes on.
    """
    from attnviz.render.figure.size import check_dpi, parse_size

    check_dpi(target.dpi, parse_size(target.size))
    if reading.show is not None:
        if reading.files or target.resume:
            raise RequestError("a result to show and trainings to do: got both, allowed one of them")
        _check_output(target)
        _hand_over(_read_result(reading.show), target)
        return
    if not reading.files:
        raise RequestError("nothing to learn from: got no file, allowed one or more, or --show SWEEP.JSON")
    plan = choices.plan()
    _check_output(target)
    with _folder(target, len(plan.runs)) as folder:
        found = _train(reading, plan, folder, _command(reading, choices))
    _hand_over(found, target)


def _train(reading: Reading, plan: "Plan", folder: Path, command: str) -> "Sweep":
    from attnviz.corpus import read_texts, read_treebank
    from attnviz.studies.headcount import sweep as train_all

    judged = read_treebank(reading.treebank) if reading.treebank else ()
    with _progress(plan) as report:
        return train_all(
            read_texts(reading.files or ()), plan, folder, judged, command=command, report=report
        )


def _hand_over(found: "Sweep", target: Target) -> None:
    """Write or print the result."""
    from attnviz.cli.outputs import console
    from attnviz.render.machine.sweep import sweep_json
    from attnviz.render.terminal.sweep import SweepTable

    if target.folder is not None:
        for name in _RESULTS:
            _write(found, target.folder / name, target, force=True)
    if target.output not in (None, target.folder):
        assert target.output is not None
        _write(found, target.output, target, force=target.force)
    if target.json:
        print(sweep_json(found))
    elif target.output is not None:
        print(target.output)
    else:
        console(Output(color=target.color)).print(SweepTable(found))


def _write(found: "Sweep", path: Path, target: Target, *, force: bool) -> None:
    """Write one form of the result; the suffix says which."""
    from attnviz.cli.outputs import plain, write

    suffix = path.suffix.lower()
    if suffix in _PICTURES:
        from attnviz.render.figure import encode
        from attnviz.render.figure.sweep import sweep_figure

        figure = sweep_figure(found, theme=target.theme.value, size=target.size, dpi=target.dpi)
        content = encode(figure, suffix)
    elif suffix == ".json":
        from attnviz.render.machine.sweep import sweep_json

        content = f"{sweep_json(found)}\n".encode()
    else:
        from attnviz.render.terminal.sweep import SweepTable

        content = plain(SweepTable(found), None).encode()
    write(path, content, force=force)


def _check_output(target: Target) -> None:
    """Fail before any work is done if the result could not be written in the end."""
    from attnviz.files import refuse_existing

    if target.folder is not None:
        _check_folder(target, target.folder)
    if target.output in (None, target.folder):
        return
    assert target.output is not None
    allowed = (*_TABLES, *_PICTURES)
    if target.output.suffix.lower() not in allowed:
        raise UnknownSuffix(f"no such format: got {target.output.name!r}, allowed {' '.join(allowed)}")
    refuse_existing(target.output, force=target.force)


def _check_folder(target: Target, folder: Path) -> None:
    """Fail if a folder holds what is neither to be continued nor to be replaced."""
    from attnviz.files import refuse_full

    if target.resume is not None:
        if target.resume.absolute() != folder.absolute():
            raise RequestError(f"two folders: got {target.resume} and {folder}, allowed one of them")
        refuse_full(folder, force=True)
    elif not target.force and _kept_in(folder) and not (folder / _RESULTS[0]).exists():
        raise OutputExists(f"will not replace {folder}: an interrupted sweep is there (--resume {folder})")
    else:
        refuse_full(folder, force=target.force)


@contextmanager
def _folder(target: Target, trainings: int) -> Iterator[Path]:
    """Give the folder that keeps each training, and say after an interruption how to go on from it."""
    from attnviz.cli.outputs import note

    named = target.folder
    if named is not None and target.resume is None:  # asked to replace what is there
        for kept in _kept_in(named):
            kept.unlink()
    folder = named or Path(tempfile.mkdtemp(prefix="attnviz-sweep-"))
    keep = named is not None
    try:
        yield folder
    except KeyboardInterrupt:
        if done := len(_kept_in(folder)):
            keep = True
            note(f"{done} of {trainings} trainings are kept: --resume {shlex.quote(str(folder))} goes on")
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _kept_in(folder: Path) -> tuple[Path, ...]:
    from attnviz.studies.headcount import kept_in

    return kept_in(folder)


def _read_result(path: Path) -> "Sweep":
    """Read what was written as .json.

    Raises:
        NotFound: the file cannot be read.
        Damaged: it holds something else.
    """
    from attnviz.analysis.headcount.sweep import Sweep
    from attnviz.render.machine.sweep import SCHEMA

    try:
        stored = json.loads(path.read_bytes())
        if stored["schema"] != SCHEMA:
            raise Damaged(f"{path}: got schema {stored['schema']!r}, allowed {SCHEMA!r}")
        return Sweep.of_stored(stored)
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path} holds no sweep: {error!r}") from error


def _numbers(listed: str) -> tuple[int, ...]:
    """Read numbers of heads.

    >>> _numbers("8,1, 2")
    (1, 2, 8)
    """
    try:
        return tuple(sorted({int(part) for part in listed.split(",")}))
    except ValueError:
        raise RequestError(f"heads: got {listed!r}, allowed numbers such as 1,2,4,8,16") from None


def _command(reading: Reading, choices: Choices) -> str:
    """Write the command that makes the same result again, defaults left out."""
    words = ["attnviz", "sweep", *map(str, reading.files or ())]
    if reading.treebank is not None:
        words += ["--treebank", str(reading.treebank)]
    for field in fields(choices):
        value = getattr(choices, field.name)
        if value != field.default:
            words += [f"--{field.name}", str(value)]
    return shlex.join(words)


@contextmanager
def _progress(plan: "Plan") -> "Iterator[Report]":
    """Show on stderr what is trained: a bar on a terminal, elsewhere a line for each training."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines().report
        return
    columns = (
        TextColumn("{task.fields[told]}"),
        BarColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    # The estimate looks back on many steps: their lengths differ, and measuring comes between them.
    with Progress(*columns, console=console, speed_estimate_period=600) as bar:
        total = plan.steps * len(plan.runs)
        task = bar.add_task("sweep", total=total, told="reading the texts")
        left = total

        def report(stand: "Stand") -> None:
            nonlocal left
            if stand.kept:
                left -= plan.steps
                bar.update(task, total=left)
            elif stand.trial is None:
                bar.update(task, told=_told(stand), advance=0 if stand.progress is None else 1)

        yield report


class _Lines:
    """Tells a log how far a sweep is, and about how long the rest will take."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._trained = 0

    def report(self, stand: "Stand") -> None:
        """Print a line when a training begins, and one when it has been measured."""
        if stand.trial is not None:
            print(f"{_told(stand)}: {self._ended(stand, stand.trial)}", file=sys.stderr, flush=True)
        elif stand.progress is None:
            print(f"{_told(stand)}: training", file=sys.stderr, flush=True)

    def _ended(self, stand: "Stand", trial: "Trial") -> str:
        told = f"loss {trial.loss:.3f}, area {trial.auc:.3f}"
        if stand.kept:
            return f"{told}, done before"
        self._trained += 1
        left = stand.trainings - stand.number - 1
        minutes = (time.monotonic() - self._began) / self._trained * left / 60
        return told if not left else f"{told}; about {minutes:.0f} min left"


def _told(stand: "Stand") -> str:
    settings = stand.settings
    return f"{stand.number + 1} of {stand.trainings}, h = {settings.heads}, seed {settings.seed}"
