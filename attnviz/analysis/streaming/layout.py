"""Which cells of some rows belong to which pattern: made once for all heads that have these rows."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import is_picture
from attnviz.analysis.patterns.cells import BLOCK, OF_PICTURES, OF_TEXT, first_key
from attnviz.analysis.patterns.content import ASKED_WHERE_POSSIBLE, CONTENT, Wording
from attnviz.analysis.patterns.seen import Places, Seen
from attnviz.analysis.patterns.shapes import Cells, Columns, Slices
from attnviz.analysis.readers import Mask, counted_queries, own_keys, special_keys
from attnviz.frame import Sides

# Patterns of which more is asked than a margin, for which the rows of a head must come again.
ASKED_AGAIN = (BLOCK, *(name for name in CONTENT if name != "punctuation"))

# A cell picked out of the weights costs as much as so many that a product with a column reads.
_PICKED = 40

# So many bytes of cells are kept for heads to come; beyond that they are made anew.
_KEPT = 2**25


@dataclass(frozen=True, eq=False)
class Layout:
    """What is known of an input's queries, keys and patterns, whatever the weights are.

    Attributes:
        sides: the input.
    """

    sides: Sides

    @cached_property
    def counted(self) -> Mask:
        """The queries that count: (query,)."""
        return counted_queries(self.sides)

    @cached_property
    def own(self) -> Places:
        """The key that a query itself is: (query,), -1 where none is."""
        return own_keys(self.sides)

    @cached_property
    def special(self) -> Mask:
        """The keys the model added itself: (key,)."""
        return special_keys(self.sides)

    @cached_property
    def is_picture(self) -> bool:
        """Whether queries and keys are patches of a picture."""
        return is_picture(self.sides)

    @cached_property
    def start(self) -> int:
        """The first query's position: where keys outnumber queries, the earlier ones came before."""
        return 0 if self.sides.block == "cross" else len(self.sides.keys) - len(self.sides.queries)

    @cached_property
    def wording(self) -> Wording:
        """Which word stands where."""
        return Wording.of(self.sides)

    @cached_property
    def cells(self) -> dict[str, Cells]:
        """Each pattern that is fixed cells."""
        if self.is_picture:
            return {name: made(self.sides) for name, made in OF_PICTURES.items()}
        of_places = {name: made(self.sides) for name, made in OF_TEXT.items()}
        return {**of_places, **{name: made(self.wording) for name, made in CONTENT.items()}}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.cells)

    @cached_property
    def columns(self) -> dict[str, Mask]:
        """Those that are whole keys: (key,) each."""
        return {name: cells.keys for name, cells in self.cells.items() if isinstance(cells, Columns)}

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """The others; last those that need no second look."""
        others = [name for name in self.names if name not in self.columns]
        return tuple(sorted(others, key=lambda name: name not in ASKED_AGAIN))

    @cached_property
    def linked(self) -> tuple[str, ...]:
        """The listed patterns that need no second look."""
        return tuple(name for name in self.listed if name not in ASKED_AGAIN)

    @cached_property
    def where_possible(self) -> Mask:
        """The patterns of which only queries are asked that have such a cell: (shape,)."""
        return np.array([name in ASKED_WHERE_POSSIBLE for name in self.names])

    @cached_property
    def single(self) -> Places:
        """The keys that could be the only one looked at, (key,): the first and the added ones have a name."""
        return np.flatnonzero(~(self.special | first_key(self.sides)))


