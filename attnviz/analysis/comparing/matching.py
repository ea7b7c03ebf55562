"""Which words of one text stand for which of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from attnviz.record import Token


@dataclass(frozen=True)
class Matching:
    """Two sequences of tokens, matched in order.

    Attributes:
        pairs: positions in the first and in the second that go together; both ascend.
        first_only: positions in the first that nothing in the second stands for, ascending.
        second_only: positions in the second that nothing in the first stands for, ascending.
    """

    pairs: tuple[tuple[int, int], ...]
    first_only: tuple[int, ...]
    second_only: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left over."""
        return not (self.first_only or self.second_only)


def match(first: Sequence[Token], second: Sequence[Token]) -> Matching:
    """Match the words of two texts in order, whatever their case.

    Equal runs are found as `difflib` does (Ratcliff and Obershelp 1988). Between them, a run that was
    replaced by one as long is matched word by word; what a model added only with what it added.

    Args:
        first: tokens, or whole words.
        second: the same of the other text.

    >>> one, other = (list(map(Token, text.split())) for text in ("the cat sat", "The dog sat"))
    >>> match(one, other).pairs
    ((0, 0), (1, 1), (2, 2))
    """
    names, others = _names(first), _names(second)
    if names == others:  # of a long text this takes seconds to find
        return Matching(tuple((at, at) for at in range(len(first))), (), ())
    # Words that are frequent in a long text are words all the same.
    found = SequenceMatcher(a=names, b=others, autojunk=False)
    pairs: list[tuple[int, int]] = []
    for _, start, stop, other_start, other_stop in found.get_opcodes():
        if stop - start == other_stop - other_start:
            together = zip(range(start, stop), range(other_start, other_stop), strict=True)
            pairs += [(i, j) for i, j in together if first[i].is_special == second[j].is_special]
    matched, other_matched = {i for i, _ in pairs}, {j for _, j in pairs}
    return Matching(
        tuple(pairs),
        tuple(i for i in range(len(first)) if i not in matched),
        tuple(j for j in range(len(second)) if j not in other_matched),
    )


def _names(tokens: Sequence[Token]) -> list[tuple[bool, str]]:
    """Give what has to be equal; spaces before a word are no part of it."""
    return [(token.is_special, token.text.strip().casefold() or token.text) for token in tokens]
