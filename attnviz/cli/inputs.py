"""From the shared options to a record: the one way every verb that takes a text gets its attention."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attnviz.cli.long import tell_window, window_of
from attnviz.cli.options import Given, Heads, Input, Model, Showing, SpecialTokens, Tokens, Viewed
from attnviz.cli.outputs import note
from attnviz.errors import Damaged, NotFound, RequestError, SourceError
from attnviz.outline import Outline, choose
from attnviz.prompt import Prompt, refuse_unreadable
from attnviz.selection import Selection, numbers_as_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnviz.record import Attention
    from attnviz.selection import HeadId
    from attnviz.sources.base import Reading, Source


# Less of the mass than this is not worth a note.
_TOLD = 0.005

AS_IT_IS = Showing()


def attend(
    given: Given, which: Heads, showing: Showing = AS_IT_IS, *, default: str
) -> "tuple[Attention, tuple[HeadId, ...]]":
    """Read the input, run the model (or open the saved record), and say which heads are meant.

    Args:
        given: the input, and what reads it.
        which: the heads asked for.
        showing: what of them is shown, and how.
        default: the layers meant where none was asked for; a note on stderr says so.

    Returns:
        A record that holds the heads meant, and their names in the order asked for.

    Raises:
        RequestError: no text, or more than one; or no such heads.
        SourceError: the model or a file cannot be used.
    """
    reading = open_reading(given)
    return record_of(reading, block_of(reading, which), which, showing, default=default)


def block_of(reading: "Reading", which: Heads) -> Outline:
    """Pick the block asked for; a note names the others.

    Raises:
        RequestError: there is no such block.
    """
    outline = choose(reading.outlines, which.name_of_block)
    if which.block is None and len(reading.outlines) > 1:
        others = ", ".join(block for block in reading.outlines if block != outline.block)
        note(f"{outline.block} attention; --block for the others: {others}")
    return outline


def record_of(
    reading: "Reading",
    outline: Outline,
    which: Heads,
    showing: Showing = AS_IT_IS,
    *,
    default: str,
) -> "tuple[Attention, tuple[HeadId, ...]]":
    """Record the heads meant of one block, with its tokens as they are to be shown; see `attend`."""
    meant = meant_of(outline, which, default)
    frame = reading.frame(meant, block=outline.block)
    window = window_of(frame, showing.long)
    heads = outline.resolve(meant)
    if showing.viewed == Viewed():
        whole = reading.record(meant, block=outline.block, window=window)
    else:
        from attnviz.cli.views import view_of
        from attnviz.sources.windowed import cut

        whole, heads = view_of(reading, outline, meant, showing.viewed)
        whole = whole if window is None else cut(whole, window)
    if window is not None:
        tell_window(frame, whole, window)
    elif whole.dropped >= _TOLD:
        note(f"{whole.dropped:.0%} of the mass is on what is not shown, such as silence added behind a sound")
    record = shown(whole, showing.tokens)
    say_which(outline, which, default)
    return record, heads


def say_which(outline: Outline, which: Heads, default: str) -> None:
    """Say on stderr which layers are meant, where nobody said so."""
    asked, meant = which.selection(default), meant_of(outline, which, default)
    if asked.layers == default != which.layer and len(outline.layers) > 1:
        _say_which(outline.numbers, meant.layers or default)


def meant_of(outline: Outline, which: Heads, default: str) -> Selection:
    """Say which heads are meant; where no layer was asked for and they differ in shape, the last of one."""
    asked = which.selection(default)
    if asked.layers == "all" != which.layer and len(outline.alike) > 1:
        numbers = [layer.number for layer in outline.alike[-1]]
        return Selection(numbers_as_ranges(numbers), asked.heads)
    return asked


def open_reading(given: Given) -> "Reading":
    """Let the model (or the saved record) read the input.

    Raises:
        RequestError: no input, or more than one of a kind.
        SourceError: the model or a file cannot be used.
    """
    source, prompt = open_source(given)
    return source.read(prompt)


def open_source(given: Given) -> "tuple[Source, Prompt]":
    """Load the model (or open the saved record), and say what it is to read.

    Raises:
        RequestError: no input, or more than one of a kind.
        SourceError: the model or a file cannot be used.
    """
    record, by = given.input.record, given.model
    if record is not None:
        _refuse_beside_a_record(given)
        return _saved(record), Prompt()
    prompt = _prompt(given.input)
    if by.model != Model().model and prompt.image is None and prompt.audio is None:
        refuse_unreadable(prompt.text)  # before a model is loaded, which takes seconds
    return open_model(by), prompt


def _saved(path: Path) -> "Source":
    """Open a saved record, or what was saved of an input whose record does not fit."""
    from attnviz.files import DIGEST, schema_of

    if schema_of(path) == DIGEST:
        from attnviz.studies.digested import DigestSource

        return DigestSource(path)
    from attnviz.sources.saved import SavedSource

    return SavedSource(path)


def open_model(by: Model) -> "Source":
    """Load the model asked for.

    Raises:
        RequestError: there is no such device or precision.
        SourceError: the model cannot be used.
    """
    from attnviz.sources import load

    return load(
        by.model,
        revision=by.revision,
        offline=by.offline,
        device=by.device,
        dtype=by.dtype,
        trust_remote_code=by.trust_remote_code,
    )


def _refuse_beside_a_record(given: Given) -> None:
    if replace(given.input, record=None) != Input():
        raise RequestError("two inputs: got --record and another input, allowed one of them")
    if given.model != Model():
        raise RequestError("no model is run for a record: got an option of the model, allowed --record alone")


def shown(record: "Attention", tokens: Tokens) -> "Attention":
    """Give the record with words merged and special tokens dropped, where that was asked for.

    Raises:
        RequestError: rows are to be brought back to 1 though nothing is dropped.
    """
    if tokens.renormalize and tokens.special is SpecialTokens.keep:
        raise RequestError("nothing to renormalize: got --renormalize alone, allowed with --special drop")
    if tokens.words:
        from attnviz.analysis.words import merge_words

        record = merge_words(record)
    if tokens.special is SpecialTokens.drop:
        from attnviz.analysis.hidden import drop_special

        left = drop_special(record, renormalize=tokens.renormalize)
        what = "; rows brought back to 1" if tokens.renormalize else ""
        note(f"special tokens dropped: they hold {left.dropped - record.dropped:.0%} of the mass{what}")
        return left
    return record


def _say_which(layers: "Sequence[int]", meant: str) -> None:
    held = numbers_as_ranges(layers)
    if meant == "all":
        note(f"all layers, {held}; --layer -1 for the last one only")
    elif meant == "-1":
        note(f"layer {layers[-1]}, the last of {held}; --layer all for every one")
    else:
        note(f"layers {meant} of {held}, the last ones of one shape; --layer for others")


def _prompt(given: Input) -> Prompt:
    """Read the text from wherever it is; beside a picture or a sound there need be none."""
    alone = given.image is None and given.audio is None
    return Prompt(
        text=_text(given) if alone or given.text is not None or given.file is not None else "",
        pair=given.pair,
        target=given.target,
        image=given.image,
        audio=given.audio,
        generate=given.generate,
        temperature=given.temperature,
        seed=given.seed,
        chat=given.chat,
    )


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
