"""`attnviz focus`: say in words what each head reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import Given, Heads, Output, Ranked, Showing
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attnviz.analysis.effect import Effects
    from attnviz.analysis.ranking import Ranking
    from attnviz.relation import Followed
    from attnviz.render.terminal.beside import Beside
    from attnviz.selection import HeadId


_OUTPUT = "Output"


@dataclass(frozen=True)
class Told:
    """What is told of each head, beside what it reads."""

    tell: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Words and links to tell of each head.", rich_help_panel=_OUTPUT
        ),
    ] = 3
    effects: Annotated[
        bool,
        typer.Option(
            "--effects", help="Say what the answer loses without each head.", rich_help_panel=_OUTPUT
        ),
    ] = False
    measures: Annotated[
        bool,
        typer.Option(
            "--measures", help="Every measure of each head in numbers, instead.", rich_help_panel=_OUTPUT
        ),
    ] = False
    treebank: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .conllu file: say which grammatical relation each head follows there.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    sentences: Annotated[
        int, typer.Option(min=2, metavar="N", help="Of the treebank at most.", rich_help_panel=_OUTPUT)
    ] = 300

    def refuse_beside_measures(self) -> None:
        """Refuse what a table of measures has no place for.

        Raises:
            RequestError: something else is to be told too.
        """
        if self.measures and (self.effects or self.treebank is not None):
            got = "--effects" if self.effects else "--treebank"
            raise RequestError(f"--measures are told alone: got {got} too, allowed one of them")


def focus(given: Given, which: Heads, ranked: Ranked, showing: Showing, out: Output, told: Told) -> None:
    """Say what each head reads: its words, strongest links, pattern and breadth, and all heads together.

    Heads may be ranked: --sort entropy, --pattern previous, --top 5. Of an input with several parts (a pair,
    a chat, a picture and a text) it adds what these read of each other.
    Without --layer the last layer is meant, or every one where heads are ranked. -o writes .txt or .json.
    """
    from rich.console import Group

    from attnviz.analysis.parts import has_parts
    from attnviz.cli.looking import effects_of, look, relations_in
    from attnviz.cli.outputs import check_output, show
    from attnviz.cli.streamed import AT_ONCE, focused, measured_of, parted
    from attnviz.render import notes
    from attnviz.render.machine.focus import focus_json
    from attnviz.render.machine.measures import measures_json
    from attnviz.render.terminal.focus import FocusTable
    from attnviz.render.terminal.measures import MeasuresTable
    from attnviz.render.terminal.parts import PartsTable
    from attnviz.render.terminal.relations import RelationsTable

    told.refuse_beside_measures()
    check_output(out, ".txt", ".json")
    seen = look(given, which, showing, ranked, default="-1", at_once=AT_ONCE)
    record = seen.record
    caption = " ".join(notes.view(record)) if record else ""
    if told.measures:
        measured = measured_of(seen)
        show(MeasuresTable(measured, caption), measures_json(measured), out)
        return
    lost = effects_of(seen) if told.effects else seen.effects
    grammar = relations_in(seen, told.treebank, told.sentences) if told.treebank else None
    follows = grammar.by_head if grammar else (record or seen.frame).follows
    found = focused(seen, told.tell)
    parts = parted(seen) if has_parts(record or seen.frame) else None
    beside = tuple(_beside(seen.ranking, lost, follows))
    table = FocusTable(found, beside, caption)
    view = Group(
        table,
        *(("", PartsTable(parts)) if parts else ()),
        *(("", RelationsTable(grammar)) if grammar else ()),
    )
    machine = focus_json(found, parts, ranking=seen.ranking, effects=lost, follows=follows, grammar=grammar)
    show(view, machine, out)


def _beside(
    ranking: "Ranking | None", effects: "Effects | None", follows: "Mapping[HeadId, Followed]"
) -> "Iterator[Beside]":
    """Give what stands beside each head."""
    from attnviz.render.terminal import beside

    if ranking is not None and ranking.criterion != "effect":
        yield beside.ranked(ranking)
    if effects is not None:
        yield beside.without(effects)
    if follows:
        yield beside.followed(follows)
