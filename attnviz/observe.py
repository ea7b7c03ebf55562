"""What a capture hands on: weights in blocks of query rows, so that the whole square need never exist."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class RowBlock:
    """Consecutive query rows of every head of one layer.

    Attributes:
        layer: the model's own number of the layer.
        start: the position of the first query in the block.
        weights: (head, query, key), an array of any library; each row is complete.
    """

    layer: int
    start: int
    weights: Any


class Observer(Protocol):
    """Anything that takes a capture's blocks, in whatever order of layers and rows they come."""

    def update(self, block: RowBlock) -> None:
        """Take one block; what is not copied here is gone afterwards."""
        ...
