"""`attnviz ablate`: remove heads, and say what the model's answer loses."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import Given, Heads, Input, MaxMemory, Output
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from attnviz.analysis.effect import Ablation
    from attnviz.outline import Outline

_SUFFIXES = (".txt", ".json", ".png", ".svg", ".pdf")
_PICTURES = _SUFFIXES[2:]

_REMOVED, _PICTURE = "What is removed", "Picture"


class ModeName(StrEnum):
    """The modes of `attnviz.analysis.effect`, named here so that `--help` need not load numpy."""

    each = "each"
    together = "together"
    alone = "alone"
    layers = "layers"


@dataclass(frozen=True)
class Removed:
    """How heads are removed, and what is told of it."""

    mode: Annotated[
        ModeName,
        typer.Option(
            help="One head at a time; all of them together; all but one of a layer; or whole layers.",
            rich_help_panel=_REMOVED,
        ),
    ] = ModeName.each
    importance: Annotated[
        bool,
        typer.Option(
            help="Also run backwards once, for the importance that gates' gradients tell.",
            rich_help_panel=_REMOVED,
        ),
    ] = True
    top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="How many heads, or tokens, to list.", rich_help_panel=_REMOVED
        ),
    ] = None
    max_memory: MaxMemory = None


@dataclass(frozen=True)
class Paper:
    """How the picture is drawn."""

    size: Annotated[
        str | None,
        typer.Option(help="Its width: column, page, 3.3in, 84mm.", rich_help_panel=_PICTURE),
    ] = None
    dpi: Annotated[
        int | None,
        typer.Option(min=20, max=1200, help="Of a .png; 200 if not given.", rich_help_panel=_PICTURE),
    ] = None


def ablate(given: Given, which: Heads, removed: Removed, out: Output, paper: Paper) -> None:
    """Remove heads and say what the model's answer loses: how far it moves, and what the text costs it.

    Without --layer and --head every head is removed, one at a time; the model is run once for each. Models
    without an answer are measured by how far their final states turn. -o writes .txt, .json, or a picture of
    all layers and heads as .png, .svg or .pdf.
    """
    from attnviz.cli.inputs import block_of, open_reading
    from attnviz.cli.outputs import check_output, show, terminal_theme
    from attnviz.cli.progress import progress
    from attnviz.render.machine.ablation import ablation_json
    from attnviz.render.terminal.ablation import TOLD, AblationView
    from attnviz.studies.ablation import remove

    check_output(out, *_SUFFIXES)
    _check(given.input, which, removed, paper)
    reading = open_reading(given)
    outline = block_of(reading, which)
    selection = which.selection("all")
    _announce(outline, which, removed)
    with progress("removing heads") as tick:
        found = remove(
            reading,
            selection,
            block=outline.block,
            mode=removed.mode.value,
            importance=removed.importance,
            progress=tick,
        )
    if out.output is not None and out.output.suffix.lower() in _PICTURES:
        _draw(found, paper, out)
    else:
        view = AblationView(found, terminal_theme(out), removed.top or TOLD)
        show(view, ablation_json(found), out)


def _check(source: Input, which: Heads, removed: Removed, paper: Paper) -> None:
    """Refuse what cannot be done before a model is loaded.

    Raises:
        RequestError: there is no model to run, single heads of whole layers, or no such size.
    """
    from attnviz.render.figure.size import parse_size

    if source.record is not None:
        raise RequestError("no model to remove heads from: got --record, allowed what a model can read anew")
    if removed.mode is ModeName.layers and which.head is not None:
        raise RequestError(f"layers are removed whole: got --head {which.head}, allowed --layer")
    if paper.size is not None and parse_size(paper.size).height is not None:
        raise RequestError(f"no height: got --size {paper.size}, allowed a width: column, page or 84mm")


def _announce(outline: "Outline", which: Heads, removed: Removed) -> None:
    """Say how often the model will be run, where it was not said what to remove."""
    from attnviz.cli.outputs import note
    from attnviz.selection import numbers_as_ranges
    from attnviz.studies.ablation import chosen, plan, runs

    if which.layer is not None or which.head is not None:
        return
    heads = chosen(outline, None)
    times = runs(plan(outline, heads, removed.mode.value))
    layers = numbers_as_ranges(outline.numbers)
    note(f"{len(heads)} heads of layers {layers}: the model is run {times} times; --layer, --head for fewer")


def _draw(found: "Ablation", paper: Paper, out: Output) -> None:
    """Write a picture, and print its path, or the machine form."""
    from attnviz.cli.outputs import write
    from attnviz.render.figure import encode
    from attnviz.render.figure.ablation import draw_ablation
    from attnviz.render.machine.ablation import ablation_json

    assert out.output is not None
    figure = draw_ablation(found, theme=out.theme or "light", size=paper.size, dpi=paper.dpi)
    write(out.output, encode(figure, out.output.suffix), force=out.force)
    print(ablation_json(found) if out.json else out.output)
