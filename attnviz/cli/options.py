"""The options every verb shares, each said once."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from attnviz.selection import Selection

_INPUT, _HEADS, _OUTPUT = "Input", "Which heads", "Output"


class Color(StrEnum):
    """When to colour the terminal."""

    auto = "auto"
    always = "always"
    never = "never"


class ThemeName(StrEnum):
    """The themes of `attnviz.render.theme`, named here so that `--help` need not load them."""

    light = "light"
    dark = "dark"


@dataclass(frozen=True)
class Input:
    """Where the text comes from and what reads it."""

    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text to read; - reads it from standard input.")
    ] = None
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read the text from a file.", rich_help_panel=_INPUT)
    ] = None
    record: Annotated[
        Path | None,
        typer.Option(help="Show a saved record (.safetensors): no model is run.", rich_help_panel=_INPUT),
    ] = None
    model: Annotated[
        str,
        typer.Option("--model", "-m", help="builtin, a model folder, or a hub id.", rich_help_panel=_INPUT),
    ] = "builtin"
    revision: Annotated[
        str | None, typer.Option(help="The exact version of a hub model.", rich_help_panel=_INPUT)
    ] = None
    offline: Annotated[bool, typer.Option("--offline", help="Never ask the hub.", rich_help_panel=_INPUT)] = (
        False
    )


@dataclass(frozen=True)
class Heads:
    """Which heads are meant."""

    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", help="Layers: 0,3,5-7, -1, or all.", rich_help_panel=_HEADS),
    ] = None
    head: Annotated[
        str | None,
        typer.Option("--head", "-H", help="Heads: 0,2-4, all, or names: L0H2,L3H7.", rich_help_panel=_HEADS),
    ] = None

    def selection(self, default: str) -> Selection:
        """Give what was asked for; where no layer was, the layers `default` are meant."""
        asked = Selection(self.layer, self.head)
        if self.layer is None and not asked.names_heads:
            return Selection(default, self.head)
        return asked


@dataclass(frozen=True)
class Output:
    """Where the result goes."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write to this file; its suffix says how.", rich_help_panel=_OUTPUT
        ),
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there.", rich_help_panel=_OUTPUT)
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print the machine form.", rich_help_panel=_OUTPUT)] = (
        False
    )
    width: Annotated[
        int | None,
        typer.Option(
            min=20, help="Columns to fit into; the terminal's own if not given.", rich_help_panel=_OUTPUT
        ),
    ] = None
    color: Annotated[Color, typer.Option(help="Colour the terminal.", rich_help_panel=_OUTPUT)] = Color.auto
    theme: Annotated[
        ThemeName | None,
        typer.Option(
            help="Colours; dark in the terminal, light in files if not given.", rich_help_panel=_OUTPUT
        ),
    ] = None
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_OUTPUT)
    ] = False
