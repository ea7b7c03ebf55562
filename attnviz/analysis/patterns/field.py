"""What one head is held against: every shape, prepared once for all heads that see alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.entropy import breadth
from attnviz.analysis.patches import is_picture
from attnviz.analysis.patterns.cells import BLOCK, OF_PICTURES, OF_TEXT, first_key, offsets
from attnviz.analysis.patterns.content import ASKED_WHERE_POSSIBLE, CONTENT, Wording
from attnviz.analysis.patterns.evidence import Evidence, strongest_keys, strongest_links
from attnviz.analysis.patterns.score import Numbers, Score, Shapes, beyond_chance
from attnviz.analysis.readers import Mask, counted_queries, self_links, special_keys
from attnviz.record import Attention
from attnviz.selection import HeadId

SELF, BROAD = "self", "broad"

# Where one and the same key has most of the mass: a line down the square of a text, one patch of a picture.
VERTICAL, ONE_PATCH = "vertical", "one patch"

# Weights are turned to float64 that many at a time.
_CELLS_AT_ONCE = 2**18

# The patterns that are about keys, whoever looks.
_ABOUT_KEYS = frozenset({"first", "special", "punctuation", VERTICAL, ONE_PATCH})


@dataclass(frozen=True, eq=False)
class Shuffled:
    """A pattern's cells in a text whose words have changed places.

    Attributes:
        cells: places among all cells, row after row; of a pattern about keys, places among the keys.
        asked: the rows that count.
    """

    cells: NDArray[np.integer]
    asked: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Field:
    """What heads of a record are held against.

    Attributes:
        record: whose heads.
        layer: one of the layers that see as theirs does.
    """

    record: Attention
    layer: int

    @cached_property
    def queries(self) -> NDArray[np.intp]:
        """The positions of the queries that count: (row,)."""
        return np.flatnonzero(counted_queries(self.record))

    @cached_property
    def itself(self) -> Mask:
        """Where a query meets itself: (row, key)."""
        return self_links(self.record)[self.queries]

    @cached_property
    def visible(self) -> Mask:
        """What each query can see: (row, key)."""
        return self.record.visible(self.layer)[self.queries]

    @cached_property
    def wording(self) -> Wording:
        """Which word stands where."""
        return Wording.of(self.record)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The patterns that are fixed cells."""
        return tuple(OF_PICTURES) if is_picture(self.record) else (*OF_TEXT, *CONTENT)

    @cached_property
    def shapes(self) -> Shapes:
        """Those cells, self-links aside."""
        size = (len(self.queries), len(self.record.keys))
        cells = np.array([np.broadcast_to(self._cells(name), size) for name in self.names])
        where_possible = np.array([name in ASKED_WHERE_POSSIBLE for name in self.names])
        return Shapes.of(cells, self.visible & ~self.itself, where_possible)

    @cached_property
    def resting(self) -> Shapes:
        """The cells on which queries meet themselves, of all they can see."""
        return Shapes.of(self.itself[None], self.visible, np.zeros(1, dtype=bool))

    @cached_property
    def single(self) -> NDArray[np.intp]:
        """The keys that could be the only one looked at, (key,): the first and the added ones have a name."""
        return np.flatnonzero(~(special_keys(self.record) | first_key(self.record)))

    @cached_property
    def shuffled(self) -> dict[str, tuple[Shuffled, ...]]:
        """Each pattern that depends on words, for words that have changed places."""
        wordings = tuple(self.wording.shuffles())
        return {name: tuple(self._shuffled(name, one) for one in wordings) for name in CONTENT}

    def _shuffled(self, name: str, wording: Wording) -> Shuffled:
        reachable = self.shapes.reachable
        cells = self._of_words(name, wording)
        if cells.ndim == 1:
            return Shuffled(np.flatnonzero(cells), np.arange(len(reachable)))
        cells &= reachable
        return Shuffled(np.flatnonzero(cells).astype(np.int32), np.flatnonzero(cells.any(axis=-1)))

    @cached_property
    def distances(self) -> NDArray[np.intp]:
        """How far from its query each key stands, as a number from 0: (row, key)."""
        far = offsets(self.record)
        far -= far.min()
        return far[self.queries]

    def _cells(self, name: str) -> Mask:
        if name in CONTENT:
            return self._of_words(name, self.wording)
        cells = OF_PICTURES if is_picture(self.record) else OF_TEXT
        return cells[name](self.record)[self.queries]

    def _of_words(self, name: str, wording: Wording) -> Mask:
        cells = CONTENT[name](wording)
        return cells if cells.ndim == 1 else cells[self.queries]

    def hold(self, heads: Sequence[HeadId]) -> Iterator["Found"]:
        """Hold heads against everything, several at once."""
        size = len(self.queries) * len(self.record.keys)
        several = max(1, _CELLS_AT_ONCE // size)
        for first in range(0, len(heads), several):
            yield from self._hold(heads[first : first + several])

    def _hold(self, heads: Sequence[HeadId]) -> Iterator["Found"]:
        weights = np.array([self.record.head(head)[self.queries] for head in heads], dtype=np.float64)
        elsewhere = np.where(self.itself, 0.0, weights)
        scores, resting = self.shapes.weigh(elsewhere), self.resting.weigh(weights)
        for each in zip(heads, weights, elsewhere, scores, resting, strict=True):
            yield Found(self, *each)


@dataclass(frozen=True, eq=False)
class Held:
    """One head held against one shape.

    Attributes:
        name: the pattern's.
        score: what the head gives it.
        cells: (row, key), True for the pattern's.
        found: whose head it is.
        tried: of how many such shapes this one is the best.
    """

    name: str
    score: Score
    cells: Mask
    found: "Found"
    tried: int = 1

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What carries the pattern."""
        record, queries = self.found.field.record, self.found.field.queries
        weights = self.found.weights if self.name == SELF else self.found.elsewhere
        if self.name in _ABOUT_KEYS:
            return strongest_keys(record, weights, self.cells)
        return strongest_links(record, queries, weights, self.cells)

    def is_above_noise(self) -> bool:
        """Say whether the margin is more than noise, or shuffled words, or mere distance would give."""
        if not self.score.is_certain(self.tried):
            return False
        if self.name == BLOCK:
            return self.found.stays_inside(self.cells)
        return self.name not in CONTENT or self.found.needs_the_words(self.name, self.score)

    def is_within(self, other: "Held") -> bool:
        """Say whether this shape is part of another."""
        return not (self.cells & ~other.cells).any()


@dataclass(frozen=True, eq=False)
class Found:
    """One head held against every shape.

    Attributes:
        field: what it is held against.
        head: its name.
        weights: (row, key).
        elsewhere: the same, self-links aside.
        scores: what it gives each set of cells.
        at_rest: what it gives itself, alone in a list.
    """

    field: Field
    head: HeadId
    weights: Numbers
    elsewhere: Numbers
    scores: Sequence[Score]
    at_rest: Sequence[Score]

    @cached_property
    def _beyond(self) -> Numbers:
        """What each cell has beyond chance: (row, key)."""
        return beyond_chance(self.elsewhere, self.field.shapes.reachable)

    @cached_property
    def resting(self) -> Held:
        """How much it rests on itself."""
        [score] = self.at_rest
        return Held(SELF, score, self.field.itself, self)

    @cached_property
    def shapes(self) -> tuple[Held, ...]:
        """What it gives each set of cells, and the one key that it gives most."""
        shapes = self.field.shapes
        scores = zip(self.field.names, self.scores, shapes.cells, strict=True)
        held = [Held(name, score, cells, self) for name, score, cells in scores]
        return (*held, *self._one_key())

    def _one_key(self) -> Iterator[Held]:
        candidates = self.field.single
        if not len(candidates):
            return
        most = candidates[self._beyond.sum(axis=0)[candidates].argmax()]
        reachable = self.field.shapes.reachable
        cells = reachable & (np.arange(reachable.shape[-1]) == most)
        [[score]] = Shapes.of(cells[None], reachable, np.zeros(1, dtype=bool)).weigh(self.elsewhere[None])
        name = ONE_PATCH if is_picture(self.field.record) else VERTICAL
        yield Held(name, score, cells, self, tried=len(candidates))

    @cached_property
    def broad(self) -> Held:
        r"""How much of what they can see its queries read, as if alike: $\sum 2^{H_i} / \sum n_i$.

        Evenly spread attention has 1, and nothing is above it. A query that sees a single key is not asked.
        """
        seen = np.count_nonzero(self.field.visible, axis=-1)
        asked = seen > 1
        read, seen = breadth(self.weights)[asked], seen[asked]
        nothing = np.zeros_like(self.field.visible)
        if not len(seen):
            return Held(BROAD, Score(0.0, -1.0, nan, 0.0, 0), nothing, self)
        share = min(float(read.sum() / seen.sum()), 1.0)
        spare = len(seen) / (len(seen) - 1) if len(seen) > 1 else nan
        error = float(np.sqrt(spare * ((read - share * seen) ** 2).sum()) / seen.sum())
        return Held(BROAD, Score(share, share - 1.0, error, 0.0, len(seen)), nothing, self)

    def needs_the_words(self, name: str, score: Score) -> bool:
        """Say whether the margin is above that in every text whose words have changed places."""
        mass = self.elsewhere.sum(axis=-1)
        beyond = self._beyond.sum(axis=0) if name in _ABOUT_KEYS else self._beyond.ravel()
        return all(
            beyond[other.cells].sum() < score.over_chance * mass[other.asked].sum()
            for other in self.field.shuffled[name]
        )

    def stays_inside(self, cells: Mask) -> bool:
        """Say whether less than half as much crosses a border as its distances alone would let cross."""
        reachable, far = self.field.shapes.reachable, self.field.distances
        given = np.bincount(far.ravel(), self.elsewhere.ravel())
        inside = np.bincount(far.ravel(), (cells & reachable).ravel())
        places = np.maximum(np.bincount(far.ravel(), reachable.ravel()), 1)
        crossing = self.elsewhere.sum() - self.elsewhere[cells].sum()
        return bool(2 * crossing < (given * (1 - inside / places)).sum())
