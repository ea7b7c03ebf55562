"""One head of full width against many: closed forms, what must be equal, and a loop that counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.layouts import layouts, layouts_of
from attnviz.anatomy import Anatomy
from attnviz.errors import RequestError
from attnviz.outline import Layer, Outline

counts = st.integers(1, 8)


def test_the_layer_of_the_paper():
    # Vaswani et al. 2017, section 3.2.2: h = 8, d_k = d_v = d_model / h = 64.
    one, eight = layouts(512, 8, 100).ways
    assert (eight.heads, eight.d_k, eight.d_v) == (8, 64, 64)
    assert (one.heads, one.d_k, one.d_v) == (1, 512, 512)
    assert set(eight.parameters.values()) == {512 * 512}
    assert eight.cost.multiply_adds == 4 * 100 * 512**2 + 2 * 100**2 * 512
    assert eight.cache == 4 * 100 * 2 * 512


@given(counts, counts, counts)
def test_side_by_side_costs_the_same_but_for_the_maps(heads, d_k, tokens):
    one, *more = layouts(heads * d_k, heads, tokens).ways
    many = more[-1] if more else one
    assert many.cost.multiply_adds == one.cost.multiply_adds
    assert many.parameters == one.parameters
    assert many.cache == one.cache
    assert many.cost.weights == heads * one.cost.weights


@given(counts, counts, counts, counts, counts, counts)
def test_shared_keys_are_what_a_loop_counts(groups, shared, d_k, d_v, width, tokens):
    way = layouts(width, groups * shared, tokens, key_heads=groups, d_k=d_k, d_v=d_v).ways[-1]
    keys = values = cache = 0
    for _head in range(groups):
        for _input in range(width):
            keys += d_k
            values += d_v
        for _token in range(tokens):
            cache += 4 * (d_k + d_v)
    assert (way.parameters["key"], way.parameters["value"], way.cache) == (keys, values, cache)
    assert way.parameters["query"] == width * groups * shared * d_k


@pytest.mark.parametrize(
    ("width", "heads", "key_heads", "said"),
    [
        (512, 7, None, "got 7 heads in 512"),
        (512, 8, 3, "got 3 for 8"),
        (512, 8, 16, "got 16 for 8"),
    ],
)
def test_heads_that_do_not_fit_are_refused(width, heads, key_heads, said):
    with pytest.raises(RequestError, match=said):
        layouts(width, heads, 10, key_heads=key_heads)


def model(*layers):
    facts = {"model": "m", "kind": "k", "network": "n", "parameters": 0, "sample": "a text"}
    return Anatomy(**facts, width=32, blocks={"self": Outline("self", layers)})


def test_a_model_s_own_heads_are_taken():
    layer = Layer(0, (0, 1, 2, 3), 5, 5, key_heads=2, d_k=16, d_v=8)
    found = layouts_of(model(layer), 10)
    assert [(way.heads, way.key_heads, way.d_k, way.d_v) for way in found.ways] == [
        (1, 1, 64, 32),
        (4, 4, 16, 8),
        (4, 2, 16, 8),
    ]


def test_layers_of_several_sizes_or_sizes_not_seen_have_no_such_table():
    small, large = (Layer(n, (0, 1), 5, 5, key_heads=2, d_k=n + 1, d_v=1) for n in (0, 1))
    assert layouts_of(model(small, large), 10) is None
    assert layouts_of(model(Layer(0, (0, 1), 5, 5)), 10) is None
