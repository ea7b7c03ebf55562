"""What is needed of the rows of a block to say what its heads read, in a few passes over their weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import patch_distance, patch_distances
from attnviz.analysis.readers import Mask
from attnviz.analysis.streaming.layout import Layout, Plan, Plans
from attnviz.analysis.streaming.sights import Sight
from attnviz.analysis.streaming.sums import Adding, exact
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.frame import Frame
from attnviz.observe import RowBlock, RowSums, Wanted
from attnviz.selection import HeadId

Numbers = NDArray[np.float64]
Floats = NDArray[np.floating]

# Up to so many keys weights are taken in double precision, which costs little there.
SHORT = 1024

_SPECIAL = "added by the model"

# What is known of each row; what it gives each pattern's cells stands behind these.
BY_ROW = ("mass", "squares", "itself", "special", "entropy", "distance")


@dataclass(frozen=True, eq=False)
class Reduced:
    """The rows of some heads of one layer.

    Attributes:
        layer: the layer's number.
        heads: the places of the heads among those of the layer that are asked for.
        queries: (row,), the positions of the queries that count.
        last: whether no row comes after these.
        sight: what the layer's queries see.
        plan: where in the weights the cells of patterns are.
        weights: (head, query, key) of all queries of the block: numpy's where they are in the processor's
            memory, and else of any array library.
        lines: (head, line, query) of all queries of the block, by `BY_ROW`: "mass", on all keys but a query
            itself; "squares", of these weights; "itself", what a query gives itself; "special", what it gives
            tokens the model added; "entropy", in bits; "distance", how far it looks, in tokens or patches;
            behind these what it gives each pattern's cells.
        picked: (head, cell), the weights of the plan's cells.
    """

    layer: int
    heads: Sequence[int]
    queries: NDArray[np.intp]
    last: bool
    sight: Sight
    plan: Plan
    weights: Array
    lines: Numbers
    picked: Floats

    def line(self, name: str) -> Numbers:
        """Give one of the lines of the rows that count: (head, row)."""
        return self.lines[:, BY_ROW.index(name), self.rows]

    def on(self, layout: Layout, name: str) -> Numbers:
        """Give what the rows that count give a pattern's cells: (head, row)."""
        return self.lines[:, len(BY_ROW) + layout.names.index(name), self.rows]

    @property
    def keys(self) -> slice:
        """The keys whose columns are there."""
        return slice(self.plan.first_key, self.plan.first_key + self.plan.width)

    @property
    def rows(self) -> NDArray[np.intp]:
        """The places in the block of the rows that count: (row,)."""
        return self.queries - self.plan.start


