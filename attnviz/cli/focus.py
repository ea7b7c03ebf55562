"""`attnviz focus`: say in words what each head reads."""

from typing import Annotated

import typer

from attnviz.cli.options import Heads, Input, Model, Output, Tokens


def focus(
    source: Input,
    by: Model,
    which: Heads,
    tokens: Tokens,
    out: Output,
    top: Annotated[
        int,
        typer.Option("--top", min=1, help="Words and links to tell of each head.", rich_help_panel="Output"),
    ] = 3,
) -> None:
    """Say what each head reads: its words, strongest links, pattern and breadth, and all heads together.

    Without --layer the last layer is meant. -o writes .txt or .json.
    """
    from attnviz.analysis.focus import focus as find
    from attnviz.cli.inputs import attend
    from attnviz.cli.outputs import check_output, show
    from attnviz.render.machine import focus_json
    from attnviz.render.terminal.focus import FocusTable

    check_output(out, ".txt", ".json")
    record, heads = attend(source, by, which, tokens, default="-1")
    found = find(record, heads, top=top)
    show(FocusTable(found), focus_json(found), out)
