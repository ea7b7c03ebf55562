"""`attnviz info`: say what a model is made of, and whether its weights can be captured."""

from dataclasses import replace
from typing import Annotated

import typer

from attnviz.cli.options import Model, Output
from attnviz.errors import NoAttention, RequestError


def info(
    by: Model,
    out: Output,
    name: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="The same as --model.", show_default=False)
    ] = None,
) -> None:
    """Say what a model is made of: layers, heads, parameters, the cost of attention; and check its capture.

    The model reads a short sample of its own kind: a text, a drawn picture, a tone. -o writes .txt or .json.
    """
    from attnviz.cli.inputs import open_model
    from attnviz.cli.outputs import check_output, show
    from attnviz.render.machine.anatomy import anatomy_json
    from attnviz.render.terminal.anatomy import AnatomyTable

    check_output(out, ".txt", ".json")
    found = open_model(_meant(name, by)).anatomy()
    lacking = NoAttention(f"{found.model} has no attention weights: nothing in it attends")
    if not found.blocks and out.output is not None:
        raise lacking
    show(AnatomyTable(found), anatomy_json(found), out)
    if not found.blocks:
        raise lacking


def _meant(name: str | None, by: Model) -> Model:
    if name is None:
        return by
    if by.model != Model.model:
        raise RequestError(f"two models: got {name} and --model {by.model}, allowed one of them")
    return replace(by, model=name)
