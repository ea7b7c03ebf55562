"""What a head is called, once it is known what it gives every shape."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import nan

from attnviz.analysis.patterns.evidence import Evidence
from attnviz.analysis.patterns.score import ERRORS, FEWEST, Score
from attnviz.analysis.patterns.shapes import Cells

NO_PATTERN = "no clear pattern"

SELF, BROAD = "self", "broad"

# Where one and the same key has most of the mass: a line down the square of a text, one patch of a picture.
VERTICAL, ONE_PATCH = "vertical", "one patch"

# How far above chance a score must lie to be called a pattern.
CLEAR = 0.3

# How much of its mass a head must keep on the diagonal to be called "self".
RESTING = 0.9

# A single key must have more than this to be all that a head looks at.
MOST = 0.5

# How much of what it can see a head must read, as if alike, to be called "broad".
WIDE = 0.8

# A shape within another one is the better name if it has this part of the other's margin.
NARROWER = 0.75

# Sums come in blocks of any size; margins that differ by less are alike.
_DIGITS = 6


@dataclass(frozen=True)
class Pattern:
    """What a head's rows have in common.

    Attributes:
        label: the pattern's name, or "no clear pattern".
        nearest: the pattern that came closest; the label itself where there is one.
        score: the share of the mass on the pattern's cells, 0 to 1; of "broad" how much of what it can see a
            head reads, as if alike.
        over_chance: the score less what evenly spread mass would give, -1 to 1. That is 1 for "broad", which
            nothing is above, so there it is 0 or less.
        error: the standard error of that margin over the queries that count; NaN for one query alone.
        queries: how many queries have a cell of the pattern.
        certain: whether the margin is above what noise, and shuffled words, would give.
        evidence: what carries the pattern, strongest first; nothing where there is no clear pattern.
    """

    label: str
    nearest: str
    score: float
    over_chance: float
    error: float = nan
    queries: int = 0
    certain: bool = False
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, eq=False)
class Held:
    """One head held against one shape.

    Attributes:
        name: the pattern's.
        score: what the head gives it.
        cells: the pattern's, where a head is told by its cells.
        tried: of how many such shapes this one is the best.
        holds: whether it stands up to what else is asked of such a shape: shuffled words, or mere distance;
            None where that is not known yet.
        evidence: what carries the pattern.
    """

    name: str
    score: Score
    cells: Cells | None = None
    tried: int = 1
    holds: bool | None = True
    evidence: tuple[Evidence, ...] = ()

    @property
    def margin(self) -> float:
        """How far above chance it is."""
        return self.score.over_chance

    @property
    def may_be_clear(self) -> bool:
        """Whether the shape may be named if it holds."""
        enough = self.name not in (VERTICAL, ONE_PATCH) or self.score.share > MOST
        return enough and self.margin >= CLEAR and self.score.is_certain(self.tried)

    @property
    def is_clear(self) -> bool:
        """Whether the shape may be named."""
        return self.holds is True and self.may_be_clear


@dataclass(frozen=True, eq=False)
class Found:
    """One head held against everything.

    Attributes:
        shapes: what it gives each set of cells, and the one key that it gives most.
        resting: how much it rests on itself.
        broad: how much of what they can see its queries read, as if alike.
        is_within: says whether a shape's cells are all another's.
    """

    shapes: tuple[Held, ...]
    resting: Held
    broad: Held
    is_within: Callable[[Held, Held], bool] = field(repr=False)

    @property
    def open(self) -> tuple[Held, ...]:
        """The shapes of which it is not known yet whether they hold."""
        return tuple(held for held in self.shapes if held.holds is None)

    @property
    def doubtful(self) -> tuple[Held, ...]:
        """Those of them that may change what the head is called: all, or none."""
        if not self.open:
            return ()
        answers = product((False, True), repeat=len(self.open))
        labels = {self._if_open(holds).named().label for holds in answers}
        return self.open if len(labels) > 1 else ()

    def _if_open(self, holds: Sequence[bool]) -> "Found":
        """Suppose what is open to hold or not, one after the other."""
        pairs = zip(self.open, holds, strict=True)
        return self.settled({held.name: replace(held, holds=one) for held, one in pairs})

    def settled(self, known: Mapping[str, Held]) -> "Found":
        """Put what is known by now in the place of what was open, by name."""
        return replace(self, shapes=tuple(known.get(held.name, held) for held in self.shapes))

    def named(self) -> Pattern:
        """Choose what the head is called."""
        if self.resting.score.share >= RESTING and self.resting.is_clear:
            return _pattern(self.resting, certain=True)
        clear = [held for held in self.shapes if held.is_clear]
        if clear:
            return _pattern(self._narrowest(clear), certain=True)
        if _is_broad(self.broad.score):
            return _pattern(self.broad, certain=True)
        return _pattern(max(self.shapes, key=_margin), label=NO_PATTERN, certain=False)

    def scored(self) -> dict[str, Pattern]:
        """Give each pattern as if it were the head's label."""
        scored = {held.name: _pattern(held, certain=held.is_clear) for held in (*self.shapes, self.resting)}
        return {**scored, BROAD: _pattern(self.broad, certain=_is_broad(self.broad.score))}

    def _narrowest(self, clear: Sequence[Held]) -> Held:
        """Take the one furthest above chance, or the best within it that comes close to it."""
        best = max(clear, key=_margin)
        within = [held for held in clear if held is not best and self.is_within(held, best)]
        close = [held for held in within if held.margin >= NARROWER * best.margin]
        return self._narrowest(close) if close else best


def _margin(held: Held) -> float:
    """Give the margin without its rounding: of shapes that are alike the first is meant."""
    return round(held.margin, _DIGITS)


def _is_broad(score: Score) -> bool:
    return score.queries >= FEWEST and score.share - ERRORS * score.error >= WIDE


def _pattern(held: Held, *, certain: bool, label: str | None = None) -> Pattern:
    score = held.score
    return Pattern(
        label=label or held.name,
        nearest=held.name,
        score=score.share,
        over_chance=score.over_chance,
        error=score.error,
        queries=score.queries,
        certain=certain,
        evidence=() if label == NO_PATTERN else held.evidence,
    )
