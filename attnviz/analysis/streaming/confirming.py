"""A second look at heads: whether shuffled words, or mere distance, would give what their pattern gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patterns.cells import BLOCK
from attnviz.analysis.patterns.content import CONTENT, SHUFFLES, Wording
from attnviz.analysis.patterns.evidence import Strongest, strongest_links
from attnviz.analysis.patterns.naming import Found, Held
from attnviz.analysis.patterns.seen import Places, Seen
from attnviz.analysis.patterns.shapes import Cells, Slices, mask_of
from attnviz.analysis.streaming.layout import Layout, listed
from attnviz.analysis.streaming.sights import Sight
from attnviz.arrays import on_cpu
from attnviz.observe import RowBlock
from attnviz.selection import HeadId, Selection

Numbers = NDArray[np.float64]


@dataclass(eq=False)
class _Open:
    """One pattern of one head that is not settled.

    Attributes:
        held: the pattern.
        strongest: its links.
        beyond: what its cells have beyond chance in each shuffled text, (shuffle,).
        mass: the mass of the queries that are asked there, (shuffle,).
        given: the mass at each distance, (distance,).
    """

    held: Held
    strongest: Strongest
    beyond: Numbers
    mass: Numbers
    given: Numbers


class Confirming:
    """Takes the rows of heads once more, for the patterns that are open; an observer."""

    def __init__(
        self,
        layout: Layout,
        sights: Mapping[int, Sight],
        found: dict[HeadId, Found],
        open_: Mapping[HeadId, Sequence[Held]],
        heads: Sequence[int] | None = None,
    ) -> None:
        """Begin with no row.

        Args:
            layout: what is known of the input.
            sights: what queries see in each layer.
            found: what was found of heads, in which what is open is to be settled.
            open_: the patterns of heads that are.
            heads: the numbers of the heads of a layer that will come; None means those of `selection`.
        """
        self._layout, self._sights, self._found = layout, sights, found
        self._open = {head: _opened(layout, several) for head, several in open_.items()}
        self._numbers = sorted({head.index for head in self._open}) if heads is None else heads
        self._borders: dict[int, _Borders] = {}
        self._known: dict[str, tuple[Seen, list[_Shuffled]]] = {}

    @property
    def selection(self) -> Selection:
        """The heads whose rows are needed; what completes them to a grid is let go."""
        return Selection(heads=",".join(str(head) for head in self._open))

    def update(self, block: RowBlock) -> None:
        """Take some rows."""
        layout, rows = self._layout, block.weights.shape[1]
        counted = np.flatnonzero(layout.counted[block.start : block.start + rows])
        here = self._heads_in(block)
        if not here or not len(counted):
            return
        some = _Rows(layout, self._sights[block.layer], block.start, counted, block.first_key)
        several = on_cpu(block.weights[list(here)])[:, counted].astype(np.float64)
        for weights in several:
            some.drop_itself(weights)
        for name in dict.fromkeys(one.held.name for head in here.values() for one in self._open[head]):
            pairs = [
                (weights, one)
                for weights, head in zip(several, here.values(), strict=True)
                for one in self._open[head]
                if one.held.name == name
            ]
            self._take(name, pairs, some, block)

    def _heads_in(self, block: RowBlock) -> dict[int, HeadId]:
        """Give the open heads of a block by their place in it."""
        names = self._numbers[block.first_head : block.first_head + block.weights.shape[0]]
        heads = (HeadId(block.layer, name) for name in names)
        return {place: head for place, head in enumerate(heads) if head in self._open}

    def _take(
        self, name: str, pairs: Sequence[tuple[Numbers, _Open]], some: "_Rows", block: RowBlock
    ) -> None:
        cells = some.listed(self._layout.cells[name])
        for weights, one in pairs:
            one.strongest.take(weights[cells], some.queries[cells[0]], cells[1] + some.first_key)
        if name == BLOCK:
            borders = self._borders.setdefault(block.layer, _Borders(self._layout))
            borders.count(some)
            for weights, one in pairs:
                one.given += borders.by_distance(some, weights)
            return
        asked = [(weights, one) for weights, one in pairs if one.held.may_be_clear]
        if asked:
            _add_shuffled(self._shuffled(name, block.layer), some, asked)

    @cached_property
    def _wordings(self) -> tuple[Wording, ...]:
        return tuple(self._layout.wording.shuffles())

    def _shuffled(self, name: str, layer: int) -> list["_Shuffled"]:
        """Give a pattern's cells for words that have changed places, as far as a layer's queries see them."""
        known, seen = self._known.get(name), self._sights[layer].whole
        if known is None or not known[0].equals(seen):
            cells = (CONTENT[name](wording) for wording in self._wordings)
            known = self._known[name] = seen, [_Shuffled.of(self._layout, each, seen) for each in cells]
        return known[1]

    def settle(self) -> None:
        """Put what was found out in its place; every row has come."""
        for head, several in self._open.items():
            known = {one.held.name: self._settled(head, one) for one in several}
            self._found[head] = self._found[head].settled(known)

    def _settled(self, head: HeadId, one: _Open) -> Held:
        if one.held.name == BLOCK:
            holds = self._borders[head.layer].keeps_inside(one) if head.layer in self._borders else False
        else:
            holds = bool(one.held.score.is_above(one.beyond, one.mass).all())
        return replace(one.held, holds=holds, evidence=strongest_links(self._layout.sides, one.strongest))


def _opened(layout: Layout, several: Sequence[Held]) -> list[_Open]:
    far, none = np.zeros(len(layout.own) + len(layout.special)), np.zeros(SHUFFLES)
    return [_Open(held, Strongest(), none.copy(), none.copy(), far.copy()) for held in several]


class _Rows:
    """Rows of queries that count, and what they see."""

    def __init__(self, layout: Layout, sight: Sight, start: int, counted: Places, first_key: int) -> None:
        self.layout, self.first_key = layout, first_key
        self.queries = counted + start
        self.whole = sight.whole
        self.reach = np.maximum((sight.seen - sight.itself)[self.queries], 1)

    def drop_itself(self, weights: Numbers) -> None:
        """Set aside where queries meet themselves."""
        own = self.layout.own[self.queries] - self.first_key
        there = np.flatnonzero((own >= 0) & (own < weights.shape[1]) & (self.layout.own[self.queries] >= 0))
        weights[there, own[there]] = 0.0

    def listed(self, cells: Cells) -> tuple[Places, Places]:
        """List the cells that these queries can reach, by row and column."""
        row, key = listed(self.layout, cells, self.queries, self.first_key)
        seen = self.whole.has(self.queries[row], key + self.first_key)
        return row[seen], key[seen]


@dataclass(frozen=True, eq=False)
class _Shuffled:
    """The cells of a pattern in a text whose words have changed places; kept small, as there are 99 of them.

    Attributes:
        keys: (entry,), a list of keys.
        first: (query,), where in it a query's cells begin.
        stop: (query,), where they end.
        many: (query,), how many of them it can reach: all but itself.
    """

    keys: NDArray[np.int32]
    first: NDArray[np.int32]
    stop: NDArray[np.int32]
    many: NDArray[np.int32]

    @classmethod
    def of(cls, layout: Layout, cells: Cells, seen: Seen) -> "_Shuffled":
        """Leave out what queries do not see."""
        queries = np.arange(len(layout.own))
        if isinstance(cells, Slices) and seen.bounds is not None:
            cells = cells.between(*seen.bounds)
            keys, first, stop = cells.keys, cells.first, cells.stop
        else:
            row, keys = cells.of(queries)
            inside = seen.has(row, keys)
            keys, ends = keys[inside], np.cumsum(np.bincount(row[inside], minlength=len(queries)))
            first, stop = np.concatenate([[0], ends[:-1]]), ends
        meeting = queries[layout.own >= 0]
        meeting = meeting[cells.has(meeting, layout.own[meeting]) & seen.has(meeting, layout.own[meeting])]
        many = stop - first
        many[meeting] -= 1
        return cls(*(part.astype(np.int32) for part in (keys, first, stop, many)))

    def places(self, queries: Places, width: int, first_key: int) -> NDArray[np.int32]:
        """Give the places of the cells of some queries in rows of so many keys: (cell,)."""
        first = self.first[queries]
        size = self.stop[queries] - first
        ends = np.cumsum(size, dtype=np.int32)
        entries = np.arange(ends[-1], dtype=np.int32) + np.repeat(first - ends + size, size)
        lines = np.arange(len(queries), dtype=np.int32) * width - first_key
        places: NDArray[np.int32] = self.keys[entries] + np.repeat(lines, size)
        return places


def _add_shuffled(several: Sequence[_Shuffled], some: _Rows, pairs: Sequence[tuple[Numbers, _Open]]) -> None:
    """Add up what a pattern's cells would have beyond chance if words had changed places."""
    masses = [weights.sum(axis=-1) for weights, _ in pairs]
    for number, shuffled in enumerate(several):
        many = shuffled.many[some.queries]
        places = shuffled.places(some.queries, pairs[0][0].shape[1], some.first_key)
        for (weights, one), mass in zip(pairs, masses, strict=True):
            one.beyond[number] += weights.ravel()[places].sum() - (mass / some.reach) @ many
            one.mass[number] += mass[many > 0].sum()


