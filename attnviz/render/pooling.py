"""Many weights in few cells: each cell shows the largest weight it stands for, so that no link is lost.

Cells that are means stay so: of several, each counts as many times as it has weights.
"""

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Attention
from attnviz.render.positions import spans
from attnviz.runs import starts

__all__ = ["Counts", "added", "counts_of", "pool", "starts"]

# Numbers of weights: exact in float32 up to 2^24, which a cell of 4096 x 4096 has.
Counts = NDArray[np.float32]


def pool(
    weights: NDArray[np.floating], rows: int, columns: int, counts: Counts | None = None
) -> NDArray[np.floating]:
    """Shrink squares to the maximum over evenly sized runs of rows and columns, or to the mean over them.

    Shape:
        weights: (..., query, key), NaN where the query could not look.
        counts: (query, key).
        result: (..., row, column).

    Args:
        weights: what to shrink.
        rows: how many rows to keep, at most as many as there are.
        columns: how many columns to keep, at most as many as there are.
        counts: of how many weights each of these is the mean; None where they are no means.

    Returns:
        The maxima or means, NaN where a cell stands for invisible keys only.

    >>> pool(np.array([[0.1, 0.2, 0.3, 0.4]]), 1, 2)
    array([[0.2, 0.4]])
    >>> pool(np.array([[0.1, 0.3, 0.5, np.nan]]), 1, 2, np.array([[1, 3, 4, 4]]))
    array([[0.25, 0.5 ]])
    """
    largest = _along(_along(weights, rows, -2), columns, -1)
    return largest if counts is None else _means(weights, counts, largest)


def counts_of(record: Attention) -> Counts | None:
    """Say of how many weights each cell of a record is the mean: (query, key); None where it is none.

    Exact but at the far edge of a window, where cells that are seen in part count as whole ones.
    """
    if record.pooling is None or record.pooling.statistic != "mean":
        return None
    rows, columns = spans(record.queries), spans(record.keys)
    if not record.causal:
        return np.outer([len(run) for run in rows], [len(run) for run in columns]).astype(np.float32)
    # Queries are the last of the keys.
    later = record.pooling.keys - record.pooling.queries
    start, stop = (np.array([end(run) + later for run in rows])[:, None] for end in (_start, _stop))
    first, behind = (np.array([end(run) for run in columns]) for end in (_start, _stop))
    # A query at i sees, of the keys from a to b, min(i + 1, b) - a; this is summed over the queries.
    pairs = _pairs(stop - first) - _pairs(start - first) - _pairs(stop - behind) + _pairs(start - behind)
    return pairs.astype(np.float32)


def _start(run: range) -> int:
    return run.start


def _stop(run: range) -> int:
    return run.stop


def _pairs(reach: NDArray[np.int_]) -> NDArray[np.int_]:
    """Give 1 + 2 + ... + reach; nothing where the reach is negative."""
    seen = np.maximum(reach, 0)
    pairs: NDArray[np.int_] = seen * (seen + 1) // 2
    return pairs


def _means(
    weights: NDArray[np.floating], counts: Counts, largest: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Give the means over the runs of which `largest` are the largest, which are signs where none is seen."""
    seen = np.isfinite(weights)
    amount = np.where(seen, counts, 0)
    weighted = np.where(seen, weights, 0)
    weighted *= amount
    total, number = (added(cells, *largest.shape[-2:]) for cells in (weighted, amount))
    with np.errstate(invalid="ignore", divide="ignore"):
        means: NDArray[np.floating] = np.where(number > 0, total / number, largest)
    return means


def added(cells: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.floating]:
    """Add cells up over the runs of `pool`.

    Shape:
        cells: (..., query, key).
        result: (..., row, column).
    """
    return _along(_along(cells, rows, -2, add=True), columns, -1, add=True)


def _along(cells: NDArray[np.floating], runs: int, axis: int, *, add: bool = False) -> NDArray[np.floating]:
    """Take the maximum or sum of each run: of all first elements, all second ones ..., as long as it is."""
    count = cells.shape[axis]
    first = starts(count, runs)
    last = np.append(first[1:], count) - 1
    pooled = cells.take(first, axis)
    for step in range(1, int((last - first).max()) + 1):
        place = np.minimum(first + step, last)
        if add:
            # Behind a run's last element there is nothing to add; for a maximum it may come once more.
            there = first + step <= last
            pooled += cells.take(place, axis) * (there if axis == -1 else there[:, None])
        else:
            np.fmax(pooled, cells.take(place, axis), out=pooled)
    return pooled
