"""Two inputs before any weight is known: which of their rows and columns stand for each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.ground import Numbered, alike, pair_up
from attnviz.analysis.comparing.matching import Matching, match
from attnviz.analysis.readers import counted_queries
from attnviz.analysis.words import word_starts, words_of
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.errors import RequestError
from attnviz.frame import Frame
from attnviz.record import Attention, Mask

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Piece:
    """Some matched queries, and the rows they are made of on both sides.

    Attributes:
        places: among the matched queries.
        first: the first's queries, from the first to the last of them.
        second: the second's.
    """

    places: range
    first: range
    second: range


@dataclass(frozen=True, eq=False)
class Half:
    """One of two inputs.

    Attributes:
        frame: of the input, its words in place of tokens where pieces of words are merged.
        starts: where each word of the queries and of the keys begins; None where nothing is merged.
        tokens: how many queries and keys there are before.
        rows: (match,), the places of the matched queries.
        columns: (match,), those of the matched keys.
        alone_rows: those of the other queries.
        alone: those of the other keys.
    """

    frame: Frame
    starts: tuple[Places, Places] | None
    tokens: tuple[int, int]
    rows: Places
    columns: Places
    alone_rows: Places
    alone: Places

    def span(self, places: range) -> range:
        """Say from which to which row the matched queries are made of."""
        first, last = int(self.rows[places.start]), int(self.rows[places.stop - 1])
        return range(int(self._ends[first]), int(self._ends[last + 1]))

    def seen(self, rows: range) -> int:
        """Say of how many keys, or words of them, the first of some rows' weights are: none is behind."""
        queries, keys = self.tokens
        last = max(rows.stop + keys - queries, 0) if self.frame.causal else keys
        return last if self.starts is None else int(np.searchsorted(self.starts[1], last))

    def cells(self, weights: Array, rows: range, places: range, reach: int) -> Array:
        """Give the weights of matched queries on matched keys, and last what is elsewhere, in float64.

        Shape:
            weights: (row, key).
            Returns (matched query, matched key + 1).

        Args:
            weights: of some rows.
            rows: which.
            places: which of the matched queries; `rows` is their span.
            reach: of how many matched keys.
        """
        own = self._own(weights, rows, places)
        xp = namespace(own)
        alone = self.alone[: int(np.searchsorted(self.alone, own.shape[1]))]
        beside = xp.sum(_taken(own, alone, 1), axis=1, keepdims=True)
        columns = self.columns[:reach]
        there = columns[: int(np.searchsorted(columns, own.shape[1]))]
        behind = xp.broadcast_to(xp.zeros_like(own[:, :1]), (own.shape[0], reach - len(there)))
        return xp.concat([_taken(own, there, 1), behind, beside], axis=1)

    def sight(self, visible: Array | None, rows: range, places: range, reach: int) -> Mask:
        """Say which matched keys some matched queries could see: (matched query, matched key)."""
        if visible is None:
            return np.ones((len(places), reach), dtype=bool)
        seen = np.asarray(on_cpu(visible), dtype=bool)
        first = rows.start
        if self.starts is not None:
            by_key = np.logical_or.reduceat(seen, self.starts[1], axis=1)
            words = self._words(rows)
            first = words.start
            seen = np.logical_or.reduceat(by_key, self.starts[0][first : words.stop] - rows.start, axis=0)
        some = self.rows[places.start : places.stop] - first
        found: Mask = seen[some][:, self.columns[:reach]]
        return found

    @cached_property
    def _ends(self) -> Places:
        """Where each query, or word of them, begins, and behind it where the last ends."""
        starts = np.arange(self.tokens[0]) if self.starts is None else self.starts[0]
        return np.append(starts, self.tokens[0])

    def _words(self, rows: range) -> range:
        """Say which words some rows, from the first to the last of them, are made of."""
        assert self.starts is not None
        return range(*np.searchsorted(self.starts[0], [rows.start, rows.stop]).tolist())

    def _own(self, weights: Array, rows: range, places: range) -> Array:
        """Give the rows of matched queries on all keys that any of them sees; see `merge_words`."""
        seen, some = self.seen(rows), self.rows[places.start : places.stop]
        if self.starts is None:
            xp = namespace(weights)
            own = _taken(weights, some - rows.start, 0)[:, :seen]
            return xp.astype(own, xp.float64)
        words = self._words(rows)
        starts = self.starts[0][words.start : words.stop]
        pieces = np.diff(starts, append=rows.stop)[:, None]
        by_key = np.add.reduceat(on_cpu(weights), self.starts[1][:seen], axis=1, dtype=np.float64)
        merged = np.add.reduceat(by_key, starts - rows.start, axis=0) / pieces
        return merged[some - words.start]


