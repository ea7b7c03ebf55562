"""The pattern of every head, as rows come: see `attnviz.analysis.patterns.find` for what a pattern is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.entropy import perplexity
from attnviz.analysis.patterns.evidence import Evidence, Strongest, strongest_keys, strongest_links
from attnviz.analysis.patterns.naming import BROAD, ONE_PATCH, SELF, VERTICAL, Found, Held, Pattern
from attnviz.analysis.patterns.score import Chances, Score, Tally
from attnviz.analysis.patterns.shapes import Columns, Places
from attnviz.analysis.readers import Mask
from attnviz.analysis.streaming.confirming import Confirming
from attnviz.analysis.streaming.layout import ASKED_AGAIN, Layout
from attnviz.analysis.streaming.reducing import SHORT, Reduced, Reducing
from attnviz.analysis.streaming.sights import Sight
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.frame import Frame
from attnviz.observe import RowBlock
from attnviz.selection import HeadId

Numbers = NDArray[np.float64]
Floats = NDArray[np.floating]

# Sums over queries that differ by less are alike but for rounding, and then the first key goes first.
_DIGITS = 9

_PUNCTUATION = "punctuation"

# What is kept of each row, and what is added up for each key.
_BY_ROW = ("mass", "squares", "itself", "special", "entropy", "distance")
_BY_KEY = ("received", "squared", "by_mass", "by_share")


@dataclass(frozen=True, eq=False)
class HeadRows:
    """What all rows of one head come to.

    Attributes:
        layout: what is known of the input.
        sight: what the head's queries see.
        rows: by name, (row,) of the queries that count: as in `Reduced`.
        keys: by name, (key,), added up over these queries: what a key is "received", the squares of that
            ("squared"), and what it is given times the row's mass ("by_mass"), or times the share of this
            that each key in reach would have ("by_share").
        tally: of each pattern's cells.
        strongest: by name, the strongest links of each pattern for which they are kept.
    """

    layout: Layout
    sight: Sight
    rows: Mapping[str, Numbers]
    keys: Mapping[str, Numbers]
    tally: Tally
    strongest: Mapping[str, Strongest]

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

    def resting(self) -> Score:
        """Score what the head gives itself, of all it sees."""
        itself, sight = self.rows["itself"], self.sight
        many, seen = sight.itself[None, self.queries].astype(np.intp), sight.seen[self.queries]
        ground = Chances.of(many, seen.astype(np.intp), np.zeros(1, dtype=bool))
        mass, squares = self.rows["mass"] + itself, self.rows["squares"] + itself**2
        return Tally.of(itself[None, None], mass[None], squares[None], ground).scores()[0][0]

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


class _OfLayer:
    """What came so far of the heads of one layer."""

    def __init__(self, layout: Layout, heads: int) -> None:
        queries, keys = len(layout.own), len(layout.special)
        exact = np.float64 if keys <= SHORT else np.float32
        self.tally = Tally.nothing(heads, len(layout.names))
        self.rows = {name: np.zeros((heads, queries), dtype=exact) for name in _BY_ROW}
        self.keys = {name: np.zeros((heads, keys), dtype=exact) for name in _BY_KEY}
        kept = [name for name in layout.listed if name not in ASKED_AGAIN]
        self.strongest = [{name: Strongest() for name in (*kept, SELF)} for _ in range(heads)]


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
        done = {of_layer[place]: self._whole(kept, place, reduced.sight) for place in reduced.heads}
        self._missing[reduced.layer] -= len(done)
        if not self._missing[reduced.layer]:
            del self._layers[reduced.layer]
        return done

    def _add(self, kept: _OfLayer, reduced: Reduced) -> None:
        heads = np.array(reduced.heads)
        chances = reduced.sight.chances(reduced.queries)
        more = Tally.of(reduced.on, reduced.mass, reduced.squares, chances)
        kept.tally.put(heads, kept.tally.part(heads).with_more(more))
        for name in _BY_ROW:
            kept.rows[name][heads[:, None], reduced.queries] = getattr(reduced, name)
        for name, sums in zip(_BY_KEY, _by_key(reduced, chances), strict=True):
            kept.keys[name][heads, reduced.keys] += sums
        self._keep_strongest(kept, reduced)

    def _keep_strongest(self, kept: _OfLayer, reduced: Reduced) -> None:
        """Keep the strongest links of the patterns that need no second look."""
        plan = reduced.plan
        numbers = {name: number for number, name in enumerate((*self._layout.listed, SELF))}
        for place, picked in zip(reduced.heads, reduced.picked, strict=True):
            for name, strongest in kept.strongest[place].items():
                cells = plan.of(numbers[name])
                if cells.start == cells.stop or picked[cells].max() <= strongest.enough:
                    continue
                better = cells.start + np.flatnonzero(picked[cells] > strongest.enough)
                queries, keys = plan.where(better)
                counted = self._layout.counted[queries]
                strongest.take(picked[better][counted], queries[counted], keys[counted])

    def _whole(self, kept: _OfLayer, place: int, sight: Sight) -> HeadRows:
        queries = np.flatnonzero(self._layout.counted)
        return HeadRows(
            layout=self._layout,
            sight=sight,
            rows={name: values[place, queries].astype(np.float64) for name, values in kept.rows.items()},
            keys={name: values[place].astype(np.float64) for name, values in kept.keys.items()},
            tally=kept.tally.part(np.array([place])),
            strongest=kept.strongest[place],
        )


def _by_key(reduced: Reduced, chances: Chances) -> list[Floats]:
    """Add up for each key what it is given, as `HeadRows.keys` has it: (head, key of the block) each."""
    weights = reduced.weights
    factors = np.zeros((3, weights.shape[0], weights.shape[1]))
    factors[0][:, reduced.rows] = 1.0
    factors[1][:, reduced.rows] = reduced.mass
    factors[2][:, reduced.rows] = reduced.mass / np.maximum(chances.reach, 1)
    sums = [_products(factor, weights) for factor in factors]
    return [sums[0], _squares(factors[0], weights), *sums[1:]]


def _products(factors: Numbers, weights: Array) -> Floats:
    """Add up rows times their factors, (head, query): (head, key)."""
    xp = namespace(weights)
    of_rows = xp.astype(xp.asarray(factors[:, None], device=weights.device), weights.dtype)
    return on_cpu(xp.matmul(of_rows, weights))[:, 0]


def _squares(counted: Numbers, weights: Array) -> Floats:
    """Add up the squares of rows that count, 1 of (head, query) and else 0: (head, key)."""
    if isinstance(weights, np.ndarray):  # without a second array as large as the block
        some = weights if counted.all() else weights[:, counted[0] > 0]
        return np.asarray(np.einsum("hqk,hqk->hk", some, some))
    return _products(counted, weights * weights)


class Patterning:
    """Names what heads do.

    An observer: let it take every row of the heads, and whatever `again` gives the rows of its heads after
    that. Three patterns cannot be told from sums alone: "block" needs the mass at each distance, "same word"
    and "induction" the mass on the cells of 99 shuffled texts. Few heads come near them, so that their rows
    are asked for once more instead of making all that for every head.
    """

    def __init__(self, frame: Frame, heads: Sequence[HeadId] | None = None, *, every: bool = False) -> None:
        """Begin with no row.

        Args:
            frame: the input.
            heads: whose patterns; None means all of the frame.
            every: whether each shape is to be scored as if it were the label, with its evidence.

        Raises:
            OutOfRange: the frame lacks one of the heads.
        """
        self._every = every
        self._heads = frame.head_ids if heads is None else tuple(heads)
        self.reducing = Reducing(frame, self._heads)
        self._gathering = Gathering(self.reducing.layout, self.reducing.heads)
        self.found: dict[HeadId, Found] = {}

    def update(self, block: RowBlock) -> None:
        """Take some rows."""
        reduced = self.reducing.reduced(block)
        if reduced is not None:
            self.take(reduced)

    def take(self, reduced: Reduced) -> dict[HeadId, HeadRows]:
        """Take some rows; give what all rows of a head come to where these are its last."""
        complete = self._gathering.take(reduced)
        for head, rows in complete.items():
            self.found[head] = found_of(rows, every=self._every)
        return complete

    def again(self, heads: Sequence[int] | None = None) -> Confirming | None:
        """Give what must take the rows of some heads once more, and settle then; None if nothing is open.

        Args:
            heads: the numbers of the heads of a layer that will come; None means those of its `selection`.
        """
        asked = {head: one.open if self._every else one.doubtful for head, one in self.found.items()}
        open_ = {head: held for head, held in asked.items() if held}
        if not open_:
            return None
        return Confirming(self.reducing.layout, self.reducing.sights, self.found, open_, heads)

    def result(self) -> dict[HeadId, Pattern]:
        """Give each head's pattern."""
        return {head: self.found[head].named() for head in self._heads}


