"""What evenly spread mass would give each measure: a head without preference, measured like any other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.catalogue import Measure
from attnviz.analysis.measures.ground import Ground, Rows
from attnviz.analysis.streaming.sums import Adding, near, seen_by
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.observe import RowBlock, RowSums

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evenly:
    """The share of what queries see that is of each measure, made once for all heads of a layer.

    Layers that see alike mostly see everything, or everything up to the query: these share it too.

    Attributes:
        ground: what is known of the input.
        causal: whether no query sees a later key.
        measures: whose shares are asked for; that of a measure that is no mass is NaN.
    """

    ground: Ground
    causal: bool
    measures: Sequence[Measure]
    _of_layers: dict[Any, tuple[Array, Numbers]] = field(default_factory=dict, init=False, repr=False)
    _shared: dict[Any, tuple[Array, Numbers]] = field(default_factory=dict, init=False, repr=False)

    def of(self, block: RowBlock) -> tuple[Array, Numbers]:
        """Give how many keys each query of a block sees, (query,), and the shares: (measure, query)."""
        key = block.layer, block.start, block.weights.shape[1]
        if key not in self._of_layers:
            visible = block.visible()
            seen = seen_by(block, visible)
            alike = self._alike(block, seen)
            made = self._shared.get(alike) if alike else None
            self._of_layers[key] = made or (seen, self._measured(block, visible, seen))
            if alike:
                self._shared[alike] = self._of_layers[key]
        return self._of_layers[key]

    def by_sums(self, sums: RowSums) -> Numbers:
        """Give the shares of rows of which only sums are known: (measure, query).

        NaN where a query sees neither all keys nor all up to itself, and for what needs the weights.
        """
        seen = on_cpu(sums.seen).astype(np.intp)
        own = self.ground.start + sums.start + np.arange(len(seen))
        keys = len(self.ground.sides.keys)
        wanted = self.ground.wanted
        known = (seen == keys) | ((seen == own + 1) if self.causal else False)
        on = {name: np.concatenate([[0], np.cumsum(of)])[seen][None] for name, of in wanted.keys.items()}
        beside = {
            step: ((own + step >= 0) & (own + step < seen))[None].astype(np.float64) for step in wanted.steps
        }
        even = RowSums(
            sums.layer, sums.start, 0, seen[None], seen[None], seen[None], None, on, beside, seen, None
        )
        shares = self._shares(Rows(self.ground, even))
        shares[:, ~known] = np.nan
        return shares

    def _alike(self, block: RowBlock, seen: Array) -> Any:  # noqa: ANN401 - any key
        """Name what the rows see, alike wherever they see the same; None where it has no name."""
        rows, columns = block.weights.shape[1:]
        where = block.start, rows, columns, block.first_key
        counts, own = on_cpu(seen), self.ground.start + block.start - block.first_key + np.arange(rows)
        if (counts == columns).all():
            return ("all", *where)
        return ("causal", *where) if self.causal and (counts == own + 1).all() else None

    def _measured(self, block: RowBlock, visible: Array | None, seen: Array) -> Numbers:
        """Measure what queries see as if it were weights."""
        weights = near(block.weights)[:1]
        xp = namespace(weights)
        even = xp.ones_like(weights) if visible is None else xp.astype(near(visible), xp.float32)[None]
        none = xp.zeros_like(even[..., 0])
        alone = RowBlock(block.layer, block.start, even, 0, block.first_key, entropy=none)
        rows = Rows(self.ground, Adding(self.ground.wanted).up(alone, seen), even, block.first_key)
        return self._shares(rows)

    def _shares(self, rows: Rows) -> Numbers:
        """Divide what is of each measure by what is seen: (measure, query)."""
        seen = np.maximum(on_cpu(rows.sums.seen), 1)
        shares = np.full((len(self.measures), len(seen)), np.nan)
        for place, one in enumerate(self.measures):
            if one.is_mass and (rows.weights is not None or not one.needs_weights(self.ground)):
                shares[place] = on_cpu(one.of(rows))[0] / seen
        return shares
