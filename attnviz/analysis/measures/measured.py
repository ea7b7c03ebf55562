"""What measures of heads come to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        sink_rate: the share of these heads whose queries, all of them, give the first key more than
            `sinks.SINK` on average.
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
    sink_rate: float
