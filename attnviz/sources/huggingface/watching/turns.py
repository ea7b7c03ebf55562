"""Which calls of a pass are one layer's attention to the input, in which block, and what number it has."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from torch import nn

from attnviz.errors import UnsupportedModel
from attnviz.record import Block
from attnviz.sources.huggingface.feed import Feed, Side
from attnviz.sources.huggingface.paths import PROBED
from attnviz.sources.huggingface.watching.windows import Windows

_LAST_NUMBER = re.compile(r"^(.*\.\d+|\d+)(\..*)?$")
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)|^\d+(?=\.|$)")


@dataclass(frozen=True, eq=False)
class Seen:
    """One attention call as it was when the model was watched.

    Attributes:
        module: the module that called.
        name: its name in the model, by the way that led to it.
        run: a number that calls share which the module made while it ran once; 0 if it ran no more.
        path: the way it was noticed.
        shape: its numbers of batch, heads, queries and keys.
        key_heads: how many heads its keys have; None where they were not seen.
        d_k: the length of a key; None likewise.
        d_v: the length of a value; None likewise.
        causal: whether no query saw a later key.
        window: the sliding window, where the model named one.
        crosses: whether the module was given what the encoder made.
        again: whether it gives other values the very weights of the call before.
        beside: whether the module runs side by side with that of the call before, on the same.
        windows: where its rows stand in their layer, if its batch is a picture cut into windows.
    """

    module: nn.Module
    name: str
    run: int
    path: str
    shape: tuple[int, int, int, int]
    key_heads: int | None
    d_k: int | None
    d_v: int | None
    causal: bool
    window: int | None
    crosses: bool
    again: bool = False
    beside: bool = False
    windows: Windows | None = None


@dataclass(frozen=True, eq=False)
class Turn:
    """One time a layer attends: one call, or several that share its queries between them.

    Attributes:
        calls: the calls, in order.
    """

    calls: tuple[Seen, ...]

    @property
    def name(self) -> str:
        """The name of the module."""
        return self.calls[0].name

    @property
    def kind(self) -> str:
        """The name without its numbers: the same for the layers of one stack."""
        return _NUMBER.sub("*", self.name)

    @property
    def heads(self) -> int:
        """How many heads it has."""
        return self.calls[0].shape[1]

    def is_beside(self, other: "Turn") -> bool:
        """Say whether its module and that of the turn before are alike, and run side by side on the same."""
        own, others = self.calls[0], other.calls[0]
        alike = self.kind == other.kind and "*" in self.kind and own.shape == others.shape
        return alike and own.beside and own.module is not others.module

    @property
    def causal(self) -> bool:
        """Whether no query sees a later key."""
        return all(call.causal for call in self.calls)

    @property
    def starts(self) -> tuple[int, ...]:
        """The position of each call's first query."""
        counts = [call.shape[0] * call.shape[2] for call in self.calls]
        return tuple(sum(counts[:place]) for place in range(len(counts)))

    def extent(self, sides: tuple[Side, Side]) -> tuple[int, int] | None:
        """Count its queries and keys, if it attends from the whole of one side to the whole of another."""
        if self.calls[0].path == PROBED:
            return self._cut(sides)
        fitting = (
            (queries, keys)
            for queries, keys in self._extents()
            if sides[0].fits(queries) and sides[1].fits(keys)
        )
        return next(fitting, None)

    def first_keys(self, extent: tuple[int, int]) -> tuple[int, ...]:
        """The position of each call's first key, in an extent of queries and keys."""
        counts = [call.shape[3] for call in self.calls]
        return tuple(0 if count == extent[1] else sum(counts[:place]) for place, count in enumerate(counts))

    def _cut(self, sides: tuple[Side, Side]) -> tuple[int, int] | None:
        """Count the queries and keys of a probed call without the padding or further streams behind them."""
        _, _, rows, columns = self.calls[0].shape
        queries = next((count for count in range(rows, 0, -1) if sides[0].fits(count)), None)
        keys = next((count for count in range(columns, 0, -1) if sides[1].fits(count)), None)
        return None if queries is None or keys is None else (queries, keys)

    def _extents(self) -> Iterator[tuple[int, int]]:
        """The numbers of queries and keys its calls may have between them.

        Pieces have either all of the keys each, or keys of their own. Several squares at once have none if
        their rows could not be placed.
        """
        if (windows := self.calls[0].windows) is not None:
            yield windows.count, windows.count
            return
        batches, queries, keys = zip(*((call.shape[0], *call.shape[2:]) for call in self.calls), strict=True)
        if set(batches) != {1}:
            return
        if len(set(keys)) == 1:
            yield sum(queries), keys[0]
        yield sum(queries), sum(keys)

    def __str__(self) -> str:
        """Its shape and where it stands."""
        _, _, queries, keys = self.calls[0].shape
        return f"{queries} queries x {keys} keys" + (f" in {self.name}" if self.name else "")


