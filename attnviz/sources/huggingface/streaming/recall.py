"""Weights of the calls that were kept when a model was watched: it does not run again for them.

The layers of a short text are done together where they attend alike: most of what one of them takes is what
Python and torch take to begin something, whatever its size.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from attnviz.errors import CaptureFailed
from attnviz.observe import Observer, RowBlock
from attnviz.record import MASS_TOLERANCE, Block
from attnviz.sources.huggingface.capturing.capture import BLOCK_BYTES, HandOn
from attnviz.sources.huggingface.capturing.checks import Checks, apart_along, direction, tolerance
from attnviz.sources.huggingface.capturing.sight import RowSight
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.running import same
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import TableCall
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.layout import Piece, sample_of
from attnviz.sources.huggingface.streaming.softmax import Heads, Room, Softmax
from attnviz.sources.huggingface.streaming.walk import agrees, is_whole
from attnviz.sources.huggingface.watching.kept import KeptCall
from attnviz.sources.huggingface.watching.sites import Site, evaluating

OnCall = Callable[[Site, Call], None]

_FLOAT32_BYTES = 4

# So many rows of a module's first call are held against its own function.
_SAMPLE = 4

# By module, how it was called when its own function was asked last, and whether that is a plain softmax.
_ASKED: WeakKeyDictionary[nn.Module, tuple[object, bool]] = WeakKeyDictionary()


def recall(
    feed: Feed,
    sites: Sequence[Site],
    observer: Observer,
    *,
    block: Block,
    chosen: Collection[int],
    on_call: OnCall | None = None,
    block_bytes: int = BLOCK_BYTES,
    rows: range | None = None,
) -> bool:
    """Hand on the weights of the calls that were kept when the model was watched, without running it again.

    They must explain what these calls gave then, which the model went on with.

    Args:
        feed: the input.
        sites: every attention call of the pass, in order.
        observer: takes the rows (head, query, key) of every head of the chosen layers.
        block: whose layers are meant.
        chosen: the numbers of the layers to hand on.
        on_call: takes the place of each attention call of the chosen layers, and the call, before its rows.
        block_bytes: about how much memory one block of weights may take; at least one row is done at once.
        rows: the positions of the queries to hand on; None means all.

    Returns:
        Whether every call of the chosen layers was kept as it was; nothing is handed on if not.

    Raises:
        CaptureFailed: a check of the weights failed.
    """
    meant = [site for site in sites if site.block == block and site.layer in chosen]
    kept = [site.kept for site in meant]
    if not all(call is not None and call.is_whole for call in kept):
        return False
    by_call = HandOn(observer, Checks(), block_bytes, rows)
    cells, room = block_bytes // _FLOAT32_BYTES, Room()
    with torch.no_grad():
        for batch in _batches(meant, cells):
            for site, call in batch.calls:
                if on_call:
                    on_call(site, call.call)
            if batch.hand_on(observer, rows, cells, room):
                continue
            with quiet(), evaluating(feed.model):
                for site, call in batch.calls:
                    by_call.take(site, call.call, call.usual)
    return True


@dataclass(frozen=True, eq=False)
class _Batch:
    """Layers that attend alike, or one layer.

    Attributes:
        calls: their calls, with their places.
        plain: each of them as a plain softmax; empty where that of the one layer there is is none.
    """

    calls: tuple[tuple[Site, KeptCall], ...]
    plain: tuple[Softmax, ...]

    def hand_on(self, observer: Observer, rows: range | None, cells: int, room: Room) -> bool:
        """Hand on the rows of all layers, about so many weights at once.

        Returns:
            Whether a plain softmax explains what the calls gave; nothing is handed on if not.

        Raises:
            CaptureFailed: it explains the first rows, and not all.
        """
        if not self.plain:
            return False
        layers = [plain.some(range(len(plain.query))) for plain in self.plain]
        values = _along([heads.value for heads in layers])
        given = _along([call.call.by_head(call.usual)[0] for _, call in self.calls])
        for piece in _pieces(self.plain[0], rows, cells // len(given)):
            weights = _weights(layers, piece, room)
            mass = weights.sum(dim=-1)
            keys, queries = (slice(side.start, side.stop) for side in (piece.keys, piece.rows))
            apart = apart_along(weights, values[:, keys], given[:, queries], len(layers))
            if not (bool((apart <= tolerance(given)).all()) and float(mass.max()) <= 1 + MASS_TOLERANCE):
                if piece.rows.start == (rows or range(1)).start:
                    return False
                names = ", ".join(str(site.layer) for site, _ in self.calls)
                raise CaptureFailed(f"the weights of layer {names} do not fit its values")
            for block in self._blocks(piece, weights, mass):
                observer.update(block)
        return True

    def _blocks(self, piece: Piece, weights: Tensor, mass: Tensor) -> Iterator[RowBlock]:
        """Give the rows of one layer after the other."""
        rows, keys, count = piece.rows, piece.keys, len(self.calls)
        for (site, call), own, sums in zip(self.calls, weights.chunk(count), mass.chunk(count), strict=True):
            sight = RowSight(site, call.call)
            seen = partial(sight.rows, rows.start, rows.stop, keys.start, keys.stop)
            yield RowBlock(site.layer, rows.start, own, first_key=keys.start, mass=sums, visible=seen)


def _along(sides: Sequence[Tensor]) -> Tensor:
    """Put all layers' vectors below each other, as what they are in one direction: (head, token)."""
    vectors = torch.cat(list(sides))  # one product of all takes less time than one of each
    return vectors @ direction(vectors.shape[-1], vectors.dtype, vectors.device)


