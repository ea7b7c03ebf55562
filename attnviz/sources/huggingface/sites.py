"""Which call of a pass is which layer of which block: watched once, held against every call later."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attnviz.errors import AttnvizError, NoAttention, UnsupportedModel
from attnviz.outline import Layer, Outline
from attnviz.record import Block
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import Feed, Side
from attnviz.sources.huggingface.paths import intercepted
from attnviz.sources.huggingface.paths.call import Call, is_causal

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)|^\d+(?=\.|$)")


@dataclass(frozen=True, eq=False)
class Seen:
    """One attention call as it was when the model was watched.

    Attributes:
        module: the module that called.
        name: its name in the model.
        path: the way it was noticed.
        shape: its numbers of batch, heads, queries and keys.
        key_heads: how many heads its keys have; None where they were not seen.
        d_k: the length of a key; None likewise.
        d_v: the length of a value; None likewise.
        causal: whether no query saw a later key.
        window: the sliding window, where the model named one.
        crosses: whether the module was given what the encoder made.
    """

    module: nn.Module
    name: str
    path: str
    shape: tuple[int, int, int, int]
    key_heads: int | None
    d_k: int | None
    d_v: int | None
    causal: bool
    window: int | None
    crosses: bool


@dataclass(frozen=True, eq=False)
class Site:
    """One call of a pass with its place in the model.

    Attributes:
        seen: the call.
        block: which attention of the model it is.
        layer: the model's own number of the layer.
        start: the position of its first query; above 0 where a layer attends piece by piece.
    """

    seen: Seen
    block: Block
    layer: int
    start: int = 0


@dataclass(frozen=True, eq=False)
class Watched:
    """A pass in which nothing was changed.

    Attributes:
        sites: every attention call, in order.
        outlines: the layers of each block, the default block last.
        output: what the model gave.
    """

    sites: tuple[Site, ...]
    outlines: dict[Block, Outline]
    output: Any


def watch(feed: Feed, name: str) -> Watched:
    """Run the model and note what attends.

    Args:
        feed: the input.
        name: the model's name, for what may go wrong.

    Raises:
        NoAttention: nothing in the model attends.
        UnsupportedModel: it does not run on this input, or a call's layer cannot be told with certainty.
    """
    seen: list[Seen] = []
    names = {module: path for path, module in feed.model.named_modules()}
    with _given_encoder_states(feed) as reached:

        def note(call: Call) -> Tensor:
            seen.append(_seen(call, names.get(call.module, ""), crosses=call.module in reached))
            return call.as_usual()

        try:
            with intercepted(feed.model, note):
                output = run(feed)
        except AttnvizError:
            raise
        except Exception as error:  # what a model raises that was made for other inputs has no common class
            raise UnsupportedModel(f"{name} does not run on this input: {brief(error)}") from error
    if not seen:
        raise NoAttention(f"{name} has no attention weights: nothing in it attends")
    sites = tuple(_sites(seen, feed, name))
    return Watched(sites, _outlines(sites, feed), output)


def run(feed: Feed) -> Any:  # noqa: ANN401 - what a model gives has no common class
    """Run a model once, without gradients; whatever it leaves to chance is the same every time."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return feed.model(**feed.arguments)


def _seen(call: Call, name: str, *, crosses: bool) -> Seen:
    queries, keys, values = call.vectors or (None, None, None)
    return Seen(
        module=call.module,
        name=name,
        path=call.path,
        shape=(call.batch, call.heads, call.queries, call.keys),
        key_heads=None if keys is None else keys.shape[1],
        d_k=None if queries is None else queries.shape[-1],
        d_v=None if values is None else values.shape[-1],
        causal=is_causal(call.visible()),
        window=call.window,
        crosses=crosses,
    )


@contextmanager
def _given_encoder_states(feed: Feed) -> Iterator[set[nn.Module]]:
    """Collect the modules that are handed what the encoder gave: those in which a decoder looks across."""
    reached: set[nn.Module] = set()
    states: list[Tensor] = []
    if feed.encoder is None:
        yield reached
        return

    def remember(_module: nn.Module, _given: object, output: Any) -> None:  # noqa: ANN401
        states.append(output if isinstance(output, Tensor) else output[0])

    def look(module: nn.Module, given: tuple[object, ...], named: dict[str, object]) -> None:
        if any(value is state for state in states for value in (*given, *named.values())):
            reached.add(module)

    hooks = [feed.encoder.register_forward_hook(remember)]
    hooks += [module.register_forward_pre_hook(look, with_kwargs=True) for module in feed.model.modules()]
    try:
        yield reached
    finally:
        for hook in hooks:
            hook.remove()


