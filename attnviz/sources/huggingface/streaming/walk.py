"""One attention call, walked in blocks of query rows: what it gives is put together of them."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from attnviz.errors import CaptureFailed
from attnviz.frame import Frame
from attnviz.observe import NeedsSums, Observer, RowBlock
from attnviz.record import MASS_TOLERANCE
from attnviz.sources.chosen import Chosen
from attnviz.sources.huggingface.capturing.capture import HandOn
from attnviz.sources.huggingface.capturing.checks import FINITE, MASS, POSITIVE, Checks, Rows, alike, checked
from attnviz.sources.huggingface.capturing.sight import RowSight
from attnviz.sources.huggingface.paths.call import Call, Vectors
from attnviz.sources.huggingface.paths.masks import seen_by_any_head
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import TableCall
from attnviz.sources.huggingface.streaming.cores import Turn, at_once, on_cores
from attnviz.sources.huggingface.streaming.fused import hand_on_sums, is_cheaper
from attnviz.sources.huggingface.streaming.layout import Layout, Layouts, Piece, sample_of
from attnviz.sources.huggingface.streaming.sampled import sampled
from attnviz.sources.huggingface.streaming.scale import Scale
from attnviz.sources.huggingface.streaming.softmax import Done, Room, Softmax
from attnviz.sources.huggingface.watching.sites import Site

_FLOAT32_BYTES = 4

# So many rows of each call are held against the model's own functions, spread over all blocks.
_SAMPLE = 16

# The fewest rows that are left to a model's own function at once, all heads of them.
_FEWEST = 16

# How every model file names its plain attention function, in the end.
_PLAIN = "eager_attention_forward"


@dataclass(eq=False)
class Walk:
    """Answers the calls of the layers that are meant, and hands their rows on.

    A call that is a plain softmax, as its model's own function shows on some rows, is done by the formula:
    then the model goes on with the output made from the blocks, and no fused call is needed. All blocks are
    done by the same lines, and differ only in which rows and keys they take; so rows of as many blocks as are
    sampled, the first and the last among them, would show a formula, a scale, a mask or a sharing of keys
    that is not the model's. They are held against what the model's own functions give for these rows, which
    is exact, as no row of a softmax depends on another.

    Attributes:
        frame: the layers and heads that are meant.
        observer: takes their rows.
        rows: the positions of the queries that are meant; None means all.
        checks: where to note the checks that held.
        scale: how much is done at once.
    """

    frame: Frame
    observer: Observer
    rows: range | None
    checks: Checks
    scale: Scale
    _rooms: dict[int, Room] = field(default_factory=lambda: defaultdict(Room))
    _layouts: Layouts = field(default_factory=Layouts)

    def __post_init__(self) -> None:
        self._hand_on = HandOn(Chosen(self.observer, self.frame), self.checks, rows=self.rows)

    def answer(self, site: Site, call: Call) -> Tensor:
        """Do one call in the model's place.

        Raises:
            CaptureFailed: it sees otherwise than when the model was watched, or a check failed.
        """
        sight = RowSight(site, call)
        if isinstance(call, FusedCall | TableCall) and is_whole(site, call):
            if (given := self._by_fused_calls(site, call)) is not None:
                return given
            layout = self._layout(site, call, sight)
            plain = None if layout.has_blind else Softmax.of(call, call.scale)
            sample = self._sample(call)
            if plain is not None and agrees(plain, call, sample):
                return self._walked(site, call, plain, layout, sight, sample)
            if isinstance(call, TableCall) and self.rows is None and _is_own_function(call):
                return self._by_own_function(site, call, sample)
        usual = call.as_usual()
        self._beside(call).take(site, call, usual)
        return usual

    def _by_fused_calls(self, site: Site, call: FusedCall | TableCall) -> Tensor | None:
        """Hand on sums that need no weights, where these are wanted alone and cost less so."""
        observer = self.observer
        if self.rows is not None or not isinstance(observer, NeedsSums) or not is_cheaper(call.query.device):
            return None
        usual = call.as_usual()
        done = hand_on_sums(call, observer.sums, usual, layer=site.layer, heads=self.frame.heads)
        return usual if done else None

    def _layout(self, site: Site, call: Vectors, sight: RowSight) -> Layout:
        """Find what a call's queries see, and hold it against what they saw when the model was watched."""
        layout = self._layouts.of(call, sight, self.scale.on(call.query.device))
        if layout.causal != site.seen.causal:
            now, before = (
                "look back only" if causal else "look ahead" for causal in (layout.causal, not layout.causal)
            )
            raise CaptureFailed(
                f"layer {site.layer} sees otherwise than when the model was watched: got queries that {now}, "
                f"allowed such as {before}"
            )
        return layout

    def _sample(self, call: Call) -> Tensor:
        assert isinstance(call, Vectors)
        return sample_of(self.rows or range(call.queries), _SAMPLE, call.query.device)

    def _beside(self, call: Call) -> HandOn:
        """Give what hands on rows that a call makes itself."""
        least = _FEWEST * call.heads * call.keys * _FLOAT32_BYTES
        self._hand_on.block_bytes = max(self.scale.block_bytes, least)
        return self._hand_on

    def _walked(
        self,
        site: Site,
        call: FusedCall | TableCall,
        plain: Softmax,
        layout: Layout,
        sight: RowSight,
        sample: Tensor,
    ) -> Tensor:
        """Do a plain softmax in blocks."""
        heads = self.frame.heads
        whole = self.rows is None
        output = _empty_output(call) if whole else call.as_usual()
        by_head = call.by_head(output)[0]
        pieces = layout.pieces if self.rows is None else _within(layout.pieces, self.rows)
        made = _Made(sample, plain, heads, by_head if whole else None)
        device = call.query.device

        def walk(core: int, group: range, turn: Turn) -> None:
            some, room = plain.some([heads[place] for place in group]).together, self._rooms[core]
            for piece in pieces:
                done = some.done(piece, room)
                most = float(done.mass.max())
                with turn():
                    self._check_mass(site, most)
                    made.take(group, piece, done)
                    self.observer.update(_block(site, group[0], piece, done, sight))

        on_cores(walk, self._groups(pieces, device), device)
        if whole and (others := [head for head in range(call.heads) if head not in heads]):
            by_head[others] = plain.fused(others)
        self._check_sample(site, call, plain, made, by_head)
        return output

    def _groups(self, pieces: Sequence[Piece], device: torch.device) -> list[range]:
        """Take as many heads together as fill a block, and as many groups that no core is left over."""
        heads, cores = len(self.frame.heads), at_once(device)
        most = max(len(piece.rows) * len(piece.keys) for piece in pieces)
        groups = math.ceil(heads / max(1, self.scale.on(device).cells // most))
        groups = min(heads, math.ceil(groups / cores) * cores)
        bounds = [heads * place // groups for place in range(groups + 1)]
        return [range(*each) for each in pairwise(bounds)]

    def _check_mass(self, site: Site, most: float) -> None:
        """Check that weights are finite and no row's mass is above 1: a softmax gives nothing negative."""
        if not most <= 1 + MASS_TOLERANCE:
            raise CaptureFailed(
                f"a row of layer {site.layer} sums to {most:.4g}, allowed at most 1"
                if most == most
                else f"layer {site.layer} has a weight that is not a finite number"
            )
        self.checks.passed(FINITE)
        self.checks.passed(POSITIVE)
        self.checks.passed(MASS, most, f"the largest is {most:.6f}")

    def _check_sample(
        self, site: Site, call: FusedCall | TableCall, plain: Softmax, made: "_Made", by_head: Tensor
    ) -> None:
        """Hold the rows that were taken against all that is known of them."""
        some = sampled(call, made.rows)
        usual = some.by_head(some.as_usual())[0]
        if not alike(by_head[:, made.rows], usual):
            raise CaptureFailed(f"the weights of layer {site.layer} do not explain its output")
        visible = None if some.mask is None else seen_by_any_head(some.mask, len(made.rows), call.keys)[0]
        shared = call.heads // call.value.shape[1]
        for place, head in enumerate(self.frame.heads):
            rows = Rows(
                layer=site.layer,
                weights=made.weights[place, None],
                visible=visible,
                values=plain.value[head // shared, None],
                output=made.output[place, None],
                usual=usual[head, None],
            )
            checked(rows, self.checks)

    def _by_own_function(self, site: Site, call: TableCall, sample: Tensor) -> Tensor:
        """Let a model's own function, which makes the whole square at once, do some rows after the others."""
        output = _empty_output(call)

        def some(start: int, stop: int) -> tuple[Tensor, Tensor]:
            made, weights = call.rows(start, stop)
            output[:, start:stop] = made
            return made, weights

        self._beside(call).take(site, call, output, some)
        own = sampled(call, sample)
        if not alike(output[:, sample], own.as_usual()):
            raise CaptureFailed(f"the weights of layer {site.layer} do not explain its output")
        return output


@dataclass(eq=False)
class _Made:
    """What blocks are put together to.

    Attributes:
        rows: (row,), the positions of those that are kept to be checked.
        plain: the call.
        heads: which of its heads there are.
        by_head: (head of the call, query, d_v), what the model goes on with; None if it has that already.
        weights: (head, row, key), of the rows that are kept.
        output: (head, row, d_v), of these.
    """

    rows: Tensor
    plain: Softmax
    heads: Sequence[int]
    by_head: Tensor | None

    def __post_init__(self) -> None:
        count, like = len(self.rows), self.plain.query
        exact = like.dtype if like.dtype == torch.float64 else torch.float32
        make = partial(torch.zeros, len(self.heads), count, dtype=exact, device=like.device)
        self._at = self.rows.tolist()
        self.weights = make(self.plain.key.shape[1])
        self.output = make(self.plain.value.shape[2])

    def take(self, group: range, piece: Piece, done: Done) -> None:
        """Put one block where it belongs, and keep the rows of it that are to be checked."""
        if self.by_head is not None:
            rows = slice(piece.rows.start, piece.rows.stop)
            for place, own in zip(group, done.output, strict=True):
                self.by_head[self.heads[place], rows] = own.to(self.by_head.dtype)
        heads, keys = slice(group.start, group.stop), slice(piece.keys.start, piece.keys.stop)
        for place, row in enumerate(self._at):
            if row in piece.rows:
                self.weights[heads, place, keys] = done.weights[:, row - piece.rows.start]
                self.output[heads, place] = done.output[:, row - piece.rows.start]


def is_whole(site: Site, call: Call) -> bool:
    """Say whether a call is all of its layer: every query, key and head."""
    covers = (call.heads, call.queries, call.keys) == (site.heads, *site.extent)
    return covers and site.seen.windows is None and call.batch == 1


def _is_own_function(call: TableCall) -> bool:
    """Say whether the model would call its file's plain function, which is what shows the weights."""
    return getattr(call.usual, "__name__", "").endswith(_PLAIN)


def agrees(plain: Softmax, call: FusedCall | TableCall, sample: Tensor) -> bool:
    """Say whether the formula gives the weights and the output that the model's own function gives."""
    some = sampled(call, sample)
    output, weights = some.rows(0, len(sample))
    by_head = some.by_head(output)[0]
    for head in range(call.heads):
        own = plain.some([head])
        ours = own.at(sample)
        if not alike(ours[0], weights[0, head]) or not alike((ours @ own.value)[0], by_head[head]):
            return False
    return True


def _empty_output(call: FusedCall | TableCall) -> Tensor:
    """Make room for what a call gives, in its layout."""
    heads, width = call.heads, call.value.shape[3]
    if isinstance(call, TableCall):
        return call.value.new_empty(1, call.queries, heads, width)
    return call.value.new_empty(*call.before, call.queries, width)


def _within(pieces: Sequence[Piece], rows: range) -> list[Piece]:
    """Cut blocks of queries to some of them."""
    cut = [
        replace(piece, rows=range(max(piece.rows.start, rows.start), min(piece.rows.stop, rows.stop)))
        for piece in pieces
    ]
    return [piece for piece in cut if piece.rows]


def _block(site: Site, first_head: int, piece: Piece, done: Done, sight: RowSight) -> RowBlock:
    rows, keys = piece.rows, piece.keys
    seen: Callable[[], Tensor | None] = partial(sight.rows, rows.start, rows.stop, keys.start, keys.stop)
    return RowBlock(
        site.layer, rows.start, done.weights, first_head, keys.start, done.mass, done.entropy, seen
    )
