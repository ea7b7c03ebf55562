"""The application: every verb, in the order a newcomer meets them."""

from typing import Annotated

import typer

from attnviz import __version__
from attnviz.cli.ablate import ablate
from attnviz.cli.align import align
from attnviz.cli.compare import compare
from attnviz.cli.explain import explain
from attnviz.cli.export import export
from attnviz.cli.focus import focus
from attnviz.cli.grouped import grouped
from attnviz.cli.heatmap import heatmap
from attnviz.cli.info import info
from attnviz.cli.play import play
from attnviz.cli.sweep import sweep
from attnviz.cli.train import train

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"attnviz {__version__}")
        raise typer.Exit


@app.callback()
def attnviz(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """See what every attention head of a transformer looks at.

    Try: attnviz focus "The quick brown fox jumps over the lazy dog."

    Attention shows what a head reads, not why the model answered.
    """


for verb in (heatmap, focus, compare, explain, ablate, align, export, info, train, sweep, play):
    app.command()(grouped(verb))
