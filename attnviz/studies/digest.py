"""An input too long to hold: what its weights come to, by cells, by queries and by heads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from attnviz import memory
from attnviz.analysis.streaming import pooling, topkeys
from attnviz.analysis.streaming.digest import Digest
from attnviz.analysis.streaming.focusing import Focusing
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.analysis.streaming.pooling import LEAST, MOST, PoolMaps
from attnviz.analysis.streaming.sharing import Sharing, can_share
from attnviz.analysis.streaming.topkeys import TopKeys
from attnviz.errors import BudgetError, CaptureFailed, RequestError
from attnviz.frame import Frame
from attnviz.observe import Observer, RowBlock, Several
from attnviz.prompt import Prompt
from attnviz.record import Attention, Block
from attnviz.selection import Selection
from attnviz.sources.base import EVERYTHING, Reading, Source

# Takes how many rows are done, and of how many.
Progress = Callable[[int, int], None]

# What may be kept if nobody says how much: with what a capture takes beside it, less than 300 MB.
_USUAL = 200 * 10**6

# What focus keeps: two numbers of each head and token, and two dozen of each query while a layer's rows come.
_KEPT_BYTES, _PASSING_BYTES = 4, 24 * 4

# What measures keep of each head: what some 1,024 rows come to waits to go into means at once.
_WAITING_ROWS, _WAITING_BYTES = 1024, 60

TOP, TOLD = 8, 3


@dataclass(frozen=True)
class Limits:
    """How much of an input to keep at most.

    Attributes:
        pool: how many cells maps have along a side; halved as often as the budget demands.
        top: how many keys of each query; 0 means none.
        tell: how many words and links of each head; 0 means no focus.
        budget: how many bytes; None means what `memory.allow` was told, or else 200 MB, or a quarter of what
            is free where that is less.
    """

    pool: int = MOST
    top: int = TOP
    tell: int = TOLD
    budget: int | None = None


AS_USUAL = Limits()


@dataclass(frozen=True)
class Plan:
    """How much of an input is kept.

    Attributes:
        cells: how many cells maps have along a side, at most.
        top: how many keys are kept of each query.
        needed: how many bytes all of it takes.
        left_out: by name, what is left out, and why.
    """

    cells: int
    top: int
    needed: int
    left_out: Mapping[str, str] = field(default_factory=dict)


def digest(
    source: Source,
    text: str = "",
    selection: Selection = EVERYTHING,
    *,
    block: Block | None = None,
    pool: int = MOST,
    top: int = TOP,
    tell: int = TOLD,
    budget: int | None = None,
    progress: Progress | None = None,
    **beside: Any,  # noqa: ANN401 - each is a field of Prompt, which knows its type
) -> Digest:
    """Read an input of any length, and keep what its attention comes to instead of its weights.

    Args:
        source: the model.
        text: what it reads; nothing of it is cut off.
        selection: the layers and heads to look at.
        block: "self", "encoder", "decoder" or "cross"; None means the last the model has.
        pool: how many cells maps have along a side at most; halved as often as the budget demands.
        top: how many keys to keep of each query at most; 0 means none.
        tell: how many words and links to tell of each head at most; 0 means no focus.
        budget: how many bytes may be kept; None means what `memory.allow` was told, or else 200 MB, or a
            quarter of what is free where that is less.
        progress: told how many rows are done, and of how many.
        beside: what stands beside the text, by the names of `Prompt`: target="...", generate=5 ...

    Raises:
        EmptyText: the text has no token.
        RequestError: the prompt holds what this model cannot read, or there is no such block.
        OutOfRange: the selection names a layer or head that is not there.
        BudgetError: not even maps of 32 x 32 cells fit.
        SourceError: the text or the model cannot be read.

    >>> import attnviz
    >>> found = digest(attnviz.load("builtin"), "The quick brown fox jumps over the lazy dog.", pool=5)
    >>> found.maxima.queries[0].text, found.measured.names[0]
    ('The…quick', 'entropy')
    """
    limits = Limits(pool, top, tell, budget)
    return digest_of(source.read(Prompt(text, **beside)), selection, limits, block=block, progress=progress)


def digest_of(
    reading: Reading,
    selection: Selection = EVERYTHING,
    limits: Limits = AS_USUAL,
    *,
    block: Block | None = None,
    progress: Progress | None = None,
) -> Digest:
    """Let a model's weights pass once, and some heads' twice, and keep what they come to.

    Args:
        reading: the input as the model reads it.
        selection: the layers and heads to look at; heads named one by one are completed to a grid.
        limits: how much of it to keep.
        block: as in `digest`.
        progress: told how many rows are done, and of how many.

    Raises:
        RequestError: there is no such block.
        OutOfRange: the selection names a layer or head that is not there.
        BudgetError: not even maps of 32 x 32 cells fit.
        CaptureFailed: a check of the weights failed.
    """
    frame = reading.frame(selection, block=block)
    kept = plan(frame, limits)
    maps, measuring = PoolMaps(frame, kept.cells, kept.cells), Measuring(frame)
    keys = TopKeys(frame, kept.top) if kept.top else None
    focusing = Focusing(frame, limits.tell) if limits.tell else None

    observe = partial(_observe, reading, block, progress)
    parts: list[Observer | None] = [maps, keys, *_sharing(measuring, focusing)]
    observe(Several([one for one in parts if one is not None]), selection)
    if focusing:
        focusing.settle(observe)
    maxima, means = _records(maps)
    return Digest(
        frame=frame,
        maxima=maxima,
        means=means,
        top=keys.result() if keys else None,
        measured=measuring.result(),
        focus=focusing.result() if focusing else None,
        left_out={**kept.left_out, **measuring.left_out},
    )


def _sharing(measuring: Measuring, focusing: Focusing | None) -> list[Observer]:
    """Have what both need of rows added up once, if that can be."""
    if focusing is None:
        return [measuring]
    both: tuple[Measuring, Focusing] = measuring, focusing
    return [Sharing(both)] if can_share(both) else [*both]


def _observe(
    reading: Reading, block: Block | None, progress: Progress | None, observer: Observer, some: Selection
) -> None:
    """Hand some heads' weights on to an observer, and tell how far they have come."""
    if progress:
        observer = Several([observer, _Telling(reading.frame(some, block=block), progress)])
    reading.observe(observer, some, block=block)


