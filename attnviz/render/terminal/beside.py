"""What may stand beside each head in a table: what it was ranked by, what it does to the answer, grammar."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from attnviz.analysis.effect import Effects
from attnviz.analysis.links import is_clear
from attnviz.analysis.ranking import Ranking
from attnviz.relation import Followed
from attnviz.render.terminal.relations import link_of
from attnviz.render.terminal.sentences import decimals
from attnviz.selection import HeadId

# A relation that a fixed distance finds nearly as often says nothing of a head.
_GAIN = 0.1


@dataclass(frozen=True)
class Beside:
    """A fact about each head.

    Attributes:
        title: what it is, in a word or two.
        facts: for each head that has one.
        told: how to read it.
    """

    title: str
    facts: Mapping[HeadId, Text]
    told: str


def ranked(ranking: Ranking) -> Beside:
    """Say by what heads were ranked, and give the value of each."""
    first = "lowest" if ranking.lowest else "highest"
    facts = {entry.head: amount(entry.value, entry.spread) for entry in ranking.entries}
    spread = (
        "; mean ± spread over words" if any(entry.spread is not None for entry in ranking.entries) else ""
    )
    told = f"ranked by {ranking.criterion}, {first} first: {ranking.says} ({ranking.unit}){spread}."
    return Beside(ranking.criterion, facts, told)


def without(effects: Effects) -> Beside:
    """Say what is lost without each head."""
    facts = {head: amount(effect.mean, effect.spread) for head, effect in effects.by_head.items()}
    return Beside("without it", facts, f"without it: {effects.description}.")


def followed(relations: Mapping[HeadId, Followed]) -> Beside:
    """Say which grammatical relation each head follows best."""
    facts = {
        head: Text.assemble(
            link_of(found),
            (f" {decimals(found.accuracy)} ({decimals(found.gain, '+')})", "dim"),
        )
        for head, found in relations.items()
        if found.gain >= _GAIN and is_clear(found)
    }
    told = (
        "grammar: of the words that have this relation in a treebank, the share whose strongest link is the "
        "right one (and how much more than a fixed distance would get right)."
    )
    return Beside("grammar", facts, told)


def amount(value: float, spread: float | None) -> Text:
    """Write a mean and its spread with three digits that say something."""
    places = _places(value)
    behind = "" if spread is None else f" ±{spread:.{places}f}"
    return Text.assemble(f"{value:.{places}f}", (behind, "dim"))


def _places(value: float) -> int:
    """Say how many decimals of a number are worth writing.

    >>> [_places(value) for value in (0.0312, 2.41, 31.7)]
    [3, 2, 1]
    """
    size = abs(value)
    return 1 if size >= 10 else 2 if size >= 1 else 3
