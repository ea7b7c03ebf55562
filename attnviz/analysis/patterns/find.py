"""Named shapes a head may have, each with a score and what chance would give it.

A pattern is a set of cells of the query x key square. Its score is the share of a head's mass that falls on
them; chance is the share that would fall there if every query spread the same mass evenly over the keys it
can see. Self-links are set aside: a head that rests on itself where it has nothing to say is judged by what
it does elsewhere. Only a head that does hardly anything else is called "self".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import is_picture
from attnviz.analysis.patterns.cells import GRID_PATTERNS, PATTERNS
from attnviz.analysis.readers import Mask, counted_queries, self_links, uniform
from attnviz.record import Attention
from attnviz.selection import HeadId

NO_PATTERN = "no clear pattern"

# How far above chance a score must lie to be called a pattern.
CLEAR = 0.3

# How much of its mass a head must keep on the diagonal to be called "self".
RESTING = 0.9


@dataclass(frozen=True)
class Pattern:
    """What a head's rows have in common.

    Attributes:
        label: the pattern's name, or "no clear pattern".
        nearest: the pattern that came closest; the label itself where there is one.
        score: the share of the mass on the pattern's cells, 0 to 1.
        over_chance: the score less what evenly spread mass would give, -1 to 1.
    """

    label: str
    nearest: str
    score: float
    over_chance: float


def find_pattern(record: Attention, head: HeadId) -> Pattern:
    """Name what one head of a record does.

    Returns:
        The pattern furthest above chance, or "self".
    """
    scored = score_patterns(record, head)
    resting = scored.pop("self")
    best = max(scored.values(), key=lambda pattern: pattern.over_chance)
    if resting.score >= RESTING and resting.over_chance >= CLEAR:
        return resting
    if best.over_chance < CLEAR:
        return Pattern(NO_PATTERN, best.nearest, best.score, best.over_chance)
    return best


def score_patterns(record: Attention, head: HeadId) -> dict[str, Pattern]:
    """Hold one head of a record against every pattern.

    Returns:
        By name, each pattern as if it were the head's label; "self" among them.
    """
    weights, visible = record.head(head), record.visible(head.layer)
    rows = counted_queries(record)
    itself = self_links(record)
    elsewhere = np.where(itself, 0.0, weights)[rows]
    reachable = (visible & ~itself)[rows]
    patterns = GRID_PATTERNS if is_picture(record) else PATTERNS
    scored = {
        name: _score(name, elsewhere, reachable, cells(record)[rows]) for name, cells in patterns.items()
    }
    scored["self"] = _score("self", weights[rows].astype(np.float64), visible[rows], itself[rows])
    return scored


def _score(name: str, weights: NDArray[np.float64], reachable: Mask, cells: Mask) -> Pattern:
    """Weigh the mass on some cells against evenly spread mass; all three are (query, key)."""
    mass = weights.sum(axis=-1)
    total = max(mass.sum(), np.finfo(np.float64).tiny)
    score = (weights * cells).sum() / total
    chance = (mass * (uniform(reachable) * cells).sum(axis=-1)).sum() / total
    return Pattern(name, name, float(score), float(score - chance))
