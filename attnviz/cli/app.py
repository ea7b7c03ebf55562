"""The application: its options, and its verbs."""

from typing import Annotated

import typer

from attnviz import __version__
from attnviz.cli.verbs import VERBS, Verbs, listed

app = typer.Typer(cls=Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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


for name, line in VERBS.items():
    app.command(name, help=line)(listed)