@dataclass(frozen=True, eq=False)
class Sets:
    """The cells of rows that share sets of keys, where a query meets itself aside.

    Attributes:
        keys: (set, key), True for those of a set.
        of_row: (row,), which set is whose.
        itself: (row,), whether its query is one of the keys.
    """

    keys: Mask
    of_row: Places
    itself: Mask

    def own(self, of_sets: NDArray[np.float64], itself: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give each row what its own set has, without itself: (head, row).

        Shape:
            of_sets: (head, row, set).
            itself: (head, row) or (row,).
        """
        own = np.take_along_axis(of_sets, self.of_row[None, :, None], axis=-1)[..., 0]
        return np.maximum(own - itself * self.itself, 0.0)


@dataclass(frozen=True, eq=False)
class Plan:
    """Where in a block the cells of patterns are.

    Attributes:
        start: the position of the block's first query.
        rows: how many queries it has.
        first_key: the position of its first key.
        width: how many keys it has.
        places: (cell,), of all cells that are picked out, places among the block's cells; of the first listed
            pattern those of the first row, then of the second row ...; where queries meet themselves last.
        bounds: (listed pattern and itself x row, and one more), where each of these begins.
        dense: of patterns with many cells, by their place among the listed ones, the sets of keys they are.
        own_in: by the names of patterns that are whole keys, whether a query is one of them: (row,).
    """

    start: int
    rows: int
    first_key: int
    width: int
    places: Places
    bounds: Places
    dense: dict[int, "Sets"]
    own_in: dict[str, Mask]

    def where(self, cells: slice | Places = slice(None)) -> tuple[Places, Places]:
        """Give the queries and keys of cells picked out, as positions."""
        rows, keys = np.divmod(self.places[cells], self.width)
        return rows + self.start, keys + self.first_key

    def of(self, listed: int) -> slice:
        """Say where a listed pattern's cells are; those of the last are where queries meet themselves."""
        return slice(int(self.bounds[listed * self.rows]), int(self.bounds[(listed + 1) * self.rows]))

    def summed(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Add up cells picked out.

        Shape:
            values: (head, cell).

        Returns:
            (head, listed pattern and itself, row).
        """
        some, starts = self._filled
        sums = np.zeros((len(values), len(self.bounds) - 1))
        if len(some):
            sums[:, some] = np.add.reduceat(values, starts, axis=1, dtype=np.float64)
        return sums.reshape(len(values), -1, self.rows)

    @cached_property
    def _filled(self) -> tuple[Places, Places]:
        """Say which lists have cells, and where they begin."""
        some = np.flatnonzero(np.diff(self.bounds))
        return some, self.bounds[some]

    def count(self, seen: Seen) -> Places:
        """Count the cells that each query sees: (listed pattern and itself, row)."""
        queries, keys = self.where()
        counts = self.summed(seen.has(queries - self.start, keys)[None].astype(np.float64))[0]
        for listed, sets in self.dense.items():
            of_sets = np.array([seen.count(keys) for keys in sets.keys])
            counts[listed] = sets.own(of_sets.T[None], counts[-1])[0]
        whole: Places = counts.astype(np.intp)
        return whole


class Plans:
    """Makes plans of an input, and keeps those that heads to come will need."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._kept: OrderedDict[tuple[int, int, int, int], Plan] = OrderedDict()
        self._bytes = 0

    def at(self, start: int, rows: int, first_key: int, width: int) -> Plan:
        """Give the plan of some rows."""
        key = (start, rows, first_key, width)
        if key not in self._kept:
            self._kept[key] = plan = self._made(*key)
            self._bytes += _size(plan)
        self._kept.move_to_end(key)
        while self._bytes > _KEPT and len(self._kept) > 1:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return self._kept[key]

    def _made(self, start: int, rows: int, first_key: int, width: int) -> Plan:
        layout = self._layout
        queries = np.arange(start, start + rows)
        places, counts, dense = [], [], {}
        for number, name in enumerate(layout.listed):
            row, key = listed(layout, layout.cells[name], queries, first_key, width)
            if sets := _sets(layout, name, queries, len(row), width):
                dense[number] = sets
                row, key = row[:0], key[:0]
            places.append(row * width + key)
            counts.append(np.bincount(row, minlength=rows))
        own = layout.own[queries] - first_key
        there = np.flatnonzero((layout.own[queries] >= 0) & (own >= 0) & (own < width))
        places.append(there * width + own[there])
        counts.append(np.bincount(there, minlength=rows))
        bounds = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        own_in = {name: keys[layout.own[queries]] for name, keys in layout.columns.items()}
        return Plan(start, rows, first_key, width, np.concatenate(places), bounds, dense, own_in)


def listed(
    layout: Layout, cells: Cells, queries: Places, first_key: int = 0, width: int | None = None
) -> tuple[Places, Places]:
    """List cells of some queries, those aside on which a query meets itself.

    Shape:
        queries: (row,), positions.

    Returns:
        (cell,) the row, and (cell,) the key, counted from the first.
    """
    row, key = cells.of(queries)
    key = key - first_key
    stop = len(layout.sides.keys) - first_key if width is None else width
    there = (key >= 0) & (key < stop) & (key != layout.own[queries][row] - first_key)
    return row[there], key[there]


def _sets(layout: Layout, name: str, queries: Places, cells: int, width: int) -> Sets | None:
    """Give the sets of keys that queries share, where products with these cost less than picking cells."""
    slices = layout.cells[name]
    if name not in ASKED_AGAIN or not isinstance(slices, Slices):
        return None
    bounds = np.stack([slices.first[queries], slices.stop[queries]], axis=1)
    distinct, own = np.unique(bounds, axis=0, return_inverse=True)
    filled = distinct[:, 1] > distinct[:, 0]
    if cells * _PICKED <= np.count_nonzero(filled) * len(queries) * width:
        return None
    sets = np.zeros((len(distinct), len(layout.sides.keys)), dtype=bool)
    for keys, (first, stop) in zip(sets, distinct.tolist(), strict=True):
        keys[slices.keys[first:stop]] = True
    itself = layout.own[queries]
    return Sets(sets, own, (itself >= 0) & sets[own, itself])


def _size(plan: Plan) -> int:
    return plan.places.nbytes + plan.bounds.nbytes + sum(sets.keys.nbytes for sets in plan.dense.values())
