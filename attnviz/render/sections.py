"""The sections of a side: where the model's own words begin, and the parts an input is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from attnviz.record import Token

# What stands among the words of a text.
_AMONG_WORDS = {"patch": "picture", "frame": "sound"}


@dataclass(frozen=True)
class Part:
    """Neighbouring tokens of one part of the input.

    Attributes:
        name: such as "A", "user" or "picture"; empty for tokens of no named part.
        start: the position of the first.
        stop: the position behind the last.
    """

    name: str
    start: int
    stop: int


def border(tokens: Sequence[Token]) -> int | None:
    """Give the position of the first token the model said; None if it said none of them, or all."""
    said = next((at for at, token in enumerate(tokens) if token.kind == "generated"), 0)
    return said or None


def parts(tokens: Sequence[Token]) -> tuple[Part, ...]:
    """Split a side into the parts of the input; nothing if it has no two of them.

    A special token that says no part goes with the tokens before it.

    >>> parts([Token("[CLS]", kind="special"), Token("Hi", part="A"), Token("Yes", part="B")])
    (Part(name='A', start=0, stop=2), Part(name='B', start=2, stop=3))
    """
    named = [(at, _name(token)) for at, token in enumerate(tokens) if token.part or not token.is_special]
    firsts = [
        (at, name) for place, (at, name) in enumerate(named) if not place or named[place - 1][1] != name
    ]
    if len(firsts) < 2 or not any(name for _, name in firsts):
        return ()
    starts = [0, *(at for at, _ in firsts[1:]), len(tokens)]
    return tuple(
        Part(name, start, stop) for (_, name), (start, stop) in zip(firsts, pairwise(starts), strict=True)
    )


def _name(token: Token) -> str:
    return token.part or _AMONG_WORDS.get(token.kind, "")
