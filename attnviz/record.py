"""The record: one text's attention weights with everything needed to read, measure and draw them again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.errors import OutOfRange, RequestError
from attnviz.relation import Followed
from attnviz.selection import TOGETHER, HeadId, numbers_as_ranges

Weights = NDArray[np.float32]
Block = Literal["self", "encoder", "decoder", "cross"]
Kind = Literal["text", "special", "generated", "patch", "frame"]
View = Literal["weights", "norms", "gradients", "rollout", "flow", "relevance"]
Statistic = Literal["maximum", "mean"]
Mask = NDArray[np.bool_]

BLOCKS: tuple[Block, ...] = get_args(Block)
KINDS: tuple[Kind, ...] = get_args(Kind)
VIEWS: tuple[View, ...] = get_args(View)
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)

# Softmax rows of up to 16,384 float32 (or half-precision) weights sum to 1 only up to rounding.
MASS_TOLERANCE = 1e-3

# Fields of a token that most records do without.
_RARE = ("place", "part", "run")


@dataclass(frozen=True)
class Token:
    """One unit the model reads.

    Attributes:
        text: what the user wrote there, a slice of the source text; a special token's own name otherwise.
        id: the number of the vocabulary entry, or None where there is none.
        span: start and end of the slice, in characters of the source text, or None.
        kind: "text" for what the user wrote, "special" for what the model added,
            "generated" for what the model said, "patch" for a piece of a picture, "frame" for one of a sound.
        word: the number of the word the token is a piece of, counted from 0; None for special tokens.
        place: where it is from: a patch's (row, column), a frame's (start, end) in seconds.
        part: which part of the input it belongs to: "A" or "B" of a pair; "system", "user" or "assistant" of
            a chat.
        run: of a run of tokens that stand for one, the positions of the first and the last.
    """

    text: str
    id: int | None = None
    span: tuple[int, int] | None = None
    kind: Kind = "text"
    word: int | None = None
    place: tuple[float, float] | None = None
    part: str | None = None
    run: tuple[int, int] | None = None

    @property
    def is_special(self) -> bool:
        """Whether the model added this token itself."""
        return self.kind == "special"

    def facts(self) -> dict[str, Any]:
        """Give the token as the fields of the machine forms; place, part and run only where it has them."""
        fields = asdict(self)
        return {name: value for name, value in fields.items() if value is not None or name not in _RARE}


@dataclass(frozen=True)
class Prediction:
    """What the model expects after a query.

    Attributes:
        text: the token, as it would be written: the one that was said next or that a given target has next,
            elsewhere the likeliest.
        probability: what the model gives it, 0 to 1.
    """

    text: str
    probability: float

    def facts(self) -> dict[str, Any]:
        """Give the prediction as the fields of the machine forms."""
        return {"text": self.text, "probability": float(self.probability)}


@dataclass(frozen=True)
class Pooling:
    """What a record's cells stand for, where each stands for several weights.

    Attributes:
        statistic: of these weights the "maximum", or the "mean" of those a query could see.
        queries: how many queries there were.
        keys: how many keys.
    """

    statistic: Statistic
    queries: int
    keys: int


@dataclass(frozen=True, eq=False)
class Internals:
    """The vectors the weights were made from, and what becomes of the values.

    What a layer gives for a query is the sum over heads and keys of weight x value x that head's output
    matrix, plus the layer's output bias.

    Attributes:
        queries: float32 (layer, head, query, d_k), positions already rotated in.
        keys: float32 (layer, head, key, d_k); heads that share keys repeat them.
        values: float32 (layer, head, key, d_v).
        output_weights: float32 (layer, head, d_v, d_model), each head's slice of the output projection; None
            where it could not be told.
        output_bias: float32 (layer, d_model), zero where a layer has none; None along with `output_weights`.
        scales: float (layer), what q k^T is multiplied by before the softmax, such as 1 / sqrt(d_k); NaN
            where it could not be told.
        inputs: float32 (layer, token, d_model), what the projections to queries, keys and values take; None
            where it was not kept.
        distances: float32 (layer, head, 2 x reach + 1, d_k), for models that learn distances the vectors that
            keys so far behind (first) to so far ahead (last) add to themselves before q k^T; distances beyond
            the reach count as the reach. None for other models, and once tokens were taken out.
    """

    queries: NDArray[np.float32]
    keys: NDArray[np.float32]
    values: NDArray[np.float32]
    output_weights: NDArray[np.float32] | None = None
    output_bias: NDArray[np.float32] | None = None
    scales: NDArray[np.float32] | None = None
    inputs: NDArray[np.float32] | None = None
    distances: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for field_ in fields(self):
            if (array := getattr(self, field_.name)) is not None:
                object.__setattr__(self, field_.name, read_only(array))


@dataclass(frozen=True, eq=False, repr=False)
class Attention:
    """The attention weights of one text, frozen and checked.

    Attributes:
        queries: the tokens that look ("from"), one per row.
        keys: the tokens looked at ("to"), one per column; the same as `queries` but in cross-attention.
        weights: float32 (layer, head, query, key), read-only; each row's mass is at most 1.
        layers: the model's own numbers of the layers kept, ascending.
        heads: the model's own numbers of the heads kept in each layer, ascending; `TOGETHER` alone where each
            layer has one map for all its heads.
        model: the model's name: "builtin", a folder or a hub id.
        text: the source text, into which the tokens' spans point: of a pair both, and of an encoder-decoder
            what both sides read, with a line end between them; behind a prompt what was said.
        block: which attention of the model this is.
        causal: whether a query sees only keys up to its own position.
        sight: for layers that see less than `causal` allows, such as a sliding window: (query, key), True
            where the model let a query look.
        sinks: layers whose heads may give mass to nothing: what a row lacks to 1 went to a learned sink.
        heads_per_key: how many heads share one key head; 1 means each has its own keys and values.
        predictions: what the model expects after each query, one for each, or none at all.
        picture: what the model saw, as uint8 (height, width, 3), where the keys are patches of it.
        aligning: heads whose authors say that they line queries up with keys in time.
        revision: the model's exact version, where known.
        taught: for heads trained towards a labelled pattern, what they were taught; others found theirs.
        follows: for heads whose grammar was measured when the model was made, the relation they follow best.
        dropped: the mean share of each query's mass on keys that were taken out of the record.
        renormalized: whether what was left was then brought back to a mass of 1.
        internals: the query, key and value vectors, when the capture kept them.
        view: what the numbers are: "weights", or what was made of them; see `attnviz.view`.
        answer: for a view that asks what an answer depends on, which one, in words.
        pooling: of an input too long to hold, what each cell stands for; its tokens are then runs of tokens,
            and a cell is bounded by 1, not what a row comes to. None elsewhere.

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
    sight: Mapping[int, Mask] = field(default_factory=dict)
    sinks: tuple[int, ...] = ()
    heads_per_key: int = 1
    predictions: tuple[Prediction, ...] = ()
    picture: NDArray[np.uint8] | None = None
    aligning: tuple[HeadId, ...] = ()
    revision: str | None = None
    taught: Mapping[HeadId, str] = field(default_factory=dict)
    follows: Mapping[HeadId, Followed] = field(default_factory=dict)
    dropped: float = 0.0
    renormalized: bool = False
    internals: Internals | None = None
    view: View = "weights"
    answer: str | None = None
    pooling: Pooling | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights))
        object.__setattr__(self, "sight", _frozen_masks(self.sight))
        _check_shape(self)
        _check_said(self)
        _check_mass(self.weights, pooled=self.pooling is not None)
        _check_sight(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attention):
            return NotImplemented
        return (
            self._facts() == other._facts()
            and np.array_equal(self.weights, other.weights)
            and self.sight.keys() == other.sight.keys()
            and all(np.array_equal(mask, other.sight[layer]) for layer, mask in self.sight.items())
            and _same_picture(self.picture, other.picture)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Attention({self.model}: layers {numbers_as_ranges(self.layers)}, "
            f"heads {numbers_as_ranges(self.heads)}, {len(self.queries)} queries x {len(self.keys)} keys)"
        )

    def _repr_html_(self) -> str:
        """Show itself in a notebook. A record draws nothing: what does is found by its public name."""
        from attnviz import inline

        return inline(self)

    def _facts(self) -> tuple[object, ...]:
        """All that two equal records share beside the weights."""
        tokens = (self.queries, self.keys, self.layers, self.heads, self.predictions)
        model = (self.model, self.revision, self.block, self.causal, self.sinks, self.heads_per_key)
        known = (dict(self.taught), dict(self.follows), self.aligning)
        made = (self.dropped, self.renormalized, self.view, self.answer, self.pooling)
        return (self.text, *tokens, *model, *known, *made)

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

    def visible(self, layer: int) -> Mask:
        """Say which keys a layer let each query see: (query, key), True where it could look."""
        if layer in self.sight:
            return self.sight[layer]
        queries, keys = len(self.queries), len(self.keys)
        if not self.causal:
            return np.ones((queries, keys), dtype=bool)
        # Queries are the last of the keys: with more keys than queries, the earlier ones came before.
        return np.tri(queries, keys, keys - queries, dtype=bool)

    def sharing_keys(self, head: HeadId) -> tuple[HeadId, ...]:
        """Name the heads of the same layer that read the same keys and values, `head` among them.

        All of them in the model, whether this record keeps their weights or not.
        """
        if head.index == TOGETHER:
            return (head,)
        first = head.index - head.index % self.heads_per_key
        return tuple(HeadId(head.layer, first + place) for place in range(self.heads_per_key))

    def lost(self, head: HeadId) -> NDArray[np.float64]:
        """Give the mass each query gave to no key of this record: (query,), 0 to 1.

        It went to a learned sink where the layer has one, or to keys that were taken out.
        """
        mass = self.head(head).sum(axis=-1, dtype=np.float64)
        lost: NDArray[np.float64] = np.clip(1.0 - mass, 0.0, 1.0)
        return lost

    @property
    def border(self) -> int | None:
        """The position of the first key the model said itself, or None where all of them were given."""
        said = (place for place, token in enumerate(self.keys) if token.kind == "generated")
        return next(said, None)


def from_arrays(
    weights: ArrayLike,
    queries: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    causal: bool = False,
    visible: ArrayLike | None = None,
    sinks: bool = False,
    model: str = "arrays",
) -> Attention:
    """Make a record from anybody's attention weights.

    Shape:
        weights: (query, key), (head, query, key) or (layer, head, query, key).
        visible: (query, key) for every layer, or (layer, query, key).

    Args:
        weights: finite, not negative, each row's mass at most 1.
        queries: one text per row.
        keys: one text per column; None means the same as `queries`.
        causal: whether a query saw only keys up to its own position.
        visible: True where the model let a query look, for layers that see less than `causal` allows.
        sinks: whether what rows lack to 1 went to a learned sink.
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
        sight={} if visible is None else _masks(visible, array.shape),
        sinks=leaking(array, layers) if sinks else (),
    )


def leaking(weights: Weights, layers: Sequence[int]) -> tuple[int, ...]:
    """Name the layers in which some row's mass is below 1, by more than rounding.

    Shape:
        weights: (layer, head, query, key).
    """
    least = weights.sum(axis=-1, dtype=np.float64).min(axis=(1, 2))
    return tuple(layer for layer, mass in zip(layers, least, strict=True) if mass < 1 - MASS_TOLERANCE)


def read_only(array: NDArray[Any]) -> NDArray[np.float32]:
    """Give float32 numbers nobody can change: the array itself if it is so already, a copy otherwise."""
    return _frozen(np.asarray(array, dtype=np.float32))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def _check_shape(record: Attention) -> None:
    tokens = (len(record.queries), len(record.keys))
    expected = (len(record.layers), len(record.heads), *tokens)
    if record.weights.shape != expected:
        raise RequestError(f"weights do not fit the tokens: got {record.weights.shape}, allowed {expected}")
    if 0 in expected:
        raise RequestError("an empty record: it needs a layer, a head, a query and a key")
    if record.block not in BLOCKS:
        raise RequestError(f"no such block: got {record.block!r}, allowed {', '.join(BLOCKS)}")
    if record.view not in VIEWS:
        raise RequestError(f"no such view: got {record.view!r}, allowed {', '.join(VIEWS)}")
    if not all(token.kind in KINDS for token in record.queries + record.keys):
        raise RequestError(f"no such kind of token: allowed {', '.join(KINDS)}")
    if any(mask.shape != tokens for mask in record.sight.values()):
        raise RequestError(f"what queries see does not fit the tokens: allowed masks of {tokens}")
    if record.predictions and len(record.predictions) != tokens[0]:
        raise RequestError(
            f"predictions do not fit the queries: got {len(record.predictions)}, allowed {tokens[0]}"
        )


def _check_said(record: Attention) -> None:
    """Refuse what could not be true of any attention, whatever its weights are."""
    if record.heads_per_key < 1:
        raise RequestError(f"heads that share keys: got {record.heads_per_key}, allowed 1 or more")
    if unknown := set(record.sinks) - set(record.layers):
        raise RequestError(f"no layer {min(unknown)} to have a sink: this record holds {record.layers}")
    shares = (record.dropped, *(prediction.probability for prediction in record.predictions))
    if not all(0 <= share <= 1 + MASS_TOLERANCE for share in shares):
        raise RequestError("a share of the mass or a probability is none: allowed 0 to 1")
    picture = record.picture
    if picture is not None and (picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8):
        raise RequestError(
            f"no picture: got {picture.dtype} {picture.shape}, allowed uint8 (height, width, 3)"
        )


def _frozen_masks(sight: Mapping[int, Mask]) -> dict[int, Mask]:
    """Give masks nobody can change; layers that share one still do."""
    frozen = {id(mask): _frozen(np.asarray(mask, dtype=bool)) for mask in sight.values()}
    return {layer: frozen[id(mask)] for layer, mask in sight.items()}


def _masks(visible: ArrayLike, shape: tuple[int, ...]) -> dict[int, Mask]:
    """Spread what queries see over the layers."""
    mask = np.asarray(visible, dtype=bool)
    if mask.shape not in (shape[2:], (shape[0], *shape[2:])):
        raise RequestError(
            f"what queries see does not fit the weights: got {mask.shape}, allowed {shape[2:]}"
        )
    return {layer: mask if mask.ndim == 2 else mask[layer] for layer in range(shape[0])}


def _check_mass(weights: Weights, *, pooled: bool) -> None:
    # A sum is finite only if every term is, so one pass over the weights serves both checks. Numpy adds
    # float32 pairwise: a row of 16,384 weights is off by some parts in a million.
    with np.errstate(over="ignore", invalid="ignore"):
        mass = weights.sum(axis=-1)
    if not np.isfinite(mass).all() and not np.isfinite(weights).all():
        raise RequestError("weights are no attention: not every one is a finite number")
    if weights.min() < 0:
        raise RequestError(f"weights are no attention: got {weights.min():.3g}, allowed 0 or more")
    most = weights.max() if pooled else mass.max()
    if most > 1 + MASS_TOLERANCE:
        what = "a cell is" if pooled else "a row sums to"
        raise RequestError(f"weights are no attention: {what} {most:.4g}, allowed at most 1")


def _check_sight(record: Attention) -> None:
    """Refuse weight on a key hidden from its query; no weight is negative, so the largest of a cell tells."""
    for layer, weights in zip(record.layers, record.weights, strict=True):
        if layer not in record.sight and not record.causal:
            continue
        if weights.max(axis=0)[~record.visible(layer)].any():
            seen = "key that is hidden from it" if layer in record.sight else "later key"
            what = "not what it could see" if layer in record.sight else "not causal"
            raise RequestError(f"{what}: in layer {layer} a query has weight on a {seen}")


def _same_picture(one: NDArray[np.uint8] | None, other: NDArray[np.uint8] | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
