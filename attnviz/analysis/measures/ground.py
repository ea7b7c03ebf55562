"""What measures need to know of an input beside its weights, made once however many heads are measured."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.keys import delimiter_keys, punctuation_keys, token_numbers
from attnviz.analysis.measures.repeats import Repeats
from attnviz.analysis.patches import is_picture, patch_distances
from attnviz.analysis.readers import counted_queries, own_keys
from attnviz.arrays import Array
from attnviz.frame import Sides
from attnviz.observe import RowSums, Wanted
from attnviz.record import Mask

Numbers = NDArray[np.floating]

# The names of the sets of keys whose mass is wanted of rows.
FIRST, DELIMITERS, PUNCTUATION = "first", "delimiters", "punctuation"

# Distances between so many pairs of patches are kept; of larger pictures they are made for the rows at hand.
_KEPT = 2**22


@dataclass(frozen=True)
class Ground:
    """What is known of an input's queries and keys.

    Attributes:
        sides: a record, or a frame.
    """

    sides: Sides

    @cached_property
    def start(self) -> int:
        """The first query's position: where keys outnumber queries, the earlier ones came before."""
        return len(self.sides.keys) - len(self.sides.queries)

    @cached_property
    def is_picture(self) -> bool:
        """Whether queries and keys are patches of a picture."""
        return is_picture(self.sides)

    @cached_property
    def is_sequence(self) -> bool:
        """Whether queries and keys are one text or sound in its order."""
        in_bands = any(token.kind == "frame" and token.part for token in self.sides.keys)
        return self.sides.block != "cross" and not self.is_picture and not in_bands

    @cached_property
    def has_text(self) -> bool:
        """Whether any key was written by the user or the model."""
        return any(key.kind in ("text", "generated") for key in self.sides.keys)

    @cached_property
    def counted(self) -> Mask:
        """The queries that count in means: (query,)."""
        return counted_queries(self.sides)

    @cached_property
    def own(self) -> NDArray[np.intp]:
        """The key that a query itself is: (query,), -1 where none is."""
        return own_keys(self.sides)

    @cached_property
    def own_in_order(self) -> bool:
        """Whether every query is the key at its own position."""
        return bool((self.own == np.arange(len(self.own)) + self.start).all())

    @cached_property
    def delimiters(self) -> Mask:
        """The keys that close or part texts: (key,)."""
        return delimiter_keys(self.sides)

    @cached_property
    def repeats(self) -> Repeats:
        """Where tokens stand again."""
        return Repeats(token_numbers(self.sides.keys))

    @cached_property
    def wanted(self) -> Wanted:
        """What of rows is to be added up for the measures that follow from sums."""
        first: Mask = np.arange(len(self.sides.keys)) == 0
        sets = {FIRST: first, DELIMITERS: self.delimiters}
        if self.has_text:
            sets[PUNCTUATION] = punctuation_keys(self.sides)
        steps = (-1, 1) if self.is_sequence else ()
        return Wanted(
            keys=sets,
            steps=((0, *steps) if self.own_in_order else steps),
            counted=np.zeros(len(self.sides.queries), dtype=bool),
            first=None if self.sides.block == "cross" else self.start,
        )

    def apart(self, rows: slice) -> NDArray[np.float64]:
        """Say how far apart patches are: (query, key) of some queries."""
        small = len(self.sides.queries) * len(self.sides.keys) <= _KEPT
        return self._apart[rows] if small else patch_distances(self.sides, rows)

    @cached_property
    def _apart(self) -> NDArray[np.float64]:
        return patch_distances(self.sides)


@dataclass(frozen=True, eq=False)
class Rows:
    """Consecutive rows of some heads of one layer.

    Attributes:
        ground: what is known of the input.
        sums: what the rows come to.
        weights: (head, query, key), of any array library; None where only the sums are known.
        first_key: the position of the first of the keys that are there.
    """

    ground: Ground
    sums: RowSums
    weights: Array = None
    first_key: int = 0

    @property
    def queries(self) -> slice:
        """Which queries' rows they are."""
        return slice(self.sums.start, self.sums.start + self.sums.mass.shape[-1])

    @property
    def keys(self) -> slice:
        """Which keys' columns are there."""
        return slice(self.first_key, self.first_key + self.weights.shape[-1])

    @property
    def at(self) -> int:
        """The position of the first query among the keys."""
        return self.ground.start + self.sums.start
