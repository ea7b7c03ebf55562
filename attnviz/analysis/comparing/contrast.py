"""Two records held against each other, head by head: two texts of one model, or two models on one text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.ground import pair_up, to_words
from attnviz.analysis.comparing.matching import Matching, match
from attnviz.analysis.comparing.paired import refuse_unlike
from attnviz.analysis.focus import Average
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.readers import counted_queries
from attnviz.errors import OutOfRange, RequestError
from attnviz.frame import refuse_pooled
from attnviz.record import Attention, Block, Token, View
from attnviz.runs import Runs
from attnviz.selection import HeadId


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        model: the record's model.
        text: the record's text.
        queries: its queries that nothing on the other side stands for; their rows are not compared.
        keys: its keys that nothing on the other side stands for; in every row they count as one, "elsewhere".
        elsewhere: the share of the mass on these keys: the mean over heads and compared rows, 0 to 1.
        dropped: the mean share of a query's mass on keys that were taken out of the record before.
        renormalized: whether what was left was then brought back to a mass of 1.
    """

    model: str
    text: str
    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    elsewhere: float
    dropped: float = 0.0
    renormalized: bool = False


@dataclass(frozen=True)
class Match:
    """Two tokens that stand for each other.

    Attributes:
        first: in the first record.
        second: in the second.
        counted: of a query, whether its row counts in the means: whether both are real tokens.
    """

    first: Token
    second: Token
    counted: bool = True

    @property
    def is_replaced(self) -> bool:
        """Whether the second says something else than the first, beyond its case."""
        return self.first.text.strip().casefold() != self.second.text.strip().casefold()


@dataclass(frozen=True)
class Change:
    """How differently a head reads on both sides.

    Attributes:
        head: the first record's head.
        against: the second's head it is held against: its namesake, or where the models differ in shape the
            one that reads most alike.
        divergence: over the rows that count, in bits, each row's 0 to 1.
    """

    head: HeadId
    against: HeadId
    divergence: Average


@dataclass(frozen=True)
class Shift:
    """What changed most in a head's weights.

    Attributes:
        query: its place among the matched queries.
        key: its place among the matched keys; None for all keys elsewhere together.
        weight: the second's weight minus the first's, -1 to 1.
    """

    query: int
    key: int | None
    weight: float


