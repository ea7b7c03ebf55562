"""`attnviz heatmap`: draw the weights."""

from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import Heads, Input, Model, Output, Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnviz.record import Attention
    from attnviz.render.figure.size import Size
    from attnviz.selection import HeadId

PICTURES = (".png", ".svg", ".pdf")


def heatmap(
    source: Input,
    by: Model,
    which: Heads,
    tokens: Tokens,
    out: Output,
    size: Annotated[
        str | None,
        typer.Option(help="Of a picture: column, page, slide, or 3.3x3in, 8x8cm.", rich_help_panel="Output"),
    ] = None,
    dpi: Annotated[
        int | None,
        typer.Option(min=20, max=1200, help="Of a .png; 200 if not given.", rich_help_panel="Output"),
    ] = None,
) -> None:
    """Draw attention weights in the terminal, or with -o as .png, .svg or .pdf.

    Without --layer the terminal shows the last layer, a picture the grid of all layers and heads.
    """
    from attnviz.cli.inputs import attend
    from attnviz.cli.outputs import check_output, console, terminal_theme
    from attnviz.render.figure.size import parse_size

    check_output(out, *PICTURES)
    paper = parse_size(size) if size else None
    record, heads = attend(source, by, which, tokens, default="-1" if out.output is None else "all")
    if out.output is not None:
        _draw(record, heads, out, paper, dpi)
    if out.json:
        from attnviz.render.machine import heatmap_json

        print(heatmap_json(record, heads))
    elif out.output is not None:
        print(out.output)
    else:
        from attnviz.render.terminal.heatmap import Heatmap

        console(out).print(Heatmap(record, heads, terminal_theme(out)))


def _draw(
    record: "Attention", heads: "Sequence[HeadId]", out: Output, size: "Size | None", dpi: int | None
) -> None:
    from attnviz.cli.outputs import write
    from attnviz.render.figure import encode, heatmap

    assert out.output is not None
    figure = heatmap(record, heads=heads, theme=out.theme or "light", size=size, dpi=dpi)
    write(out.output, encode(figure, out.output.suffix), force=out.force)
