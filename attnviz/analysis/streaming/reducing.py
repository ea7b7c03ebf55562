"""What is needed of the rows of a block to say what its heads read, in a few passes over their weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import patch_distance, patch_distances
from attnviz.analysis.readers import Mask
from attnviz.analysis.streaming.layout import Layout, Plan, Plans
from attnviz.analysis.streaming.sights import Sight
from attnviz.analysis.streaming.sums import Adding, near
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.errors import OutOfRange
from attnviz.frame import Frame
from attnviz.observe import RowBlock, Wanted
from attnviz.selection import HeadId, numbers_as_ranges

Numbers = NDArray[np.float64]

# Up to so many keys weights are taken in double precision, which costs little there.
SHORT = 1024

_SPECIAL = "added by the model"


@dataclass(frozen=True, eq=False)
class Reduced:
    """The rows of queries that count, of some heads of one layer.

    Attributes:
        layer: the layer's number.
        heads: the places of the heads among those of the layer that are asked for.
        queries: (row,), the positions of the queries.
        last: whether no row comes after these.
        sight: what the layer's queries see.
        plan: where in the weights the cells of patterns are.
        weights: (head, query, key) of all queries of the block, of any array library.
        mass: (head, row), on all keys but a query itself.
        squares: (head, row), of these weights.
        itself: (head, row), what a query gives itself.
        special: (head, row), what it gives tokens the model added.
        on: (head, shape, row), what it gives each pattern's cells.
        picked: (head, cell), the weights of the plan's cells.
        entropy: (head, row), bits.
        distance: (head, row), how far a query looks, in tokens or patches.
    """

    layer: int
    heads: Sequence[int]
    queries: NDArray[np.intp]
    last: bool
    sight: Sight
    plan: Plan
    weights: Array
    mass: Numbers
    squares: Numbers
    itself: Numbers
    special: Numbers
    on: Numbers
    picked: Numbers
    entropy: Numbers
    distance: Numbers

    @property
    def keys(self) -> slice:
        """The keys whose columns are there."""
        return slice(self.plan.first_key, self.plan.first_key + self.plan.width)

    @property
    def rows(self) -> NDArray[np.intp]:
        """The places of the rows in the block: (row,)."""
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
        there, asked = frame.head_ids, set(heads)
        if missing := sorted(asked.difference(there)):
            held = f"layers {numbers_as_ranges(frame.layers)}, heads {numbers_as_ranges(frame.heads)}"
            raise OutOfRange(f"no head {missing[0]}: this record holds {held}")
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

    def reduced(self, block: RowBlock) -> Reduced | None:
        """Reduce a block; None where it has none of the heads asked for."""
        of_layer = self._places.get(block.layer, [])
        here = [place - block.first_head for place in of_layer]
        heads = [number for number, place in enumerate(here) if 0 <= place < block.weights.shape[0]]
        if not heads:
            return None
        sight = self._sight(block)
        block = _taken(block, [here[number] for number in heads])
        _, rows, width = block.weights.shape
        plan = self._plans.at(block.start, rows, block.first_key, width)
        return self._reduced(block, heads, sight, plan)

    def _sight(self, block: RowBlock) -> Sight:
        if block.layer not in self.sights:
            self.sights[block.layer] = Sight(self.layout, self._plans)
        self.sights[block.layer].cover(block)
        return self.sights[block.layer]

    def _reduced(self, block: RowBlock, heads: Sequence[int], sight: Sight, plan: Plan) -> Reduced:
        layout = self.layout
        counted = np.flatnonzero(layout.counted[plan.start : plan.start + plan.rows])
        seen = sight.seen[plan.start : plan.start + plan.rows]
        sums = self._adding.up(block, seen)
        picked = _picked(block.weights, plan)
        of_listed = plan.summed(picked)
        itself = of_listed[:, -1]
        total, squares, entropy = (_double(part) for part in (sums.mass, sums.squares, sums.entropy))
        on = {name: _double(part) for name, part in sums.on.items()}
        for number, sets in plan.dense.items():
            of_listed[:, number] = sets.own(_products(block, sets.keys), itself)
        shapes = np.stack(list(self._shapes(plan, on, of_listed)), axis=1)
        return Reduced(
            layer=block.layer,
            heads=heads,
            queries=counted + plan.start,
            last=plan.start + plan.rows == len(layout.own),
            sight=sight,
            plan=plan,
            weights=block.weights,
            mass=np.maximum(total - itself, 0.0)[:, counted],
            squares=np.maximum(squares - itself**2, 0.0)[:, counted],
            itself=itself[:, counted],
            special=on[_SPECIAL][:, counted],
            on=shapes[..., counted],
            picked=picked,
            entropy=entropy[:, counted],
            distance=self._distance(block, sums.distance, plan, total)[:, counted],
        )

    def _shapes(self, plan: Plan, on: Mapping[str, Numbers], of_listed: Numbers) -> Iterator[Numbers]:
        """Give what each pattern gets, in their order: (head, query) each."""
        own = self.layout.own[plan.start : plan.start + plan.rows]
        for name in self.layout.names:
            if name in self.layout.columns:
                yield np.maximum(on[name] - of_listed[:, -1] * self.layout.columns[name][own], 0.0)
            else:
                yield of_listed[:, self.layout.listed.index(name)]

    @cached_property
    def _adding(self) -> Adding:
        layout = self.layout
        return Adding(
            Wanted(
                keys={_SPECIAL: layout.special, **layout.columns},
                steps=(),
                counted=np.zeros(len(layout.own), dtype=bool),
                first=None if layout.is_picture else layout.start,
            )
        )

    def _distance(self, block: RowBlock, travelled: Array | None, plan: Plan, mass: Numbers) -> Numbers:
        """Say how far queries look: (head, query)."""
        if travelled is not None:
            return _double(travelled) / np.where(mass > 0, mass, 1.0)
        apart = patch_distances(self.layout.sides, slice(plan.start, plan.start + plan.rows))
        apart = apart[:, plan.first_key : plan.first_key + plan.width]
        return np.stack([patch_distance(weights, apart) for weights in on_cpu(block.weights)])


def _taken(block: RowBlock, heads: Sequence[int]) -> RowBlock:
    """Take heads of a block, in the processor's memory as numpy's, and short rows in double precision."""
    weights = near(block.weights)
    entropy = block.entropy
    if list(heads) != list(range(weights.shape[0])):
        some = slice(heads[0], heads[-1] + 1) if len(heads) == heads[-1] - heads[0] + 1 else list(heads)
        weights, entropy = weights[some], None if entropy is None else entropy[some]
    xp = namespace(weights)
    if weights.shape[-1] <= SHORT:
        weights = on_cpu(xp.astype(weights, xp.float32)).astype(np.float64)
        entropy = None if entropy is None else on_cpu(entropy)
    elif weights.dtype not in (xp.float32, xp.float64):
        weights = xp.astype(weights, xp.float32)
    return replace(block, weights=weights, entropy=entropy)


def _picked(weights: Array, plan: Plan) -> Numbers:
    """Pick cells out: (head, cell)."""
    flat = weights.reshape(weights.shape[0], -1)
    if isinstance(flat, np.ndarray):
        return _double(flat[:, plan.places])
    xp = namespace(flat)
    return _double(xp.take(flat, xp.asarray(plan.places, device=flat.device), axis=1))


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
