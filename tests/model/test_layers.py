"""Our multi-head attention against torch's own, with the same weights."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.model.layers import (
    Linear,
    MultiHead,
    Norm,
    distance_logits,
    feed_forward,
    layer_norm,
    multi_head_attention,
    output_of_heads,
    remember,
    softmax,
)

WIDTH, HEADS, TEXTS, QUERIES, KEYS = 16, 4, 3, 6, 8
TOLERANCE = 1e-6
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def reference_layer(dtype, seed=0):
    torch.manual_seed(seed)
    layer = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, dtype=dtype)
    torch.nn.init.normal_(layer.in_proj_bias, std=0.5)
    torch.nn.init.normal_(layer.out_proj.bias, std=0.5)
    return layer.eval()


def same_parameters(layer):
    weights, biases = layer.in_proj_weight.detach().chunk(3), layer.in_proj_bias.detach().chunk(3)
    query, key, value = (Linear(w.T, b) for w, b in zip(weights, biases, strict=True))
    output = Linear(layer.out_proj.weight.detach().T, layer.out_proj.bias.detach())
    return MultiHead(query, key, value, output, HEADS)


def on_numpy(parameters):
    def converted(part):
        return Linear(part.weight.numpy(), part.bias.numpy())

    parts = (parameters.query, parameters.key, parameters.value, parameters.output)
    distances = None if parameters.distances is None else parameters.distances.numpy()
    return MultiHead(*map(converted, parts), parameters.heads, distances)


def inputs(dtype, tokens, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(TEXTS, tokens, WIDTH, generator=generator, dtype=dtype)


def check_both_libraries(layer, x, y, expected, mask=None):
    """Compare output and per-head weights with what torch gave, in both array libraries."""
    parameters = same_parameters(layer)
    ours = multi_head_attention(x, remember(y, parameters), parameters, mask)
    plain = on_numpy(parameters)
    plain_mask = None if mask is None else mask.numpy()
    numpys = multi_head_attention(x.numpy(), remember(y.numpy(), plain), plain, plain_mask)
    for attended in (ours, numpys):
        for found, wanted in zip((attended.output, attended.weights), expected, strict=True):
            np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), rtol=0, atol=TOLERANCE)
            assert np.asarray(found).dtype == wanted.detach().numpy().dtype


@DTYPES
def test_self_attention_equals_torch(dtype):
    layer, x = reference_layer(dtype), inputs(dtype, QUERIES)
    check_both_libraries(layer, x, x, layer(x, x, x, average_attn_weights=False))


@DTYPES
def test_cross_attention_equals_torch(dtype):
    layer, x, y = reference_layer(dtype), inputs(dtype, QUERIES), inputs(dtype, KEYS, seed=2)
    check_both_libraries(layer, x, y, layer(x, y, y, average_attn_weights=False))


@DTYPES
def test_boolean_mask_equals_torch(dtype):
    layer, x, y = reference_layer(dtype), inputs(dtype, QUERIES), inputs(dtype, KEYS, seed=2)
    allowed = torch.rand(QUERIES, KEYS, generator=torch.Generator().manual_seed(3)) < 0.6
    allowed[:, 0] = True
    expected = layer(x, y, y, attn_mask=~allowed, average_attn_weights=False)
    check_both_libraries(layer, x, y, expected, allowed)


@DTYPES
def test_mask_of_numbers_equals_torch(dtype):
    layer, x = reference_layer(dtype), inputs(dtype, QUERIES)
    added = torch.randn(QUERIES, QUERIES, generator=torch.Generator().manual_seed(3), dtype=dtype)
    check_both_libraries(layer, x, x, layer(x, x, x, attn_mask=added, average_attn_weights=False), added)


@DTYPES
def test_causal_mask_equals_torch(dtype):
    layer, x = reference_layer(dtype), inputs(dtype, QUERIES)
    allowed = torch.tril(torch.ones(QUERIES, QUERIES, dtype=torch.bool))
    expected = layer(x, x, x, attn_mask=~allowed, is_causal=True, average_attn_weights=False)
    check_both_libraries(layer, x, x, expected, allowed)


@DTYPES
def test_key_padding_equals_torch(dtype):
    layer, x = reference_layer(dtype), inputs(dtype, QUERIES)
    present = torch.arange(QUERIES) < torch.tensor([[6], [4], [1]])
    expected = layer(x, x, x, key_padding_mask=~present, average_attn_weights=False)
    check_both_libraries(layer, x, x, expected, present[:, None, None, :])


def positioned(seed=0, d_k=3, d_v=5, reach=2):
    """A layer with its own d_k and d_v and learned distances, which torch has no counterpart for."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def linear(inputs, outputs):
        return Linear(drawn(inputs, outputs), drawn(outputs))

    projections = linear(WIDTH, HEADS * d_k), linear(WIDTH, HEADS * d_k), linear(WIDTH, HEADS * d_v)
    output = linear(HEADS * d_v, WIDTH)
    return MultiHead(*projections, output, HEADS, drawn(HEADS, 2 * reach + 1, d_k))


