"""What measures of heads come to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.sinks import rate
from attnviz.record import Block, Token, View
from attnviz.selection import HeadId


@dataclass(frozen=True, eq=False)
class Measured:
    """Measures of some heads of a record.

    Attributes:
        model: the record's model.
        text: the record's text.
        block: the record's block.
        view: what the record's numbers are.
        heads: the heads measured.
        names: the measures taken of each.
        units: what each counts; a distance in a picture counts patches.
        means: float64 (head, measure), over the queries that count; NaN where no query has the measure.
        spreads: float64 (head, measure), the standard deviation over the same queries.
        over_chance: float64 (head, measure), what the mean of a mass is above that of evenly spread mass; NaN
            for what is no mass.
        counted: the number of queries that count, which are those the user or the model wrote.
        queries: the record's queries.
        first_key: float64 (head,), what its queries, all of them, give the first key on average.
    """

    model: str
    text: str
    block: Block
    view: View
    heads: tuple[HeadId, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    over_chance: NDArray[np.float64]
    counted: int
    queries: tuple[Token, ...]
    first_key: NDArray[np.float64]

    @property
    def sink_rate(self) -> float:
        """The share of these heads that give the first key more than `sinks.SINK`."""
        return rate(self.first_key)

    def of(self, heads: Sequence[HeadId]) -> "Measured":
        """Give the measures of some of these heads, in that order."""
        rows = [self.heads.index(head) for head in heads]
        return replace(
            self,
            heads=tuple(heads),
            means=self.means[rows],
            spreads=self.spreads[rows],
            over_chance=self.over_chance[rows],
            first_key=self.first_key[rows],
        )
