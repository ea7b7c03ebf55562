import numpy as np
import pytest
import torch

from attnviz.model import network as network_module
from attnviz.model.network import (
    ANSWERS,
    Architecture,
    answer_logits,
    assemble,
    converted,
    parameter_shapes,
    read,
)

SIZES = Architecture(rows=30, layers=2, heads=2, width=8, d_k=3, d_v=5, inner=12, reach=4)


def random_arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in parameter_shapes(SIZES).items()
    }


def reading_of(arrays, features, mask=None):
    """Read, keeping the weights of each layer (layer, ..., head, query, key)."""
    blocks = {}
    network = assemble(SIZES, arrays)
    reading = read(
        network, features, lambda layer, _, weights: blocks.setdefault(layer, []).append(weights), mask
    )
    return reading, [
        np.concatenate([np.asarray(b) for b in blocks[layer]], axis=-2) for layer in sorted(blocks)
    ]


@pytest.fixture
def features():
    return np.random.default_rng(1).integers(0, 30, size=(7, 6))


def test_numpy_and_torch_read_the_same(features):
    arrays = random_arrays()
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    ours, our_weights = reading_of(arrays, features)
    theirs, their_weights = reading_of(tensors, torch.from_numpy(features))
    np.testing.assert_allclose(ours.judgements, theirs.judgements.numpy(), atol=1e-5)
    np.testing.assert_allclose(our_weights, their_weights, atol=1e-6)


def test_every_row_of_every_head_is_a_distribution(features):
    _, weights = reading_of(random_arrays(), features)
    assert [layer.shape for layer in weights] == [(2, 7, 7), (2, 7, 7)]
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, atol=1e-6)


def test_blocks_of_rows_change_nothing(features, monkeypatch):
    whole, weights = reading_of(random_arrays(), features)
    monkeypatch.setattr(network_module, "_PAIRS_AT_ONCE", 2 * 7 * 2)  # two rows at a time
    cut, cut_weights = reading_of(random_arrays(), features)
    np.testing.assert_allclose(cut.judgements, whole.judgements, atol=1e-6)
    np.testing.assert_allclose(cut_weights, weights, atol=1e-6)
    np.testing.assert_allclose(cut.queries, whole.queries, atol=1e-6)


def test_padding_changes_nothing(features):
    alone, _ = reading_of(random_arrays(), features)
    padded = np.zeros((2, 10, 6), dtype=int)
    padded[0, :7], padded[1] = features, 5
    present = np.ones((2, 10), dtype=bool)
    present[0, 7:] = False
    together, _ = reading_of(random_arrays(), padded, present[:, None, None, :])
    np.testing.assert_allclose(together.judgements[0, :7], alone.judgements, atol=1e-5)


def test_weights_follow_from_the_vectors_given(features):
    arrays = random_arrays()
    for name in arrays:
        if name.endswith("distances"):
            arrays[name][:] = 0
    reading, weights = reading_of(arrays, features)
    for queries, memory, layer in zip(reading.queries, reading.memories, weights, strict=True):
        logits = queries @ memory.keys.transpose(0, 2, 1) / np.sqrt(SIZES.d_k)
        expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        np.testing.assert_allclose(layer, expected, atol=1e-5)
        assert memory.values.shape == (2, 7, SIZES.d_v)


def judged(network, features, gates=None, mask=None):
    return read(network, features, lambda *_: None, mask, gates=gates).judgements


def test_gates_of_one_change_nothing_at_all(features):
    network = assemble(SIZES, random_arrays())
    ones = {layer: np.ones(2, dtype=np.float32) for layer in range(2)}
    np.testing.assert_array_equal(judged(network, features, ones), judged(network, features))


@pytest.mark.parametrize("layer", range(2))
@pytest.mark.parametrize("head", range(2))
def test_a_closed_head_is_one_whose_output_is_zero(features, layer, head):
    arrays = random_arrays()
    gates = np.ones(2, dtype=np.float32)
    gates[head] = 0
    closed = judged(assemble(SIZES, arrays), features, {layer: gates})
    assert np.abs(closed - judged(assemble(SIZES, arrays), features)).max() > 1e-3
    arrays[f"layers.{layer}.attention.output.weight"][head * 5 : (head + 1) * 5] = 0
    np.testing.assert_allclose(closed, judged(assemble(SIZES, arrays), features), atol=1e-5)


def test_numpy_and_torch_close_heads_the_same(features, monkeypatch):
    network = assemble(SIZES, random_arrays())
    gates = {0: np.array([0.5, 2], dtype=np.float32), 1: np.array([0, 1], dtype=np.float32)}
    tensors = {layer: torch.from_numpy(gate) for layer, gate in gates.items()}
    ours = judged(network, features, gates)
    theirs = judged(converted(network, torch.from_numpy), torch.from_numpy(features), tensors)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    monkeypatch.setattr(network_module, "_PAIRS_AT_ONCE", 2 * 7 * 2)  # two rows at a time
    np.testing.assert_allclose(judged(network, features, gates), ours, atol=1e-6)


def test_a_converted_network_is_the_same_in_another_precision(features):
    network = assemble(SIZES, random_arrays())
    precise = converted(network, lambda array: array.astype(np.float64))
    assert judged(precise, features).dtype == np.float64
    assert judged(network, features).dtype == np.float32
    np.testing.assert_allclose(judged(precise, features), judged(network, features), atol=1e-5)


def test_a_judgement_is_the_logit_of_being_replaced():
    judgements = np.array([[-3.0, 0.0, 1.5]])
    logits = answer_logits(judgements)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = 1 / (1 + np.exp(-judgements))
    np.testing.assert_allclose(shares[..., ANSWERS.index("replaced")], expected)
    np.testing.assert_allclose(shares[..., ANSWERS.index("original")], 1 - expected)
    np.testing.assert_array_equal(answer_logits(torch.from_numpy(judgements)).numpy(), logits)
