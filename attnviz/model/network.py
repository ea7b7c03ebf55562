"""The smallest network that makes heads learn: embeddings, a few pre-norm transformer layers, one judgement.

It reads a text both ways and judges for each word whether it belongs there (replaced-token detection, Clark
et al. 2020, "ELECTRA", without a generator). Every row of its attention is trained by that, so every row of a
heatmap means something; a masked language model trains the rows of [MASK] only.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any

from attnviz.arrays import Array, namespace
from attnviz.model.layers import (
    Linear,
    Memory,
    MultiHead,
    Norm,
    feed_forward,
    layer_norm,
    linear,
    multi_head_attention,
    remember,
)

# The weights of one block of rows take 2 MiB in float32: what fits a processor's cache is fastest.
_PAIRS_AT_ONCE = 2**19

# Takes a layer's number, a block's first row and its weights (..., head, query, key).
Watch = Callable[[int, int, Array], None]

# For layers by number, what each head's part of the output is multiplied by: (head,).
LayerGates = Mapping[int, Array]

# The two answers, in the order of `answer_logits`.
ANSWERS = ("original", "replaced")

_PROJECTIONS = ("query", "key", "value", "output")


@dataclass(frozen=True)
class Architecture:
    """The sizes that fix every parameter's shape.

    Attributes:
        rows: the rows of the embedding table, one for each feature a word can have.
        layers: the number of layers.
        heads: the number of heads in each.
        width: d_model, the length of the vector that stands for a word.
        d_k: the length of a query or key.
        d_v: the length of a value.
        inner: the width inside the feed-forward layer.
        reach: the distance from which on all distances count as equal.
    """

    rows: int
    layers: int = 2
    heads: int = 8
    width: int = 128
    d_k: int = 16
    d_v: int = 16
    inner: int = 256
    reach: int = 16


@dataclass(frozen=True, eq=False)
class Layer:
    """One transformer layer: attention and a feed-forward part, each behind a norm and beside a shortcut."""

    attention_norm: Norm
    attention: MultiHead
    inner_norm: Norm
    inner: Linear
    outer: Linear


@dataclass(frozen=True, eq=False)
class Network:
    """All parameters, in place.

    Attributes:
        embedding: (row, width).
        embedding_norm: what the summed embeddings pass through.
        layers: from the words up.
        final_norm: what the last layer's vectors pass through.
        judgement: width -> 1, the logit of "this word was replaced".
    """

    embedding: Array
    embedding_norm: Norm
    layers: tuple[Layer, ...]
    final_norm: Norm
    judgement: Linear


@dataclass(frozen=True, eq=False)
class Reading:
    """What one pass leaves.

    Attributes:
        judgements: (..., token), logits of "this word was replaced".
        queries: for each layer, (..., head, query, d_k).
        memories: for each layer, keys (..., head, key, d_k) and values (..., head, key, d_v).
        inputs: for each layer, what these were made from: (..., token, width).
    """

    judgements: Array
    queries: tuple[Array, ...]
    memories: tuple[Memory, ...]
    inputs: tuple[Array, ...]


def parameter_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Name every parameter and give its shape, in the order in which they are stored."""
    a = architecture
    shapes: dict[str, tuple[int, ...]] = {"embedding": (a.rows, a.width)}
    shapes |= _norm("embedding_norm", a.width)
    for number in range(a.layers):
        layer = f"layers.{number}"
        shapes |= _norm(f"{layer}.attention_norm", a.width)
        shapes |= _linear(f"{layer}.attention.query", a.width, a.heads * a.d_k)
        shapes |= _linear(f"{layer}.attention.key", a.width, a.heads * a.d_k)
        shapes |= _linear(f"{layer}.attention.value", a.width, a.heads * a.d_v)
        shapes |= _linear(f"{layer}.attention.output", a.heads * a.d_v, a.width)
        shapes[f"{layer}.attention.distances"] = (a.heads, 2 * a.reach + 1, a.d_k)
        shapes |= _norm(f"{layer}.inner_norm", a.width)
        shapes |= _linear(f"{layer}.inner", a.width, a.inner)
        shapes |= _linear(f"{layer}.outer", a.inner, a.width)
    shapes |= _norm("final_norm", a.width)
    return shapes | _linear("judgement", a.width, 1)


