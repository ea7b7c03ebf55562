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

    Of an input with several parts (a pair, a chat, a picture and a text) it adds what these read of each
    other.
    Without --layer the last layer is meant. -o writes .txt or .json.
    """
    from rich.console import Group

    from attnviz.analysis.focus import focus as find
    from attnviz.analysis.parts import between_parts, has_parts
    from attnviz.cli.inputs import attend
    from attnviz.cli.outputs import check_output, show
    from attnviz.render.machine.focus import focus_json
    from attnviz.render.terminal.focus import FocusTable
    from attnviz.render.terminal.parts import PartsTable

    check_output(out, ".txt", ".json")
    record, heads = attend(source, by, which, tokens, default="-1")
    found = find(record, heads, top=top)
    parts = between_parts(record, heads) if has_parts(record) else None
    told = Group(FocusTable(found), "", PartsTable(parts)) if parts else FocusTable(found)
    show(told, focus_json(found, parts), out)
