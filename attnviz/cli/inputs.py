"""From the shared options to a record: the one way every verb that takes a text gets its attention."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attnviz.cli.options import Heads, Input
from attnviz.cli.outputs import note
from attnviz.errors import Damaged, NotFound, RequestError, SourceError
from attnviz.outline import choose
from attnviz.prompt import Prompt
from attnviz.selection import numbers_as_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnviz.record import Attention
    from attnviz.selection import HeadId
    from attnviz.sources.base import Source


def attend(given: Input, which: Heads, *, default: str) -> "tuple[Attention, tuple[HeadId, ...]]":
    """Read the text, run the model (or open the saved record), and say which heads are meant.

    Args:
        given: the text and what reads it.
        which: the heads asked for.
        default: the layers meant where none was asked for; a note on stderr says so.

    Returns:
        A record that holds the heads meant, and their names in the order asked for.

    Raises:
        RequestError: no text, or more than one; or no such heads.
        SourceError: the model or a file cannot be used.
    """
    reading = _open(given).read(Prompt("" if given.record is not None else _text(given)))
    outline = choose(reading.outlines, None)
    selection = which.selection(default)
    heads = outline.resolve(selection)
    record = reading.record(selection, block=outline.block)
    if selection.layers == default != which.layer and len(outline.layers) > 1:
        _say_which(outline.numbers, default)
    return record, heads


def _say_which(layers: "Sequence[int]", default: str) -> None:
    held = numbers_as_ranges(layers)
    if default == "all":
        note(f"all layers, {held}; --layer -1 for the last one only")
    else:
        note(f"layer {layers[-1]}, the last of {held}; --layer all for every one")


def _open(given: Input) -> "Source":
    from attnviz.sources import load
    from attnviz.sources.saved import SavedSource

    if given.record is None:
        return load(given.model, revision=given.revision, offline=given.offline)
    if given.text is not None or given.file is not None:
        raise RequestError("two inputs: got --record and a text, allowed one of them")
    if given.model != Input.model or given.revision is not None:
        raise RequestError("no model is run for a record: got --model or --revision, allowed --record alone")
    return SavedSource(given.record)


def _text(given: Input) -> str:
    if given.text is not None and given.file is not None:
        raise RequestError("two texts: got TEXT and --file, allowed one of them")
    if given.file is not None:
        return read_text(given.file)
    if given.text == "-":
        return _decode(sys.stdin.buffer.read(), "standard input")
    if given.text is None:
        raise RequestError("no text: got nothing, allowed TEXT, - for standard input, --file or --record")
    return given.text


def read_text(path: Path) -> str:
    """Read a whole text file, without the line end that closes it.

    Raises:
        NotFound: there is no such file.
        Damaged: it is not UTF-8 text.
        SourceError: it cannot be read.
    """
    try:
        return _decode(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise NotFound(f"no such file: {path}") from error
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Damaged(f"not a text: {name} is not UTF-8 (byte {error.start})") from error
