"""`attnviz compare`: hold heads, texts or models against each other."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import BlockName, Given, Heads, Input, Long, Output, Showing, Tokens
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from attnviz.analysis.comparing.contrast import Contrast
    from attnviz.outline import Outline
    from attnviz.selection import HeadId
    from attnviz.sources.base import Reading

    # One of two inputs: as it is read, the block that is meant, and the heads.
    _Side = tuple[Reading, Outline, Heads]

_SUFFIXES = (".txt", ".json", ".png", ".svg", ".pdf")
_PICTURES = _SUFFIXES[2:]

_COMPARED = "Compared with"

# Of heads that are asked for by --head, so many get a difference map.
_MOST_MAPS = 4


@dataclass(frozen=True)
class Against:
    """What the input is held against: nothing, and heads are held against each other, or one of these."""

    with_text: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Another text, read by the same model.", rich_help_panel=_COMPARED),
    ] = None
    with_model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another model, reading the same text.", rich_help_panel=_COMPARED
        ),
    ] = None
    with_record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A saved record (.safetensors).", rich_help_panel=_COMPARED),
    ] = None
    top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="How many heads, or pairs of heads, to list.", rich_help_panel=_COMPARED
        ),
    ] = None

    @property
    def asked(self) -> bool:
        """Whether there is something else to hold the input against."""
        return replace(self, top=None) != Against()

    def other(self, given: Given) -> Given:
        """Give the other input, and what reads it.

        Raises:
            RequestError: more than one thing to compare with, or no model that could read it.
        """
        named = {
            "--with-text": self.with_text,
            "--with-model": self.with_model,
            "--with-record": self.with_record,
        }
        asked = [name for name, value in named.items() if value is not None]
        if len(asked) > 1:
            raise RequestError(f"too much to compare with: got {' and '.join(asked)}, allowed one of them")
        if given.input.record is not None and self.with_record is None:
            raise RequestError(
                f"a saved record cannot be read anew: got --record and {asked[0]}, allowed --with-record"
            )
        if self.with_record is not None:
            return Given(Input(record=self.with_record))
        if self.with_text is not None:
            return replace(given, input=replace(given.input, text=self.with_text, file=None))
        # A revision is one of the first model.
        model = replace(given.model, model=self.with_model or given.model.model, revision=None)
        return replace(given, model=model)


def compare(given: Given, which: Heads, against: Against, tokens: Tokens, long: Long, out: Output) -> None:
    """Compare heads: row by row where they agree and differ; without --head, all pairs ranked and grouped.

    Or compare two texts (--with-text), two models (--with-model), or with a saved record (--with-record):
    which heads changed most, and in what. Words of both are matched, those of one side count as one key.
    Without --layer the last layer is meant, or every one where texts or models are compared.
    -o writes .txt, .json, or a picture as .png, .svg or .pdf.
    """
    from attnviz.cli.outputs import check_output

    check_output(out, *_SUFFIXES)
    showing = Showing(tokens=tokens, long=long)
    if against.asked:
        _contrast(given, which, against, showing, out)
    else:
        _compare(given, which, against, showing, out)


def _compare(given: Given, which: Heads, against: Against, showing: Showing, out: Output) -> None:
    """Hold the heads of one record against each other."""
    from attnviz.cli.looking import look
    from attnviz.cli.outputs import show, terminal_theme
    from attnviz.cli.streamed import AT_ONCE, compared
    from attnviz.render.machine.comparison import comparison_json
    from attnviz.render.terminal.comparison import TOLD, ComparisonView

    seen = look(given, which, showing, default="-1", at_once=AT_ONCE)
    found = compared(seen)
    if _suffix(out) in _PICTURES:
        from attnviz.render.figure import encode
        from attnviz.render.figure.divergences import draw_divergences

        figure = draw_divergences(found, theme=out.theme or "light")
        _write(encode(figure, _suffix(out)), comparison_json(found), out)
    else:
        view = ComparisonView(found, terminal_theme(out), against.top or TOLD)
        show(view, comparison_json(found), out)


def _contrast(given: Given, which: Heads, against: Against, showing: Showing, out: Output) -> None:
    """Hold two records against each other."""
    from attnviz.cli.outputs import show, terminal_theme
    from attnviz.render.machine.contrast import contrast_json
    from attnviz.render.terminal.contrast import TOLD, ContrastView

    found, mapped = _contrasted(given, which, against, showing)
    machine = contrast_json(found, mapped)
    if _suffix(out) in _PICTURES:
        from attnviz.render.figure import encode
        from attnviz.render.figure.contrast import draw_contrast

        figure = draw_contrast(found, mapped, theme=out.theme or "light")
        _write(encode(figure, _suffix(out)), machine, out)
    else:
        show(ContrastView(found, terminal_theme(out), mapped, against.top or TOLD), machine, out)


def _contrasted(
    given: Given, which: Heads, against: Against, showing: Showing
) -> "tuple[Contrast, tuple[HeadId, ...]]":
    """Hold both sides against each other, and say whose difference maps to draw."""
    from attnviz.analysis.comparing.contrast import contrast
    from attnviz.cli.inputs import block_of, open_reading, record_of

    other = against.other(given)
    reading = open_reading(given)
    outline = block_of(reading, which)
    second = open_reading(other)
    meant = _of_the_second(which, outline, second)
    sides = (reading, outline, which), (second, block_of(second, meant), meant)
    is_whole = showing.long.start is None and showing.long.stop is None
    if is_whole and any(_is_too_long(*side) for side in sides):
        return _streamed(sides, showing)
    (before, heads), (after, _) = (record_of(*side, showing, default="all") for side in sides)
    found = contrast(before, after, *heads)
    return found, _mapped(found, heads, which)


def _mapped(found: "Contrast", heads: "tuple[HeadId, ...]", which: Heads) -> "tuple[HeadId, ...]":
    """Say whose difference maps to draw: a few that were asked for, or what changed most."""
    if which.head is None:
        return (found.ranked[0].head,)
    return heads if len(heads) <= _MOST_MAPS else tuple(change.head for change in found.ranked[:_MOST_MAPS])


def _is_too_long(reading: "Reading", outline: "Outline", which: Heads) -> bool:
    from attnviz.cli.inputs import meant_of
    from attnviz.cli.long import is_too_long
    from attnviz.cli.streamed import AT_ONCE

    return is_too_long(reading.frame(meant_of(outline, which, "all"), block=outline.block), None, AT_ONCE)


def _streamed(sides: "tuple[_Side, _Side]", showing: Showing) -> "tuple[Contrast, tuple[HeadId, ...]]":
    """Hold inputs whose squares do not fit against each other while their rows pass by."""
    from attnviz.cli.inputs import meant_of, say_which
    from attnviz.cli.long import refuse_on_long
    from attnviz.cli.outputs import note
    from attnviz.cli.progress import progress
    from attnviz.render.contrasts import pooled
    from attnviz.studies.contrasting import Part, contrast_of

    def part(reading: "Reading", outline: "Outline", which: Heads) -> Part:
        found = Part(reading, meant_of(outline, which, "all"), outline.block)
        refuse_on_long(found.frame, showing)
        say_which(outline, which, "all")
        return found

    first, second = (part(*side) for side in sides)
    _, outline, which = sides[0]
    heads = outline.resolve(first.selection)
    asked = which.head is not None
    with progress("comparing") as tick:
        found = contrast_of(
            first,
            second,
            heads,
            maps=heads if asked and len(heads) <= _MOST_MAPS else _MOST_MAPS if asked else 1,
            progress=tick,
        )
    for told in pooled(found):
        note(told)
    assert found.pooled is not None  # as of every contrast that came in pieces
    return found, found.pooled.heads


def _of_the_second(which: Heads, first: "Outline", reading: "Reading") -> Heads:
    """Say which heads of the second are meant: the same ones, or all where it has others.

    What the notes on the first have said already is said outright, so that it is not said again.
    """
    block = which.block
    if block is None and first.block in reading.outlines:
        block = BlockName(first.block)
    outline = reading.outlines.get(first.block if block is None else block.value)
    shapes = [
        [(layer.number, layer.heads) for layer in side.layers]
        for side in (first, outline)
        if side is not None
    ]
    if len(shapes) == 1 or shapes[0] != shapes[1]:
        return Heads(layer="all", block=block)
    named = which.selection("all").names_heads
    return replace(which, block=block, layer=which.layer if named or which.layer else "all")


def _suffix(out: Output) -> str:
    return "" if out.output is None else out.output.suffix.lower()


def _write(picture: bytes, machine: str, out: Output) -> None:
    """Write a picture, and print its path, or the machine form."""
    from attnviz.cli.outputs import write

    assert out.output is not None
    write(out.output, picture, force=out.force)
    print(machine if out.json else out.output)
