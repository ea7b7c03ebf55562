"""Heads removed from a model, one at a time or several at once, and what its answer loses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from attnviz.analysis.effect import Ablation, Effect, Effects, Importance, Mode, cost, effect, importances
from attnviz.errors import BudgetError, CaptureFailed, NoAnswer, OutOfRange, RequestError, UnsupportedModel
from attnviz.outcome import Gates, Outcome
from attnviz.outline import Outline, choose
from attnviz.prompt import Prompt
from attnviz.record import Block
from attnviz.selection import TOGETHER, HeadId, Selection, numbers_as_ranges
from attnviz.sources.base import Reading, Source

# Takes how many runs are done, and of how many.
Progress = Callable[[int, int], None]
Heads = Selection | Sequence[HeadId | str] | str | None

MODES: tuple[Mode, ...] = ("each", "together", "alone", "layers")

# A model whose answer moves by more than this on its own, in bits or as 1 - cosine, is left to chance.
_STEADY = 1e-3


@dataclass(frozen=True)
class Removal:
    """Heads to remove at once, and the head this is done for."""

    removed: tuple[HeadId, ...]
    head: HeadId | None


def ablate(
    source: Source,
    text: str = "",
    heads: Heads = None,
    *,
    block: Block | None = None,
    mode: Mode = "each",
    importance: bool = True,
    progress: Progress | None = None,
    **beside: Any,  # noqa: ANN401 - each is a field of Prompt, which knows its type
) -> Ablation:
    """Remove heads of a model that reads a text, and say what its answer loses.

    Args:
        source: the model.
        text: what it reads.
        heads: as in `remove`.
        block: as in `remove`.
        mode: as in `remove`.
        importance: as in `remove`.
        progress: as in `remove`.
        beside: what stands beside the text, by the names of `Prompt`: target="...", generate=5 ...

    Raises:
        EmptyText: the text has no token.
        RequestError: the prompt holds what this model cannot read, or as in `remove`.
        OutOfRange: there is no such layer or head.
        SourceError: the text or the model cannot be read, or not with heads removed.

    >>> import attnviz
    >>> found = ablate(attnviz.load("builtin"), "The fox jumps.", "L0H1,L0H2", importance=False)
    >>> len(found.effects.entries), found.effects.unit
    (2, 'bits')
    """
    reading = source.read(Prompt(text, **beside))
    return remove(reading, heads, block=block, mode=mode, importance=importance, progress=progress)


def remove(
    reading: Reading,
    heads: Heads = None,
    *,
    block: Block | None = None,
    mode: Mode = "each",
    importance: bool = True,
    progress: Progress | None = None,
) -> Ablation:
    """Run a model again and again on one input, each time with other heads removed.

    Args:
        reading: the input as the model reads it.
        heads: which; names, a list of numbers such as "0,3", or a selection. None means all.
        block: of which attention; None means the last of the reading's outlines.
        mode: "each" removes one after the other; "together" all of them at once; "alone" leaves one at a time
            in its layer and removes the others there (Michel et al. 2019, section 3.3); "layers" removes
            whole layers, those the heads are of.
        importance: whether to run backwards too, once, for the importance of every head.
        progress: told how many runs are done, and of how many.

    Raises:
        RequestError: there is no model to run, no such block or mode, or the heads cannot be read.
        OutOfRange: there is no such layer or head.
        UnsupportedModel: the heads of a layer cannot be told apart in its output.
        CaptureFailed: the model answers otherwise each time it runs.
    """
    if mode not in MODES:
        raise RequestError(f"no such way to remove heads: got {mode!r}, allowed {', '.join(MODES)}")
    outline = choose(reading.outlines, block)
    removals = plan(outline, chosen(outline, heads), mode)
    effects = _run(reading, outline.block, removals, progress)
    found, unknown = _importance(reading, outline.block) if importance else ({}, None)
    return Ablation(reading.model, reading.text, outline.block, mode, effects, found, unknown)


def effects_of(
    reading: Reading,
    heads: Sequence[HeadId],
    block: Block | None = None,
    *,
    progress: Progress | None = None,
) -> Effects:
    """Say what an answer loses without each of some heads; `Effects.by_head` has the effect of each.

    Heads with the index `TOGETHER` stand for whole layers.

    Args:
        reading: the input as the model reads it.
        heads: which.
        block: of which attention; None means the last of the reading's outlines.
        progress: told how many runs are done, and of how many.

    Raises:
        RequestError: there is no model to run, or no such block.
        OutOfRange: there is no such head.
        UnsupportedModel: the heads of a layer cannot be told apart in its output.
        CaptureFailed: the model answers otherwise each time it runs.
    """
    outline = choose(reading.outlines, block)
    removals = []
    for head in heads:
        if head.index == TOGETHER and head.layer in outline.numbers:
            removals.append(Removal(_all_of(outline, head.layer), head))
        else:
            removals.append(Removal((_own(outline, head),), head))
    return _run(reading, outline.block, removals, progress)


def chosen(outline: Outline, heads: Heads) -> tuple[HeadId, ...]:
    """Pick heads of a block; its layers need not be alike.

    Args:
        outline: the block.
        heads: names, a list of numbers, or a selection, whose numbers mean the layers that have them.

    Raises:
        RequestError: there is none, or a list cannot be read.
        OutOfRange: one is not there.
    """
    if heads is None or isinstance(heads, str | Selection):
        selection = heads if isinstance(heads, Selection) else Selection(heads=heads)
        every = sorted({head for layer in outline.layers for head in layer.heads})
        picked = selection.resolve(outline.numbers, every)
        if not selection.names_heads:
            picked = tuple(head for head in picked if head.index in outline.layer(head.layer).heads)
    else:
        picked = tuple(HeadId.parse(head) if isinstance(head, str) else head for head in heads)
    if not picked:
        raise RequestError("no head to remove: got none, allowed one or more")
    return tuple(dict.fromkeys(_own(outline, head) for head in picked))


def plan(outline: Outline, heads: Iterable[HeadId], mode: Mode) -> tuple[Removal, ...]:
    """Say what is removed in each run.

    Args:
        outline: the block.
        heads: those that are meant.
        mode: as in `remove`.
    """
    heads = tuple(heads)
    if mode == "together":
        return (Removal(heads, heads[0] if len(heads) == 1 else None),)
    if mode == "layers":
        layers = dict.fromkeys(head.layer for head in heads)
        return tuple(Removal(_all_of(outline, layer), HeadId(layer, TOGETHER)) for layer in layers)
    if mode == "alone":
        others = {head: tuple(one for one in _all_of(outline, head.layer) if one != head) for head in heads}
        return tuple(Removal(removed, head) for head, removed in others.items())
    return tuple(Removal((head,), head) for head in heads)


def runs(removals: Sequence[Removal]) -> int:
    """Say how often a model is run for these removals: twice more than there are, with all heads open."""
    return len(removals) + 2


def _run(reading: Reading, block: Block, removals: Sequence[Removal], progress: Progress | None) -> Effects:
    """Run a model with all heads, then without those of each removal."""
    total = runs(removals)
    tick = progress or (lambda _done, _total: None)
    tick(0, total)
    before = reading.outcome()
    tick(1, total)
    noise = _noise(reading, before, _gates(block, removals, 1.0))
    tick(2, total)
    entries: list[Effect] = []
    for done, removal in enumerate(removals, start=3):
        after = reading.outcome(_gates(block, [removal], 0.0))
        entries.append(effect(before, after, removal.removed, removal.head))
        tick(done, total)
    tokens = tuple(before.tokens[row] for row in before.counted_rows)
    aside = len(before.tokens) - len(tokens)
    return Effects(before.outlook, tokens, aside, cost(before), noise, tuple(entries))


def _noise(reading: Reading, before: Outcome, gates: Gates) -> float:
    """Run a model with gates that let all through, and say how far that alone moves its answer.

    Raises:
        CaptureFailed: it moves by more than a removal could be told from.
    """
    moved = effect(before, reading.outcome(gates)).mean
    if not moved <= _STEADY:
        raise CaptureFailed(f"{reading.model} answers otherwise each time it runs: no effect can be measured")
    return moved


def _gates(block: Block, removals: Iterable[Removal], gate: float) -> Gates:
    return {block: {head: gate for removal in removals for head in removal.removed}}


def _importance(reading: Reading, block: Block) -> tuple[dict[HeadId, Importance], str | None]:
    """Run a model backwards, and say why where that cannot be done: effects are told without it."""
    try:
        return importances(reading.gate_gradients()[block]), None
    except (NoAnswer, UnsupportedModel, BudgetError) as error:
        return {}, str(error)


def _all_of(outline: Outline, layer: int) -> tuple[HeadId, ...]:
    return tuple(HeadId(layer, head) for head in outline.layer(layer).heads)


def _own(outline: Outline, head: HeadId) -> HeadId:
    """Give a head back if the block has it.

    Raises:
        OutOfRange: it does not.
    """
    if head.layer not in outline.numbers:
        there = numbers_as_ranges(outline.numbers)
        raise OutOfRange(f"no layer {head.layer}: this model has layers {there}")
    heads = outline.layer(head.layer).heads
    if head.index not in heads:
        raise OutOfRange(f"no head {head}: this layer has heads {numbers_as_ranges(heads)}")
    return head
