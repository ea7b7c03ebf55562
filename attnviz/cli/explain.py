"""`attnviz explain`: walk through one head at one word, step by step."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from attnviz.cli.options import Given, Heads, Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from attnviz.analysis.walkthrough.steps import Walkthrough
    from attnviz.record import Attention
    from attnviz.render.walkthrough.blocks import Story
    from attnviz.selection import HeadId

One = TypeVar("One")

# Takes back the line in which Enter was waited for.
_LINE_BACK = "\x1b[1A\x1b[2K"


class LevelName(StrEnum):
    """The levels of `attnviz.render.walkthrough`, named here so that `--help` need not load numpy."""

    beginner = "beginner"
    practitioner = "practitioner"
    math = "math"


def explain(
    given: Given,
    which: Heads,
    out: Output,
    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            "-q",
            metavar="WORD",
            help="The word to follow, or its position; the most telling one if not given.",
            rich_help_panel="Which heads",
        ),
    ] = None,
    level: Annotated[
        LevelName,
        typer.Option(help="In plain words, with every sum, or in formulas.", rich_help_panel="Output"),
    ] = LevelName.practitioner,
) -> None:
    """Walk through the six steps of multi-head attention with this text's own numbers.

    One word is followed through one head: its vectors, scores, weights and what is made of them; then what
    all heads of the layer have between them. Without --layer the last layer is meant, without --head the
    clearest of its heads. In a terminal page by page; -o writes .txt, .md, .json or,
    with drawings, .html or .pdf.
    """
    from attnviz.cli.outputs import check_output

    check_output(out, ".txt", ".md", ".json", ".html", ".pdf")
    record, head = _read(given, which)
    walk = _walk(record, head, query)
    if not _draw(walk, record, level, out):
        _show(walk, level, out)


def _read(given: Given, which: Heads) -> "tuple[Attention, HeadId]":
    """Record every head of one layer with its vectors, and pick the head to follow.

    Raises:
        RequestError: several layers or heads are asked for.
        MissingInternals: the layer does not show its vectors.
    """
    from attnviz.analysis.walkthrough.choose import clearest_head
    from attnviz.cli.inputs import block_of, open_reading
    from attnviz.cli.outputs import note
    from attnviz.selection import Selection, numbers_as_ranges

    reading = open_reading(given)
    outline = block_of(reading, which)
    asked = outline.resolve(which.selection("-1"))
    layer = _only(sorted({head.layer for head in asked}), "layers", "--layer")
    record = reading.record(Selection(str(layer)), block=outline.block, internals=True)
    if which.head is not None:
        return record, _only(asked, "heads", "--head")
    head = clearest_head(record, record.head_ids)
    held = numbers_as_ranges(record.heads)
    note(f"head {head}, the clearest of layer {layer} here; --layer and --head for others: heads {held}")
    return record, head


def _only(asked: "Sequence[One]", what: str, option: str) -> "One":
    """Give the only one of what was asked for.

    Raises:
        RequestError: it is several.
    """
    from attnviz.errors import RequestError

    if len(asked) > 1:
        raise RequestError(f"too many {what}: got {', '.join(map(str, asked))}, allowed one with {option}")
    return asked[0]


def _walk(record: "Attention", head: "HeadId", query: str | None) -> "Walkthrough":
    """Follow the word asked for; a note says which, where that is not clear."""
    from attnviz.analysis.walkthrough.choose import called, find_query
    from attnviz.analysis.walkthrough.walk import walkthrough
    from attnviz.cli.options import place_or_name
    from attnviz.cli.outputs import note

    wanted = place_or_name(query)
    place = find_query(record, head, wanted)
    walk = walkthrough(record, head, place)
    if wanted is None:
        note(f"query {place}, {walk.query.text.strip()!r}; --query for another word or position")
    elif isinstance(wanted, str) and len(places := called(record.queries, wanted)) > 1:
        stands = ", ".join(map(str, places))
        note(f"{wanted!r} stands at {stands}: position {place} is followed; --query {places[0]} for another")
    return walk


def _draw(walk: "Walkthrough", record: "Attention", level: LevelName, out: Output) -> bool:
    """Write the walk with drawings, if that is asked for."""
    from attnviz.cli.outputs import write

    suffix = "" if out.output is None or out.json else out.output.suffix.lower()
    if out.output is None or suffix not in (".html", ".pdf"):
        return False
    if suffix == ".html":
        from attnviz.render.html import html

        content = html(walk, record, level.value).encode()
    else:
        from attnviz.render.figure.walkthrough.pages import walkthrough_pdf

        content = walkthrough_pdf(walk, record, level.value)
    write(out.output, content, force=out.force)
    print(out.output)
    return True


def _show(walk: "Walkthrough", level: LevelName, out: Output) -> None:
    """Print or write the walk, page by page where somebody sits before it."""
    from attnviz.cli.outputs import console, show, write
    from attnviz.render.machine.walkthrough import walkthrough_json
    from attnviz.render.markdown import markdown
    from attnviz.render.terminal.walkthrough import StoryView
    from attnviz.render.walkthrough.tell import tell

    story = tell(walk, level.value)
    if out.output is not None and out.output.suffix.lower() == ".md" and not out.json:
        write(out.output, markdown(story).encode(), force=out.force)
        print(out.output)
        return
    page = console(out)
    if out.output is None and not out.json and page.is_terminal and sys.stdin.isatty():
        _page_by_page(story, page)
    else:
        show(StoryView(story), walkthrough_json(walk), out)


def _page_by_page(story: "Story", page: "Console") -> None:
    """Show one page at a time: Enter for the next one, q to leave."""
    from attnviz.render.terminal.walkthrough import Heading, PageView

    page.print(Heading(story))
    last = len(story.pages) - 1
    for number in range(last + 1):
        page.print()
        page.print(PageView(story, number))
        if number < last and not _goes_on(page):
            return


def _goes_on(page: "Console") -> bool:
    """Wait for Enter, and take the line back in which it was waited for."""
    page.print()
    page.print("Enter: next step · q: leave ", style="dim", end="")
    answer = sys.stdin.readline()
    if not answer:
        page.print()
        return False
    page.file.write(_LINE_BACK)
    return not answer.strip().lower().startswith("q")
