"""Heads of one record held against each other: where they agree, where they differ, which go together."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.grouping import group, order
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.readers import counted_queries
from attnviz.errors import RequestError
from attnviz.record import Attention, Block, Token
from attnviz.selection import HeadId

# Heads that differ by less than this many bits, on average over their pairs, are called a group.
ALIKE = 0.25


@dataclass(frozen=True)
class Pair:
    """Two heads and how differently they read.

    Attributes:
        first: one of them.
        second: the other.
        divergence: the mean over queries, 0 to 1 bit.
        spread: the standard deviation over these queries, in bits.
    """

    first: HeadId
    second: HeadId
    divergence: float
    spread: float


@dataclass(frozen=True)
class Choice:
    """The key one head reads most at one query, with its weight, 0 to 1."""

    token: str
    position: int
    weight: float


@dataclass(frozen=True)
class Row:
    """One query under every compared head.

    Attributes:
        query: its text.
        position: its place among the queries, from 0.
        choices: the key each head reads most, in the order of the heads.
        divergence: the mean over pairs of heads, 0 to 1 bit.
    """

    query: str
    position: int
    choices: tuple[Choice, ...]
    divergence: float

    @property
    def agrees(self) -> bool:
        """Whether every head reads the same key most."""
        return len({choice.position for choice in self.choices}) == 1


@dataclass(frozen=True, eq=False)
class Comparison:
    """Some heads of a record held against each other.

    Attributes:
        model: the record's model.
        text: the record's text.
        block: the record's block.
        queries: the record's queries.
        heads: the heads compared, at least two.
        divergences: float64 (head, head), bits, symmetric, zero on the diagonal; mean over the queries the
            user wrote.
        spreads: float64 (head, head), bits: the standard deviation over the same queries.
        rows: one per query the user wrote, in the order of the text.
        groups: heads that read alike, larger groups first; a head like no other is a group of its own.
    """

    model: str
    text: str
    block: Block
    queries: tuple[Token, ...]
    heads: tuple[HeadId, ...]
    divergences: NDArray[np.float64]
    spreads: NDArray[np.float64]
    rows: tuple[Row, ...]
    groups: tuple[tuple[HeadId, ...], ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair of heads, the most alike first."""
        pairs = [
            Pair(first, second, float(self.divergences[i, j]), float(self.spreads[i, j]))
            for i, first in enumerate(self.heads)
            for j, second in enumerate(self.heads[i + 1 :], i + 1)
        ]
        return tuple(sorted(pairs, key=lambda pair: pair.divergence))

    @property
    def clustered(self) -> "Comparison":
        """The same with its heads in an order in which those that read alike stand together."""
        rows = order(self.divergences)
        cells = np.ix_(rows, rows)
        return replace(
            self,
            heads=tuple(self.heads[row] for row in rows),
            divergences=self.divergences[cells],
            spreads=self.spreads[cells],
            rows=tuple(replace(row, choices=tuple(row.choices[k] for k in rows)) for row in self.rows),
        )


def compare(record: Attention, *heads: HeadId | str) -> Comparison:
    """Hold heads of a record against each other.

    Args:
        record: one text's attention.
        heads: two or more of its heads, such as "L0H2"; none means every one.

    Raises:
        RequestError: only one head to compare.
        OutOfRange: the record lacks one of the heads.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2], ["lazy", "dog"])
    >>> attnviz.compare(record, "L0H0", "L0H1").pairs[0].divergence
    1.0
    """
    named = tuple(HeadId.parse(head) if isinstance(head, str) else head for head in heads)
    chosen = tuple(dict.fromkeys(named)) or record.head_ids
    if len(chosen) < 2:
        raise RequestError(f"nothing to compare: got one head, {chosen[0]}, allowed two or more")
    weights = np.stack([record.head(head) for head in chosen]).astype(np.float64)
    per_row = _pairwise(weights)
    counted = counted_queries(record)
    divergences = per_row[..., counted].mean(axis=-1)
    return Comparison(
        model=record.model,
        text=record.text,
        block=record.block,
        queries=record.queries,
        heads=chosen,
        divergences=divergences,
        spreads=per_row[..., counted].std(axis=-1),
        rows=tuple(_row(record, weights, per_row, int(i)) for i in np.flatnonzero(counted)),
        groups=tuple(tuple(chosen[k] for k in g) for g in group(divergences, ALIKE)),
    )


def _pairwise(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the divergence of each pair of heads at each query: (head, head, query)."""
    heads, queries = weights.shape[:2]
    per_row = np.zeros((heads, heads, queries))
    # One head against the later ones at a time: the full (head, head, query, key) product need not exist.
    for i in range(heads - 1):
        later = weights[i + 1 :]
        apart = divergence(np.broadcast_to(weights[i], later.shape), later)
        per_row[i, i + 1 :] = per_row[i + 1 :, i] = apart
    return per_row


def _row(record: Attention, weights: NDArray[np.float64], per_row: NDArray[np.float64], position: int) -> Row:
    favourites = weights[:, position].argmax(axis=-1)
    choices = tuple(
        Choice(record.keys[j].text, int(j), float(head[position, j]))
        for head, j in zip(weights, favourites, strict=True)
    )
    upper = np.triu_indices(len(weights), 1)
    return Row(record.queries[position].text, position, choices, float(per_row[..., position][upper].mean()))
