"""What a model's attention looks like from outside: its blocks, their layers, and the heads of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Block
from attnviz.selection import HeadId, Selection, numbers_as_ranges


@dataclass(frozen=True)
class Layer:
    """One layer that attends.

    Attributes:
        number: the model's own number of the layer, from 0.
        heads: the numbers of its heads, ascending.
        queries: how many rows its weights had for this input.
        keys: how many columns.
        causal: whether no query sees a later key.
        key_heads: how many heads its keys and values have; fewer than `heads` where heads share them.
        d_k: the length of a query or key vector; None where it could not be seen.
        d_v: the length of a value vector; None where it could not be seen.
        window: to how many keys a sliding window keeps each query; None where there is none.
        sinks: whether mass may go to a learned sink instead of a key.
        path: how its weights are read, such as "table".
        module: the name of the module that attends.
    """

    number: int
    heads: tuple[int, ...]
    queries: int
    keys: int
    causal: bool = False
    key_heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None
    window: int | None = None
    sinks: bool = False
    path: str = ""
    module: str = ""

    @property
    def shape(self) -> tuple[tuple[int, ...], int, int]:
        """Its heads, and its numbers of queries and keys; layers of one shape fit into one record."""
        return self.heads, self.queries, self.keys


@dataclass(frozen=True)
class Outline:
    """The layers of one block, ascending.

    Attributes:
        block: which attention of the model this is.
        layers: those that attend.
    """

    block: Block
    layers: tuple[Layer, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the layers."""
        return tuple(layer.number for layer in self.layers)

    @property
    def alike(self) -> tuple[tuple[Layer, ...], ...]:
        """The layers that fit into one record together, in the order of the model."""
        groups: dict[object, list[Layer]] = {}
        for layer in self.layers:
            groups.setdefault(layer.shape, []).append(layer)
        return tuple(map(tuple, groups.values()))

    def layer(self, number: int) -> Layer:
        """Give a layer by its number."""
        return next(layer for layer in self.layers if layer.number == number)

    def resolve(self, selection: Selection) -> tuple[HeadId, ...]:
        """Pick heads that fit into one record.

        Raises:
            RequestError: the selection cannot be read.
            OutOfRange: it names a layer or head that is not there, or layers of different shapes.
        """
        most = max((layer.heads for layer in self.layers), key=len)
        chosen = selection.resolve(self.numbers, most)
        layers = [self.layer(number) for number in sorted({head.layer for head in chosen})]
        if len({layer.shape for layer in layers}) > 1:
            groups = "; ".join(_described(group) for group in self.alike)
            raise OutOfRange(
                f"these layers do not fit into one record, allowed layers of one shape: {groups}"
            )
        heads = layers[0].heads
        missing = [head for head in chosen if head.index not in heads]
        if missing and selection.heads is not None:
            raise OutOfRange(f"no head {missing[0]}: this layer has heads {numbers_as_ranges(heads)}")
        return tuple(head for head in chosen if head.index in heads)


def choose(outlines: Mapping[Block, Outline], block: Block | None) -> Outline:
    """Pick one block of an input's attention.

    Args:
        outlines: every block there is, the one meant by default last.
        block: the one asked for, or None.

    Raises:
        RequestError: there is no such block.
    """
    if block is None:
        return list(outlines.values())[-1]
    if block not in outlines:
        raise RequestError(f"no such block: got {block}, allowed {', '.join(outlines)}")
    return outlines[block]


def _described(layers: tuple[Layer, ...]) -> str:
    numbers = numbers_as_ranges([layer.number for layer in layers])
    heads, queries, keys = layers[0].shape
    return f"{numbers} ({len(heads)} heads, {queries} x {keys})"
