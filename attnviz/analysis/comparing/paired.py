"""Two inputs before any weight is known: which of their rows and columns stand for each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from attnviz.analysis.comparing.ground import Numbered, alike, pair_up
from attnviz.analysis.comparing.matching import Matching, match
from attnviz.analysis.comparing.pieces import Pieces, Places, taken
from attnviz.analysis.readers import counted_queries
from attnviz.analysis.words import word_starts, words_of
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.errors import RequestError
from attnviz.frame import Frame
from attnviz.record import Attention, Mask


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
        return range(int(self._bounds[0][first]), int(self._bounds[0][last + 1]))

    def seen(self, rows: range) -> int:
        """Say of how many keys, or words of them, the first of some rows' weights are: none is behind."""
        return int(np.searchsorted(self._bounds[1][:-1], self._behind(rows)))

    def cells(self, weights: Array, rows: range, places: range, reach: int) -> Array:
        """Give the weights of matched queries on matched keys, and last what is elsewhere.

        Shape:
            weights: (row, key); keys behind the last may be missing, on which nothing is.
            Returns (matched query, matched key + 1).

        Args:
            weights: of some rows.
            rows: which.
            places: which of the matched queries; `rows` is their span.
            reach: of how many matched keys.
        """
        own = self._rows_of(weights[:, : self._behind(rows)], rows, places)
        pieces = self._pieces_of(places)
        own = own if pieces is None else own / pieces[:, None].astype(own.dtype)
        xp = namespace(own)
        alone = self._alone[: int(np.searchsorted(self._alone, own.shape[1]))]
        beside = xp.sum(taken(own, alone, 1), axis=1, keepdims=True)
        there = self._columns.joined(own, axis=1)
        behind = xp.broadcast_to(xp.zeros_like(beside), (own.shape[0], reach - there.shape[1]))
        return xp.concat([there, behind, beside], axis=1)

    def sight(self, visible: Array | None, rows: range, places: range, reach: int) -> Mask:
        """Say which matched keys some matched queries could see: (matched query, matched key).

        Shape:
            visible: (row, key), of `rows`; None means all.
        """
        found: Mask = np.ones((len(places), reach), dtype=bool)
        if visible is not None:
            some = np.asarray(on_cpu(visible), dtype=bool)[:, : self._behind(rows)]
            there = self._columns.joined(self._rows_of(some, rows, places), axis=1)
            found[:, : there.shape[1]], found[:, there.shape[1] :] = there, False
        return found

    @cached_property
    def _bounds(self) -> tuple[Places, Places]:
        """Where each query and each key, or word of them, begins, and behind it where the last ends."""
        starts = self.starts or tuple(map(np.arange, self.tokens))
        queries, keys = (np.append(*each) for each in zip(starts, self.tokens, strict=True))
        return queries, keys

    @cached_property
    def _columns(self) -> Pieces:
        """The pieces of the matched keys."""
        return Pieces.of(self._bounds[1], self.columns)

    @cached_property
    def _alone(self) -> Places:
        """Where those of all other keys stand: (piece,), ascending."""
        return Pieces.of(self._bounds[1], self.alone).every

    def _behind(self, rows: range) -> int:
        """Say behind which key none is that any of some rows sees."""
        queries, keys = self.tokens
        return max(rows.stop + keys - queries, 0) if self.frame.causal else keys

    def _rows_of(self, numbers: Array, rows: range, places: range) -> Array:
        """Add up the rows of each of some matched queries: (matched query, key)."""
        some = self.rows[places.start : places.stop]
        own = numbers if self.starts is None else on_cpu(numbers)
        return Pieces.of(self._bounds[0], some, rows.start).joined(own, axis=0)

    def _pieces_of(self, places: range) -> Places | None:
        """Say how many pieces each of some matched queries has: (matched query,); None where all have one."""
        some = self.rows[places.start : places.stop]
        return None if self.starts is None else self._bounds[0][some + 1] - self._bounds[0][some]


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

    def pieces(self, size: int, within: range | None = None) -> Iterator[Piece]:
        """Cut matched queries so that each piece spans at most so many rows of both, or is one query.

        Args:
            size: how many rows.
            within: the places of the queries; None means all.
        """
        start, behind = (0, len(self.counted)) if within is None else (within.start, within.stop)
        while start < behind:
            stop = start + 1
            while stop < behind and self._longest(range(start, stop + 1)) <= size:
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