def plan(frame: Frame, limits: Limits) -> Plan:
    """Say how much of an input is kept: as many cells as fit, and top keys beside them.

    Of several ways that fit, the first is taken: more cells go before more top keys, but half of the top keys
    stay before cells do.

    Args:
        frame: the input.
        limits: how much of it to keep.

    Raises:
        BudgetError: not even maps of 32 x 32 cells fit.
    """
    budget = allowed() if limits.budget is None else limits.budget
    left = budget - _found_bytes(frame, limits.tell)
    for cells, keys in _ways(limits.pool, limits.top):
        needed = pooling.bytes_of(frame, cells) + topkeys.bytes_of(frame, keys)
        if needed <= left:
            return Plan(cells, keys, needed + budget - left, _without(frame, limits.top, keys))
    heads = f"{len(frame.layers)} layers x {len(frame.heads)} heads"
    least = min(limits.pool, LEAST)
    needed = pooling.bytes_of(frame, least) + budget - left
    raise BudgetError(
        f"{heads} for {len(frame.queries)} x {len(frame.keys)} tokens do not fit even if pooled to "
        f"{least} x {least}: what is kept of them takes {memory.told(needed)}, allowed {memory.told(budget)}"
    )


def _ways(pool: int, top: int) -> Iterator[tuple[int, int]]:
    """Give numbers of cells and of top keys, the best first."""
    sizes = [pool, *_halves(pool, LEAST)]
    few = [top, *_halves(top, 1), 0]
    yield from ((cells, keys) for cells in sizes for keys in few[:2])
    yield from ((cells, keys) for keys in few[2:] for cells in sizes)


def _halves(number: int, least: int) -> list[int]:
    """Give the half of a number, its quarter ...

    >>> _halves(8, 1)
    [4, 2, 1]
    """
    half = number // 2
    return [half, *_halves(half, least)] if half >= least else []


def _without(frame: Frame, asked: int, kept: int) -> dict[str, str]:
    """Say why top keys are missing, where they are."""
    if kept == asked:
        return {}
    number = f"{kept} of {asked}" if kept else "none"
    takes = memory.told(topkeys.bytes_of(frame, asked))
    return {"top keys": f"{number} of each query kept: {asked} take {takes}"}


def _found_bytes(frame: Frame, tell: int) -> int:
    """Estimate what measures and focus keep."""
    heads, queries, keys = len(frame.head_ids), len(frame.queries), len(frame.keys)
    measures = heads * min(queries, _WAITING_ROWS) * _WAITING_BYTES
    if not tell:
        return measures
    return measures + heads * (queries + keys) * _KEPT_BYTES + len(frame.heads) * queries * _PASSING_BYTES


def allowed() -> int:
    """Say how many bytes may be kept if nobody says how many."""
    limit = memory.limit()
    return min(memory.budget(), _USUAL) if limit is None else limit


def _records(maps: PoolMaps) -> tuple[Attention, Attention]:
    try:
        return maps.maxima(), maps.means()
    except RequestError as error:  # what a record finds wrong is the capture's fault, not the user's
        raise CaptureFailed(f"the capture of {maps.frame.model} failed a check: {error}") from error


@dataclass(eq=False)
class _Telling:
    """Tells how many rows of a frame's heads have come."""

    frame: Frame
    progress: Progress
    _done: int = 0

    def update(self, block: RowBlock) -> None:
        """Count the rows of a block."""
        self._done += block.weights.shape[0] * block.weights.shape[1]
        self.progress(self._done, len(self.frame.head_ids) * len(self.frame.queries))