@dataclass(frozen=True, eq=False)
class PooledDifferences:
    """What changed in a few heads, where the differences of all are too many: of each cell the largest.

    Attributes:
        heads: whose.
        queries: the matched queries, cut into the rows.
        keys: the matched keys, cut into the columns.
        cells: float64 (head, row, column), the differences of largest magnitude with their sign, -1 to 1;
            NaN where no query could see a key.
        elsewhere: float64 (head, row), the same of the mass on keys that have no match.
    """

    heads: tuple[HeadId, ...]
    queries: Runs
    keys: Runs
    cells: NDArray[np.float64]
    elsewhere: NDArray[np.float64]

    @property
    def has_runs(self) -> bool:
        """Whether any cell stands for several differences."""
        return self.queries.runs < self.queries.count or self.keys.runs < self.keys.count


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two records held against each other.

    Attributes:
        first: what is changed from.
        second: what is changed to.
        block: the first record's block.
        view: what the numbers are, in both.
        by_words: whether pieces of words were merged, because the tokens of both do not pair up.
        same_heads: whether heads are held against their namesakes.
        queries: the rows that are compared.
        keys: the columns that are compared.
        changes: one for each head, in the order they were asked for.
        differences: float64 (head, query, key), the second's weights minus the first's, -1 to 1; of no head
            where they are pooled.
        elsewhere: float64 (head, query), the same of the mass on keys that have no match.
        visible: (head, query, key), whether a query could see a key on either side.
        shifts: what changed most in each of `changes`, where the differences are not at hand.
        pooled: the differences of a few heads, where those of all are too many.
    """

    first: Side
    second: Side
    block: Block
    view: View
    by_words: bool
    same_heads: bool
    queries: tuple[Match, ...]
    keys: tuple[Match, ...]
    changes: tuple[Change, ...]
    differences: NDArray[np.float64]
    elsewhere: NDArray[np.float64]
    visible: NDArray[np.bool_]
    shifts: tuple[Shift, ...] = ()
    pooled: PooledDifferences | None = None

    @property
    def ranked(self) -> tuple[Change, ...]:
        """The heads, those that changed most first; of equal ones in the order they were asked for."""
        return tuple(sorted(self.changes, key=lambda change: -change.divergence.mean))

    @property
    def has_changed(self) -> bool:
        """Whether any head reads differently."""
        return any(change.divergence.mean > 0 for change in self.changes)

    @property
    def is_whole(self) -> bool:
        """Whether every key of both sides has a match."""
        return not (self.first.keys or self.second.keys)

    def row(self, head: HeadId) -> int:
        """Give the place of a head among `changes`.

        Raises:
            OutOfRange: it was not compared.
        """
        heads = [change.head for change in self.changes]
        if head not in heads:
            raise OutOfRange(f"head {head} was not compared: allowed {', '.join(map(str, heads))}")
        return heads.index(head)

    def largest(self, head: HeadId) -> Shift:
        """Say what changed most in a head's weights, at the rows that count.

        Raises:
            OutOfRange: it was not compared.
        """
        place = self.row(head)
        if self.shifts:
            return self.shifts[place]
        counted = np.flatnonzero([query.counted for query in self.queries])
        cells = np.concatenate([self.differences[place], self.elsewhere[place][:, None]], axis=1)[counted]
        row, key = np.unravel_index(np.abs(cells).argmax(), cells.shape)
        column = int(key) if key < len(self.keys) else None
        return Shift(int(counted[row]), column, float(cells[row, key]))


def contrast(first: Attention, second: Attention, *heads: HeadId | str) -> Contrast:
    """Hold two records against each other: two texts of one model, or two models on one text.

    Their words are matched in order; where their tokens do not pair up one to one, pieces of words are merged
    first. Of each head, the rows of matched queries are compared over matched keys; all other keys of a side
    count as one more, so that rows keep their mass. As any keys that are taken together, this can make a
    divergence smaller, never larger. Where the second record has other heads than the first, each head is
    held against the one that reads most alike.

    Args:
        first: what is changed from.
        second: what is changed to.
        heads: heads of the first record, such as "L0H2"; none means every one.

    Raises:
        RequestError: no real word of one text has a match in the other, or the records are no such pair.
        OutOfRange: the first record lacks one of the heads.

    >>> import attnviz
    >>> cat = attnviz.from_arrays([[1.0, 0.0], [0.5, 0.5]], ["the", "cat"])
    >>> dog = attnviz.from_arrays([[0.0, 1.0], [0.5, 0.5]], ["the", "dog"])
    >>> found = contrast(cat, dog)
    >>> found.changes[0].divergence, found.differences[0, 0].tolist()
    (Average(mean=0.5, spread=0.5), [-1.0, 1.0])
    """
    chosen = _chosen(first, heads)
    ground = _ground(first, second)
    same = first.head_ids == second.head_ids
    others = chosen if same else second.head_ids
    before, after = ground.cells(0, chosen), ground.cells(1, others)
    partners, per_row = _namesakes(before, after) if same else _nearest(before, after, ground.counted)
    against = tuple(others[place] for place in partners)
    differences = after[partners] - before
    return Contrast(
        first=ground.side(0, before),
        second=ground.side(1, after),
        block=first.block,
        view=first.view,
        by_words=ground.by_words,
        same_heads=same,
        queries=ground.queries,
        keys=ground.keys,
        changes=_changes(chosen, against, per_row[:, ground.counted]),
        differences=differences[..., :-1],
        elsewhere=differences[..., -1],
        visible=np.stack(
            [
                ground.seen(0, head.layer) | ground.seen(1, other.layer)
                for head, other in zip(chosen, against, strict=True)
            ]
        ),
    )


def _chosen(first: Attention, heads: Sequence[HeadId | str]) -> tuple[HeadId, ...]:
    """Give the heads that are asked for, each once; none means every one.

    Raises:
        OutOfRange: the record lacks one of them.
    """
    named = tuple(HeadId.parse(head) if isinstance(head, str) else head for head in heads)
    for head in named:
        first.head(head)
    return tuple(dict.fromkeys(named)) or first.head_ids


@dataclass(frozen=True, eq=False)
class _Ground:
    """Two records whose words are matched.

    Attributes:
        records: both, their pieces of words merged where tokens do not pair up.
        rows: how their queries are matched.
        columns: how their keys are.
        by_words: whether anything was merged.
        queries: the matched queries.
        keys: the matched keys.
    """

    records: tuple[Attention, Attention]
    rows: Matching
    columns: Matching
    by_words: bool
    queries: tuple[Match, ...]
    keys: tuple[Match, ...]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which matched queries count: (matched query,)."""
        return np.array([query.counted for query in self.queries])

    def cells(self, side: int, heads: Sequence[HeadId]) -> NDArray[np.float64]:
        """Give heads' weights on matched keys, and last what is elsewhere: (head, query, key + 1)."""
        record = self.records[side]
        return np.stack([_cells(record, head, self.rows, self.columns, side=side) for head in heads])

    def seen(self, side: int, layer: int) -> NDArray[np.bool_]:
        """Say which matched keys a layer let matched queries see: (query, key)."""
        places = ([pair[side] for pair in matching.pairs] for matching in (self.rows, self.columns))
        seen: NDArray[np.bool_] = self.records[side].visible(layer)[np.ix_(*places)]
        return seen

    def side(self, side: int, cells: NDArray[np.float64]) -> Side:
        """Say what is on one side alone, and how much of the mass is on it."""
        record = self.records[side]
        rows, columns = (
            (matching.first_only, matching.second_only)[side] for matching in (self.rows, self.columns)
        )
        return Side(
            model=record.model,
            text=record.text,
            queries=tuple(record.queries[place] for place in rows),
            keys=tuple(record.keys[place] for place in columns),
            elsewhere=float(cells[:, self.counted, -1].mean()),
            dropped=record.dropped,
            renormalized=record.renormalized,
        )


