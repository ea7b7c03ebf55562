"""The links worth telling of each head, and the most telling one of each query, as rows come."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patterns.evidence import Strongest
from attnviz.analysis.readers import Mask
from attnviz.analysis.streaming.layout import Layout
from attnviz.analysis.streaming.reducing import Reduced
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.selection import HeadId

Places = NDArray[np.integer]
Floats = NDArray[np.floating]

# Places of heads, of rows and of keys in a block, and the weights there: (cell,) each.
Found = tuple[Places, Places, Places, Floats]

# A link is told if it carries twice what evenly spread mass would give it, and always from the second on.
TOLD_FROM, TOLD_ALWAYS = 0.1, 0.5

# Links that are above what is usual by as much but for rounding are as telling as each other.
_DIGITS = 6

# What sums in single precision may lack.
_NEARLY = 0.999

# From this query on the first key and the one before the query are two.
_ALONE = 2


@dataclass(frozen=True, eq=False)
class Links:
    """Links of one head, in the order of the text.

    Attributes:
        queries: (link,), positions.
        keys: (link,), positions.
        weights: (link,), 0 to 1.
    """

    queries: NDArray[np.int32]
    keys: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence["Links"]) -> "Links":
        """Put links of later rows behind those of earlier ones."""
        return cls(
            np.concatenate([np.zeros(0, dtype=np.int32), *(part.queries for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.int32), *(part.keys for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.float32), *(part.weights for part in parts)]),
        )


@dataclass(eq=False)
class _OfHead:
    """A head's links as far as its rows have come."""

    strongest: Strongest
    parts: list[Links] = field(default_factory=list)


class Linking:
    """Finds links.

    A row holds at most ten weights of a tenth, so that the links of a head are few; they are kept until all
    its rows have come, since what is telling depends on what the head gives a key on average.
    """

    def __init__(self, layout: Layout, heads: Sequence[HeadId], top: int) -> None:
        queries, keys = len(layout.sides.queries), len(layout.sides.keys)
        self._layout, self._top = layout, top
        self._rank = {head: rank for rank, head in enumerate(heads)}
        self._heads: dict[HeadId, _OfHead] = {}
        self._best = np.full(queries, -np.inf)
        self._best_rank = np.full(queries, -1, dtype=np.int32)
        self._best_key = np.zeros(queries, dtype=np.int32)
        self._best_weight = np.zeros(queries, dtype=np.float32)
        self.looking, self.looked_at = np.zeros(queries, dtype=bool), np.zeros(keys, dtype=bool)

    def take(self, reduced: Reduced, heads: Sequence[HeadId]) -> None:
        """Take some rows.

        Args:
            reduced: the rows.
            heads: whose they are.
        """
        found_head, found = links_in(self._layout, reduced)
        for number, head in enumerate(heads):
            own = self._heads.setdefault(head, _OfHead(Strongest(self._top)))
            some = slice(*np.searchsorted(found_head, [number, number + 1]))
            if some.start == some.stop:
                continue
            links = Links(found.queries[some], found.keys[some], found.weights[some])
            own.strongest.take(links.weights, links.queries, links.keys)
            own.parts.append(links)
            self.looking[links.queries], self.looked_at[links.keys] = True, True

    def finish(self, head: HeadId, usual: Floats) -> list[tuple[float, int, int]]:
        """Give a head's strongest links, as weight, query and key; all its rows have come.

        Shape:
            usual: (key,), what the head gives each key on average.
        """
        own = self._heads.pop(head, _OfHead(Strongest(self._top)))
        links, rank = Links.joined(own.parts), self._rank[head]
        telling = np.round(links.weights.astype(np.float64) - usual[links.keys], _DIGITS)
        # Of a query's links the last of the most telling: behind each other, the later one stays.
        order = np.lexsort((np.arange(len(telling)), telling, links.queries))
        last = order[np.flatnonzero(np.diff(links.queries[order], append=-1))]
        queries = links.queries[last]
        best, ranks = self._best[queries], self._best_rank[queries]
        better = (telling[last] > best) | ((telling[last] == best) & (rank > ranks))
        last, queries = last[better], queries[better]
        self._best[queries], self._best_rank[queries] = telling[last], rank
        self._best_key[queries], self._best_weight[queries] = links.keys[last], links.weights[last]
        return own.strongest.links

    def most_telling(self) -> list[tuple[int, float, int, int]]:
        """Give of each query that has links the one furthest above what its head gives that key on average.

        A head that gives every query the same key, such as the full stop, would otherwise have the last word.

        Returns:
            The place of the head among all of them, weight, query and key, in the order of the text.
        """
        some = np.flatnonzero(self._best_rank >= 0)
        parts = (self._best_rank[some], self._best_weight[some], some, self._best_key[some])
        return list(zip(*(part.tolist() for part in parts), strict=True))


