"""The record: one text's attention weights with everything needed to read, measure and draw them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.errors import OutOfRange, RequestError
from attnviz.selection import HeadId, numbers_as_ranges

Weights = NDArray[np.float32]
Block = Literal["self", "encoder", "decoder", "cross"]
Kind = Literal["text", "special"]

BLOCKS: tuple[Block, ...] = get_args(Block)
KINDS: tuple[Kind, ...] = get_args(Kind)

# Softmax rows of up to 16,384 float32 (or half-precision) weights sum to 1 only up to rounding.
MASS_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Token:
    """One unit the model reads.

    Attributes:
        text: what the user wrote there, a slice of the source text; a special token's own name otherwise.
        id: the number of the vocabulary entry, or None where there is none.
        span: start and end of the slice, in characters of the source text, or None.
        kind: "text" for what the user wrote, "special" for what the model added.
        word: the number of the word the token is a piece of, counted from 0; None for special tokens.
    """

    text: str
    id: int | None = None
    span: tuple[int, int] | None = None
    kind: Kind = "text"
    word: int | None = None

    @property
    def is_special(self) -> bool:
        """Whether the model added this token itself."""
        return self.kind == "special"


@dataclass(frozen=True, eq=False)
class Internals:
    """The vectors the weights were made from.

    Attributes:
        queries: float32 (layer, head, query, d_k).
        keys: float32 (layer, head, key, d_k); heads that share keys repeat them.
        values: float32 (layer, head, key, d_v).
    """

    queries: NDArray[np.float32]
    keys: NDArray[np.float32]
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("queries", "keys", "values"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@dataclass(frozen=True, eq=False, repr=False)
class Attention:
    """The attention weights of one text, frozen and checked.

    Attributes:
        queries: the tokens that look ("from"), one per row.
        keys: the tokens looked at ("to"), one per column; the same as `queries` but in cross-attention.
        weights: float32 (layer, head, query, key), read-only; each row's mass is at most 1.
        layers: the model's own numbers of the layers kept, ascending.
        heads: the model's own numbers of the heads kept in each layer, ascending.
        model: the model's name: "builtin", a folder or a hub id.
        text: the source text, into which the tokens' spans point.
        block: which attention of the model this is.
        causal: whether a query sees only keys up to its own position.
        revision: the model's exact version, where known.
        taught: for heads trained towards a labelled pattern, what they were taught; others found theirs.
        internals: the query, key and value vectors, when the capture kept them.

    Raises:
        RequestError: shapes, tokens and weights do not fit each other, or the weights are no attention.
    """

    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    weights: Weights
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    model: str
    text: str = ""
    block: Block = "self"
    causal: bool = False
    revision: str | None = None
    taught: Mapping[HeadId, str] = field(default_factory=dict)
    internals: Internals | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights))
        _check_shape(self)
        _check_mass(self.weights)
        if self.causal and (self.weights * ~self.visible()).any():
            raise RequestError("not causal: a query has weight on a later key")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attention):
            return NotImplemented
        return self._facts() == other._facts() and np.array_equal(self.weights, other.weights)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Attention({self.model}: layers {numbers_as_ranges(self.layers)}, "
            f"heads {numbers_as_ranges(self.heads)}, {len(self.queries)} queries x {len(self.keys)} keys)"
        )

    def _facts(self) -> tuple[object, ...]:
        """All that two equal records share beside the weights."""
        tokens = (self.queries, self.keys, self.layers, self.heads)
        return (*tokens, self.model, self.text, self.block, self.causal, self.revision, dict(self.taught))

    @property
    def head_ids(self) -> tuple[HeadId, ...]:
        """Every head kept, layer by layer."""
        return tuple(HeadId(layer, head) for layer in self.layers for head in self.heads)

    def head(self, name: HeadId | str) -> Weights:
        """Give one head's weights.

        Args:
            name: a head of this record, such as `L3H7`.

        Returns:
            The weights (query, key), read-only.

        Raises:
            OutOfRange: the record does not hold that head.
        """
        wanted = HeadId.parse(name) if isinstance(name, str) else name
        if wanted.layer not in self.layers or wanted.index not in self.heads:
            held = f"layers {numbers_as_ranges(self.layers)}, heads {numbers_as_ranges(self.heads)}"
            raise OutOfRange(f"no head {wanted}: this record holds {held}")
        square: Weights = self.weights[self.layers.index(wanted.layer), self.heads.index(wanted.index)]
        return square

    def visible(self) -> NDArray[np.bool_]:
        """Say which keys the model let each query see: (query, key), True where it could look."""
        queries, keys = len(self.queries), len(self.keys)
        if not self.causal:
            return np.ones((queries, keys), dtype=bool)
        # Queries are the last of the keys: with more keys than queries, the earlier ones came before.
        return np.tri(queries, keys, keys - queries, dtype=bool)


def from_arrays(
    weights: ArrayLike,
    queries: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    causal: bool = False,
    model: str = "arrays",
) -> Attention:
    """Make a record from anybody's attention weights.

    Shape:
        weights: (query, key), (head, query, key) or (layer, head, query, key).

    Args:
        weights: finite, not negative, each row's mass at most 1.
        queries: one text per row.
        keys: one text per column; None means the same as `queries`.
        causal: whether a query saw only keys up to its own position.
        model: where the weights come from, shown beside every picture.

    Raises:
        RequestError: the numbers are no attention weights, or do not fit the tokens.

    >>> from_arrays([[1.0, 0.0], [0.5, 0.5]], ["a", "b"])
    Attention(arrays: layers 0, heads 0, 2 queries x 2 keys)
    """
    array = np.asarray(weights, dtype=np.float32)
    if not 2 <= array.ndim <= 4:
        raise RequestError(f"weights: got {array.ndim} dimensions, allowed 2 to 4 (layer, head, query, key)")
    array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    rows = tuple(Token(text, word=i) for i, text in enumerate(queries))
    columns = rows if keys is None else tuple(Token(text, word=i) for i, text in enumerate(keys))
    layers, heads = range(array.shape[0]), range(array.shape[1])
    return Attention(
        queries=rows,
        keys=columns,
        weights=array,
        layers=tuple(layers),
        heads=tuple(heads),
        model=model,
        text=" ".join(queries),
        block="self" if keys is None else "cross",
        causal=causal,
    )


def read_only(array: NDArray[Any]) -> NDArray[np.float32]:
    """Give float32 numbers nobody can change: the array itself if it is so already, a copy otherwise."""
    frozen = np.asarray(array, dtype=np.float32)
    if frozen.flags.writeable:
        frozen = frozen.copy()
        frozen.flags.writeable = False
    return frozen


def _check_shape(record: Attention) -> None:
    tokens = (len(record.queries), len(record.keys))
    expected = (len(record.layers), len(record.heads), *tokens)
    if record.weights.shape != expected:
        raise RequestError(f"weights do not fit the tokens: got {record.weights.shape}, allowed {expected}")
    if 0 in expected:
        raise RequestError("an empty record: it needs a layer, a head, a query and a key")
    if record.block not in BLOCKS:
        raise RequestError(f"no such block: got {record.block!r}, allowed {', '.join(BLOCKS)}")
    if not all(token.kind in KINDS for token in record.queries + record.keys):
        raise RequestError(f"no such kind of token: allowed {', '.join(KINDS)}")


def _check_mass(weights: Weights) -> None:
    # A sum is finite only if every term is, so one pass over the weights serves both checks.
    mass = weights.sum(axis=-1, dtype=np.float64)
    if not np.isfinite(mass).all():
        raise RequestError("weights are no attention: not every one is a finite number")
    if weights.min() < 0:
        raise RequestError(f"weights are no attention: got {weights.min():.3g}, allowed 0 or more")
    if mass.max() > 1 + MASS_TOLERANCE:
        raise RequestError(f"weights are no attention: a row sums to {mass.max():.4g}, allowed at most 1")
