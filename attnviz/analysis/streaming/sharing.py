"""Several observers that need rows added up, for which this is done once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np

from attnviz.analysis.streaming.sums import Adding, seen_by
from attnviz.arrays import Array
from attnviz.errors import RequestError
from attnviz.observe import RowBlock, RowSums, Wanted


class Summed(Protocol):
    """Anything that takes blocks of weights with what their rows come to."""

    @property
    def wanted(self) -> Wanted:
        """What is to be added up."""
        ...

    def see(self, block: RowBlock, sums: RowSums) -> None:
        """Take a block and its sums."""
        ...


@dataclass(frozen=True, eq=False)
class Sharing:
    """Hands every block to several observers, with the sums that all of them want: an observer.

    Attributes:
        observers: take the blocks.

    Raises:
        RequestError: what they want cannot be added up together.
    """

    observers: Sequence[Summed]
    _seen: dict[Any, Array] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        _ = self._adding

    @cached_property
    def _adding(self) -> Adding:
        return Adding(together([observer.wanted for observer in self.observers]))

    def update(self, block: RowBlock) -> None:
        """Add up a block, and let each observer take it."""
        block = replace(block, visible=cache(block.visible))  # each asks, and it is made for who asks
        rows = block.layer, block.start, block.weights.shape[1]
        if rows not in self._seen:
            self._seen[rows] = seen_by(block, block.visible())
        sums = self._adding.up(block, self._seen[rows])
        for observer in self.observers:
            observer.see(block, sums)


def together(several: Sequence[Wanted]) -> Wanted:
    """Want all that any of several wants.

    Raises:
        RequestError: a name stands for different keys, or the queries that count differ, or their places.
    """
    first = several[0]
    keys: dict[str, Any] = {}
    for wanted in several:
        for name, of in wanted.keys.items():
            if not np.array_equal(keys.setdefault(name, of), of):
                raise RequestError(f"what is added up differs: got two sets of keys {name!r}, allowed one")
    if any(wanted.first != first.first for wanted in several):
        raise RequestError("what is added up differs: got queries at two places, allowed one")
    if not all(np.array_equal(wanted.counted, first.counted) for wanted in several):
        raise RequestError("what is added up differs: got two sets of queries that count, allowed one")
    steps = sorted({step for wanted in several for step in wanted.steps})
    return Wanted(keys, tuple(steps), first.counted, first.first)


def can_share(several: Sequence[Summed]) -> bool:
    """Say whether what observers want can be added up together."""
    try:
        together([observer.wanted for observer in several])
    except RequestError:
        return False
    return True
