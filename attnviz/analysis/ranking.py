"""Heads in the order of what they do: by a measure, by a pattern, or by what an answer loses without them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attnviz.analysis.measures.table import MEASURES, applicable, measure
from attnviz.analysis.patterns.find import find_patterns, score_patterns
from attnviz.errors import RequestError
from attnviz.record import Attention
from attnviz.selection import HeadId

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
    chosen = record.head_ids if heads is None else tuple(heads)
    criterion = _known(record, by)
    entries, unit, says = _valued(record, chosen, criterion, effects)
    return Ranking(criterion, unit, says, lowest, _sorted(entries, lowest=lowest))


def criteria(record: Attention) -> tuple[str, ...]:
    """List what the heads of a record can be ranked by, effects aside: patterns and measures.

    Of a pattern and a measure with one name the pattern is meant.
    """
    return tuple(dict.fromkeys((PATTERN, *_patterns(record), *applicable(record))))


def _patterns(record: Attention) -> tuple[str, ...]:
    return tuple(score_patterns(record, record.head_ids[0]))


def _known(record: Attention, by: str) -> str:
    """Find the criterion that is meant."""
    allowed = (*criteria(record), EFFECT)
    spoken = {name.replace("-", " "): name for name in allowed}
    criterion = by if by in allowed else spoken.get(by.replace("-", " "))
    if criterion is None:
        raise RequestError(f"no such criterion: got {by!r}, allowed {', '.join(allowed)}")
    return criterion


def _valued(
    record: Attention, heads: Sequence[HeadId], criterion: str, effects: Mapping[HeadId, float] | None
) -> tuple[list[Entry], str, str]:
    """Give what each head is ranked by, its unit, and what it says."""
    if criterion == EFFECT:
        return _by_effect(heads, effects), "", "what the model's answer loses without the head"
    if criterion == PATTERN:
        return list(_by_nearest(record, heads)), _OVER_CHANCE, "the pattern it comes nearest to"
    if criterion in _patterns(record):
        return list(_by_pattern(record, heads, criterion)), _OVER_CHANCE, f"its score for {criterion}"
    one = MEASURES[criterion]
    measured = measure(record, heads, [criterion])
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


def _by_pattern(record: Attention, heads: Sequence[HeadId], pattern: str) -> Iterator[Entry]:
    for head in heads:
        yield Entry(head, score_patterns(record, head)[pattern].over_chance)


def _by_nearest(record: Attention, heads: Sequence[HeadId]) -> Iterator[Entry]:
    for head, pattern in find_patterns(record, heads).items():
        yield Entry(head, pattern.over_chance)


def _sorted(entries: Sequence[Entry], *, lowest: bool) -> tuple[Entry, ...]:
    """Put entries in order; those without a value come last, equal ones stay as they were."""
    sign = 1 if lowest else -1
    return tuple(
        sorted(entries, key=lambda entry: (np.isnan(entry.value), sign * np.nan_to_num(entry.value)))
    )
