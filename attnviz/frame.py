"""What is known of an input's attention beside its weights, and a record as the blocks of a capture."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import MissingWeights, OutOfRange
from attnviz.observe import RowBlock
from attnviz.record import Attention, Block, Mask, Prediction, Token, View
from attnviz.relation import Followed
from attnviz.selection import HeadId, numbers_as_ranges

# The weights of one block of a record, so that what is made of them stays in a processor's cache.
_CELLS = 2**18


class Sides(Protocol):
    """What a frame and a record have in common: tokens on both sides, and what they are."""

    @property
    def queries(self) -> tuple[Token, ...]: ...  # noqa: D102

    @property
    def keys(self) -> tuple[Token, ...]: ...  # noqa: D102

    @property
    def block(self) -> Block: ...  # noqa: D102

    @property
    def picture(self) -> NDArray[np.uint8] | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Frame:
    """A record without its weights: what an observer knows of an input before the first block comes.

    Attributes:
        queries: the tokens that look, one per row.
        keys: the tokens looked at, one per column.
        layers: the model's own numbers of the layers that will be handed on, ascending.
        heads: the model's own numbers of the heads of each of them, ascending; blocks count places in this.
        model: the model's name.
        text: the source text.
        block: which attention of the model.
        causal: whether a query sees only keys up to its own position.
        sinks: layers that are known beforehand to give mass to a learned sink.
        heads_per_key: how many heads share one key head.
        predictions: what the model expects after each query, or none at all.
        picture: what the model saw, where the keys are patches of it.
        aligning: heads whose authors say that they line queries up with keys in time.
        revision: the model's exact version, where known.
        taught: for heads trained towards a labelled pattern, what they were taught.
        follows: for heads whose grammar was measured when the model was made, the relation they follow best.
        view: what the numbers are.
    """

    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    model: str
    text: str = ""
    block: Block = "self"
    causal: bool = False
    sinks: tuple[int, ...] = ()
    heads_per_key: int = 1
    predictions: tuple[Prediction, ...] = ()
    picture: NDArray[np.uint8] | None = None
    aligning: tuple[HeadId, ...] = ()
    revision: str | None = None
    taught: Mapping[HeadId, str] = field(default_factory=dict)
    follows: Mapping[HeadId, Followed] = field(default_factory=dict)
    view: View = "weights"

    @property
    def head_ids(self) -> tuple[HeadId, ...]:
        """Every head, layer by layer."""
        return tuple(HeadId(layer, head) for layer in self.layers for head in self.heads)

    def refuse_missing(self, heads: Iterable[HeadId]) -> None:
        """Refuse heads that will not be handed on.

        Raises:
            OutOfRange: one of them will not.
        """
        if missing := sorted(set(heads) - set(self.head_ids)):
            held = f"layers {numbers_as_ranges(self.layers)}, heads {numbers_as_ranges(self.heads)}"
            raise OutOfRange(f"no head {missing[0]}: this record holds {held}")


def frame_of(record: Attention) -> Frame:
    """Give what a record says beside its weights."""
    return Frame(
        queries=record.queries,
        keys=record.keys,
        layers=record.layers,
        heads=record.heads,
        model=record.model,
        text=record.text,
        block=record.block,
        causal=record.causal,
        sinks=record.sinks,
        heads_per_key=record.heads_per_key,
        predictions=record.predictions,
        picture=record.picture,
        aligning=record.aligning,
        revision=record.revision,
        taught=record.taught,
        follows=record.follows,
        view=record.view,
    )


def refuse_pooled(record: Attention) -> None:
    """Refuse a record whose cells stand for many weights where single ones are needed.

    Raises:
        MissingWeights: it is one.
    """
    if record.pooling is not None:
        raise MissingWeights(
            "single weights are needed: got a pooled record, whose cells stand for many, allowed a whole "
            "record, or a part of one"
        )


def blocks_of(
    record: Attention, *, rows: int | None = None, heads: int | None = None, side_by_side: bool = False
) -> Iterator[RowBlock]:
    """Give a record as a capture would hand it on.

    Args:
        record: the record.
        rows: how many queries a block has; None lets it hold what a processor's cache holds.
        heads: how many heads; None means all of a layer.
        side_by_side: whether all layers come for some rows before any comes for the rows behind them.

    Raises:
        MissingWeights: the record's cells stand for several weights each.
    """
    refuse_pooled(record)
    queries, keys = len(record.queries), len(record.keys)
    heads = heads or len(record.heads)
    together = heads * (len(record.layers) if side_by_side else 1)
    rows = rows or max(1, _CELLS // (together * keys))
    places = product(range(len(record.layers)), range(0, queries, rows), range(0, len(record.heads), heads))
    seen = cache(record.visible)
    for layer, start, head in sorted(places, key=lambda at: at[1]) if side_by_side else places:
        some = slice(start, start + rows)
        yield RowBlock(
            record.layers[layer],
            start,
            record.weights[layer, head : head + heads, some],
            head,
            visible=partial(_rows_seen, seen, record.layers[layer], some),
        )


@dataclass(frozen=True, eq=False)
class RecordRows:
    """The rows of a record; see `Rows`.

    Attributes:
        record: whose rows.
    """

    record: Attention

    def __post_init__(self) -> None:
        refuse_pooled(self.record)

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Give some rows; see `Rows`."""
        some = slice(rows.start, rows.stop)
        for layer, weights in zip(self.record.layers, self.record.weights, strict=True):
            yield RowBlock(layer, rows.start, weights[:, some], visible=partial(self._seen, layer, rows))

    def _seen(self, layer: int, rows: range) -> Mask | None:
        """Say what some queries of a layer could see, without the whole square; see `Attention.visible`."""
        record, keys = self.record, len(self.record.keys)
        if layer in record.sight:
            return record.sight[layer][rows.start : rows.stop]
        earlier = keys - len(record.queries)
        return np.tri(len(rows), keys, earlier + rows.start, dtype=bool) if record.causal else None


def _rows_seen(seen: Callable[[int], Mask], layer: int, rows: slice) -> Mask:
    """Say what some queries of a layer could see: (query, key)."""
    return seen(layer)[rows]