def test_head_by_head_loop_gives_the_same_with_own_sizes_and_distances():
    parameters, x = on_numpy(positioned()), inputs(torch.float64, QUERIES).numpy()[0]
    attended = multi_head_attention(x, remember(x, parameters), parameters)
    pieces = []
    for head in range(HEADS):
        q, k, v = (
            (x @ part.weight + part.bias).reshape(QUERIES, HEADS, -1)[:, head]
            for part in (parameters.query, parameters.key, parameters.value)
        )
        weights = np.zeros((QUERIES, QUERIES))
        for i in range(QUERIES):
            logits = [
                q[i] @ (k[j] + parameters.distances[head, np.clip(j - i, -2, 2) + 2]) / math.sqrt(3)
                for j in range(QUERIES)
            ]
            weights[i] = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(attended.weights[head], weights, atol=1e-12)
        pieces.append(weights @ v)
    expected = np.concatenate(pieces, axis=1) @ parameters.output.weight + parameters.output.bias
    np.testing.assert_allclose(attended.output, expected, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_blocks_of_rows_give_the_same_as_all_at_once(rows):
    parameters, x = positioned(), inputs(torch.float64, QUERIES)
    memory = remember(x, parameters)
    whole = multi_head_attention(x, memory, parameters)
    for first in range(0, QUERIES, rows):
        block = multi_head_attention(x[:, first : first + rows], memory, parameters, first=first)
        torch.testing.assert_close(block.output, whole.output[:, first : first + rows])
        torch.testing.assert_close(block.weights, whole.weights[:, :, first : first + rows])


def attended(parameters, x, gates=None):
    return multi_head_attention(x, remember(x, parameters), parameters, gates=gates)


def parts_of_heads(parameters, x):
    """What each head adds to a layer's output, head by head: (head, text, query, d_model)."""
    weights, values = attended(parameters, x).weights, remember(x, parameters).values
    return [weights[:, head] @ values[:, head] @ output_of_heads(parameters)[head] for head in range(HEADS)]


@pytest.mark.parametrize("library", [np, torch])
def test_gates_of_one_change_nothing_at_all(library):
    parameters, x = positioned(), inputs(torch.float64, QUERIES)
    if library is np:
        parameters, x = on_numpy(parameters), x.numpy()
    plain, gated = attended(parameters, x), attended(parameters, x, library.ones(HEADS))
    assert (plain.output == gated.output).all()
    assert (plain.weights == gated.weights).all()


@pytest.mark.parametrize("head", range(HEADS))
def test_a_closed_head_is_one_without_an_output(head):
    parameters, x = on_numpy(positioned()), inputs(torch.float64, QUERIES).numpy()
    gates = np.ones(HEADS)
    gates[head] = 0
    closed = attended(parameters, x, gates)
    cut = parameters.output.weight.copy()
    cut[head * 5 : (head + 1) * 5] = 0
    without = attended(replace(parameters, output=Linear(cut, parameters.output.bias)), x)
    np.testing.assert_allclose(closed.output, without.output, rtol=0, atol=1e-12)
    assert np.abs(closed.output - attended(parameters, x).output).max() > 0.1
    np.testing.assert_array_equal(closed.weights, without.weights)


def test_of_a_layer_with_every_head_closed_its_bias_is_left():
    parameters, x = on_numpy(positioned()), inputs(torch.float64, QUERIES).numpy()
    output = attended(parameters, x, np.zeros(HEADS)).output
    np.testing.assert_array_equal(output, np.broadcast_to(parameters.output.bias, output.shape))


@given(st.lists(st.floats(-3, 3), min_size=HEADS, max_size=HEADS))
def test_a_layer_adds_up_what_its_heads_give_times_their_gates(gates):
    parameters, x = on_numpy(positioned()), inputs(torch.float64, QUERIES).numpy()
    expected = sum(gate * part for gate, part in zip(gates, parts_of_heads(parameters, x), strict=True))
    found = attended(parameters, x, np.asarray(gates)).output
    np.testing.assert_allclose(found, expected + parameters.output.bias, rtol=0, atol=1e-11)


def test_one_word_has_one_distance():
    queries, distances = np.ones((2, 1, 4)), np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    np.testing.assert_allclose(distance_logits(queries, distances, 0, 1)[:, 0, 0], [11.0, 35.0])


def test_softmax_stays_finite_and_a_row_with_nothing_to_see_is_zero():
    rows = np.array([[1e4, 1e4, -1e4], [-np.inf, -np.inf, -np.inf]])
    np.testing.assert_array_equal(softmax(rows), [[0.5, 0.5, 0], [0, 0, 0]])
    gradient = torch.tensor(rows, requires_grad=True)
    softmax(gradient).square().sum().backward()
    assert torch.isfinite(gradient.grad).all()


@DTYPES
def test_norm_and_feed_forward_equal_torch(dtype):
    x = inputs(dtype, QUERIES)
    norm = torch.nn.LayerNorm(WIDTH, dtype=dtype)
    torch.nn.init.normal_(norm.weight)
    ours = layer_norm(x, Norm(norm.weight, norm.bias))
    torch.testing.assert_close(ours, norm(x), rtol=0, atol=TOLERANCE * 5)
    inner, outer = torch.nn.Linear(WIDTH, 32, dtype=dtype), torch.nn.Linear(32, WIDTH, dtype=dtype)
    expected = outer(torch.relu(inner(x)))
    found = feed_forward(x, Linear(inner.weight.T, inner.bias), Linear(outer.weight.T, outer.bias))
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)
