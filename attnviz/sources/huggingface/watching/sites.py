"""Which call of a pass is which layer of which block: watched once, held against every call later."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from attnviz.errors import AttnvizError, BudgetError, NoAttention, RequestError, UnsupportedModel
from attnviz.outline import Layer, Outline
from attnviz.record import Block
from attnviz.sources.huggingface.faults import brief, is_out_of_memory
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths import PATHS, PROBED, intercepted
from attnviz.sources.huggingface.paths.call import Call, looks_back
from attnviz.sources.huggingface.paths.running import Branch, Running, same
from attnviz.sources.huggingface.paths.table import PATH as TABLE
from attnviz.sources.huggingface.watching.again import remember, watched_as_before
from attnviz.sources.huggingface.watching.kept import KeepCalls
from attnviz.sources.huggingface.watching.turns import Place, Seen, places
from attnviz.sources.huggingface.watching.watched import Site as Site
from attnviz.sources.huggingface.watching.watched import Watched as Watched
from attnviz.sources.huggingface.watching.watched import evaluating as evaluating
from attnviz.sources.huggingface.watching.watched import once as once
from attnviz.sources.huggingface.watching.watched import run as run
from attnviz.sources.huggingface.watching.windows import WindowFinder, Windows

# Models all of whose attention asked transformers' table when every way was watched, with their layers: the
# other ways make a short pass longer by a third.
_AT_TABLE: WeakKeyDictionary[nn.Module, dict[Block, tuple[tuple[int, int], ...]] | None] = WeakKeyDictionary()


def watch(feed: Feed, name: str) -> Watched:
    """Run the model and note what attends.

    Attention that shows itself in no call is probed for, which takes many more runs.

    Args:
        feed: the input.
        name: the model's name, for what may go wrong.

    Raises:
        NoAttention: nothing in the model attends.
        UnsupportedModel: it does not run on this input, or what attends cannot be told with certainty.
        RequestError: the input is too short to tell.
    """
    seen = watched_as_before(feed) or _watched_again(feed, name)
    if seen:
        return seen
    fault: AttnvizError | None = None
    try:
        seen = _watched(feed, name, PATHS)
    except (NoAttention, UnsupportedModel) as error:
        fault = error
    if seen and len(seen.outlines) == len(feed.sides):
        _AT_TABLE[feed.model] = _stacks(seen) if _ways(seen.sites) <= {TABLE} else None
        remember(feed, seen)
        return seen
    placed = {site.seen.module for site in seen.sites if site.block} if seen else set()
    try:
        probed = _watched(feed, name, (*PATHS, PROBED), placed)
    except (NoAttention, UnsupportedModel) as error:
        probed = None
        fault = error if isinstance(fault, NoAttention) else fault
    if probed and (seen is None or len(probed.outlines) > len(seen.outlines)):
        return probed
    if seen is None:
        assert fault is not None
        if any(side.fits(1) and not side.fits(2) for sides in feed.sides.values() for side in sides):
            raise RequestError(
                f"one token alone does not show how {name} attends: allowed 2 or more"
            ) from fault
        raise fault
    return seen


def _watched_again(feed: Feed, name: str) -> Watched | None:
    """Watch the table alone, if all that attends asked it the last time, and does so again."""
    if not (known := _AT_TABLE.get(feed.model)):
        return None
    try:
        seen = _watched(feed, name, (TABLE,))
    except (NoAttention, UnsupportedModel):
        return None
    return seen if _stacks(seen) == known else None


def _stacks(seen: Watched) -> dict[Block, tuple[tuple[int, int], ...]]:
    """Give each block's layers by their numbers, and how many heads each has."""
    return {
        block: tuple((layer.number, len(layer.heads)) for layer in outline.layers)
        for block, outline in seen.outlines.items()
    }


def _ways(sites: Iterable[Site]) -> set[str]:
    """Name the ways by which what attends to the input was noticed."""
    return {site.seen.path for site in sites if site.block} - {PROBED}


def _watched(
    feed: Feed, name: str, paths: Collection[str], placed: Collection[nn.Module] = frozenset()
) -> Watched:
    """Watch some ways to attention.

    Args:
        feed: the input.
        name: the model's name.
        paths: the ways.
        placed: modules that other ways have placed, and those alone; what is tried out is any other.
    """
    parts = set(feed.model.modules())
    finder = WindowFinder(feed.model)
    with (
        _given_encoder_states(feed) as reached,
        Running(feed.model).watched() as running,
        finder.watching(),
    ):
        notes = _Notes(running, finder, reached)
        try:
            with intercepted(feed.model, notes.take, paths):
                output = run(feed)
        except AttnvizError:
            raise
        except Exception as error:  # what a model raises that was made for other inputs has no common class
            if is_out_of_memory(error):
                raise BudgetError(f"out of memory: {name} does not fit with this input") from error
            raise UnsupportedModel(f"{name} does not run on this input: {brief(error)}") from error
    if set(feed.model.modules()) != parts:  # BigBird exchanges its attention when it first sees a short text
        return _watched(feed, name, paths, placed)
    told = [
        call for call in notes.seen if PROBED not in paths or (call.module in placed) == (call.path != PROBED)
    ]
    if not told:
        raise NoAttention(f"{name} has no attention weights: nothing in it attends")
    found = places(told, feed, name)
    return Watched(tuple(_sites(found, notes, feed)), _outlines(found, feed), output)