def assemble(architecture: Architecture, arrays: Mapping[str, Array]) -> Network:
    """Put named arrays of the shapes of `parameter_shapes` in their places."""

    def linear_of(name: str) -> Linear:
        return Linear(arrays[f"{name}.weight"], arrays[f"{name}.bias"])

    def norm_of(name: str) -> Norm:
        return Norm(arrays[f"{name}.gain"], arrays[f"{name}.bias"])

    def attention_of(name: str) -> MultiHead:
        query, key, value, output = (linear_of(f"{name}.{part}") for part in _PROJECTIONS)
        return MultiHead(query, key, value, output, architecture.heads, arrays[f"{name}.distances"])

    def layer_of(name: str) -> Layer:
        return Layer(
            norm_of(f"{name}.attention_norm"),
            attention_of(f"{name}.attention"),
            norm_of(f"{name}.inner_norm"),
            linear_of(f"{name}.inner"),
            linear_of(f"{name}.outer"),
        )

    return Network(
        arrays["embedding"],
        norm_of("embedding_norm"),
        tuple(layer_of(f"layers.{number}") for number in range(architecture.layers)),
        norm_of("final_norm"),
        linear_of("judgement"),
    )


def converted(network: Network, convert: Callable[[Array], Array]) -> Network:
    """Give the same network with every array converted, to another type or library."""

    def of(part: Any) -> Any:  # noqa: ANN401 - a part is a dataclass, a tuple, an array or a plain number
        if is_dataclass(part) and not isinstance(part, type):
            return replace(part, **{field.name: of(getattr(part, field.name)) for field in fields(part)})
        if isinstance(part, tuple):
            return tuple(map(of, part))
        return part if part is None or isinstance(part, int) else convert(part)

    whole: Network = of(network)
    return whole


def read(
    network: Network,
    features: Array,
    watch: Watch,
    mask: Array | None = None,
    dropped: Callable[[Array], Array] = lambda x: x,
    gates: LayerGates | None = None,
) -> Reading:
    """Read texts, handing every layer's attention weights to `watch`, block of rows by block of rows.

    Shape:
        features: integers (..., token, feature), rows of the embedding table.
        mask: booleans, broadcast to (..., head, query, key).

    Args:
        network: the parameters.
        features: what is known of each word.
        watch: is handed the weights, and must copy what it wants to keep.
        mask: True where a query may look; None means everywhere.
        dropped: what each part's output passes through before it is added; training drops some of it.
        gates: of layers in which heads are to be closed, wholly (0) or in part; None and 1 leave all open.
    """
    of_layer = gates or {}
    x = dropped(layer_norm(embed(features, network.embedding), network.embedding_norm))
    queries, memories, inputs = [], [], []
    for number, layer in enumerate(network.layers):
        y = layer_norm(x, layer.attention_norm)
        memory = remember(y, layer.attention)
        output, query = _attend_by_rows(
            y, memory, layer.attention, mask, partial(watch, number), of_layer.get(number)
        )
        x = x + dropped(output)
        x = x + dropped(feed_forward(layer_norm(x, layer.inner_norm), layer.inner, layer.outer))
        queries.append(query)
        memories.append(memory)
        inputs.append(y)
    judgements = linear(layer_norm(x, network.final_norm), network.judgement)[..., 0]
    return Reading(judgements, tuple(queries), tuple(memories), tuple(inputs))


def answer_logits(judgements: Array) -> Array:
    """Give each judgement's two answers a logit each: 0 for "original", the judgement z for "replaced".

    The network learns z as the logit of one event: p(replaced) = 1 / (1 + exp(-z)). Of two answers only the
    difference of their logits counts in a softmax, and softmax(0, z) is that very pair of probabilities.

    Shape:
        judgements: (..., token). Returns (..., token, 2), in the order of `ANSWERS`.
    """
    xp = namespace(judgements)
    return xp.stack([xp.zeros_like(judgements), judgements], axis=-1)


def embed(features: Array, table: Array) -> Array:
    """Sum the table's rows for each word's features.

    Shape:
        features: integers (..., token, feature). table: (row, width). Returns (..., token, width).
    """
    xp = namespace(table)
    rows = xp.take(table, xp.reshape(features, (-1,)), axis=0)
    return xp.sum(xp.reshape(rows, (*features.shape, table.shape[-1])), axis=-2)


def _attend_by_rows(
    y: Array,
    memory: Memory,
    parameters: MultiHead,
    mask: Array | None,
    watch: Callable[[int, Array], None],
    gates: Array | None,
) -> tuple[Array, Array]:
    """Run attention with one block of rows alive at a time; give its output and the queries."""
    xp = namespace(y)
    tokens = y.shape[-2]
    pairs_per_row = math.prod(memory.keys.shape[:-1])
    rows = max(1, _PAIRS_AT_ONCE // pairs_per_row)
    outputs, queries = [], []
    for first in range(0, tokens, rows):
        block = multi_head_attention(y[..., first : first + rows, :], memory, parameters, mask, first, gates)
        watch(first, block.weights)
        outputs.append(block.output)
        queries.append(block.queries)
    return xp.concat(outputs, axis=-2), xp.concat(queries, axis=-2)


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.gain": (width,), f"{name}.bias": (width,)}