def pattern_names(frame: Frame) -> tuple[str, ...]:
    """Name every pattern that heads of an input are held against."""
    layout = Reducing(frame, frame.head_ids).layout
    one_key = (ONE_PATCH if layout.is_picture else VERTICAL,) if len(layout.single) else ()
    return (*layout.names, *one_key, SELF, BROAD)


def found_of(rows: HeadRows, *, every: bool = False) -> Found:
    """Hold a head against everything, as far as one look at its rows tells.

    Args:
        rows: what the head's rows come to.
        every: whether evidence is wanted of every shape, and not of those alone that may be named.
    """
    layout = rows.layout
    shapes = [
        _held(rows, Held(name, score, layout.cells[name]), every=every)
        for name, score in zip(layout.names, rows.tally.scores()[0], strict=True)
    ]
    if len(layout.single):
        most = layout.single[rows.beyond[layout.single].round(_DIGITS).argmax()]
        name = ONE_PATCH if layout.is_picture else VERTICAL
        column = Columns(np.arange(len(layout.special)) == most)
        one = Held(name, rows.on_key(int(most)), column, tried=len(layout.single))
        shapes.append(_held(rows, one, every=every))
    resting = Held(SELF, rows.resting(), evidence=strongest_links(layout.sides, rows.strongest[SELF]))
    broad = Held(BROAD, rows.broad())

    def is_within(one: Held, other: Held) -> bool:
        assert one.cells is not None
        assert other.cells is not None
        return rows.sight.is_within(one.cells, other.cells)

    return Found(tuple(shapes), resting, broad, is_within)


def _held(rows: HeadRows, held: Held, *, every: bool) -> Held:
    """Say what carries a pattern, and whether it holds, as far as that is known."""
    if not (every or held.may_be_clear):
        return held
    if held.name in ASKED_AGAIN:
        return replace(held, holds=None)
    if isinstance(held.cells, Columns):
        asked = held.name == _PUNCTUATION and held.may_be_clear
        holds = not asked or _needs_its_places(rows, held.score)
        return replace(held, holds=holds, evidence=_keys(rows, held.cells.keys))
    return replace(held, evidence=strongest_links(rows.layout.sides, rows.strongest[held.name]))


def _keys(rows: HeadRows, keys: Mask) -> tuple[Evidence, ...]:
    total = float(rows.rows["mass"].sum())
    return strongest_keys(rows.layout.sides, rows.elsewhere["received"], total, keys)


def _needs_its_places(rows: HeadRows, score: Score) -> bool:
    """Say whether signs get more than in every text whose words have changed places."""
    shuffled = [rows.beyond[other.punctuation].sum() for other in rows.layout.wording.shuffles()]
    return bool(score.is_above(np.array(shuffled), rows.rows["mass"].sum()).all())