class _Borders:
    """How far cells within blocks, and all cells, are from their queries in one layer."""

    def __init__(self, layout: Layout) -> None:
        far = len(layout.own) + len(layout.special)
        self._layout, self._upto = layout, 0
        self._inside, self._all = np.zeros((2, far))

    def _distances(self, queries: Places, keys: Places) -> Places:
        """Say how far from its query each key stands, as a number from 0: (row, key)."""
        return keys - queries[:, None] + len(self._layout.own)

    def count(self, some: _Rows) -> None:
        """Count the cells of rows that no other head had before."""
        keys = len(self._layout.special)
        new = np.flatnonzero(some.queries >= self._upto)
        if not len(new):
            return
        queries = some.queries[new]
        reachable = _mask(some.whole, queries, keys)
        own = self._layout.own[queries]
        reachable[np.flatnonzero(own >= 0), own[own >= 0]] = False
        inside = mask_of(self._layout.cells[BLOCK], queries, keys) & reachable
        far = self._distances(queries, np.arange(keys))
        self._all += np.bincount(far[reachable], minlength=len(self._all))
        self._inside += np.bincount(far[inside], minlength=len(self._inside))
        self._upto = int(queries[-1]) + 1

    def by_distance(self, some: _Rows, weights: Numbers) -> Numbers:
        """Add up weights by how far they reach: (distance,)."""
        keys = np.arange(some.first_key, some.first_key + weights.shape[1])
        far = self._distances(some.queries, keys)
        given = np.bincount(far.ravel(), weights.ravel(), minlength=len(self._all))
        return given.astype(np.float64)

    def keeps_inside(self, one: _Open) -> bool:
        """Say whether less than half as much crosses a border as its distances alone would let cross."""
        total = one.given.sum()
        crossing = total - one.held.score.share * total
        expected = one.given * (1 - self._inside / np.maximum(self._all, 1))
        return bool(2 * crossing < expected.sum())


def _mask(seen: Seen, queries: Places, keys: int) -> NDArray[np.bool_]:
    """Give what some queries see: (row, key)."""
    first, last = int(queries[0]), int(queries[-1]) + 1
    return seen.part(first, last).mask(keys)[queries - first]