class _Notes:
    """Takes down every call of a pass, and how it stands to the one before.

    Attributes:
        seen: the calls, in order.
        kept: those that were kept, by their number in that order.
    """

    def __init__(self, running: Running, finder: WindowFinder, reached: Collection[nn.Module]) -> None:
        self.seen: list[Seen] = []
        self.kept = KeepCalls()
        self._running = running
        self._finder = finder
        self._reached = reached
        self._before: tuple[Call, int, Branch | None] | None = None

    def take(self, call: Call) -> Tensor:
        """Note a call and let it be."""
        number = len(self.seen)
        run, branch = self._running.run_of(call.module), self._running.branch_of(call.module)
        before, self._before = self._before, (call, run, branch)
        queries, keys, values = call.vectors or (None, None, None)
        windows = self._finder.windows(call.batch, call.queries)
        self.seen.append(
            Seen(
                module=call.module,
                name=self._running.name_of(call.module),
                run=run,
                path=call.path,
                shape=shape_of(call, windows),
                key_heads=None if keys is None else keys.shape[1],
                d_k=None if queries is None else queries.shape[-1],
                d_v=None if values is None else values.shape[-1],
                causal=looks_back(call),
                window=call.window,
                crosses=call.module in self._reached,
                again=before is not None and 0 < run == before[1] and _weigh_alike(before[0], call),
                beside=before is not None and branch is not None and branch.is_beside(before[2]),
                windows=windows,
            )
        )
        usual = call.as_usual()
        self.kept.take(number, call, usual)
        return usual


def shape_of(call: Call, windows: Windows | None) -> tuple[int, int, int, int]:
    """Give a call's numbers of batch, heads, queries and keys; heads and windows may come as one axis."""
    batch = call.batch if windows is None else windows.squares
    return batch, call.batch * call.heads // batch, call.queries, call.keys


def _weigh_alike(before: Call, call: Call) -> bool:
    """Say whether two calls compare the very same queries and keys, or else come to the same weights."""
    if before.path != call.path or before.queries != call.queries:
        return False
    if before.vectors is not None and call.vectors is not None:
        return all(same(*pair) for pair in zip(before.vectors[:2], call.vectors[:2], strict=True))
    weights, others = (one.rows(0, one.queries)[1] for one in (before, call))
    return weights.shape == others.shape and torch.allclose(weights, others, atol=1e-6)


@contextmanager
def _given_encoder_states(feed: Feed) -> Iterator[set[nn.Module]]:
    """Collect the modules that are handed what the encoder gave: those in which a decoder looks across."""
    reached: set[nn.Module] = set()
    states: list[Tensor] = [] if feed.memory is None else [feed.memory]
    if feed.encoder is None and feed.memory is None:
        yield reached
        return

    def remember(_module: nn.Module, _given: object, output: Any) -> None:  # noqa: ANN401
        states.append(output if isinstance(output, Tensor) else output[0])

    def look(module: nn.Module, given: tuple[object, ...], named: dict[str, object]) -> None:
        if any(value is state for state in states for value in (*given, *named.values())):
            reached.add(module)

    hooks = [] if feed.encoder is None else [feed.encoder.register_forward_hook(remember)]
    hooks += [module.register_forward_pre_hook(look, with_kwargs=True) for module in feed.model.modules()]
    try:
        yield reached
    finally:
        for hook in hooks:
            hook.remove()


def _sites(found: Sequence[Place], notes: _Notes, feed: Feed) -> Iterator[Site]:
    """Give each call the place of its turn, in the order of the calls.

    Where the table alone shows what attends to the input, torch's functions need not be watched again. The
    table's own calls always are: watched alone, a function would be seen within them. Of the calls tried out
    only those with a place come again.
    """
    sites: dict[Seen, Site] = {}
    for place in found:
        turn = place.turn
        extent = turn.extent(feed.sides[place.block]) if place.block else None
        firsts = zip(turn.starts, turn.first_keys(extent or (0, 0)), strict=True)
        for call, (start, first_key) in zip(turn.calls, firsts, strict=True):
            sites[call] = Site(
                seen=call,
                block=place.block,
                layer=place.layer,
                start=start,
                first_key=first_key,
                extent=extent or (0, 0),
                first_head=place.first_head,
                heads=place.heads,
            )
    ways = _ways(sites.values())
    needed = ways if ways <= {TABLE} else set(PATHS)
    for number, call in enumerate(notes.seen):
        site = sites.get(call, Site(call, None))
        if site.block:
            yield replace(site, kept=notes.kept.call(number))
        elif call.path in needed:
            yield site


def _outlines(found: Sequence[Place], feed: Feed) -> dict[Block, Outline]:
    """Describe the blocks, in the feed's order."""
    blocks: dict[Block, dict[int, Layer]] = {}
    for place in found:
        if place.block:
            blocks.setdefault(place.block, {})[place.layer] = _layer(place, feed)
    return {
        block: Outline(block, tuple(blocks[block][number] for number in sorted(blocks[block])))
        for block in feed.sides
        if block in blocks
    }


def _layer(place: Place, feed: Feed) -> Layer:
    assert place.block is not None
    extent = place.turn.extent(feed.sides[place.block])
    assert extent is not None
    first = place.turn.calls[0]
    return Layer(
        number=place.layer,
        heads=tuple(range(place.heads)),
        queries=extent[0],
        keys=extent[1],
        causal=place.turn.causal,
        key_heads=first.key_heads and first.key_heads * place.heads // first.shape[1],
        d_k=first.d_k,
        d_v=first.d_v,
        window=first.window,
        path=first.path,
        module=first.name,
    )
