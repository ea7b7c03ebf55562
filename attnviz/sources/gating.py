"""Which gates each layer gets, when heads are named that are to be closed."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import OutOfRange
from attnviz.outcome import Gates
from attnviz.outline import Outline, choose
from attnviz.record import Block
from attnviz.selection import numbers_as_ranges


def gates_by_layer(
    gates: Gates, outlines: Mapping[Block, Outline]
) -> dict[Block, dict[int, NDArray[np.float32]]]:
    """Give the gates (head,) of every layer in which a head is named; heads not named have 1.

    Raises:
        RequestError: there is no such block.
        OutOfRange: there is no such layer or head.
    """
    found: dict[Block, dict[int, NDArray[np.float32]]] = {}
    for block, of_heads in gates.items():
        outline = choose(outlines, block)
        for head, gate in of_heads.items():
            if head.layer not in outline.numbers:
                there = numbers_as_ranges(outline.numbers)
                raise OutOfRange(f"no layer {head.layer}: this model has layers {there}")
            heads = outline.layer(head.layer).heads
            if head.index not in heads:
                raise OutOfRange(f"no head {head}: this layer has heads {numbers_as_ranges(heads)}")
            open_ones = np.ones(len(heads), dtype=np.float32)
            found.setdefault(block, {}).setdefault(head.layer, open_ones)[heads.index(head.index)] = gate
    return found
