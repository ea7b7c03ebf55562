"""Where results go: a console for people, a file that appears whole, a note beside them."""

import sys
from pathlib import Path

from rich.console import Console, RenderableType

from attnviz.cli.options import Color, Output
from attnviz.errors import UnknownSuffix
from attnviz.files import refuse_existing, whole_file
from attnviz.render.theme import THEMES, Theme

# A table for people keeps to a width even where there is no terminal to ask.
FILE_WIDTH = 100


class _Console(Console):
    """Rich's console, which leaves it to the command line how to end when a reader has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(given: Output) -> Console:
    """Give the console for standard output, with the width and colours asked for."""
    always = True if given.color is Color.always else None
    return _Console(
        width=given.width,
        force_terminal=always,
        no_color=False if always else None,  # being asked outright outweighs NO_COLOR
        color_system=None if given.color is Color.never else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def terminal_theme(given: Output) -> Theme:
    """Give the theme asked for; on a terminal the dark one if none was."""
    return THEMES[given.theme or "dark"]


def note(text: str) -> None:
    """Tell people something beside the data: one line on stderr."""
    print(f"note: {text}", file=sys.stderr)


def show(renderable: RenderableType, machine: str, given: Output) -> None:
    """Print or write a result made for people or, as JSON, for programs.

    Args:
        renderable: the form for people.
        machine: the JSON form.
        given: which of both, and where to.

    Raises:
        UnknownSuffix: the file asked for is neither .json nor .txt.
        OutputExists, Unwritable: the file cannot be written.
    """
    if given.output is not None:
        text = machine + "\n" if _wants_json(given) else plain(renderable, given.width)
        write(given.output, text.encode(), force=given.force)
        print(given.output)
    elif given.json:
        print(machine)
    else:
        console(given).print(renderable)


def write(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file, whole or not at all."""
    with whole_file(path, force=force) as temporary:
        temporary.write_bytes(content)


def plain(renderable: RenderableType, width: int | None) -> str:
    """Give a renderable as text without colours."""
    page = Console(width=width or FILE_WIDTH, color_system=None, markup=False, emoji=False, highlight=False)
    with page.capture() as captured:
        page.print(renderable)
    return captured.get()


def check_output(given: Output, *suffixes: str) -> None:
    """Fail before any work is done if the file asked for could not be written in the end.

    Raises:
        UnknownSuffix: its suffix is none of `suffixes`.
        OutputExists, Unwritable: it is in the way, or out of reach.
    """
    if given.output is None:
        return
    if given.output.suffix.lower() not in suffixes:
        raise UnknownSuffix(f"no such format: got {given.output.name!r}, allowed {' '.join(suffixes)}")
    refuse_existing(given.output, force=given.force)


def _wants_json(given: Output) -> bool:
    return given.json or (given.output is not None and given.output.suffix.lower() == ".json")
