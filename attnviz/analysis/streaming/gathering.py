"""What all rows of a head come to, added up as they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import nan

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.entropy import perplexity
from attnviz.analysis.patterns.evidence import Strongest
from attnviz.analysis.patterns.naming import SELF
from attnviz.analysis.patterns.score import Chances, Score, Tally
from attnviz.analysis.patterns.shapes import Places
from attnviz.analysis.streaming.layout import Layout, listed
from attnviz.analysis.streaming.reducing import BY_ROW, SHORT, Reduced
from attnviz.analysis.streaming.sights import Sight
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.selection import HeadId

Numbers = NDArray[np.float64]
Floats = NDArray[np.floating]

# What is added up for each key.
_BY_KEY = ("received", "squared", "by_mass", "by_share")

# Products of so many numbers numpy makes in one thread; see `sums` for what it does with more.
_ALONE = 2**18

# Of so many cells of patterns heads are scored at once.
_CELLS = 2**20


@dataclass(frozen=True, eq=False)
class HeadRows:
    """What all rows of one head come to.

    Attributes:
        layout: what is known of the input.
        sight: what the head's queries see.
        rows: by name, (row,) of the queries that count: as in `Reduced.lines`.
        keys: by name, (key,), added up over these queries: what a key is "received", the squares of that
            ("squared"), and what it is given times the row's mass ("by_mass"), or times the share of this
            that each key in reach would have ("by_share").
        scores: of each pattern's cells.
        resting: what the head gives itself, of all it sees.
        strongest: gives the strongest links of a pattern for which they are kept, or of "self".
    """

    layout: Layout
    sight: Sight
    rows: Mapping[str, Numbers]
    keys: Mapping[str, Numbers]
    scores: Sequence[Score]
    resting: Score
    strongest: Callable[[str], Strongest]

    @cached_property
    def queries(self) -> Places:
        """The positions of the queries that count."""
        return np.flatnonzero(self.layout.counted)

    @property
    def usual(self) -> Numbers:
        """What each key is given on average: (key,)."""
        return self.keys["received"] / len(self.queries)

    @cached_property
    def elsewhere(self) -> Mapping[str, Numbers]:
        """The sums by key, without what a query gives itself."""
        own = self.layout.own[self.queries]
        there, itself = own >= 0, self.rows["itself"]
        of_rows = (np.ones_like(itself), itself, self.rows["mass"], self.shares)
        left = {}
        for name, factor in zip(_BY_KEY, of_rows, strict=True):
            left[name] = self.keys[name].copy()
            np.subtract.at(left[name], own[there], (itself * factor)[there])
            np.maximum(left[name], 0.0, out=left[name])
        return left

    @cached_property
    def shares(self) -> Numbers:
        """What each key in reach of a query would get of its mass: (row,)."""
        shares: Numbers = self.rows["mass"] / np.maximum(self._reach, 1)
        return shares

    @cached_property
    def beyond(self) -> Numbers:
        """What each key receives from others beyond what evenly spread mass would give it: (key,)."""
        beyond: Numbers = self.elsewhere["received"] - self._to_reach(self.shares)
        return beyond

    @cached_property
    def _reach(self) -> Places:
        return (self.sight.seen - self.sight.itself)[self.queries].astype(np.intp)

    def _to_reach(self, values: Numbers) -> Numbers:
        """Give each key what the queries that reach it have, and add up: (key,)."""
        layout = self.layout
        of_all = np.zeros(len(layout.own))
        of_all[self.queries] = values
        spread: Numbers = self.sight.whole.spread(of_all[None], len(layout.special))[0]
        meeting = self.queries[self.sight.itself[self.queries] > 0]
        np.subtract.at(spread, layout.own[meeting], of_all[meeting])
        return spread

    def on_key(self, key: int) -> Score:
        """Score a single key.

        With $b_i = w_i - c_i m_i$ as in `Tally`, where a query either reaches the key or gives it nothing.
        """
        sums = {name: float(values[key]) for name, values in self.elsewhere.items()}
        mass, share = self.rows["mass"], self.shares
        reached = self.sight.whole.has(self.queries, np.full(len(self.queries), key))
        reached &= self.layout.own[self.queries] != key
        many, mean = len(mass), mass.mean()
        beyond = (sums["received"] - share[reached].sum()) / many
        squares = sums["squared"] - 2 * sums["by_share"] + (share[reached] ** 2).sum()
        both = sums["by_mass"] - (share * mass)[reached].sum()
        ground = Chances.of(reached[None].astype(np.intp), self._reach, np.zeros(1, dtype=bool))
        uneven = ground.unevenness(mass[None], self.rows["squares"][None])[0]
        one = Tally(
            asked=np.array([[many]]),
            queries=np.array([[np.count_nonzero(reached)]]),
            on=np.array([[sums["received"]]]),
            mass=np.array([[mean]]),
            beyond=np.array([[beyond]]),
            masses=np.array([[((mass - mean) ** 2).sum()]]),
            beyonds=np.array([[max(squares - many * beyond**2, 0.0)]]),
            both=np.array([[both - many * beyond * mean]]),
            variance=np.array([[ground.drawn[0] @ uneven]]),
        )
        return one.scores()[0][0]

    def broad(self) -> Score:
        r"""Score how much of what they can see its queries read, as if alike: $\sum 2^{H_i} / \sum n_i$.

        Evenly spread attention has 1, and nothing is above it. A query that sees a single key is not asked.
        """
        seen = self.sight.seen[self.queries]
        asked = seen > 1
        read, seen = perplexity(self.rows["entropy"])[asked], seen[asked].astype(np.float64)
        if not len(seen):
            return Score(0.0, -1.0, nan, 0.0, 0)
        share = min(float(read.sum() / seen.sum()), 1.0)
        spare = len(seen) / (len(seen) - 1) if len(seen) > 1 else nan
        error = float(np.sqrt(spare * ((read - share * seen) ** 2).sum()) / seen.sum())
        return Score(share, share - 1.0, error, 0.0, len(seen))


@dataclass(frozen=True, eq=False)
class _Picked:
    """The weights of cells that were picked out of some rows of a head.

    Attributes:
        rows: the positions of the queries.
        keys: the positions of the keys that were there.
        weights: (cell,), of the patterns for which links are kept, and where queries meet themselves.
        bounds: (pattern and itself, and one more), where each of these begins.
    """

    rows: range
    keys: range
    weights: Floats
    bounds: Places

    def give(self, layout: Layout, name: str, strongest: Strongest) -> None:
        """Have the strongest links of a pattern kept."""
        number = (*layout.linked, SELF).index(name)
        weights = self.weights[self.bounds[number] : self.bounds[number + 1]]
        if not len(weights) or weights.max() <= strongest.enough:
            return
        queries, keys = self._cells(layout, name)
        counted = layout.counted[queries]
        strongest.take(weights[counted], queries[counted], keys[counted])

    def _cells(self, layout: Layout, name: str) -> tuple[Places, Places]:
        """Give the queries and keys of a pattern's cells, in the order of a `Plan`."""
        queries = np.arange(self.rows.start, self.rows.stop)
        if name != SELF:
            row, key = listed(layout, layout.cells[name], queries, self.keys.start, len(self.keys))
            return queries[row], key + self.keys.start
        own = layout.own[queries]
        there = (own >= 0) & (own >= self.keys.start) & (own < self.keys.stop)
        return queries[there], own[there]


