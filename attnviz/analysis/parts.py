"""How much each part of an input reads of each other part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.readers import Mask
from attnviz.analysis.streaming.gathered import brought
from attnviz.arrays import namespace, on_cpu
from attnviz.errors import RequestError
from attnviz.frame import Frame, Sides, blocks_of, frame_of
from attnviz.observe import RowBlock
from attnviz.record import Attention, Block, Token
from attnviz.selection import HeadId

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A part of an input.

    Attributes:
        name: of a token's `part`, such as "A" or "user"; of its `kind`, such as "patch", where it has none.
        tokens: how many tokens belong to it.
    """

    name: str
    tokens: int


@dataclass(frozen=True, eq=False)
class HeadParts:
    """What the parts read of each other in one head, or in the mean of several.

    Attributes:
        head: its name; None for a mean.
        mass: (from, to), the share of a query's mass, the mean over the queries of a part.
        chance: (from, to), the share if each query spread its mass evenly over the keys it can see.
    """

    head: HeadId | None
    mass: Shares
    chance: Shares

    @property
    def over_chance(self) -> Shares:
        """The mass less what evenly spread mass would give, (from, to), -1 to 1."""
        return self.mass - self.chance

    @property
    def lost(self) -> Shares:
        """The mass that goes to no key, (from,): to a learned sink, or to keys that were taken out."""
        lost: Shares = np.clip(1.0 - self.mass.sum(axis=-1), 0.0, 1.0)
        return lost


@dataclass(frozen=True, eq=False)
class Parts:
    """What the parts of an input read of each other.

    Attributes:
        model: the record's model.
        text: the record's text.
        block: the record's block.
        queries: the parts that look.
        keys: the parts looked at.
        heads: one entry for each head.
        together: the mean of all of them.
    """

    model: str
    text: str
    block: Block
    queries: tuple[Part, ...]
    keys: tuple[Part, ...]
    heads: tuple[HeadParts, ...]
    together: HeadParts


def between_parts(record: Attention, heads: Sequence[HeadId] | None = None) -> Parts:
    r"""Sum up what each part gives to each part: $\frac{1}{|A|} \sum_{i \in A} \sum_{j \in B} w_{ij}$.

    A token belongs to the part it names, such as "A" of a pair or "user" of a chat, and otherwise to all
    tokens of its kind: "text", "patch", "special" ... Nothing is renormalised: each row of the result sums to
    the mean mass of its queries' rows. Chance spreads each row's mass evenly over the keys the query can see.

    Args:
        record: one input's attention.
        heads: the heads to sum up; None means every one.

    Raises:
        RequestError: no head is named.
        OutOfRange: the record lacks one of the heads.

    >>> from attnviz.record import Token
    >>> tokens = (Token("dog", part="A"), Token("runs", part="A"), Token("cat", part="B"))
    >>> weights = np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])[None, None]
    >>> record = Attention(tokens, tokens, weights, layers=(0,), heads=(0,), model="arrays")
    >>> between_parts(record).heads[0].mass.round(6).tolist()
    [[0.25, 0.75], [1.0, 0.0]]
    """
    dividing = Dividing(frame_of(record), heads)
    for block in blocks_of(record):
        dividing.update(block)
    return dividing.result()


class Dividing:
    """Sums up what each part gives to each part, as rows come."""

    def __init__(self, frame: Frame, heads: Sequence[HeadId] | None = None) -> None:
        """Begin with no row.

        Args:
            frame: the input.
            heads: the heads to sum up; None means every one.

        Raises:
            RequestError: no head is named.
            OutOfRange: the frame lacks one of the heads.
        """
        self._heads = frame.head_ids if heads is None else tuple(heads)
        if not self._heads:
            raise RequestError("no head to sum up: got none, allowed one or more")
        frame.refuse_missing(self._heads)
        self._frame = frame
        self._queries, self._rows = _members(frame.queries)
        self._keys, self._columns = _members(frame.keys)
        shape = len(frame.layers), len(frame.heads), len(self._queries), len(self._keys)
        self._mass, self._chance = np.zeros(shape), np.zeros(shape)
        self._seen: dict[tuple[int, int, int], Shares] = {}

    def update(self, block: RowBlock) -> None:
        """Take some rows."""
        heads, queries, keys = block.weights.shape
        layer = self._frame.layers.index(block.layer)
        place = layer, slice(block.first_head, block.first_head + heads)
        rows = self._rows[:, block.start : block.start + queries].astype(np.float64)
        columns = self._columns[:, block.first_key : block.first_key + keys].T
        weights = namespace(block.weights).astype(block.weights, namespace(block.weights).float64)
        given = on_cpu(weights @ brought(columns.astype(np.float64), weights))
        self._mass[place] += rows @ given
        self._chance[place] += rows @ (given.sum(axis=-1, keepdims=True) * self._even(block, columns))

    def result(self) -> Parts:
        """Give what came, as means over the queries of each part."""
        frame, many = self._frame, self._rows.sum(axis=-1)[:, None]
        found = []
        for head in self._heads:
            place = frame.layers.index(head.layer), frame.heads.index(head.index)
            found.append(HeadParts(head, self._mass[place] / many, self._chance[place] / many))
        return Parts(
            model=frame.model,
            text=frame.text,
            block=frame.block,
            queries=self._queries,
            keys=self._keys,
            heads=tuple(found),
            together=HeadParts(
                None,
                np.mean([head.mass for head in found], axis=0),
                np.mean([head.chance for head in found], axis=0),
            ),
        )

    def _even(self, block: RowBlock, columns: Mask) -> Shares:
        """Give the share of what each query sees that is of each part: (query, part)."""
        key = block.layer, block.start, block.weights.shape[1]
        if key not in self._seen:
            visible = block.visible()
            if visible is None:
                seen = np.broadcast_to(columns.sum(axis=0), (key[2], columns.shape[1]))
            else:
                seen = on_cpu(visible).astype(np.float64) @ columns
            self._seen[key] = seen / np.maximum(seen.sum(axis=-1, keepdims=True), 1)
        return self._seen[key]


def has_parts(input_: Sides) -> bool:
    """Say whether an input has several parts, what the model added itself aside."""
    sides = (input_.queries, input_.keys)
    return any(len({part_of(token) for token in side if not token.is_special}) > 1 for side in sides)


def part_of(token: Token) -> str:
    """Name the part of an input a token belongs to: its own part, or its kind."""
    return token.part or token.kind


def _members(tokens: Sequence[Token]) -> tuple[tuple[Part, ...], Mask]:
    """Give the parts in the order of the input, what the model added last, and who belongs to each.

    Returns:
        The parts, and their members: (part, token).
    """
    names = [part_of(token) for token in tokens]
    order = sorted(dict.fromkeys(names), key=lambda name: name == "special")
    members = np.array([[name == part for name in names] for part in order])
    return tuple(Part(part, names.count(part)) for part in order), members
