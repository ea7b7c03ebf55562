"""What carries a pattern: the links or the tokens that most of its mass is on."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patterns.seen import Numbers, Places
from attnviz.analysis.readers import Mask
from attnviz.frame import Sides

MOST_EVIDENCE = 3

# Sums that differ by less are alike but for rounding, and then the first key goes first.
_DIGITS = 9


@dataclass(frozen=True)
class Evidence:
    """A link that carries a pattern, or a token that it is about.

    Attributes:
        query: the text of the token that looks; None where every query looks at this key.
        query_position: its place among the queries, from 0; None likewise.
        key: the text of the token looked at.
        key_position: its place among the keys, from 0.
        weight: of a link its weight; of a key the share of the mass of all queries that count; 0 to 1.
    """

    query: str | None
    query_position: int | None
    key: str
    key_position: int
    weight: float

    @classmethod
    def of(cls, sides: Sides, query: int | None, key: int, weight: float) -> "Evidence":
        """Name a query, where there is one, and a key by their positions."""
        source = None if query is None else sides.queries[query].text
        return cls(source, query, sides.keys[key].text, key, weight)


@dataclass(eq=False)
class Strongest:
    """Keeps the strongest of the links that come, of equal ones the first.

    Attributes:
        most: how many to keep.
    """

    most: int = MOST_EVIDENCE
    _links: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def enough(self) -> float:
        """What a link must be above to be kept."""
        return self._links[-1][0] if len(self._links) == self.most > 0 else 0.0

    def take(self, weights: NDArray[np.floating], queries: Places, keys: Places) -> None:
        """Take links, row after row: (link,) each."""
        if not self.most:
            return
        better = np.flatnonzero(weights > self.enough)
        better = better[np.argsort(-weights[better], kind="stable")[: self.most]]
        found = zip(weights[better].tolist(), queries[better].tolist(), keys[better].tolist(), strict=True)
        self._links = sorted([*self._links, *found], key=lambda link: -link[0])[: self.most]

    @property
    def links(self) -> list[tuple[float, int, int]]:
        """The weight, query and key of each, strongest first."""
        return list(self._links)


def strongest_links(sides: Sides, kept: Strongest) -> tuple[Evidence, ...]:
    """Give the strongest of a pattern's links as evidence."""
    return tuple(Evidence.of(sides, query, key, weight) for weight, query, key in kept.links)


def strongest_keys(sides: Sides, received: Numbers, total: float, keys: Mask) -> tuple[Evidence, ...]:
    """Give the keys of a pattern that receive most.

    Shape:
        received: (key,), by all queries that count.
        keys: (key,), True for the pattern's.

    Args:
        sides: whose keys.
        received: what each is given.
        total: what all queries give to all keys.
        keys: which are the pattern's.
    """
    shares = np.where(keys, received, 0.0) / max(total, np.finfo(np.float64).tiny)
    order = np.argsort(-shares.round(_DIGITS), kind="stable")[:MOST_EVIDENCE]
    return tuple(
        Evidence.of(sides, None, key, float(shares[key])) for key in order.tolist() if shares[key] > 0
    )