@dataclass(frozen=True, eq=False)
class Place:
    """Where a turn belongs.

    Attributes:
        turn: the turn.
        block: which attention of the model it is; None where it does not attend to the input.
        layer: the number of its layer.
        first_head: the number of its first head in the layer.
        heads: how many heads the layer has.
    """

    turn: Turn
    block: Block | None
    layer: int
    first_head: int
    heads: int


def places(seen: Sequence[Seen], feed: Feed, name: str) -> list[Place]:
    """Tell where every call belongs.

    Args:
        seen: the calls of a pass, in order.
        feed: the input.
        name: the model's name, for what may go wrong.

    Raises:
        UnsupportedModel: nothing attends to the input, only some layers of a stack do in a way that is read,
            or a layer attends several times.
    """
    turns = _turns(seen, feed)
    blocks = _of_one_stack(turns, _blocks(turns, feed))
    _refuse_partial(turns, blocks, name)
    blocks = _without_repeats(turns, blocks, name)
    found = {turn: Place(turn, None, 0, 0, turn.heads) for turn in turns}
    for block in feed.sides:
        layers = _layers([turn for turn, other in zip(turns, blocks, strict=True) if other == block])
        for layer, number in zip(layers, _numbers([_name(layer) for layer in layers], name), strict=True):
            for place, turn in enumerate(layer):
                found[turn] = Place(turn, block, number, place * turn.heads, len(layer) * turn.heads)
    return list(found.values())


