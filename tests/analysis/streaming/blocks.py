"""Blocks of a record in odd sizes and forms, as captures of any model might hand them on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from attnviz.arrays import Array
from attnviz.frame import blocks_of
from attnviz.observe import RowBlock
from attnviz.record import Attention

SIZES = ((1, 1), (1, None), (7, 1), (7, None), (None, 1), (None, None))

Form = Callable[[np.ndarray], Array]


def as_torch(array: np.ndarray) -> torch.Tensor:
    """Give a tensor of the same numbers."""
    return torch.tensor(np.asarray(array))


FORMS: dict[str, Form] = {"numpy": np.asarray, "torch": as_torch}


def in_blocks(
    record: Attention, rows: int | None, heads: int | None, form: Form = np.asarray, *, cut: bool = False
) -> Iterator[RowBlock]:
    """Give a record in blocks.

    Args:
        record: the record.
        rows: how many queries a block has; None means what a capture would give.
        heads: how many heads; None means all.
        form: makes arrays of a library.
        cut: whether to leave out columns that none of a block's queries sees, at both ends.
    """
    for block in blocks_of(record, rows=rows, heads=heads):
        visible = block.visible()
        assert visible is not None
        places = np.flatnonzero(visible.any(axis=0))
        some = (
            slice(int(places[0]), int(places[-1]) + 1) if cut and len(places) else slice(0, visible.shape[1])
        )
        yield replace(
            block,
            weights=form(block.weights[..., some]),
            first_key=some.start,
            visible=partial(form, visible[:, some]),
        )
