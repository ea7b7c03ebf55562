"""How much each part of an input reads of each other part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.readers import Mask, uniform
from attnviz.errors import RequestError
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
    chosen = record.head_ids if heads is None else tuple(heads)
    if not chosen:
        raise RequestError("no head to sum up: got none, allowed one or more")
    queries, rows = _members(record.queries)
    keys, columns = _members(record.keys)
    even = {layer: uniform(record.visible(layer)) for layer in {head.layer for head in chosen}}
    found = tuple(_head(record, head, even[head.layer], rows, columns) for head in chosen)
    return Parts(
        model=record.model,
        text=record.text,
        block=record.block,
        queries=queries,
        keys=keys,
        heads=found,
        together=HeadParts(
            None,
            np.mean([head.mass for head in found], axis=0),
            np.mean([head.chance for head in found], axis=0),
        ),
    )


def has_parts(record: Attention) -> bool:
    """Say whether an input has several parts, what the model added itself aside."""
    sides = (record.queries, record.keys)
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


def _head(record: Attention, head: HeadId, even: Shares, rows: Mask, columns: Mask) -> HeadParts:
    weights = record.head(head).astype(np.float64)
    spread = weights.sum(axis=-1, keepdims=True) * even
    return HeadParts(head, _means(weights, rows, columns), _means(spread, rows, columns))


def _means(weights: Shares, rows: Mask, columns: Mask) -> Shares:
    """Add up keys by part, (from, to), and average over the queries of a part."""
    per_query = weights @ columns.T
    means: Shares = (rows @ per_query) / rows.sum(axis=-1, keepdims=True)
    return means
