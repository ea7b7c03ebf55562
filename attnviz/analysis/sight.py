"""What queries can see in a record made from another one, whose tokens were merged or taken out."""

from collections.abc import Callable, Sequence

import numpy as np

from attnviz.record import Attention, Mask, Token


def sight_of(
    record: Attention, queries: Sequence[Token], keys: Sequence[Token], change: Callable[[Mask], Mask]
) -> dict[int, Mask]:
    """Give the masks a changed record needs beside its `causal`; layers that see alike share one.

    Args:
        record: the record as it was.
        queries: the tokens of the changed one.
        keys: its keys.
        change: does to a mask (query, key) what was done to the weights.

    Returns:
        For each layer that sees something else than `causal` says, its mask (query, key).
    """
    rows, columns = len(queries), len(keys)
    usual = np.tri(rows, columns, columns - rows, dtype=bool)
    usual = usual if record.causal else np.ones_like(usual)
    known: list[tuple[Mask, Mask]] = []
    masks: dict[int, Mask] = {}
    for layer in record.layers:
        old = record.visible(layer)
        new = next((changed for seen, changed in known if np.array_equal(seen, old)), None)
        if new is None:
            new = change(old)
            known.append((old, new))
        if not np.array_equal(new, usual):
            masks[layer] = new
    return masks
