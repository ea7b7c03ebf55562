"""Heads of one record held against each other: where they agree, where they differ, which go together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.grouping import group, order
from attnviz.analysis.measures.divergence import divergences_of
from attnviz.analysis.moments import Moments
from attnviz.analysis.readers import counted_queries
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.errors import RequestError
from attnviz.frame import Frame, blocks_of, frame_of
from attnviz.observe import RowBlock
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
        keys: the record's keys.
        heads: the heads compared, at least two.
        divergences: float64 (head, head), bits, symmetric, zero on the diagonal; mean over the queries the
            user wrote.
        spreads: float64 (head, head), bits: the standard deviation over the same queries.
        positions: (row,), the places of these queries.
        favourites: (row, head), the place of the key each head reads most there.
        strengths: float32 (row, head), its weight.
        apart: float64 (row,), bits: the mean over pairs of heads.
        groups: heads that read alike, larger groups first; a head like no other is a group of its own.
    """

    model: str
    text: str
    block: Block
    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    heads: tuple[HeadId, ...]
    divergences: NDArray[np.float64]
    spreads: NDArray[np.float64]
    positions: NDArray[np.intp]
    favourites: NDArray[np.intp]
    strengths: NDArray[np.float32]
    apart: NDArray[np.float64]
    groups: tuple[tuple[HeadId, ...], ...]

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """One per query the user wrote, in the order of the text."""
        return self.some_rows(range(len(self.positions)))

    def some_rows(self, places: Iterable[int]) -> tuple[Row, ...]:
        """Give some of the rows, by their places among them: a long text has many."""
        return tuple(self._row(place) for place in places)

    @property
    def agreeing(self) -> int:
        """At how many of the rows every head reads the same key most."""
        return int((self.favourites == self.favourites[:, :1]).all(axis=1).sum())

    def _row(self, place: int) -> Row:
        told = zip(self.favourites[place].tolist(), self.strengths[place].tolist(), strict=True)
        choices = tuple(Choice(self.keys[key].text, key, weight) for key, weight in told)
        position = int(self.positions[place])
        return Row(self.queries[position].text, position, choices, float(self.apart[place]))

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
            favourites=self.favourites[:, rows],
            strengths=self.strengths[:, rows],
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
    comparing = Comparing(frame_of(record), named or record.head_ids)
    for block in blocks_of(record, side_by_side=True):
        comparing.update(block)
    return comparing.result()


class Comparing:
    """Holds heads against each other row by row, as the rows of all of them come side by side."""

    def __init__(self, frame: Frame, heads: Sequence[HeadId]) -> None:
        """Say which heads of a frame are compared.

        Raises:
            RequestError: only one head to compare.
            OutOfRange: the frame lacks one of the heads.
        """
        self.heads = tuple(dict.fromkeys(heads))
        if len(self.heads) < 2:
            raise RequestError(f"nothing to compare: got one head, {self.heads[0]}, allowed two or more")
        frame.refuse_missing(self.heads)
        self._frame = frame
        self._counted = counted_queries(frame)
        self._waiting: dict[HeadId, RowBlock] = {}
        shape = len(frame.queries), len(self.heads)
        self._favourites, self._strengths = np.zeros(shape, np.intp), np.zeros(shape, np.float32)
        self._apart = np.zeros(len(frame.queries))
        self._divergences = Moments.none(shape[1], shape[1])

    def update(self, block: RowBlock) -> None:
        """Take a block; the blocks of the same rows must come one after the other, of every head."""
        for place, index in enumerate(self._frame.heads[block.first_head :][: block.weights.shape[0]]):
            head = HeadId(block.layer, index)
            if head in self.heads:
                self._waiting[head] = replace(block, weights=block.weights[place])
        if len(self._waiting) == len(self.heads):
            self._compare([self._waiting.pop(head) for head in self.heads])

    def result(self) -> Comparison:
        """Say how the heads differ, once all rows have come."""
        frame, counted = self._frame, self._counted
        divergences = self._divergences.means
        return Comparison(
            model=frame.model,
            text=frame.text,
            block=frame.block,
            queries=frame.queries,
            keys=frame.keys,
            heads=self.heads,
            divergences=divergences,
            spreads=self._divergences.spreads,
            positions=np.flatnonzero(counted),
            favourites=self._favourites[counted],
            strengths=self._strengths[counted],
            apart=self._apart[counted],
            groups=tuple(tuple(self.heads[k] for k in g) for g in group(divergences, ALIKE)),
        )

    def _compare(self, blocks: Sequence[RowBlock]) -> None:
        """Hold the same rows of every head against each other."""
        first_key, weights = _side_by_side(blocks)
        rows = slice(blocks[0].start, blocks[0].start + weights.shape[1])
        xp = namespace(weights)
        favourites = xp.argmax(weights, axis=-1)
        self._favourites[rows] = on_cpu(favourites).T + first_key
        self._strengths[rows] = on_cpu(xp.max(weights, axis=-1)).T
        bits = on_cpu(divergences_of(weights))
        upper = np.triu_indices(len(blocks), 1)
        self._apart[rows] = bits[upper].mean(axis=0)
        self._divergences.add(bits[..., self._counted[rows]])


def _side_by_side(blocks: Sequence[RowBlock]) -> tuple[int, Array]:
    """Put rows of several heads, (query, key), over the same keys: (head, query, key) in float64.

    Returns:
        The first key, and the weights; layers that see less have no weight on the rest.
    """
    first = min(block.first_key for block in blocks)
    stop = max(block.first_key + block.weights.shape[-1] for block in blocks)
    xp = namespace(blocks[0].weights)
    rows = []
    for block in blocks:
        weights = xp.astype(block.weights, xp.float64)
        before = block.first_key - first
        behind = stop - first - before - weights.shape[-1]
        sides = [xp.zeros_like(weights[:, :1]) for _ in range(2)]
        ends = [
            xp.broadcast_to(side, (weights.shape[0], count))
            for side, count in zip(sides, (before, behind), strict=True)
        ]
        rows.append(xp.concat([ends[0], weights, ends[1]], axis=-1) if before or behind else weights)
    return first, xp.stack(rows)
