"""Multi-head attention and the few layers around it, as pure functions over arrays.

Every function works on arrays of any library that speaks the array API: training hands in torch tensors, use
hands in numpy arrays, and each formula is written once. Leading axes, such as the texts of a batch, pass
through. Equations are numbered as in Vaswani et al. 2017, "Attention is all you need", unless another paper
is named.
"""

import math
from dataclasses import dataclass

from attnviz.arrays import Array, namespace


@dataclass(frozen=True, eq=False)
class Linear:
    """An affine map.

    Attributes:
        weight: (input, output).
        bias: (output).
    """

    weight: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Norm:
    """A layer norm's learned part: gain (width) and bias (width)."""

    gain: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class MultiHead:
    """The parameters of one multi-head attention. Every head owns a slice of each projection.

    Attributes:
        query: d_model -> head x d_k.
        key: d_model -> head x d_k.
        value: d_model -> head x d_v.
        output: head x d_v -> d_model.
        heads: the number of heads.
        distances: (head, 2 x reach + 1, d_k), a vector for each distance from -reach to reach that keys at
            that distance add to themselves; None for attention that knows no positions.
    """

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    heads: int
    distances: Array | None = None


@dataclass(frozen=True, eq=False)
class Memory:
    """What there is to be looked at: keys (..., head, key, d_k) and values (..., head, key, d_v)."""

    keys: Array
    values: Array


@dataclass(frozen=True, eq=False)
class Attended:
    """What multi-head attention gives, and what it was made from.

    Attributes:
        output: (..., query, d_model).
        weights: (..., head, query, key), each row summing to 1.
        queries: (..., head, query, d_k).
    """

    output: Array
    weights: Array
    queries: Array


def multi_head_attention(
    x: Array,
    memory: Memory,
    parameters: MultiHead,
    mask: Array | None = None,
    first: int = 0,
    gates: Array | None = None,
) -> Attended:
    """Let every position of `x` look at the memory, through all heads at once (section 3.2.2).

    MultiHead(x) = Concat(head_1, ..., head_h) W_O, with head_i = Attention(x W_Q_i, keys_i, values_i).
    Gates multiply each head_i (Michel et al. 2019, "Are sixteen heads really better than one?", section 2.3);
    what is left of a layer with all gates at 0 is its output bias. Rows are independent, so a long text may
    be handed in block by block.

    Shape:
        x: (..., query, d_model).
        mask: broadcast to (..., head, query, key).
        gates: (head,).

    Args:
        x: the positions that look.
        memory: what they look at, from `remember`.
        parameters: the projections of all heads.
        mask: booleans that are True where a query may look, or numbers to add to the logits.
        first: the position of the first row of `x`, which matters only where distances are learned.
        gates: what each head's part is multiplied by; None leaves all as they are, as 1 does.
    """
    queries = split_heads(linear(x, parameters.query), parameters.heads)
    logits = scaled_dot_product(queries, memory.keys)
    if parameters.distances is not None:
        logits = logits + distance_logits(queries, parameters.distances, first, logits.shape[-1])
    weights = softmax(logits if mask is None else masked(logits, mask))
    parts = weights @ memory.values
    if gates is not None:
        parts = parts * gates[:, None, None]
    return Attended(linear(concatenate_heads(parts), parameters.output), weights, queries)


def remember(y: Array, parameters: MultiHead) -> Memory:
    """Make the keys and values that queries will look at.

    Shape:
        y: (..., key, d_model); in self-attention, the same positions that look.
    """
    keys = split_heads(linear(y, parameters.key), parameters.heads)
    return Memory(keys, split_heads(linear(y, parameters.value), parameters.heads))


def scaled_dot_product(queries: Array, keys: Array) -> Array:
    """Compare every query with every key: q k^T / sqrt(d_k), equation 1 before its softmax.

    The root keeps the spread of the logits at 1 whatever d_k is; without it, softmax saturates.

    Shape:
        queries: (..., query, d_k). keys: (..., key, d_k). Returns (..., query, key).
    """
    return (queries / math.sqrt(queries.shape[-1])) @ _transposed(keys)


