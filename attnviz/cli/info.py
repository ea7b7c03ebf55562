"""`attnviz info`: say what a model is made of, and whether its weights can be captured."""

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from attnviz.cli.options import Model, Output
from attnviz.errors import NoAttention, RequestError

_PAPER = "On paper"

# A page of text; the cost of attention is told for so many tokens unless told otherwise.
_TOKENS = 1024


@dataclass(frozen=True)
class Paper:
    """Heads that are no model's."""

    heads: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="H",
            help="No model: what H heads take in a layer that is --width D wide (d_model).",
            rich_help_panel=_PAPER,
        ),
    ] = None
    key_heads: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="They share the keys and values of K heads.", rich_help_panel=_PAPER
        ),
    ] = None


def info(
    by: Model,
    paper: Paper,
    out: Output,
    name: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="The same as --model.", show_default=False)
    ] = None,
    tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="The cost of one head and of many for N tokens.")
    ] = _TOKENS,
) -> None:
    """Say what a model is made of: layers, heads, parameters, the cost of attention; and check its capture.

    The model reads a short sample of its own kind: a text, a drawn picture, a tone. -o writes .txt or .json.
    With --heads and --width no model is needed: they are held, on paper, against one head of full width.
    """
    from attnviz.analysis.layouts import layouts_of
    from attnviz.cli.inputs import open_model
    from attnviz.cli.outputs import check_output, show
    from attnviz.render.machine.anatomy import anatomy_json
    from attnviz.render.terminal.anatomy import AnatomyTable

    check_output(out, ".txt", ".json")
    if paper != Paper():
        _on_paper(paper, tokens, _meant(name, by), out)
        return
    found = open_model(_meant(name, by)).anatomy()
    lacking = NoAttention(f"{found.model} has no attention weights: nothing in it attends")
    if not found.blocks and out.output is not None:
        raise lacking
    layouts = layouts_of(found, min(tokens, found.positions or tokens)) if found.scales else None
    show(AnatomyTable(found, layouts), anatomy_json(found, layouts), out)
    if not found.blocks:
        raise lacking


def _on_paper(paper: Paper, tokens: int, by: Model, out: Output) -> None:
    """Hold heads of a given number and width against one head.

    Raises:
        RequestError: one of both is missing, a model is given too, or the heads do not fit.
    """
    from attnviz.analysis.layouts import layouts
    from attnviz.cli.outputs import show
    from attnviz.render.machine.anatomy import layouts_json
    from attnviz.render.terminal.anatomy import LayoutsTable

    if by != Model():
        raise RequestError("a model and heads on paper: got both, allowed one of them")
    if paper.heads is None or out.width is None:
        raise RequestError("on paper, heads have a width: got one of them, allowed --heads H and --width D")
    found = layouts(out.width, paper.heads, tokens, key_heads=paper.key_heads)
    show(LayoutsTable(found), layouts_json(found), replace(out, width=None))


def _meant(name: str | None, by: Model) -> Model:
    if name is None:
        return by
    if by.model != Model.model:
        raise RequestError(f"two models: got {name} and --model {by.model}, allowed one of them")
    return replace(by, model=name)
