"""One head of full width, several side by side, and several that share keys: what each takes."""

from collections.abc import Iterator
from dataclasses import dataclass

from attnviz.analysis.cost import Cost, layer_cost
from attnviz.anatomy import KEY, OUTPUT, QUERY, VALUE, Anatomy, Projection
from attnviz.errors import RequestError
from attnviz.outline import Layer

_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Layout:
    """One layer's attention with its width cut into heads in one way.

    Attributes:
        heads: how many heads.
        key_heads: how many heads its keys and values have; fewer where heads share them.
        d_k: the length of a query or key vector of a head; queries meet keys, so d_q is the same.
        d_v: the length of a value vector of a head.
        parameters: of the query, key, value and output matrix, by what they make, biases aside.
        cost: of one pass over the tokens.
        cache: bytes of all keys and values in float32: what a decoder keeps while it goes on.
    """

    heads: int
    key_heads: int
    d_k: int
    d_v: int
    parameters: dict[str, int]
    cost: Cost
    cache: int


@dataclass(frozen=True)
class Layouts:
    """Ways to cut one width into heads.

    Attributes:
        width: d_model, the length of the vectors that go in and come out.
        tokens: how many tokens are read.
        ways: one head of full width, the heads side by side, and, where they share keys, that way too.
    """

    width: int
    tokens: int
    ways: tuple[Layout, ...]


def layouts(
    width: int,
    heads: int,
    tokens: int,
    *,
    key_heads: int | None = None,
    d_k: int | None = None,
    d_v: int | None = None,
) -> Layouts:
    """Hold heads side by side against one head of full width.

    Side by side, h heads of d_k = width / h multiply as often as one head of d_k = width: "the total
    computational cost is similar to that of single-head attention with full dimensionality" (Vaswani et al.
    2017, section 3.2.2). What grows is the number of maps. Heads that share keys and values (Ainslie et al.
    2023, "GQA", section 2.2) need smaller key and value matrices and a smaller cache.

    Args:
        width: d_model.
        heads: h.
        tokens: n, for the cost.
        key_heads: how many heads keys and values have; None means as many.
        d_k: of one head; None means width / h.
        d_v: of one head; None means d_k.

    Raises:
        RequestError: these heads cannot be cut out of that width, or cannot share keys.

    >>> one, eight = layouts(512, 8, 100).ways
    >>> one.cost.multiply_adds == eight.cost.multiply_adds, eight.cost.weights // one.cost.weights
    (True, 8)
    """
    if d_k is None and width % heads:
        raise RequestError(f"heads do not fit the width: got {heads} heads in {width}, allowed its divisors")
    if key_heads is not None and (key_heads > heads or heads % key_heads):
        raise RequestError(f"heads cannot share keys so: got {key_heads} for {heads}, allowed its divisors")
    each_k = width // heads if d_k is None else d_k
    each_v = each_k if d_v is None else d_v
    every = (heads, heads, each_k, each_v)
    cuts = [(1, 1, heads * each_k, heads * each_v), every, (heads, key_heads or heads, each_k, each_v)]
    return Layouts(width, tokens, tuple(_layout(width, tokens, *cut) for cut in dict.fromkeys(cuts)))


def layouts_of(anatomy: Anatomy, tokens: int) -> Layouts | None:
    """Do the same for a model's last block; None where its sizes differ by layer or were not seen."""
    outlines = list(anatomy.blocks.values())
    layers = outlines[-1].layers if outlines else ()
    sizes = {(len(layer.heads), layer.key_heads, layer.d_k, layer.d_v) for layer in layers}
    if len(sizes) != 1 or anatomy.width is None or None in (found := sizes.pop()):
        return None
    heads, key_heads, d_k, d_v = found
    return layouts(anatomy.width, heads, tokens, key_heads=key_heads, d_k=d_k, d_v=d_v)


def _layout(width: int, tokens: int, heads: int, key_heads: int, d_k: int, d_v: int) -> Layout:
    matrices = tuple(_matrices(width, heads, key_heads, d_k, d_v))
    layer = Layer(0, tuple(range(heads)), tokens, tokens, key_heads=key_heads, d_k=d_k, d_v=d_v)
    return Layout(
        heads=heads,
        key_heads=key_heads,
        d_k=d_k,
        d_v=d_v,
        parameters={matrix.roles[0]: matrix.parameters for matrix in matrices},
        cost=layer_cost(layer, matrices, tokens, tokens),
        cache=_FLOAT32_BYTES * tokens * key_heads * (d_k + d_v),
    )


def _matrices(width: int, heads: int, key_heads: int, d_k: int, d_v: int) -> Iterator[Projection]:
    sides = {
        QUERY: (width, heads * d_k),
        KEY: (width, key_heads * d_k),
        VALUE: (width, key_heads * d_v),
        OUTPUT: (heads * d_v, width),
    }
    for role, (inputs, outputs) in sides.items():
        yield Projection((role,), role, inputs, outputs, inputs * outputs)
