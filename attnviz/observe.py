"""What a capture hands on: weights in blocks of query rows, so that the whole square need never exist."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from attnviz.arrays import Array


def _everything() -> None:
    """Say that every query sees every key."""


@dataclass(frozen=True)
class RowBlock:
    """Consecutive query rows of some heads of one layer.

    Attributes:
        layer: the model's own number of the layer.
        start: the position of the first query in the block.
        weights: (head, query, key), an array of any library and device; each row is complete.
        first_head: the place of the first of the heads among those that are handed on.
        first_key: the position of the first key; keys before it, and behind the last, have no weight and are
            hidden from these queries.
        mass: (head, query), the sum of the weights, where the capture had it; None elsewhere.
        entropy: (head, query), bits, where the capture had it from the logits, which is cheaper than to take
            it of the weights; None elsewhere.
        visible: says which of these keys any head let each query see: bool (query, key), an array like the
            weights; or None, which means all of them. Made when asked: ask once for all heads of a layer.
    """

    layer: int
    start: int
    weights: Any
    first_head: int = 0
    first_key: int = 0
    mass: Array | None = None
    entropy: Array | None = None
    visible: Callable[[], Array | None] = _everything

    def some(self, heads: Any) -> "RowBlock":  # noqa: ANN401 - whatever picks of an array's first axis
        """Give some of its heads, by their places in it: a slice or a list of them."""
        mass, entropy = (None if of is None else of[heads] for of in (self.mass, self.entropy))
        return replace(self, weights=self.weights[heads], mass=mass, entropy=entropy)


class Observer(Protocol):
    """Anything that takes a capture's blocks.

    The rows of one head of one layer come in ascending order, each once; heads and layers come in any order.
    """

    def update(self, block: RowBlock) -> None:
        """Take one block; what is not copied here is gone afterwards."""
        ...


class Rows(Protocol):
    """Rows of an input's weights, given when asked for: an observer's way round, for two inputs in step."""

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Give some rows of all heads, and all keys they see: one block for each layer, in ascending order.

        Args:
            rows: the positions of the queries.

        Raises:
            CaptureFailed: a check of the weights failed.
        """
        ...


@dataclass(frozen=True)
class Several:
    """Hands every block to several observers."""

    observers: Sequence[Observer]

    def update(self, block: RowBlock) -> None:
        """Let each take the block."""
        for observer in self.observers:
            observer.update(block)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What of rows is to be added up.

    Attributes:
        keys: by name, sets of keys: bool (key,), numpy.
        steps: how far after a query the keys stand whose single weights are wanted; negative means before it.
        counted: the queries whose rows are added up for each key: bool (query,), numpy.
        first: the position of the first query among the keys; None where they are of two texts.
    """

    keys: Mapping[str, Any]
    steps: tuple[int, ...]
    counted: Any
    first: int | None = 0


@dataclass(frozen=True, eq=False)
class RowSums:
    """What consecutive rows of some heads of one layer come to: all that many a measure needs.

    They follow from the weights; where a fused attention call gives its log-sum-exp they follow without them.

    Attributes:
        layer: the model's own number of the layer.
        start: the position of the first query.
        first_head: the place of the first of the heads among those that are handed on.
        mass: (head, query), the sum of the weights.
        entropy: (head, query), bits.
        squares: (head, query), the sum of the squared weights.
        distance: (head, query), the sum of weight times distance in tokens; None between two texts.
        on: by name, (head, query), the mass on each set of keys wanted.
        beside: by step, (head, query), the weight of the key so many tokens after the query; 0 where none is.
        seen: (query,), how many keys a query sees.
        received: (head, key), what each key of the layer is given by the counted queries among these.
    """

    layer: int
    start: int
    first_head: int
    mass: Array
    entropy: Array
    squares: Array
    distance: Array | None
    on: Mapping[str, Array]
    beside: Mapping[int, Array]
    seen: Array
    received: Array


class SumsObserver(Protocol):
    """Anything that takes sums of rows, in the order of `Observer`."""

    @property
    def wanted(self) -> Wanted:
        """What is to be added up."""
        ...

    def take(self, sums: RowSums) -> None:
        """Take the sums of some rows."""
        ...


@runtime_checkable
class NeedsSums(Observer, Protocol):
    """An observer that makes nothing of blocks but their sums.

    A capture may hand it sums that it has in a cheaper way, and none of the blocks they are of.
    """

    @property
    def sums(self) -> SumsObserver:
        """What takes the sums."""
        ...