def _sites(seen: Sequence[Seen], feed: Feed, name: str) -> Iterator[Site]:
    """Give each call its block, its layer and its first row."""
    numbers: dict[int, int] = {}
    starts: dict[int, int] = {}
    blocks = [_block(call, feed) for call in seen]
    for block in dict.fromkeys(blocks):
        own = [place for place, other in enumerate(blocks) if other == block]
        layers, firsts = _layers([seen[place] for place in own], feed, block)
        numbers |= dict(zip(own, layers, strict=True))
        starts |= dict(zip(own, firsts, strict=True))
    unknown = sorted({block for block in blocks if block not in feed.sides})
    if unknown:
        raise UnsupportedModel(f"cannot read the attention of {name}: it has a {unknown[0]} nobody fed")
    for place, call in enumerate(seen):
        yield Site(call, blocks[place], numbers[place], starts[place])


def _block(call: Seen, feed: Feed) -> Block:
    """Tell a call's block by where its module stands and what it was given."""
    if len(feed.sides) == 1:
        return next(iter(feed.sides))
    if feed.encoder is not None and call.module in set(feed.encoder.modules()):
        return "encoder"
    looks_across = call.crosses or (not call.causal and call.shape[2] != call.shape[3])
    return "cross" if looks_across and "cross" in feed.sides else "decoder"


def _layers(calls: Sequence[Seen], feed: Feed, block: Block) -> tuple[list[int], list[int]]:
    """Number one block's calls.

    A layer may attend piece by piece: its calls then share the queries there are. Where the modules' names
    differ in one number, that is the layer's; where one module serves every layer, or names differ otherwise,
    the order of the calls tells.

    Returns:
        For each call the layer's number, and the position of its first query.
    """
    order, starts = _in_turn(calls, feed.sides[block][0])
    numbers = _own_numbers([call.name for call in calls], order)
    return [numbers[turn] for turn in order], starts


def _in_turn(calls: Sequence[Seen], queries: Side) -> tuple[list[int], list[int]]:
    """Say which turn of attending each call is part of, and where in it the call begins.

    A further call of the same module belongs to the same turn if it sees a piece of the input, not all of it.
    """
    order: list[int] = []
    starts: list[int] = []
    for place, call in enumerate(calls):
        goes_on = place > 0 and call.module is calls[place - 1].module and not queries.fits(call.shape[2])
        order.append(order[-1] + (not goes_on) if order else 0)
        starts.append(starts[-1] + calls[place - 1].shape[2] if goes_on else 0)
    return order, starts


def _own_numbers(names: Sequence[str], order: Sequence[int]) -> dict[int, int]:
    """Number the turns: by the one number in which the modules' names differ, else in order."""
    first: dict[int, str] = {}
    for name, turn in zip(names, order, strict=True):
        first.setdefault(turn, name)
    turns = len(first)
    found = [tuple(map(int, _NUMBER.findall(name))) for name in first.values()]
    if len({len(numbers) for numbers in found}) == 1 and len(set(first.values())) == turns and found[0]:
        varying = [column for column in zip(*found, strict=True) if len(set(column)) > 1]
        if len(varying) == 1 or (not varying and turns == 1):
            column = varying[0] if varying else (found[0][0],)
            if list(column) == sorted(set(column)):
                return dict(zip(first, column, strict=True))
    return {turn: turn for turn in first}


def _outlines(sites: Sequence[Site], feed: Feed) -> dict[Block, Outline]:
    """Describe the blocks, in the feed's order."""
    found: dict[Block, dict[int, list[Site]]] = {}
    for site in sites:
        found.setdefault(site.block, {}).setdefault(site.layer, []).append(site)
    return {
        block: Outline(block, tuple(_layer(number, found[block][number]) for number in sorted(found[block])))
        for block in feed.sides
        if block in found
    }


def _layer(number: int, sites: Sequence[Site]) -> Layer:
    first = sites[0].seen
    queries = sum(site.seen.shape[2] for site in sites)
    return Layer(
        number=number,
        heads=tuple(range(first.shape[1])),
        queries=queries,
        keys=queries if len(sites) > 1 else first.shape[3],
        causal=all(site.seen.causal for site in sites),
        key_heads=first.key_heads,
        d_k=first.d_k,
        d_v=first.d_v,
        window=first.window,
        path=first.path,
        module=first.name,
    )
