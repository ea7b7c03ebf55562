"""`attnviz heatmap`: draw the weights."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import Given, Heads, Input, Output, Ranked, Showing, place_or_name
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from attnviz.record import Attention
    from attnviz.render.figure.size import Size
    from attnviz.selection import HeadId

PICTURES = (".png", ".svg", ".pdf")

# The file in a model's folder that holds how its heads came about; see `attnviz play`.
HISTORY = "history.safetensors"

_PICTURE = "Picture"


class Cells(StrEnum):
    """What becomes of many weights in one cell; as `attnviz.record` names it, without loading numpy."""

    maximum = "maximum"
    mean = "mean"


@dataclass(frozen=True)
class Drawing:
    """How weights are drawn."""

    size: Annotated[
        str | None,
        typer.Option(help="Column, page, slide, or 3.3x3in, 8x8cm.", rich_help_panel=_PICTURE),
    ] = None
    dpi: Annotated[
        int | None,
        typer.Option(min=20, max=1200, help="Of a .png; 200 if not given.", rich_help_panel=_PICTURE),
    ] = None
    query: Annotated[
        str | None,
        typer.Option(
            help="Over a picture: from where; a position, a patch as row,column, or a token.",
            rich_help_panel=_PICTURE,
        ),
    ] = None
    matrix: Annotated[
        bool,
        typer.Option("--matrix", help="Of a picture too, draw queries by keys.", rich_help_panel=_PICTURE),
    ] = False
    cells: Annotated[
        Cells,
        typer.Option(help="What a cell shows of the weights it stands for.", rich_help_panel=_PICTURE),
    ] = Cells.maximum

    def over_picture(self, record: "Attention") -> bool:
        """Say whether the weights are to be laid over what the model saw.

        Raises:
            RequestError: a query is asked for where the weights are drawn as queries by keys.
        """
        from attnviz.analysis.patches import has_patches

        over = record.picture is not None and has_patches(record) and not self.matrix
        if self.query is not None and not over:
            raise RequestError("every query is drawn: got --query, allowed where weights lie over a picture")
        return over

    @property
    def origin(self) -> int | str | None:
        """The query asked for: a position, or what names it."""
        return place_or_name(self.query)


def heatmap(
    given: Given, which: Heads, ranked: Ranked, showing: Showing, out: Output, drawing: Drawing
) -> None:
    """Draw attention weights in the terminal, or with -o as .png, .svg or .pdf.

    Without --layer the terminal shows the last layer, a file the grid of all layers and heads. What a model
    sees of a picture is drawn over it. --record FOLDER/history.safetensors plays how heads came about.
    A text too long to hold all its weights is pooled; --from and --to show any part of it exactly.
    """
    saved = given.input.record
    if saved is not None and saved.name == HISTORY:
        _play(given.input, which, (ranked, showing), out, drawing)
        return
    from attnviz.cli.looking import look
    from attnviz.cli.outputs import check_output, console, write
    from attnviz.cli.streamed import pooled
    from attnviz.render.figure.size import parse_size

    check_output(out, *PICTURES)
    paper = parse_size(drawing.size) if drawing.size else None
    default = "-1" if out.output is None else "all"
    seen = look(given, which, showing, ranked, default=default)
    record, heads = seen.record or pooled(seen, drawing.cells.value), seen.heads
    over = drawing.over_picture(record)
    if out.output is not None:
        picture = _picture(record, heads, out, drawing, paper, over=over)
        write(out.output, picture, force=out.force)
    if out.json:
        from attnviz.render.machine.heatmap import heatmap_json

        print(heatmap_json(record, heads))
    elif out.output is not None:
        print(out.output)
    else:
        console(out).print(_view(record, heads, out, drawing, over=over))


def _play(source: Input, which: Heads, others: "Sequence[object]", out: Output, drawing: Drawing) -> None:
    """Draw the history of a training as `attnviz play` does.

    Raises:
        RequestError: something is asked for that a history does not have.
    """
    from attnviz.cli.play import Played, Playing, play

    assert source.record is not None
    if source != Input(record=source.record) or any(asked != type(asked)() for asked in others):
        raise RequestError(f"{HISTORY} is only played: got other options, allowed --layer and --head")
    play(Played(source.record, which.layer, which.head), Playing(size=drawing.size, dpi=drawing.dpi), out)


def _picture(
    record: "Attention",
    heads: "tuple[HeadId, ...]",
    out: Output,
    drawing: Drawing,
    size: "Size | None",
    *,
    over: bool,
) -> bytes:
    from attnviz.render.figure import encode, heatmap

    assert out.output is not None
    theme = out.theme or "light"
    if over:
        from attnviz.render.figure.overlay import overlay

        figure = overlay(record, heads, query=drawing.origin, theme=theme, size=size, dpi=drawing.dpi)
    else:
        figure = heatmap(record, heads=heads, theme=theme, size=size, dpi=drawing.dpi)
    return encode(figure, out.output.suffix)


def _view(
    record: "Attention", heads: "tuple[HeadId, ...]", out: Output, drawing: Drawing, *, over: bool
) -> "RenderableType":
    from attnviz.cli.outputs import terminal_theme

    if over:
        from attnviz.render.terminal.patches import PatchMap

        return PatchMap(record, heads, terminal_theme(out), drawing.origin)
    from attnviz.render.terminal.heatmap import Heatmap

    return Heatmap(record, heads, terminal_theme(out))