class _OfLayer:
    """What came so far of the heads of one layer."""

    def __init__(self, layout: Layout, heads: int) -> None:
        queries, keys = len(layout.own), len(layout.special)
        exact = np.float64 if keys <= SHORT else np.float32
        self.lines = np.zeros((heads, len(BY_ROW) + len(layout.names), queries), dtype=exact)
        self.keys = np.zeros((heads, len(_BY_KEY), keys), dtype=exact)
        self.picked: list[list[_Picked]] = [[] for _ in range(heads)]


class Gathering:
    """Adds up rows of heads, and gives what all rows of a head come to when its last one was there."""

    def __init__(self, layout: Layout, heads: Mapping[int, Sequence[HeadId]]) -> None:
        self._layout, self._heads = layout, heads
        self._layers: dict[int, _OfLayer] = {}
        self._missing = {layer: len(of_layer) for layer, of_layer in heads.items()}

    def take(self, reduced: Reduced) -> dict[HeadId, HeadRows]:
        """Take some rows; give the heads that are complete with them."""
        of_layer = self._heads[reduced.layer]
        if reduced.layer not in self._layers:
            self._layers[reduced.layer] = _OfLayer(self._layout, len(of_layer))
        kept = self._layers[reduced.layer]
        if len(reduced.queries):
            self._add(kept, reduced)
        if not reduced.last:
            return {}
        done = {of_layer[place]: rows for place, rows in self._whole(kept, reduced)}
        self._missing[reduced.layer] -= len(done)
        if not self._missing[reduced.layer]:
            del self._layers[reduced.layer]
        return done

    def _add(self, kept: _OfLayer, reduced: Reduced) -> None:
        plan, sums = reduced.plan, _by_key(reduced)
        part = plan.bounds[-1 - (len(self._layout.linked) + 1) * plan.rows :: plan.rows]
        rows, keys = (
            range(start, start + many)
            for start, many in ((plan.start, plan.rows), (plan.first_key, plan.width))
        )
        for number, place in enumerate(reduced.heads):
            kept.lines[place, :, rows.start : rows.stop] = reduced.lines[number]
            kept.keys[place, :, reduced.keys] += sums[number]
            some = reduced.picked[number, part[0] :].copy()
            kept.picked[place].append(_Picked(rows, keys, some, part - part[0]))

    def _whole(self, kept: _OfLayer, reduced: Reduced) -> Iterator[tuple[int, HeadRows]]:
        """Give what all rows of heads come to, whose last rows these are, by the head's place."""
        queries = np.flatnonzero(self._layout.counted)
        chances = reduced.sight.chances(queries)
        most = max(1, _CELLS // (len(self._layout.names) * len(self._layout.counted)))
        for first in range(0, len(reduced.heads), most):
            yield from self._some(kept, reduced.sight, chances, reduced.heads[first : first + most])

    def _some(
        self, kept: _OfLayer, sight: Sight, chances: Chances, heads: Sequence[int]
    ) -> Iterator[tuple[int, HeadRows]]:
        queries = np.flatnonzero(self._layout.counted)
        lines = kept.lines[np.array(heads)][..., queries].astype(np.float64)
        rows = {name: lines[:, place] for place, name in enumerate(BY_ROW)}
        scores = Tally.of(lines[:, len(BY_ROW) :], rows["mass"], rows["squares"], chances).scores()
        resting = _resting(rows, queries, sight)
        for number, place in enumerate(heads):
            keys = kept.keys[place].astype(np.float64)
            yield (
                place,
                HeadRows(
                    layout=self._layout,
                    sight=sight,
                    rows={name: values[number] for name, values in rows.items()},
                    keys=dict(zip(_BY_KEY, keys, strict=True)),
                    scores=scores[number],
                    resting=resting[number],
                    strongest=partial(_strongest, self._layout, kept.picked[place]),
                ),
            )
            kept.picked[place] = []


def _strongest(layout: Layout, picked: Sequence[_Picked], name: str) -> Strongest:
    """Find the strongest links of a pattern."""
    strongest = Strongest()
    for some in picked:
        some.give(layout, name, strongest)
    return strongest


def _resting(rows: Mapping[str, Numbers], queries: Places, sight: Sight) -> list[Score]:
    """Score what heads give themselves, of all they see.

    Shape:
        rows: by name, (head, row), as in `HeadRows`.
    """
    itself, seen = rows["itself"], sight.seen[queries]
    ground = Chances.of(sight.itself[None, queries], seen, np.zeros(1, dtype=bool))
    mass, squares = rows["mass"] + itself, rows["squares"] + itself**2
    return [score for [score] in Tally.of(itself[:, None], mass, squares, ground).scores()]


def _by_key(reduced: Reduced) -> Floats:
    """Add up for each key what it is given, as `HeadRows.keys` has it: (head, sum, key of the block)."""
    weights, rows, mass = reduced.weights, reduced.rows, reduced.line("mass")
    reach = (reduced.sight.seen - reduced.sight.itself)[reduced.queries]
    factors = np.zeros((*weights.shape[:1], len(_BY_KEY), weights.shape[1]))
    factors[:, 0, rows] = 1.0
    factors[:, 2, rows] = mass
    factors[:, 3, rows] = mass / np.maximum(reach, 1)
    sums = _products(factors, weights)
    sums[:, 1] = _squares(factors[:, 0], weights)
    return sums


def _products(factors: Numbers, weights: Array) -> Floats:
    """Add up rows times their factors, (head, sum, query): (head, sum, key)."""
    xp = namespace(weights)
    of_rows = xp.astype(xp.asarray(factors, device=weights.device), weights.dtype)
    return _by_pieces(of_rows, weights) if xp is np else on_cpu(xp.matmul(of_rows, weights))


def _by_pieces(factors: Floats, weights: Floats) -> Floats:
    """Multiply (head, sum, query) with (head, query, key), some keys at a time so that one thread does it."""
    heads, sums, rows = factors.shape
    keys = weights.shape[-1]
    width = min(keys, max(1, _ALONE // (sums * rows)))
    whole = keys // width * width
    pieces = weights[..., :whole].reshape(heads, rows, -1, width).transpose(0, 2, 1, 3)
    found = np.empty((heads, sums, keys), dtype=weights.dtype)
    products = (factors[:, None] @ pieces).transpose(0, 2, 1, 3)
    found[..., :whole] = products.reshape(heads, sums, whole)
    found[..., whole:] = factors @ weights[..., whole:]
    return found


def _squares(counted: Numbers, weights: Array) -> Floats:
    """Add up the squares of rows that count, 1 of (head, query) and else 0: (head, key)."""
    if isinstance(weights, np.ndarray):  # without a second array as large as the block
        some = weights if counted.all() else weights[:, counted[0] > 0]
        return np.asarray(np.einsum("hqk,hqk->hk", some, some))
    return _products(counted[:, None], weights * weights)[:, 0]