def _taken(numbers: Array, places: Places, axis: int) -> Array:
    """Take rows or columns; those that stand side by side are not copied."""
    if len(places) == 0 or places[-1] - places[0] == len(places) - 1:
        first = int(places[0]) if len(places) else 0
        some = slice(first, first + len(places))
        return numbers[some] if axis == 0 else numbers[:, some]
    xp = namespace(numbers)
    if xp is np:
        return np.take(numbers, places, axis=axis)
    return xp.take(numbers, xp.asarray(places, device=numbers.device), axis=axis)


@dataclass(frozen=True, eq=False)
class Paired:
    """Both inputs.

    Attributes:
        first: what is changed from.
        second: what is changed to.
        rows: how their queries are matched.
        columns: how their keys are.
        by_words: whether pieces of words are merged.
        counted: (matched query,), whether both are real tokens.
    """

    first: Half
    second: Half
    rows: Matching
    columns: Matching
    by_words: bool
    counted: Mask

    def pieces(self, size: int) -> Iterator[Piece]:
        """Cut the matched queries so that each piece spans at most so many rows of both, or is one query."""
        start, count = 0, len(self.counted)
        while start < count:
            stop = start + 1
            while stop < count and self._longest(range(start, stop + 1)) <= size:
                stop += 1
            places = range(start, stop)
            yield Piece(places, self.first.span(places), self.second.span(places))
            start = stop

    def reach(self, piece: Piece) -> int:
        """Say of how many matched keys any of a piece's queries sees one on either side."""
        sides = (self.first, piece.first), (self.second, piece.second)
        return max(int(np.searchsorted(half.columns, half.seen(rows))) for half, rows in sides)

    def _longest(self, places: range) -> int:
        return max(len(half.span(places)) for half in (self.first, self.second))


def paired(first: Frame, second: Frame) -> Paired:
    """Match two inputs, of words where their tokens do not pair up.

    Raises:
        RequestError: no real word of one has a match in the other, or they are no such pair.
    """
    refuse_unlike(first, second)
    by_tokens = pair_up(first, second)
    numbered = (None, None) if by_tokens else alike(first, second)
    halves = [_merged(frame, words) for frame, words in zip((first, second), numbered, strict=True)]
    (one, *_), (other, *_) = halves
    rows = match(one.queries, other.queries)
    square = one.queries == one.keys and other.queries == other.keys
    columns = rows if square else match(one.keys, other.keys)
    counts = counted_queries(one), counted_queries(other)
    counted = np.array([bool(counts[0][i] and counts[1][j]) for i, j in rows.pairs], dtype=bool)
    if not counted.any() or not columns.pairs:
        raise RequestError("nothing to compare: no word of one text has a match in the other")
    return Paired(
        _half(*halves[0], (first, rows.first_only, columns.first_only), rows, columns, 0),
        _half(*halves[1], (second, rows.second_only, columns.second_only), rows, columns, 1),
        rows,
        columns,
        any(starts is not None for _, starts in halves),
        counted,
    )


def refuse_unlike(first: Attention | Frame, second: Attention | Frame) -> None:
    """Refuse two whose numbers are not of one kind.

    Raises:
        RequestError: they are not.
    """
    if first.view != second.view:
        raise RequestError(f"different views: got {first.view} and {second.view}, allowed the same one")
    if "cross" in (first.block, second.block) and first.block != second.block:
        raise RequestError(
            f"different blocks: got {first.block} and {second.block} attention, allowed the same"
        )


def _merged(frame: Frame, numbered: Numbered | None) -> tuple[Frame, tuple[Places, Places] | None]:
    """Put words in place of their pieces; and say where they begin, if any word has several."""
    if numbered is None:
        return frame, None
    starts = word_starts(numbered.queries), word_starts(numbered.keys)
    queries = words_of(frame, numbered.queries, starts[0])
    keys = words_of(frame, numbered.keys, starts[1])
    merges = len(queries) < len(frame.queries) or len(keys) < len(frame.keys)
    return replace(frame, queries=queries, keys=keys), starts if merges else None


def _half(
    frame: Frame,
    starts: tuple[Places, Places] | None,
    beside: tuple[Frame, Sequence[int], Sequence[int]],
    rows: Matching,
    columns: Matching,
    side: int,
) -> Half:
    before, alone_rows, alone = beside
    return Half(
        frame,
        starts,
        (len(before.queries), len(before.keys)),
        *(np.array([pair[side] for pair in matching.pairs], dtype=np.intp) for matching in (rows, columns)),
        *(np.array(places, dtype=np.intp) for places in (alone_rows, alone)),
    )
