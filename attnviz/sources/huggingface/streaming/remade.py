"""Rows of an attention call that was kept, made again when they are asked for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from attnviz.errors import CaptureFailed
from attnviz.frame import Frame
from attnviz.observe import RowBlock
from attnviz.record import MASS_TOLERANCE
from attnviz.sources.chosen import Chosen
from attnviz.sources.huggingface.capturing.capture import HandOn
from attnviz.sources.huggingface.capturing.checks import (
    FINITE,
    MASS,
    POSITIVE,
    VALUES,
    Checks,
    apart_along,
    direction,
    tolerance,
)
from attnviz.sources.huggingface.capturing.sight import RowSight
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import TableCall
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.layout import Layout, Layouts, Piece, sample_of
from attnviz.sources.huggingface.streaming.scale import SCALE
from attnviz.sources.huggingface.streaming.softmax import Heads, Room, Softmax, largest_mass
from attnviz.sources.huggingface.streaming.walk import agrees, is_whole
from attnviz.sources.huggingface.watching.kept import tensors_of
from attnviz.sources.huggingface.watching.sites import Site, evaluating

# So many rows of each call are held against the model's own function.
_SAMPLE = 16


class Remade(Protocol):
    """A kept call, of which rows can be made."""

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        ...

    def block(self, rows: range, behind: int) -> RowBlock:
        """Make some rows of the heads that are meant, and check them.

        Args:
            rows: the positions of the queries.
            behind: how many keys are told of, from the first one on; none of these queries sees one behind.

        Raises:
            CaptureFailed: a check of the weights failed.
        """
        ...


@dataclass(frozen=True, eq=False)
class Checked:
    """A call whose rows its model's own function makes; each is held against all that is known of it.

    Attributes:
        model: whose call it is.
        site: its place.
        call: the call.
        usual: what it gave, and the model went on with.
        frame: the layers and heads that are meant.
        checks: where to note the checks that held.
    """

    model: nn.Module
    site: Site
    call: Call
    usual: Tensor
    frame: Frame
    checks: Checks

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return _bytes(tensors_of(self.call, self.usual))

    def block(self, rows: range, behind: int) -> RowBlock:
        """Make some rows; see `Remade`."""
        taken = _Taken(behind)
        hand_on = HandOn(Chosen(taken, self.frame), self.checks, rows=rows)
        with quiet(), torch.no_grad(), evaluating(self.model):
            hand_on.take(self.site, self.call, self.usual)
        return _block(self.site, RowSight(self.site, self.call), rows, torch.cat(taken.weights, dim=1))


@dataclass(frozen=True)
class _Taken:
    """Takes blocks of rows, and keeps the weights on the first keys."""

    behind: int
    weights: list[Tensor] = field(default_factory=list)

    def update(self, block: RowBlock) -> None:
        self.weights.append(block.weights[..., : self.behind])


@dataclass(frozen=True, eq=False)
class Plain:
    """A call that is shown to be a plain softmax: its rows are made by the formula.

    Only what this takes is kept: queries, keys, and of the values and of what they made a single direction,
    taken by chance, in which the weights must make the one of the other; see `checked`.

    Attributes:
        site: the place of the call.
        heads: those that are meant, their values (head, key, 1) in that direction.
        given: (head, query), what the call gave in that direction, and the model went on with.
        allowed: how far what the weights make may be from it, in parts of the largest.
        layout: which keys its queries see.
        sight: the same, query by query.
        checks: where to note the checks that held.
        room: memory for blocks.
    """

    site: Site
    heads: Heads
    given: Tensor
    allowed: float
    layout: Layout
    sight: RowSight
    checks: Checks
    room: Room

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        heads = self.heads
        mask = () if heads.mask is None else (heads.mask,)
        return _bytes((heads.query, heads.key, heads.value, self.given, *mask))

    def block(self, rows: range, behind: int) -> RowBlock:
        """Make some rows; see `Remade`."""
        piece, like = Piece(rows, self._keys(rows, behind)), self.heads.query
        shape = len(like), len(rows), behind
        weights = like.new_empty(shape) if len(piece.keys) == behind else like.new_zeros(shape)
        some = max(1, SCALE.on(like.device).cells // (len(rows) * len(piece.keys)))
        for first in range(0, len(like), some):
            heads = slice(first, first + some)
            weights[heads, :, piece.keys.start : piece.keys.stop] = self._made(heads, piece)
        return _block(self.site, self.sight, rows, weights)

    def _keys(self, rows: range, behind: int) -> range:
        """Say from which to which key any of some queries sees."""
        seen = [
            piece.keys
            for piece in self.layout.pieces
            if piece.rows.start < rows.stop and rows.start < piece.rows.stop
        ]
        return range(min(keys.start for keys in seen), min(max(keys.stop for keys in seen), behind))

    def _made(self, some: slice, piece: Piece) -> Tensor:
        """Make and check one block of some heads: (head, query, key)."""
        query, key, value = (side[some] for side in (self.heads.query, self.heads.key, self.heads.value))
        mask = self.heads.mask
        mask = mask if mask is None or len(mask) == 1 else mask[some]
        heads = replace(self.heads, query=query, key=key, value=value, mask=mask)
        weights = heads.weighed(piece, self.room)
        values = value[:, piece.keys.start : piece.keys.stop, 0]
        given = self.given[some, piece.rows.start : piece.rows.stop]
        self._check(weights, float(apart_along(weights, values, given)))
        return weights

    def _check(self, weights: Tensor, apart: float) -> None:
        """Check that weights are such, and explain what the call gave: a softmax has no negative ones."""
        layer, most = self.site.layer, largest_mass(weights)
        if most != most:
            raise CaptureFailed(f"layer {layer} has a weight that is not a finite number")
        if most > 1 + MASS_TOLERANCE:
            raise CaptureFailed(f"a row of layer {layer} sums to {most:.4g}, allowed at most 1")
        if not apart <= self.allowed:
            raise CaptureFailed(f"the weights of layer {layer} do not fit its values: {apart:.2g} apart")
        for name, worst in ((FINITE, 0.0), (POSITIVE, 0.0), (MASS, most), (VALUES, apart)):
            self.checks.passed(name, worst)


@dataclass(frozen=True, eq=False)
class Keeping:
    """Finds for one call after the other what is to be kept of it.

    Attributes:
        model: whose calls they are.
        frame: the layers and heads that are meant.
        checks: where to note the checks that held.
    """

    model: nn.Module
    frame: Frame
    checks: Checks
    _room: Room = field(default_factory=Room)
    _layouts: Layouts = field(default_factory=Layouts)

    def of(self, site: Site, call: Call, usual: Tensor) -> Remade:
        """Keep what is needed to make rows of a call.

        Args:
            site: the place of the call.
            call: the call.
            usual: what it gave.

        Raises:
            CaptureFailed: its queries see otherwise than when the model was watched.
        """
        checked = Checked(self.model, site, call, usual, self.frame, self.checks)
        if not (isinstance(call, FusedCall | TableCall) and is_whole(site, call)):
            return checked
        sight = RowSight(site, call)
        layout = self._layouts.of(call, sight, SCALE.on(call.query.device))
        if layout.causal != site.seen.causal:
            raise CaptureFailed(f"layer {site.layer} sees otherwise than when the model was watched")
        plain = None if layout.has_blind else Softmax.of(call, call.scale)
        sample = sample_of(range(call.queries), _SAMPLE, call.query.device)
        if plain is None or not agrees(plain, call, sample):
            return checked
        return self._plain(site, call, usual, plain, layout)

    def _plain(
        self, site: Site, call: FusedCall | TableCall, usual: Tensor, plain: Softmax, layout: Layout
    ) -> Plain:
        heads = _ready(plain, self.frame.heads)
        along = direction(heads.value.shape[-1], heads.value.dtype, heads.value.device)
        given = call.by_head(usual)[0, list(self.frame.heads)].to(along) @ along
        few = replace(heads, value=(heads.value @ along)[..., None])
        sight = RowSight(site, _bare(call, few))
        return Plain(site, few, given, tolerance(usual), layout, sight, self.checks, self._room)


def _ready(plain: Softmax, heads: Sequence[int]) -> Heads:
    """Make heads ready; a mask of each of them is not copied if all are meant."""
    every = len(heads) == len(plain.query)
    ready = (replace(plain, mask=None) if every else plain).some(heads).together
    return replace(ready, mask=plain.mask) if every else ready


def _bare(call: FusedCall | TableCall, heads: Heads) -> FusedCall | TableCall:
    """Leave of a call what says which keys its queries see."""
    query, key, value = heads.query[None], heads.key[None], heads.value[None]
    if isinstance(call, TableCall):
        return replace(call, query=query, key=key, value=value, options={})
    return replace(call, query=query, key=key, value=value, usual=_gone)


def _gone() -> Tensor:
    raise CaptureFailed("what a call gave was not kept")


def _block(site: Site, sight: RowSight, rows: range, weights: Tensor) -> RowBlock:
    seen: Callable[[], Tensor | None] = partial(sight.rows, rows.start, rows.stop, 0, weights.shape[2])
    return RowBlock(site.layer, rows.start, weights, visible=seen)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
