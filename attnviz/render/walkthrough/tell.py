"""A walk told at one of three levels."""

from collections.abc import Callable, Iterator
from typing import Literal, get_args

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.render.labels import printable_sentence
from attnviz.render.walkthrough import beginner, formulas, practitioner
from attnviz.render.walkthrough.blocks import Page, Story, shown

Level = Literal["beginner", "practitioner", "math"]

LEVELS: tuple[Level, ...] = get_args(Level)

_TOLD: dict[Level, Callable[[Walkthrough], Iterator[Page]]] = {
    "beginner": beginner.pages,
    "practitioner": practitioner.pages,
    "math": formulas.pages,
}

_TITLES: dict[Level, str] = {
    "beginner": "How a program reads a sentence",
    "practitioner": "Multi-head attention, step by step",
    "math": "Multi-head attention, in formulas",
}

# So many words of a long text are shown above its walk.
_MOST_WORDS = 30


def tell(walk: Walkthrough, level: Level) -> Story:
    """Tell a walk: six steps, and what the number of heads buys.

    Args:
        walk: the numbers.
        level: "beginner" needs no word of the field, "practitioner" gives shapes and sums, "math" formulas.
    """
    block = "" if walk.block == "self" else f", {walk.block} attention"
    where = f"head {walk.head} at {shown(walk.query.text)}, place {walk.position}"
    by_model = f"{printable_sentence(walk.model)}{block}: {where}"
    about = _beginning(walk.text) if level == "beginner" else by_model
    return Story(_TITLES[level], about, tuple(_TOLD[level](walk)))


def _beginning(text: str) -> str:
    """Show a text, of a long one the beginning."""
    words = text.split()
    more = " …" if len(words) > _MOST_WORDS else ""
    return printable_sentence(" ".join(words[:_MOST_WORDS])) + more
