"""Heads in the order of what they do: by a measure, by a pattern, or by what an answer loses without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from attnviz.analysis.measures.catalogue import MEASURES, applicable_on
from attnviz.analysis.measures.ground import Ground
from attnviz.analysis.measures.measured import Measured
from attnviz.analysis.measures.table import measure
from attnviz.analysis.patterns.find import find_patterns, score_patterns
from attnviz.analysis.patterns.naming import Pattern
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.analysis.streaming.patterning import Observe, Patterning, pattern_names
from attnviz.analysis.streaming.sums import Summing
from attnviz.errors import RequestError
from attnviz.frame import Frame, frame_of
from attnviz.record import Attention
from attnviz.selection import HeadId, Selection

# The criterion of the pattern each head comes nearest to, and that of what an answer loses.
PATTERN, EFFECT = "pattern", "effect"

_OVER_CHANCE = "over chance"


@dataclass(frozen=True)
class Entry:
    """One head's place in a ranking.

    Attributes:
        head: its name.
        value: what it was ranked by; NaN where the head has no such value, which comes last.
        spread: the standard deviation of it over the queries, where it is a mean over queries.
    """

    head: HeadId
    value: float
    spread: float | None = None


@dataclass(frozen=True)
class Ranking:
    """Heads in the order of one criterion.

    Attributes:
        criterion: what they are ranked by.
        unit: what its values count, such as "bits".
        says: what it says of a head, in one line.
        lowest: whether the smallest value comes first.
        entries: the heads, best first; of equal ones in the order they were given.
    """

    criterion: str
    unit: str
    says: str
    lowest: bool
    entries: tuple[Entry, ...]


def rank(
    record: Attention,
    heads: Sequence[HeadId] | None = None,
    by: str = "entropy",
    *,
    lowest: bool = False,
    effects: Mapping[HeadId, float] | None = None,
) -> Ranking:
    """Put heads of a record in order.

    Args:
        record: one input's attention.
        heads: the heads to rank; None means every one.
        by: one of `criteria(record)`, or "effect". A measure ranks by its mean over the queries that count; a
            pattern by how far above chance the head's score for it is; "pattern" by that of the head's
            best. A hyphen may stand for a space.
        lowest: whether the smallest value comes first.
        effects: what the model's answer loses without each head; needed for "effect".

    Raises:
        RequestError: there is no such criterion, or no effect is known of one of the heads.
        OutOfRange: the record lacks one of the heads.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]], ["a", "b"])
    >>> [str(entry.head) for entry in rank(record, by="confidence").entries]
    ['L0H1', 'L0H0']
    """
    return rank_rows(RecordRows(record), heads, by, lowest=lowest, effects=effects)


class Rows(Protocol):
    """What a ranking asks of an input, whose rows it looks at as often as it must."""

    @property
    def frame(self) -> Frame:
        """What is known of the input."""
        ...

    def measured(self, heads: Sequence[HeadId], names: Sequence[str]) -> Measured:
        """Take measures of some heads."""
        ...

    def patterns(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Pattern]:
        """Name what some heads do."""
        ...

    def scores(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Mapping[str, Pattern]]:
        """Hold some heads against every pattern."""
        ...


def rank_rows(
    rows: Rows,
    heads: Sequence[HeadId] | None = None,
    by: str = "entropy",
    *,
    lowest: bool = False,
    effects: Mapping[HeadId, float] | None = None,
) -> Ranking:
    """Put heads of an input in order, whatever its length; see `rank`."""
    chosen = rows.frame.head_ids if heads is None else tuple(heads)
    criterion = _known(rows.frame, by)
    entries, unit, says = _valued(rows, chosen, criterion, effects)
    return Ranking(criterion, unit, says, lowest, _sorted(entries, lowest=lowest))


def criteria(record: Attention) -> tuple[str, ...]:
    """List what the heads of a record can be ranked by, effects aside: patterns and measures.

    Of a pattern and a measure with one name the pattern is meant.
    """
    return _criteria(frame_of(record))


@dataclass(frozen=True, eq=False)
class RecordRows:
    """The rows of a record.

    Attributes:
        record: the record.
    """

    record: Attention

    @cached_property
    def frame(self) -> Frame:
        """What is known of the input."""
        return frame_of(self.record)

    def measured(self, heads: Sequence[HeadId], names: Sequence[str]) -> Measured:
        """Take measures of some heads."""
        return measure(self.record, heads, names)

    def patterns(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Pattern]:
        """Name what some heads do."""
        return find_patterns(self.record, heads)

    def scores(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Mapping[str, Pattern]]:
        """Hold some heads against every pattern."""
        return {head: score_patterns(self.record, head) for head in heads}


@dataclass(frozen=True, eq=False)
class PassingRows:
    """The rows of an input whose squares do not fit, looked at as they pass by.

    Attributes:
        frame: what is known of the input.
        observe: hands the weights of a selection on to an observer.
    """

    frame: Frame
    observe: Observe

    def measured(self, heads: Sequence[HeadId], names: Sequence[str]) -> Measured:
        """Take measures of some heads."""
        measuring = Measuring(self.frame, names)
        observer = measuring if measuring.needs_weights else Summing(measuring)
        self.observe(observer, Selection(heads=",".join(map(str, self.frame.head_ids))))
        return measuring.result(heads)

    def patterns(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Pattern]:
        """Name what some heads do."""
        patterning = self._look(heads)
        patterning.settle(self.observe)
        return patterning.result()

    def scores(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Mapping[str, Pattern]]:
        """Hold some heads against every pattern."""
        return {head: found.scored() for head, found in self._look(heads).found.items()}

    def _look(self, heads: Sequence[HeadId]) -> Patterning:
        patterning = Patterning(self.frame, heads)
        self.observe(patterning, Selection(heads=",".join(map(str, self.frame.head_ids))))
        return patterning


def _criteria(frame: Frame) -> tuple[str, ...]:
    return tuple(dict.fromkeys((PATTERN, *pattern_names(frame), *applicable_on(Ground(frame)))))


def _known(frame: Frame, by: str) -> str:
    """Find the criterion that is meant."""
    allowed = (*_criteria(frame), EFFECT)
    spoken = {name.replace("-", " "): name for name in allowed}
    criterion = by if by in allowed else spoken.get(by.replace("-", " "))
    if criterion is None:
        raise RequestError(f"no such criterion: got {by!r}, allowed {', '.join(allowed)}")
    return criterion


def _valued(
    rows: Rows, heads: Sequence[HeadId], criterion: str, effects: Mapping[HeadId, float] | None
) -> tuple[list[Entry], str, str]:
    """Give what each head is ranked by, its unit, and what it says."""
    if criterion == EFFECT:
        return _by_effect(heads, effects), "", "what the model's answer loses without the head"
    if criterion == PATTERN:
        found = rows.patterns(heads)
        return _by_margin(found), _OVER_CHANCE, "the pattern it comes nearest to"
    if criterion in pattern_names(rows.frame):
        scores = rows.scores(heads)
        found = {head: scores[head][criterion] for head in heads}
        return _by_margin(found), _OVER_CHANCE, f"its score for {criterion}"
    one = MEASURES[criterion]
    measured = rows.measured(heads, [criterion])
    values = zip(heads, measured.means[:, 0], measured.spreads[:, 0], strict=True)
    return (
        [Entry(head, float(mean), float(spread)) for head, mean, spread in values],
        measured.units[0],
        one.says,
    )


def _by_effect(heads: Sequence[HeadId], effects: Mapping[HeadId, float] | None) -> list[Entry]:
    missing = [head for head in heads if head not in (effects or {})]
    if effects is None or missing:
        raise RequestError(f"no effect is known of {missing[0]}: heads are ranked by effects once they are")
    return [Entry(head, float(effects[head])) for head in heads]


def _by_margin(found: Mapping[HeadId, Pattern]) -> list[Entry]:
    return [Entry(head, pattern.over_chance) for head, pattern in found.items()]


def _sorted(entries: Sequence[Entry], *, lowest: bool) -> tuple[Entry, ...]:
    """Put entries in order; those without a value come last, equal ones stay as they were."""
    sign = 1 if lowest else -1
    return tuple(
        sorted(entries, key=lambda entry: (np.isnan(entry.value), sign * np.nan_to_num(entry.value)))
    )