def _ground(first: Attention, second: Attention) -> _Ground:
    """Match the words of two records.

    Raises:
        RequestError: no real word of one has a match in the other, or they are no such pair.
    """
    for record in (first, second):
        refuse_pooled(record)
    refuse_unlike(first, second)
    one, other = (first, second) if pair_up(first, second) else to_words(first, second)
    rows, columns = match(one.queries, other.queries), match(one.keys, other.keys)
    queries = matches(one.queries, other.queries, rows, _counted(one, other, rows))
    if not any(query.counted for query in queries) or not columns.pairs:
        raise RequestError("nothing to compare: no word of one text has a match in the other")
    keys = matches(one.keys, other.keys, columns, [True] * len(columns.pairs))
    by_words = _is_shorter(one, first) or _is_shorter(other, second)
    return _Ground((one, other), rows, columns, by_words, queries, keys)


def _is_shorter(merged: Attention, record: Attention) -> bool:
    """Say whether any pieces of words were merged."""
    return len(merged.queries) < len(record.queries) or len(merged.keys) < len(record.keys)


def _changes(
    heads: Sequence[HeadId], against: Sequence[HeadId], per_row: NDArray[np.float64]
) -> tuple[Change, ...]:
    """Average what each pair of heads is apart: bits (head, query)."""
    return tuple(
        Change(head, other, Average(float(bits.mean()), float(bits.std())))
        for head, other, bits in zip(heads, against, per_row, strict=True)
    )


def _counted(first: Attention, second: Attention, rows: Matching) -> list[bool]:
    """Say which of the matched queries count on both sides."""
    one, other = counted_queries(first), counted_queries(second)
    return [bool(one[i] and other[j]) for i, j in rows.pairs]


def matches(
    first: Sequence[Token], second: Sequence[Token], matching: Matching, counted: Sequence[bool]
) -> tuple[Match, ...]:
    """Give matched tokens, and say which of them count."""
    pairs = zip(matching.pairs, counted, strict=True)
    return tuple(Match(first[i], second[j], counts) for (i, j), counts in pairs)


def _cells(
    record: Attention, head: HeadId, rows: Matching, columns: Matching, *, side: int
) -> NDArray[np.float64]:
    """Give a head's weights on matched keys, and last what is elsewhere: (matched query, matched key + 1)."""
    weights = record.head(head)[[pair[side] for pair in rows.pairs]].astype(np.float64)
    alone = (columns.first_only, columns.second_only)[side]
    elsewhere = weights[:, list(alone)].sum(axis=-1, keepdims=True)
    return np.concatenate([weights[:, [pair[side] for pair in columns.pairs]], elsewhere], axis=-1)


def _namesakes(
    before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.float64]]:
    """Hold each head against the one of its name: their places, and bits (head, query)."""
    return list(range(len(before))), divergence(before, after)


def _nearest(
    before: NDArray[np.float64], after: NDArray[np.float64], counted: NDArray[np.bool_]
) -> tuple[list[int], NDArray[np.float64]]:
    """Hold each head against the other side's that reads most alike: their places, and bits (head, query)."""
    partners, per_row = [], []
    for cells in before:
        bits = divergence(np.broadcast_to(cells, after.shape), after)
        partners.append(int(bits[:, counted].mean(axis=-1).argmin()))
        per_row.append(bits[partners[-1]])
    return partners, np.stack(per_row)
