"""What the queries of a layer see, gathered from its blocks, and the cells of each pattern among that."""

from collections.abc import Sequence

import numpy as np

from attnviz.analysis.patterns.score import Chances
from attnviz.analysis.patterns.seen import Places, Seen, together
from attnviz.analysis.patterns.shapes import Cells
from attnviz.analysis.streaming.layout import Layout, Plans, listed
from attnviz.arrays import on_cpu
from attnviz.observe import RowBlock

# So many cells are listed at once.
_CELLS = 2**20


class Sight:
    """What queries see in one layer.

    Attributes:
        many: (shape, query), how many cells of each pattern a query can reach.
        seen: (query,), how many keys it sees.
        itself: (query,), how often it sees itself: once or never.
        written: (query,), how many keys it sees that words and links are made of.
    """

    def __init__(self, layout: Layout, plans: Plans) -> None:
        queries = len(layout.sides.queries)
        self._layout, self._plans = layout, plans
        self._parts: list[Seen] = []
        self._upto = 0
        self.many = np.zeros((len(layout.names), queries), dtype=np.int32)
        self.seen, self.itself, self.written = np.zeros((3, queries), dtype=np.int32)

    def cover(self, block: RowBlock) -> None:
        """Learn what the rows of a block see; rows that another head had before are known."""
        rows, width = block.weights.shape[1:]
        known = self._upto - block.start
        if known >= rows:
            return
        visible = block.visible()
        keys = range(block.first_key, block.first_key + width)
        if visible is None:
            seen = Seen.everything(rows - known, keys)
        else:
            seen = Seen.of(on_cpu(visible)[known:], block.first_key)
        self._count(seen, keys)
        self._parts.append(seen)
        self._upto += seen.rows

    def _count(self, seen: Seen, keys: range) -> None:
        layout, some = self._layout, slice(self._upto, self._upto + seen.rows)
        counts = self._plans.at(self._upto, seen.rows, keys.start, len(keys)).count(seen)
        own, itself = layout.own[some], counts[-1]
        for number, name in enumerate(layout.names):
            if name in layout.columns:
                of_set = layout.columns[name]
                self.many[number, some] = seen.count(of_set) - itself * of_set[own]
            else:
                self.many[number, some] = counts[layout.listed.index(name)]
        self.itself[some] = itself
        self.seen[some] = seen.count(np.ones(len(layout.special), dtype=bool))
        self.written[some] = written_in(layout, seen, self._upto)

    def chances(self, queries: Places) -> Chances:
        """Give what is known of every pattern's cells for some queries."""
        reach = self.seen[queries] - self.itself[queries]
        return Chances.of(self.many[:, queries], reach, self._layout.where_possible)

    @property
    def whole(self) -> Seen:
        """What all queries see."""
        if len(self._parts) > 1:
            self._parts = [Seen.joined(self._parts)]
        return self._parts[0]

    def part(self, start: int, rows: int) -> Seen:
        """Give what some queries see."""
        return self.whole.part(start, start + rows)

    def is_within(self, cells: Cells, others: Cells) -> bool:
        """Say whether all cells of a pattern that queries can reach are another's too."""
        queries = np.flatnonzero(self._layout.counted)
        step = max(1, _CELLS // len(self._layout.special))
        for first in range(0, len(queries), step):
            some = queries[first : first + step]
            row, key = listed(self._layout, cells, some)
            seen = self.whole.has(some[row], key)
            if not others.has(some[row[seen]], key[seen]).all():
                return False
        return True


def union(sights: Sequence[Sight], keys: int) -> Seen:
    """Give what queries see in any of several layers."""
    return together([sight.whole for sight in sights], keys)


def written_in(layout: Layout, seen: Seen, start: int = 0) -> Places:
    """Count the keys that words and links are made of, among those that queries see: (query,).

    That is what was written, but for the query itself.
    """
    own = layout.own[start : start + seen.rows]
    there = np.flatnonzero((own >= 0) & ~layout.special[own])
    itself = np.zeros(seen.rows, dtype=np.intp)
    itself[there] = seen.has(there, own[there])
    counted: Places = seen.count(~layout.special) - itself
    return counted
