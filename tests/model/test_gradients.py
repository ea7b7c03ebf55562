"""Gradients of gates and weights against differences of plain runs."""

from itertools import product

import numpy as np
import pytest
import torch

from attnviz.model import network as network_module
from attnviz.model.gradients import gate_gradients, weight_gradients
from attnviz.model.network import assemble, converted, read
from tests.model.by_hand import bits, passed
from tests.model.test_network import SIZES, random_arrays

STEP = 1e-4  # in float64 a central difference errs by some 1e-8 for rounding and for the step's square
TOKENS = 7


@pytest.fixture
def features():
    return np.random.default_rng(1).integers(0, 30, size=(TOKENS, 6))


def network(seed=0, **changed):
    arrays = random_arrays(seed) | changed
    return converted(assemble(SIZES, arrays), lambda array: array.astype(np.float64))


def loss(found, features, gates, reference):
    z = read(found, features, lambda *_: None, gates=gates).judgements
    return -np.mean([bits(z[row], answer) for row, answer in enumerate(reference)])


@pytest.mark.parametrize("reference", [[0] * TOKENS, [0, 1, 1, 0, 0, 1, 0]], ids=["original", "mixed"])
def test_gate_gradients_are_differences(features, reference):
    found, reference = network(), np.array(reference)
    slopes = gate_gradients(found, features, reference)
    assert slopes.shape == (2, 2)
    for layer, head in product(range(2), range(2)):
        up, down = np.ones(2), np.ones(2)
        up[head], down[head] = 1 + STEP, 1 - STEP
        higher, lower = (loss(found, features, {layer: gate}, reference) for gate in (up, down))
        assert slopes[layer, head] == pytest.approx((higher - lower) / (2 * STEP), abs=1e-6)
    assert np.abs(slopes).min() > 1e-3


def test_a_head_without_an_output_has_no_slope(features):
    name = "layers.0.attention.output.weight"
    dead = random_arrays()[name]
    dead[5:10] = 0
    slopes = gate_gradients(network(**{name: dead}), features, np.zeros(TOKENS, dtype=int))
    assert slopes[0, 1] == 0
    assert np.count_nonzero(slopes) == 3


@pytest.mark.parametrize(("row", "answer"), [(3, 0), (3, 1), (0, 1)])
def test_weight_gradients_are_differences(features, row, answer):
    found = network()
    slopes = weight_gradients(found, features, row, answer, (0, 1))
    assert slopes.shape == (2, 2, TOKENS, TOKENS)
    for place in np.ndindex(slopes.shape):
        nudge = np.zeros(slopes.shape[1:])
        nudge[place[1:]] = STEP
        higher, lower = (
            bits(passed(found, features, {place[0]: way * nudge})[0][row], answer) for way in (1, -1)
        )
        assert slopes[place] == pytest.approx((higher - lower) / (2 * STEP), abs=1e-6)
    assert np.abs(slopes[0]).min() > 0, "every word of the first layer can matter by way of the second"


def test_only_its_own_row_of_the_last_layer_matters(features):
    slopes = weight_gradients(network(), features, 2, 0, (1,))
    assert slopes.shape == (1, 2, TOKENS, TOKENS)
    assert np.abs(slopes[0, :, 2]).min() > 0
    assert not np.delete(slopes[0], 2, axis=1).any()


def test_the_two_answers_pull_against_each_other(features):
    """p dlog p + q dlog q = d(p + q) = 0."""
    found = network()
    original, replaced = (weight_gradients(found, features, 4, answer, (0, 1)) for answer in (0, 1))
    z = passed(found, features)[0][4]
    shares = np.exp2([bits(z, 0), bits(z, 1)])
    np.testing.assert_allclose(shares[0] * original + shares[1] * replaced, 0, atol=1e-6)


def test_layers_and_blocks_of_rows_change_nothing(features, monkeypatch):
    found = network()
    whole = weight_gradients(found, features, 5, 0, (0, 1))
    np.testing.assert_array_equal(weight_gradients(found, features, 5, 0, (0,)), whole[:1])
    np.testing.assert_array_equal(weight_gradients(found, features, 5, 0, (1, 0)), whole[::-1])
    monkeypatch.setattr(network_module, "_PAIRS_AT_ONCE", 2 * TOKENS * 2)  # two rows at a time
    np.testing.assert_allclose(weight_gradients(found, features, 5, 0, (0, 1)), whole, atol=1e-7)
    reference = np.zeros(TOKENS, dtype=int)
    cut = gate_gradients(found, features, reference)
    monkeypatch.undo()
    np.testing.assert_allclose(cut, gate_gradients(found, features, reference), atol=1e-7)


def test_runs_backwards_where_gradients_are_off_and_leaves_no_trace(features):
    found = network()
    before = weight_gradients(found, features, 1, 0, (0, 1))
    with torch.no_grad():
        np.testing.assert_array_equal(weight_gradients(found, features, 1, 0, (0, 1)), before)
        assert gate_gradients(found, features, np.zeros(TOKENS, dtype=int)).any()
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(found.embedding, network().embedding)


def test_the_oracle_reads_as_the_network_does(features):
    found = network()
    expected = read(found, features, lambda *_: None).judgements
    np.testing.assert_allclose(passed(found, features)[0], expected, atol=1e-12)