def enough_to_tell(keys: NDArray[np.integer]) -> Floats:
    """Say how much weight a link needs to be told, by how many keys its query could be linked with: (query,).

    Twice what evenly spread mass would give it, from .1 on; from .5 on a link is always told.
    """
    even = np.where(keys > 0, 1 / np.maximum(keys, 1), 0.0)
    enough: Floats = np.clip(2 * even, TOLD_FROM, TOLD_ALWAYS)
    return enough


def links_in(layout: Layout, reduced: Reduced) -> tuple[Places, Links]:
    """Find the links worth telling in some rows.

    Returns:
        The place of each link's head, ascending, and the links in the order of the text.
    """
    squares = reduced.line("squares")
    if squares.max() < (_NEARLY * TOLD_FROM) ** 2:
        return np.zeros(0, dtype=np.intp), Links.joined([])
    enough = _at_least(enough_to_tell(reduced.sight.written[reduced.queries]))
    known = _known(layout, reduced)
    left = squares - sum(given**2 for given, _ in known)
    # No other weight of a row is above the root of the sum of their squares, which spares most rows.
    worth = np.sqrt(np.maximum(left, 0.0)) >= _NEARLY * enough
    worth |= reduced.queries + layout.start < _ALONE  # there what is known may be one and the same
    parts = [_strong(reduced.weights, reduced.rows, enough, worth)]
    parts += [_given(reduced.rows, enough, ~worth, *each) for each in known]
    head, row, key, weight = _in_order(parts)
    query, key = row + reduced.plan.start, key + reduced.plan.first_key
    told = ~layout.special[key] & (layout.own[query] != key)
    kept = query[told].astype(np.int32), key[told].astype(np.int32), weight[told].astype(np.float32)
    return head[told], Links(*kept)


def _known(layout: Layout, reduced: Reduced) -> list[tuple[Floats, Places]]:
    """Give what queries give keys that many heads rest on, (head, row), and where these stand, (row,).

    What is left of a row without them is mostly spread too wide for a link, and then it need not be searched.
    """
    before = reduced.queries + layout.start - 1 - reduced.plan.first_key
    keys = {"first": np.full_like(before, -reduced.plan.first_key), "previous": before}
    return [(reduced.on(layout, name), keys[name]) for name in keys if name in layout.names]


def _given(rows: Places, enough: Floats, asked: Mask, given: Floats, keys: Places) -> Found:
    """Give cells that are known if they are enough.

    Shape:
        rows: (row,), the places of the rows in their block.
        enough: (row,).
        asked, given: (head, row).
        keys: (row,).
    """
    head, row = np.nonzero(asked & (given >= enough))
    return head, rows[row], keys[row], given[head, row]


def _in_order(parts: Sequence[Found]) -> Found:
    """Put cells in the order of heads, rows and keys."""
    some = [part for part in parts if len(part[0])]
    if len(some) < 2:
        return some[0] if some else parts[0]
    head, row, key, weight = (np.concatenate(each) for each in zip(*some, strict=True))
    order = np.lexsort((key, row, head))
    return head[order], row[order], key[order], weight[order]


def _at_least(values: Floats) -> NDArray[np.float32]:
    """Round up to single precision, so that no weight is enough that would not be in double."""
    rounded = values.astype(np.float32)
    return np.where(rounded < values, np.nextafter(rounded, np.float32(np.inf)), rounded)


def _strong(weights: Array, rows: Places, enough: NDArray[np.float32], worth: Mask) -> Found:
    """Find weights that are enough, row after row of each head.

    Shape:
        weights: (head, query, key).
        rows: (row,), the places of the rows that are asked.
        enough: (row,).
        worth: (head, row), those that are worth looking at.

    Returns:
        Heads, places of queries, keys and weights: (link,) each.
    """
    head, row = np.nonzero(worth)
    if not len(head):
        return head, row, row, np.zeros(0)
    at, enough = head * weights.shape[1] + rows[row], enough[row]
    lines = weights.reshape(-1, weights.shape[-1])
    if isinstance(lines, np.ndarray):
        if 2 * len(at) > len(lines):  # to leave a few out costs more than to look at them in vain
            bound = np.full(len(lines), np.inf, dtype=np.float32)
            bound[at] = enough
            line, key = np.divmod(np.flatnonzero(lines >= bound[:, None]), lines.shape[1])
            return line // weights.shape[1], line % weights.shape[1], key, lines[line, key]
        lines = lines[at]
        line, key = np.divmod(np.flatnonzero(lines >= enough[:, None]), lines.shape[1])
        return head[line], rows[row[line]], key, lines[line, key]
    xp = namespace(lines)
    lines = xp.take(lines, xp.asarray(at, device=lines.device), axis=0)
    found = xp.nonzero(lines >= xp.asarray(enough, device=lines.device)[:, None])
    line, key = (on_cpu(place) for place in found)
    return head[line], rows[row[line]], key, on_cpu(lines[found])
