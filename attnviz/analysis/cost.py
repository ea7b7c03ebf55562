"""What attention costs: multiply-adds and the memory its weights take, by the shapes of a model's layers."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.anatomy import KEY, VALUE, Anatomy, Projection
from attnviz.outline import Layer

_FLOAT32_BYTES = 4

_LENGTHS = (128, 1024, 8192)

# Made once for each key; all else is made once for each query.
_PER_KEY = {KEY, VALUE}


@dataclass(frozen=True)
class Cost:
    """What one pass over an input takes, in attention alone.

    Attributes:
        projections: multiply-adds of the query, key, value and output matrices.
        scores: multiply-adds of queries with keys.
        mixing: multiply-adds of weights with values.
        weights: bytes of all weights at once, as float32; what a record of every layer and head keeps.
    """

    projections: int
    scores: int
    mixing: int
    weights: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.projections + other.projections,
            self.scores + other.scores,
            self.mixing + other.mixing,
            self.weights + other.weights,
        )

    @property
    def multiply_adds(self) -> int:
        """All of them."""
        return self.projections + self.scores + self.mixing


def layer_cost(layer: Layer, matrices: Sequence[Projection], queries: int, keys: int) -> Cost:
    """Count what one layer takes.

    With h heads, n queries and m keys, of which a window leaves each query w at most:

        scores = h n min(m, w) d_k        mixing = h n min(m, w) d_v        weights = 4 h n m bytes

    and each projection of a inputs to b outputs takes a b for every query (or every key, if it makes keys
    and values only). That is the per-layer complexity O(n^2 d) of Vaswani et al. 2017 ("Attention Is All You
    Need", Table 1), with the constants of Kaplan et al. 2020 ("Scaling Laws for Neural Language Models",
    Table 1), who count two operations for a multiply-add. A causal layer is counted whole, as it is computed
    by the plain formula; biases, norms, rotations and the softmax itself are not counted.

    Args:
        layer: its heads, d_k, d_v and window; lengths that are not known count as 0.
        matrices: the projections of the layer.
        queries: n.
        keys: m.

    >>> layer_cost(Layer(0, (0, 1), 3, 3, d_k=8, d_v=4), (), queries=3, keys=3)
    Cost(projections=0, scores=144, mixing=72, weights=72)
    """
    heads = len(layer.heads)
    seen = keys if layer.window is None else min(keys, layer.window)
    return Cost(
        projections=sum(_uses(matrix, queries, keys) * matrix.inputs * matrix.outputs for matrix in matrices),
        scores=heads * queries * seen * (layer.d_k or 0),
        mixing=heads * queries * seen * (layer.d_v or 0),
        weights=_FLOAT32_BYTES * heads * queries * keys,
    )


def attention_cost(anatomy: Anatomy, tokens: int | None = None) -> Cost:
    """Count what all layers of a model take.

    Args:
        anatomy: its layers and their matrices.
        tokens: the length of every input it reads; None means the sample's own sizes.
    """
    total = Cost(0, 0, 0, 0)
    for block, outline in anatomy.blocks.items():
        for layer in outline.layers:
            matrices = anatomy.projections.get(block, {}).get(layer.number, ())
            total += layer_cost(layer, matrices, tokens or layer.queries, tokens or layer.keys)
    return total


def _uses(matrix: Projection, queries: int, keys: int) -> int:
    return keys if set(matrix.roles) <= _PER_KEY else queries


def sizes(anatomy: Anatomy) -> tuple[int, ...]:
    """Pick lengths to tell the cost for: a paragraph, a page, a chapter, up to the positions there are."""
    if not anatomy.scales:
        return ()
    most = anatomy.positions or max(_LENGTHS)
    return tuple(sorted({min(length, most) for length in _LENGTHS}))