def _layers(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Join turns of like modules that run side by side on the same: the heads of one layer."""
    layers: list[list[Turn]] = []
    for turn in turns:
        before = layers[-1][-1] if layers else None
        if before is not None and turn.is_beside(before):
            layers[-1].append(turn)
        else:
            layers.append([turn])
    return layers


def _name(layer: Sequence[Turn]) -> str:
    """Name a layer: by the module that attends, or by what holds its modules."""
    name = layer[0].name
    return name if len(layer) == 1 else name[: list(_NUMBER.finditer(name))[-1].start()].rstrip(".")


def _turns(seen: Sequence[Seen], feed: Feed) -> list[Turn]:
    """Join calls that one module makes in a row, none of which attends to a whole side by itself."""

    def whole(call: Seen) -> bool:
        return any(Turn((call,)).extent(sides) for sides in feed.sides.values())

    def together(place: int) -> tuple[object, ...]:
        call = seen[place]
        return (place,) if whole(call) else (call.module, call.run, call.path)

    joined = groupby(range(len(seen)), key=together)
    return [Turn(tuple(seen[place] for place in calls)) for _, calls in joined]


def _blocks(turns: Sequence[Turn], feed: Feed) -> list[Block | None]:
    """Tell each turn's block: by its shape, where its module stands, and what that was given."""
    encoding = set() if feed.encoder is None else set(feed.encoder.modules())
    fitting = [
        [
            block
            for block, sides in feed.sides.items()
            if turn.extent(sides) and _stands_in(turn, block, encoding)
        ]
        for turn in turns
    ]
    # Where a decoder looks at itself, no query sees a later key.
    looks_back = any(turn.causal and "decoder" in blocks for turn, blocks in zip(turns, fitting, strict=True))
    found: list[Block | None] = []
    for turn, blocks in zip(turns, fitting, strict=True):
        across = turn.calls[0].crosses or (looks_back and not turn.causal)
        several = len(blocks) > 1 and "cross" in blocks
        left = [block for block in blocks if (block == "cross") == across] if several else blocks
        found.append(left[0] if left else None)
    return found


def _of_one_stack(turns: Sequence[Turn], blocks: Sequence[Block | None]) -> list[Block | None]:
    """Leave out a tower for another kind of input that by chance has as many positions as the block.

    Where one stack looks back only and another does not, they are not one network's layers; the tower comes
    before what reads its output.
    """
    left = list(blocks)
    for block in {block for block in blocks if block}:
        stacks: dict[str, bool] = {}
        for turn, other in zip(turns, blocks, strict=True):
            if other == block:
                before = stacks.pop(turn.kind, True)
                stacks[turn.kind] = before and turn.causal
        last = list(stacks.values())[-1]
        left = [
            None if other == block and stacks[turn.kind] != last else other
            for turn, other in zip(turns, left, strict=True)
        ]
    return left


def _stands_in(turn: Turn, block: Block, encoding: set[nn.Module]) -> bool:
    """Say whether a turn's module may be part of a block, where the encoder's modules are known."""
    return not encoding or (turn.calls[0].module in encoding) == (block == "encoder")


def _refuse_partial(turns: Sequence[Turn], blocks: Sequence[Block | None], name: str) -> None:
    """Fail if nothing attends to the input, or if layers of one stack attend partly in other layouts."""
    read = {turn.kind for turn, block in zip(turns, blocks, strict=True) if block}
    for turn, block in zip(turns, blocks, strict=True):
        if block is None and (not read or turn.kind in read):
            raise UnsupportedModel(
                f"what attends in {name} does not line up with its input: got {turn}, allowed a layout in "
                "which each query and each key is one token or patch of it"
            )


def _without_repeats(turns: Sequence[Turn], blocks: Sequence[Block | None], name: str) -> list[Block | None]:
    """Leave out what gives further values the weights of the turn before.

    Raises:
        UnsupportedModel: a module attends several times with different weights while it runs once.
    """
    left: list[Block | None] = []
    runs: set[tuple[Block, nn.Module, int]] = set()
    for turn, block in zip(turns, blocks, strict=True):
        first = turn.calls[0]
        repeats = block is not None and first.run > 0 and (block, first.module, first.run) in runs
        if repeats and not first.again:
            raise UnsupportedModel(
                f"a layer of {name} attends more than once: got {turn} again, allowed once"
            )
        left.append(None if repeats else block)
        if block is not None:
            runs.add((block, first.module, first.run))
    return left


def _numbers(names: Sequence[str], model: str) -> list[int]:
    """Number the turns of a block.

    Where the modules' names differ in one number, that is the layer's. Where modules attend again and again,
    or stand in stages of layers, the order tells.

    Raises:
        UnsupportedModel: two modules of one layer attend.
    """
    in_order = list(range(len(names)))
    found = [tuple(map(int, _NUMBER.findall(name))) for name in names]
    if len(set(names)) < len(names) or len({len(numbers) for numbers in found}) > 1:
        return in_order
    layers = [_LAST_NUMBER.sub(r"\1", name) for name in names]
    if any(found) and len(set(layers)) < len(layers):
        later = next(place for place in in_order if layers[place] in layers[:place])
        both = f"{names[layers.index(layers[later])]} and {names[later]}"
        raise UnsupportedModel(f"a layer of {model} attends more than once: got {both}, allowed one")
    if len(set(found)) < len(names):
        return in_order
    varying = [column for column in zip(*found, strict=True) if len(set(column)) > 1]
    if len(names) == 1 and found[0]:
        return [found[0][0]]
    ascending = len(varying) == 1 and list(varying[0]) == sorted(varying[0])
    return list(varying[0]) if ascending else in_order
