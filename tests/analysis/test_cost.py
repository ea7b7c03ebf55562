"""What attention costs, against closed forms, its own laws and a loop that counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.cost import Cost, attention_cost, layer_cost, sizes
from attnviz.anatomy import Anatomy, Projection
from attnviz.outline import Layer, Outline

counts = st.integers(1, 12)


def layer(heads=2, d_k=4, d_v=3, window=None, number=0):
    return Layer(number, tuple(range(heads)), 5, 7, d_k=d_k, d_v=d_v, window=window)


def matrix(*roles, inputs=8, outputs=6, name="m"):
    return Projection(roles, name, inputs, outputs, inputs * outputs + outputs)


def anatomy(*layers, projections=(), **facts):
    told = {"model": "m", "kind": "k", "network": "n", "parameters": 0, "sample": "a text", **facts}
    matrices = {"self": {one.number: projections for one in layers}}
    return Anatomy(blocks={"self": Outline("self", layers)}, projections=matrices, **told)


def test_multi_head_attention_of_the_paper():
    # Vaswani et al. 2017, section 3.2.2: d_model 512 in 8 heads of 64, four matrices of 512 x 512.
    paper = Layer(0, tuple(range(8)), 0, 0, d_k=64, d_v=64)
    matrices = [matrix(role, inputs=512, outputs=512) for role in ("query", "key", "value", "output")]
    cost = layer_cost(paper, matrices, queries=100, keys=100)
    assert cost == Cost(4 * 100 * 512**2, 100**2 * 512, 100**2 * 512, 4 * 8 * 100**2)
    assert cost.multiply_adds == 4 * 100 * 512**2 + 2 * 100**2 * 512


@given(counts, counts, counts, counts, counts, st.none() | counts)
def test_it_is_what_a_loop_counts(heads, queries, keys, d_k, d_v, window):
    scores = mixing = weights = 0
    for _head in range(heads):
        for _query in range(queries):
            for key in range(keys):
                weights += 4
                if window is None or key < window:
                    scores += d_k
                    mixing += d_v
    assert layer_cost(layer(heads, d_k, d_v, window), (), queries, keys) == Cost(0, scores, mixing, weights)


@given(counts, counts)
def test_projections_are_linear_and_pairs_quadratic_in_the_length(tokens, times):
    matrices = (matrix("query"), matrix("key", "value"), matrix("output"))
    one = layer_cost(layer(), matrices, tokens, tokens)
    more = layer_cost(layer(), matrices, times * tokens, times * tokens)
    assert more.projections == times * one.projections
    assert (more.scores, more.weights) == (times**2 * one.scores, times**2 * one.weights)


@pytest.mark.parametrize(
    ("roles", "times"),
    [(("query",), 5), (("key",), 7), (("key", "value"), 7), (("query", "key", "value"), 5), (("output",), 5)],
)
def test_a_matrix_is_used_for_every_query_or_for_every_key(roles, times):
    assert layer_cost(layer(), (matrix(*roles),), queries=5, keys=7).projections == times * 8 * 6


def test_what_is_not_known_costs_nothing():
    assert layer_cost(layer(d_k=None, d_v=None), (), 5, 7) == Cost(0, 0, 0, 4 * 2 * 5 * 7)


def test_a_model_costs_what_its_layers_cost():
    first, second = layer(number=0), layer(heads=4, number=1, window=2)
    matrices = (matrix("query"),)
    model = anatomy(first, second, projections=matrices)
    assert attention_cost(model, 9) == layer_cost(first, matrices, 9, 9) + layer_cost(second, matrices, 9, 9)
    assert attention_cost(model) == layer_cost(first, matrices, 5, 7) + layer_cost(second, matrices, 5, 7)
    assert attention_cost(Anatomy("m", "k", "n", 0, "")) == Cost(0, 0, 0, 0)


def test_lengths_stop_at_the_positions_there_are():
    assert sizes(anatomy()) == (128, 1024, 8192)
    assert sizes(anatomy(positions=512)) == (128, 512)
    assert sizes(anatomy(positions=64)) == (64,)
    assert sizes(anatomy(scales=False)) == ()
