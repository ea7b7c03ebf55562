"""What carries a pattern: the links or the tokens that most of its mass is on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.readers import Mask
from attnviz.record import Attention

MOST_EVIDENCE = 3


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


def strongest_links(
    record: Attention, queries: NDArray[np.intp], weights: NDArray[np.float64], cells: Mask
) -> tuple[Evidence, ...]:
    """Give the strongest of a pattern's links.

    Shape:
        queries: (row,), the positions of the rows among the record's queries.
        weights: (row, key).
        cells: (row, key), True for the pattern's.
    """
    rows, columns = np.nonzero(cells & (weights > 0))
    found = weights[rows, columns]
    return tuple(
        Evidence(
            record.queries[queries[rows[place]]].text,
            int(queries[rows[place]]),
            record.keys[columns[place]].text,
            int(columns[place]),
            float(found[place]),
        )
        for place in np.argsort(-found, kind="stable")[:MOST_EVIDENCE]
    )


def strongest_keys(record: Attention, weights: NDArray[np.float64], cells: Mask) -> tuple[Evidence, ...]:
    """Give the keys of a pattern that receive most.

    Shape:
        weights: (row, key).
        cells: (row, key), True for the pattern's.
    """
    total = max(float(weights.sum()), np.finfo(np.float64).tiny)
    shares = np.where(cells, weights, 0.0).sum(axis=0) / total
    return tuple(
        Evidence(None, None, record.keys[key].text, int(key), float(shares[key]))
        for key in np.argsort(-shares, kind="stable")[:MOST_EVIDENCE]
        if shares[key] > 0
    )