def distance_logits(queries: Array, distances: Array, first: int, keys: int) -> Array:
    """What a key's distance adds to the logits: q_i r_(j-i)^T / sqrt(d_k).

    Source: Shaw et al. 2018, "Self-attention with relative position representations", equation 5. Distances
    beyond the reach count as the reach. Row i needs the products from -i to keys - i, one place further left
    than the row before: laid end to end, the rows fall into place when they are cut again one shorter
    (Huang et al. 2018, "Music transformer", section 3.4.1).

    Shape:
        queries: (..., head, query, d_k). distances: (head, 2 x reach + 1, d_k).
        Returns (..., head, query, key).
    """
    xp = namespace(queries)
    rows, reach = queries.shape[-2], distances.shape[-2] // 2
    offsets = xp.arange(-first - rows, keys - first, device=queries.device)
    chosen = xp.take(distances, xp.clip(offsets, -reach, reach) + reach, axis=-2)
    products = scaled_dot_product(queries, chosen)
    leading = products.shape[:-2]
    end_to_end = xp.reshape(products, (*leading, rows * (rows + keys)))[..., rows:]
    return xp.reshape(end_to_end, (*leading, rows, rows + keys - 1))[..., :keys]


def masked(logits: Array, mask: Array) -> Array:
    """Close the pairs a boolean mask has False for, or add a mask of numbers to the logits.

    Shape:
        logits: (..., query, key). mask: broadcast to it.
    """
    xp = namespace(logits)
    if not xp.isdtype(mask.dtype, "bool"):
        return logits + mask
    return xp.where(mask, logits, xp.asarray(-math.inf, dtype=logits.dtype, device=logits.device))


def softmax(logits: Array) -> Array:
    """Turn each row into shares: exp(x_j) / sum_k exp(x_k); a row with every key closed looks nowhere.

    The largest logit is taken off first, which changes no share and keeps the exponentials finite.

    Shape:
        logits: (..., query, key), -inf where closed. Returns the same shape, rows summing to 1 or 0.
    """
    xp = namespace(logits)
    largest = xp.max(logits, axis=-1, keepdims=True)
    exponentials = xp.exp(logits - xp.where(xp.isfinite(largest), largest, xp.zeros_like(largest)))
    total = xp.sum(exponentials, axis=-1, keepdims=True)
    return exponentials / xp.where(total > 0, total, xp.ones_like(total))


def split_heads(x: Array, heads: int) -> Array:
    """Cut each position's vector into one piece per head: (..., token, head x d) to (..., head, token, d)."""
    xp = namespace(x)
    pieces = xp.reshape(x, (*x.shape[:-1], heads, x.shape[-1] // heads))
    return xp.moveaxis(pieces, -3, -2)


def concatenate_heads(x: Array) -> Array:
    """Join the heads' pieces again: (..., head, token, d) to (..., token, head x d)."""
    xp = namespace(x)
    pieces = xp.moveaxis(x, -3, -2)
    return xp.reshape(pieces, (*pieces.shape[:-2], pieces.shape[-2] * pieces.shape[-1]))


def output_of_heads(parameters: MultiHead) -> Array:
    """Cut the output projection into what becomes of each head's part: (head, d_v, d_model).

    Concat(head_1, ..., head_h) W_O is the sum over heads of head_i W_O_i, with these slices as W_O_i.
    """
    whole = parameters.output.weight
    rows, width = whole.shape
    return namespace(whole).reshape(whole, (parameters.heads, rows // parameters.heads, width))


def linear(x: Array, parameters: Linear) -> Array:
    """Apply an affine map: x W + b.

    Shape:
        x: (..., input). Returns (..., output).
    """
    return x @ parameters.weight + parameters.bias


def feed_forward(x: Array, inner: Linear, outer: Linear) -> Array:
    """Transform each position by itself: max(0, x W_1 + b_1) W_2 + b_2, equation 2.

    Shape:
        x: (..., token, d_model). Returns the same shape.
    """
    xp = namespace(x)
    hidden = linear(x, inner)
    return linear(hidden * xp.astype(hidden > 0, hidden.dtype), outer)


def layer_norm(x: Array, parameters: Norm, epsilon: float = 1e-5) -> Array:
    """Bring each position's vector to mean 0 and variance 1, then scale and shift it by learned amounts.

    Source: Ba et al. 2016, "Layer normalization", equation 4, over the features of one position.

    Shape:
        x: (..., token, width). Returns the same shape.
    """
    xp = namespace(x)
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(centred * centred, axis=-1, keepdims=True)
    return centred / xp.sqrt(variance + epsilon) * parameters.gain + parameters.bias


def _transposed(x: Array) -> Array:
    return namespace(x).matrix_transpose(x)
