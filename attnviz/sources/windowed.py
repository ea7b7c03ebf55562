"""A part of a record: some rows and columns of its squares."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from attnviz.record import Attention, Mask, Token
from attnviz.window import Window


def cut(record: Attention, window: Window) -> Attention:
    """Cut a window out of a record; `dropped` tells the mass on keys beside it.

    Args:
        record: one input's attention.
        window: which rows and columns to keep.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[1.0, 0.0], [0.25, 0.75]], ["lazy", "dog"])
    >>> part = cut(record, Window(range(1, 2), range(1, 2)))
    >>> part.weights.tolist(), part.dropped
    ([[[[0.75]]]], 0.25)
    """
    rows, columns = (slice(side.start, side.stop) for side in (window.queries, window.keys))
    weights = record.weights[..., rows, columns]
    before = record.weights[..., rows, :].sum(axis=-1, dtype=np.float64)
    beside = before - weights.sum(axis=-1, dtype=np.float64)
    # Only a window along the diagonal leaves queries and keys in step.
    causal = record.causal and window.is_square
    return replace(
        record,
        queries=placed(record.queries, window.queries),
        keys=placed(record.keys, window.keys),
        weights=weights,
        causal=causal,
        sight=_masks(record, rows, columns, causal=causal),
        predictions=record.predictions[rows],
        dropped=record.dropped + float(np.clip(beside, 0.0, None).mean()),
        internals=None,
    )


def placed(tokens: Sequence[Token], side: range) -> tuple[Token, ...]:
    """Give the tokens of a window's side; unless it begins with the first, they say where they stand.

    >>> [(token.text, token.run) for token in placed([Token("a"), Token("lazy"), Token("dog")], range(1, 3))]
    [('lazy', (1, 1)), ('dog', (2, 2))]
    """
    part = tuple(tokens[side.start : side.stop])
    if side.start == 0:
        return part
    return tuple(replace(token, run=token.run or (at, at)) for at, token in zip(side, part, strict=True))


def _masks(record: Attention, rows: slice, columns: slice, *, causal: bool) -> dict[int, Mask]:
    """Cut what layers let queries see; layers that see alike share one mask."""
    made: dict[int | None, Mask] = {}
    found: dict[int, Mask] = {}
    for layer in record.layers if record.causal != causal else record.sight:
        key = id(record.sight[layer]) if layer in record.sight else None
        if key not in made:
            made[key] = record.visible(layer)[rows, columns]
        found[layer] = made[key]
    return found
