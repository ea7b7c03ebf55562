"""Named shapes a head may have, each with a score, what chance would give it, and how sure that is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

from attnviz.analysis.patterns.evidence import Evidence
from attnviz.analysis.patterns.field import BROAD, ONE_PATCH, VERTICAL, Field, Found, Held
from attnviz.analysis.patterns.score import ERRORS, FEWEST
from attnviz.record import Attention
from attnviz.selection import HeadId

NO_PATTERN = "no clear pattern"

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


def find_pattern(record: Attention, head: HeadId) -> Pattern:
    r"""Name what one head of a record does.

    A pattern is a set of cells of the query x key square. Its score is the share of a head's mass that falls
    on them; chance is the share that would fall there if every query spread the same mass evenly over the
    keys it can see. Self-links are set aside: a head that rests on itself where it has nothing to say is
    judged by what it does elsewhere. Only a head that does hardly anything else is called "self". Queries
    are those the user or the model wrote; "same word" and "induction" ask only those whose word stands
    elsewhere too.

    A pattern is named if all of this holds, and else there is no clear one:

    - The score lies .3 above chance. "vertical" (in a picture "one patch"), a single key, has more than half
      of the mass besides. "broad" is named where no other is, if the breadth of the rows, $2^H$, is .8 of the
      keys seen, two standard errors off.
    - Five queries or more have such a cell.
    - The margin is two standard errors over the queries above 0, and three times what it would be off 0 if
      each query's weights changed places at random.
    - "punctuation", "same word" and "induction": the margin is above that in each of 99 texts in which the
      words have changed places and the weights have not. One sign in a short text is never certain, since
      it might as well be its place that is read.
    - "block": less than half as much crosses a border as would if the mass were spread evenly over all
      places as far from their queries.

    Of several the one furthest above chance is named, or one within it that has three quarters of its margin:
    "previous" goes before "local". After the classes of Kovaleva et al. 2019, section 4.1, the heads of Clark
    et al. 2019, section 3, and Voita et al. 2019, section 4, Olsson et al. 2022 (induction) and Xiao et al.
    2023 (first token); the bounds are our own.

    Raises:
        OutOfRange: the record lacks that head.

    >>> import numpy as np
    >>> from attnviz.record import from_arrays
    >>> record = from_arrays(np.eye(8)[[0, *range(7)]], list("abcdefgh"))
    >>> found = find_pattern(record, HeadId(0, 0))
    >>> found.label, found.score, round(found.over_chance, 3), found.evidence[0].key
    ('previous', 1.0, 0.857, 'a')
    """
    return find_patterns(record, [head])[head]


def find_patterns(record: Attention, heads: Sequence[HeadId] | None = None) -> dict[HeadId, Pattern]:
    """Name what heads of a record do; see `find_pattern`.

    Args:
        record: one input's attention.
        heads: None means every one.

    Raises:
        OutOfRange: the record lacks one of the heads.
    """
    chosen = record.head_ids if heads is None else tuple(heads)
    named = {found.head: _named(found) for found in _hold(record, chosen)}
    return {head: named[head] for head in chosen}


def score_patterns(record: Attention, head: HeadId) -> dict[str, Pattern]:
    """Hold one head of a record against every pattern.

    Returns:
        By name, each pattern as if it were the head's label; "self" and "broad" among them.

    Raises:
        OutOfRange: the record lacks that head.
    """
    [found] = _hold(record, [head])
    scored = {held.name: _pattern(held, certain=_is_clear(held)) for held in (*found.shapes, found.resting)}
    return {**scored, BROAD: _pattern(found.broad, certain=_is_broad(found.broad))}


def _hold(record: Attention, heads: Sequence[HeadId]) -> Iterator[Found]:
    """Hold heads against every shape, those together that see alike."""
    alike: dict[int | None, list[HeadId]] = {}
    for head in heads:
        seen = id(record.sight[head.layer]) if head.layer in record.sight else None
        alike.setdefault(seen, []).append(head)
    for several in alike.values():
        yield from Field(record, several[0].layer).hold(several)


def _named(found: Found) -> Pattern:
    """Choose what a head is called."""
    if found.resting.score.share >= RESTING and _is_clear(found.resting):
        return _pattern(found.resting, certain=True)
    clear = [held for held in found.shapes if _is_clear(held)]
    if clear:
        return _pattern(_narrowest(clear), certain=True)
    if _is_broad(found.broad):
        return _pattern(found.broad, certain=True)
    return _pattern(max(found.shapes, key=_margin), label=NO_PATTERN, certain=False)


def _narrowest(clear: Sequence[Held]) -> Held:
    """Take the one furthest above chance, or the best within it that comes close to it."""
    best = max(clear, key=_margin)
    within = [held for held in clear if held is not best and held.is_within(best)]
    close = [held for held in within if _margin(held) >= NARROWER * _margin(best)]
    return _narrowest(close) if close else best


def _margin(held: Held) -> float:
    return held.score.over_chance


def _is_clear(held: Held) -> bool:
    """Say whether a shape may be named, cheap questions first."""
    enough = held.name not in (VERTICAL, ONE_PATCH) or held.score.share > MOST
    return enough and _margin(held) >= CLEAR and held.is_above_noise()


def _is_broad(broad: Held) -> bool:
    score = broad.score
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