def _weights(layers: Sequence[Heads], piece: Piece, room: Room) -> Tensor:
    """Make the weights of one layer below the other: (head of all layers, query, key)."""
    heads = sum(len(each.query) for each in layers)
    weights = room.take("weights", (heads, len(piece.rows), len(piece.keys)), layers[0].query)
    for each, own in zip(layers, weights.chunk(len(layers)), strict=True):
        each.logits(piece, own)
    return torch.softmax(weights, dim=-1, out=weights)


def _pieces(plain: Softmax, rows: range | None, cells: int) -> Iterator[Piece]:
    """Cut rows into pieces of about so many cells, and keys to those they may see."""
    queries, keys = plain.query.shape[1], plain.key.shape[1]
    wanted = rows or range(queries)
    size = max(1, cells // keys)
    for first in range(wanted.start, wanted.stop, size):
        some = range(first, min(first + size, wanted.stop))
        yield Piece(some, range(min(some.stop, keys) if plain.hides_later else keys))


def _batches(sites: Sequence[Site], cells: int) -> Iterator[_Batch]:
    """Put layers together that follow each other and attend alike, as many as have so many weights."""
    calls: list[tuple[Site, KeptCall]] = []
    softmaxes: list[Softmax] = []
    reading = _Reading()
    for site in sites:
        call, plain = site.kept, reading.plain(site)
        assert call is not None  # as was asked
        squares = (len(calls) + 1) * call.call.heads * call.call.queries * call.call.keys
        joins = plain and softmaxes and squares <= cells and _kind(softmaxes[0]) == _kind(plain)
        if calls and not joins:
            yield _Batch(tuple(calls), tuple(softmaxes))
            calls, softmaxes = [], []
        calls.append((site, call))
        if plain:
            softmaxes.append(plain)
    if calls:
        yield _Batch(tuple(calls), tuple(softmaxes))


def _kind(plain: Softmax) -> tuple[object, ...]:
    """Say what heads of several calls must have in common to be done at once."""
    vectors = plain.query, plain.key, plain.value
    shapes = tuple((each.shape, each.dtype, each.device) for each in vectors)
    return shapes, plain.hides_later


@dataclass(frozen=True, eq=False)
class _Reading:
    """Reads calls as plain softmaxes; whether each query sees a key is asked once of layers with one mask."""

    _looking: list[tuple[Tensor, bool]] = field(default_factory=list)

    def plain(self, site: Site) -> Softmax | None:
        """Read a kept call so; None where it is something else, or its model's own function is to do it."""
        assert site.kept is not None  # as was asked
        call = site.kept.call
        if not (isinstance(call, FusedCall | TableCall) and is_whole(site, call)):
            return None
        if call.query.dtype not in (torch.float32, torch.float64) or not self._all_look(site, call):
            return None
        plain = Softmax.of(call, call.scale)
        return plain if plain is not None and _is_confirmed(plain, call) else None

    def _all_look(self, site: Site, call: FusedCall | TableCall) -> bool:
        """Say whether every query sees a key: of one that sees none nobody knows what comes out."""
        if call.mask is None:
            return True
        for mask, all_look in self._looking:
            if same(mask, call.mask):
                return all_look
        seen = RowSight(site, call).rows(0, call.queries)
        all_look = seen is None or bool(seen.any(dim=-1).all())
        self._looking.append((call.mask, all_look))
        return all_look


def _is_confirmed(plain: Softmax, call: FusedCall | TableCall) -> bool:
    """Say whether the module's own function gave the weights of a plain softmax, when it was last asked.

    It is asked again when it is called in another way. What each call gave is looked at besides.
    """
    how = _how(call)
    before = _ASKED.get(call.module)
    if before is not None and before[0] == how:
        return before[1]
    with quiet(), evaluating(call.module):
        found = agrees(plain, call, sample_of(range(call.queries), _SAMPLE, call.query.device))
    _ASKED[call.module] = how, found
    return found


def _how(call: FusedCall | TableCall) -> tuple[object, ...]:
    """Say how a module calls: by what function, and with which options."""
    options = call.options if isinstance(call, TableCall) else {}
    told = [
        (name, value if isinstance(value, bool | int | float | str) else type(value))
        for name, value in options.items()
    ]
    function = call.usual if isinstance(call, TableCall) else type(call)
    return function, call.scale, call.hides_later, call.mask is None, tuple(sorted(told, key=str))
