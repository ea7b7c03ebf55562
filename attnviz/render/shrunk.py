"""Many heads in few cells, at the cost of little more than to look at each weight once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attnviz.record import Attention, Weights
from attnviz.render.hidden import signs_of
from attnviz.render.pooling import Counts, added, counts_of, pool
from attnviz.selection import HeadId


def shrunk(record: Attention, heads: Sequence[HeadId], rows: int, columns: int) -> Iterator[Weights]:
    """Give what `pool` makes of each head as it is seen, but ask once a layer what queries could see.

    That needs no copy of a head, since hidden weights are 0: they are no maximum and add nothing.

    Shape:
        result: (row, column) each, with `hidden.LATER` or `hidden.OUTSIDE` where no key was seen.

    Args:
        record: whose weights.
        heads: which, in this order.
        rows: how many rows to keep, at most as many as there are.
        columns: how many columns to keep, at most as many as there are.
    """
    counts = counts_of(record)
    grounds = {layer: _ground(record, layer, counts, rows, columns) for layer in {h.layer for h in heads}}
    for head in heads:
        ground, weights = grounds[head.layer], record.head(head)
        if counts is None or ground.number is None:
            cells = pool(weights, rows, columns)
        else:
            cells = added(weights * counts, rows, columns) / ground.number
        yield np.where(np.isfinite(ground.signs), cells, ground.signs)


@dataclass(frozen=True)
class _Ground:
    """What all heads of a layer share.

    Attributes:
        signs: (row, column), what stands in a cell of which nothing is seen, elsewhere 0.
        number: (row, column), how many weights a mean is over, 1 where there is none; None of maxima.
    """

    signs: Weights
    number: Counts | None


def _ground(record: Attention, layer: int, counts: Counts | None, rows: int, columns: int) -> _Ground:
    visible = record.visible(layer)
    signs = pool(np.where(visible, np.float32(0), signs_of(record, layer)), rows, columns)
    if counts is None:
        return _Ground(signs, None)
    return _Ground(signs, np.maximum(added(np.where(visible, counts, 0), rows, columns), 1))
