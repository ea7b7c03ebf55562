"""The shapes that depend on which token stands where, and the same shapes for a shuffled text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.keys import punctuation_keys
from attnviz.analysis.patterns.shapes import Cells, Columns, alike, nowhere
from attnviz.analysis.readers import Mask
from attnviz.frame import Sides
from attnviz.record import Token

# A shape must carry more than in every one of so many shuffled texts: by chance one head in a hundred does.
SHUFFLES = 99

_SEED = 0
_WRITTEN = ("text", "generated")


@dataclass(frozen=True, eq=False)
class Wording:
    """Which word stands where.

    Attributes:
        queries: (query,), a number for each word, the same for equal ones; negative for what is no word.
        keys: (key,), likewise.
        punctuation: (key,), True for signs.
        start: the place of the first query among the keys; None where they are of two texts.
    """

    queries: NDArray[np.intp]
    keys: NDArray[np.intp]
    punctuation: Mask
    start: int | None

    @classmethod
    def of(cls, sides: Sides) -> "Wording":
        """Number the words of an input by how they read, in lower case."""
        numbers: dict[str, int] = {}

        def number(token: Token, place: int) -> int:
            text = token.text.strip().casefold()
            is_word = token.kind in _WRITTEN and text != ""
            return numbers.setdefault(text, len(numbers)) if is_word else -1 - place

        queries, keys = (
            np.array([number(token, place) for place, token in enumerate(side)], dtype=np.intp)
            for side in (sides.queries, sides.keys)
        )
        start = None if sides.block == "cross" else len(keys) - len(queries)
        queries = queries if start is None else keys[start:]
        return cls(queries, keys, punctuation_keys(sides), start)

    def shuffles(self) -> Iterator["Wording"]:
        """Let the words of the keys change places at random, `SHUFFLES` times, always alike.

        Within one text the queries change with them; what is no word stays where it is.
        """
        generator = np.random.default_rng(_SEED)
        written = np.flatnonzero(self.keys >= 0)
        for _ in range(SHUFFLES):
            from_where = np.arange(len(self.keys))
            from_where[written] = generator.permutation(written)
            keys = self.keys[from_where]
            queries = self.queries if self.start is None else keys[self.start :]
            yield replace(self, queries=queries, keys=keys, punctuation=self.punctuation[from_where])


def _punctuation(wording: Wording) -> Cells:
    """Where signs stand: whole columns. Clark et al. 2019, section 3.2."""
    return Columns(wording.punctuation)


def _same_word(wording: Wording) -> Cells:
    """The places where a query's own word stands, its own among them."""
    return alike(wording.queries, wording.keys)


def _induction(wording: Wording) -> Cells:
    """The word after an earlier place where a query's own word stood, itself among them in a run of one word.

    Olsson et al. 2022, "In-context learning and induction heads", "prefix matching".
    """
    if wording.start is None:
        return nowhere(len(wording.queries))
    own = wording.start + np.arange(len(wording.queries))
    return alike(wording.queries, wording.keys, last=own, delay=1)


# The cells of each; where a query meets itself is taken out of them by whoever asks.
CONTENT: dict[str, Callable[[Wording], Cells]] = {
    "punctuation": _punctuation,
    "same word": _same_word,
    "induction": _induction,
}

# What only a query can do whose word stands elsewhere too; the others are not asked.
ASKED_WHERE_POSSIBLE = frozenset({"same word", "induction"})