class Reducing:
    """Turns blocks into what their rows come to.

    Attributes:
        layout: what is known of the input.
        heads: the heads asked for, by layer.
        sights: what the queries of each layer see, as far as is known.
    """

    def __init__(self, frame: Frame, heads: Sequence[HeadId]) -> None:
        """Begin with no row.

        Raises:
            OutOfRange: the frame lacks one of the heads.
        """
        frame.refuse_missing(heads)
        there, asked = frame.head_ids, set(heads)
        self.layout = Layout(frame)
        self.heads = {
            layer: tuple(head for head in there if head.layer == layer and head in asked)
            for layer in frame.layers
        }
        self.sights: dict[int, Sight] = {}
        self._places = {
            layer: [frame.heads.index(head.index) for head in of] for layer, of in self.heads.items()
        }
        self._plans = Plans(self.layout)

    @cached_property
    def wanted(self) -> Wanted:
        """What of rows is to be added up."""
        layout = self.layout
        return Wanted(
            keys={_SPECIAL: layout.special, **layout.columns},
            steps=(),
            counted=np.zeros(len(layout.own), dtype=bool),
            first=None if layout.is_picture else layout.start,
        )

    def reduced(self, block: RowBlock, sums: RowSums | None = None) -> Reduced | None:
        """Reduce a block; None where it has none of the heads asked for.

        Args:
            block: the rows.
            sums: what they come to, of all that is `wanted`; None where that is not known.
        """
        of_layer = self._places.get(block.layer, [])
        here = [place - block.first_head for place in of_layer]
        heads = [number for number, place in enumerate(here) if 0 <= place < block.weights.shape[0]]
        if not heads:
            return None
        sight = self._sight(block)
        some = [here[number] for number in heads]
        if some != list(range(block.weights.shape[0])) or self._is_short:
            block, sums = self._taken(block, some), None
        block = replace(block, weights=exact(block.weights))
        _, rows, width = block.weights.shape
        plan = self._plans.at(block.start, rows, block.first_key, width)
        if sums is None:
            sums = self._adding.up(block, sight.seen[plan.start : plan.start + plan.rows])
        picked = _picked(block.weights, plan)
        return Reduced(
            layer=block.layer,
            heads=heads,
            queries=plan.start + np.flatnonzero(self.layout.counted[plan.start : plan.start + plan.rows]),
            last=plan.start + plan.rows == len(self.layout.own),
            sight=sight,
            plan=plan,
            weights=block.weights,
            lines=self._lines(block, plan, sums, plan.summed(picked)),
            picked=picked,
        )

    @property
    def _is_short(self) -> bool:
        return len(self.layout.special) <= SHORT

    def _taken(self, block: RowBlock, heads: Sequence[int]) -> RowBlock:
        """Take heads of a block, and short rows in double precision."""
        some = slice(heads[0], heads[-1] + 1) if len(heads) == heads[-1] - heads[0] + 1 else list(heads)
        taken = block.some(some)
        if not self._is_short:
            return taken
        weights = on_cpu(taken.weights).astype(np.float32, copy=False).astype(np.float64)
        entropy = None if taken.entropy is None else on_cpu(taken.entropy)
        return replace(taken, weights=weights, mass=None, entropy=entropy)

    def _sight(self, block: RowBlock) -> Sight:
        if block.layer not in self.sights:
            self.sights[block.layer] = Sight(self.layout, self._plans)
        self.sights[block.layer].cover(block)
        return self.sights[block.layer]

    def _lines(self, block: RowBlock, plan: Plan, sums: RowSums, of_listed: Numbers) -> Numbers:
        """Give what is known of each row: (head, line, query), see `Reduced`.

        Args:
            block: the rows.
            plan: where the cells of patterns are.
            sums: what the rows come to.
            of_listed: what they give each listed pattern, and themselves.
        """
        itself, total = of_listed[:, -1], on_cpu(sums.mass)
        lines = np.empty((len(total), len(BY_ROW) + len(self.layout.names), plan.rows))
        np.maximum(total - itself, 0.0, out=lines[:, 0])
        np.maximum(on_cpu(sums.squares) - itself**2, 0.0, out=lines[:, 1])
        lines[:, 2] = itself
        lines[:, 3] = on_cpu(sums.on[_SPECIAL])
        lines[:, 4] = on_cpu(sums.entropy)
        lines[:, 5] = self._distance(block, sums.distance, plan, total)
        for number, sets in plan.dense.items():
            of_listed[:, number] = sets.own(_products(block, sets.keys), itself)
        shapes, (columns, listed) = lines[:, len(BY_ROW) :], self._shapes
        for place, (name, own) in zip(columns, plan.own_in.items(), strict=True):
            np.maximum(on_cpu(sums.on[name]) - itself * own, 0.0, out=shapes[:, place])
        shapes[:, listed] = of_listed[:, :-1]
        return lines

    @cached_property
    def _shapes(self) -> tuple[list[int], list[int]]:
        """The places of patterns that are whole keys among all, and those of the others."""
        names, layout = self.layout.names, self.layout
        return [names.index(name) for name in layout.columns], [names.index(name) for name in layout.listed]

    @cached_property
    def _adding(self) -> Adding:
        return Adding(self.wanted)

    def _distance(self, block: RowBlock, travelled: Array | None, plan: Plan, mass: Numbers) -> Numbers:
        """Say how far queries look: (head, query)."""
        if travelled is not None:
            return _double(travelled) / np.where(mass > 0, mass, 1.0)
        apart = patch_distances(self.layout.sides, slice(plan.start, plan.start + plan.rows))
        apart = apart[:, plan.first_key : plan.first_key + plan.width]
        return np.stack([patch_distance(weights, apart) for weights in on_cpu(block.weights)])


def _picked(weights: Array, plan: Plan) -> Floats:
    """Pick cells out: (head, cell)."""
    flat = weights.reshape(weights.shape[0], -1)
    if isinstance(flat, np.ndarray):  # places are known to be inside, and to look costs most of the time
        return np.take(flat, plan.places, axis=1, mode="clip")
    xp = namespace(flat)
    return on_cpu(xp.take(flat, xp.asarray(plan.places, device=flat.device), axis=1))


def _products(block: RowBlock, sets: Mask) -> Numbers:
    """Give what each query gives sets of keys, (set, key): (head, query, set)."""
    weights, first = block.weights, block.first_key
    xp = namespace(weights)
    here = sets[:, first : first + weights.shape[-1]]
    columns = xp.astype(xp.asarray(here, device=weights.device), weights.dtype)
    # One by one: a processor takes several times as long for a product with a matrix of few columns.
    products = [_double(xp.matmul(weights, column)) for column in columns]
    return np.stack(products, axis=-1)


def _double(array: Array) -> Numbers:
    """Bring a small array to numpy, in double precision."""
    return on_cpu(array).astype(np.float64, copy=False)
