"""Every verb, in the order a newcomer meets them; each is read only when it is run."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# The line that `attnviz --help` has of each; the same as the first of the verb's own help.
VERBS = {
    "heatmap": "Draw attention weights in the terminal, or with -o as .png, .svg or .pdf.",
    "focus": (
        "Say what each head reads: its words, strongest links, pattern and breadth, and all heads together."
    ),
    "compare": (
        "Compare heads: row by row where they agree and differ; without --head, all pairs ranked and grouped."
    ),
    "explain": "Walk through the six steps of multi-head attention with this text's own numbers.",
    "page": "Write an interactive page (-o fox.html): one file, every view, no network.",
    "ablate": (
        "Remove heads and say what the model's answer loses: how far it moves, and what the text costs it."
    ),
    "align": (
        "Say when each word of a sound was said: the weights of a decoder that writes it down, read as times."
    ),
    "export": "Write the record as .safetensors, .npz, .json or .csv, or fill a folder (-o pictures/).",
    "info": (
        "Say what a model is made of: layers, heads, parameters, the cost of attention; "
        "and check its capture."
    ),
    "train": (
        "Train a small transformer on texts; --model FOLDER reads with it, play FOLDER shows how it learned."
    ),
    "sweep": "Train the built-in network with 1, 2, 4, 8 and 16 heads, and show what their number buys.",
    "play": (
        "Show how the heads of a trained model came about: in the terminal, "
        "or with -o as .gif or .png (APNG)."
    ),
}


class Verbs(TyperGroup):
    """The verbs as they are listed; the one that is run is read from its file."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Find the verb asked for; see Typer's own."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else verb(name), rest


def listed() -> None:
    """Stand in for a verb in the list of them."""


def verb(name: str) -> Any:  # noqa: ANN401 - Typer keeps its types to itself
    """Read a verb, with every option it has."""
    from attnviz.cli.grouped import grouped

    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(grouped(getattr(import_module(f"attnviz.cli.{name}"), name)))
    return typer.main.get_command(alone)
