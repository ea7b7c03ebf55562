"""Which grammatical relations heads follow: a row for each one that a head clearly follows."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from attnviz.analysis.links import Relations
from attnviz.relation import Followed
from attnviz.render.labels import printable_sentence
from attnviz.render.terminal.sentences import decimals

_GAP = 2

# In less than this the distance and the number of words are left out.
_WIDE = 60

_READ = (
    "relation: as Universal Dependencies call it; governor: the word that another depends on. right: of the "
    "words that stand in the relation, the share that give most weight to the right one of all other words. "
    "fixed: the share that would be right at one fixed distance, the best there is."
)


@dataclass(frozen=True)
class RelationsTable:
    """What was found of a model's heads in a treebank, fitted to the width.

    Attributes:
        relations: what was found.
    """

    relations: Relations

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self._heading(), style="dim")
        yield ""
        yield from self._found(wide=options.max_width >= _WIDE)
        yield Text(_READ, style="dim")
        yield Text(self._counted(), style="dim")

    def _heading(self) -> str:
        block = "" if self.relations.block == "self" else f", {self.relations.block} attention"
        return (
            f"{printable_sentence(self.relations.model)}{block}: {_many(len(self.relations.heads), 'head')}"
        )

    def _found(self, *, wide: bool) -> Iterator[RenderableType]:
        if not self.relations.found:
            yield "No head clearly follows a relation."
            yield ""
            return
        yield _table(self.relations.found, wide=wide)
        yield ""
        others = dict.fromkeys(one.relation for one in self.relations.relations)
        for one in self.relations.found:
            others.pop(one.relation, None)
        if others:
            yield Text.assemble(
                ("no head clearly follows: ", "dim"), ", ".join(map(printable_sentence, others))
            )
            yield ""

    def _counted(self) -> str:
        found = self.relations
        left_out = f"; {found.skipped} did not fit the model's tokens" if found.skipped else ""
        return (
            f"Heads were chosen on {_many(found.choosing, 'sentence')} and scored on {found.reporting} others"
            f"{left_out}. Told are heads that are above a fixed distance by more than chance."
        )


def _table(found: tuple[Followed, ...], *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("relation")
    table.add_column("head", no_wrap=True)
    table.add_column("right", justify="right", no_wrap=True)
    table.add_column("fixed", justify="right", no_wrap=True, style="dim")
    if wide:
        table.add_column("", no_wrap=True, style="dim")
        table.add_column("words", justify="right", no_wrap=True, style="dim")
    for one in found:
        told = [decimals(one.accuracy), decimals(one.best_offset)]
        more = [_at(one.offset), str(one.words)] if wide else []
        table.add_row(link_of(one), Text(str(one.head), style="bold"), *told, *more)
    return table


def link_of(followed: Followed) -> str:
    """Say who looks at whom.

    >>> from attnviz.selection import HeadId
    >>> link_of(Followed(HeadId(0, 0), "obj", "head -> dependent", 0.9, 0.4, 2, 50))
    'governor → its obj'
    """
    name = printable_sentence(followed.relation)
    if followed.direction == "dependent -> head":
        return f"{name} → its governor"
    return f"governor → its {name}" if followed.direction == "head -> dependent" else name


def _at(offset: int | str) -> str:
    """Name a distance in words.

    >>> _at(-1), _at(2), _at("last word")
    ('1 back', '2 ahead', 'last word')
    """
    if isinstance(offset, str):
        return offset
    return f"{abs(offset)} {'ahead' if offset > 0 else 'back'}"


def _many(count: int, thing: str) -> str:
    """Count things.

    >>> _many(1, "head"), _many(12, "head")
    ('1 head', '12 heads')
    """
    return f"{count} {thing}" + ("" if count == 1 else "s")
