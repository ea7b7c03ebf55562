"""Weights multiplied through layers: closed forms, properties, a naive walk along every path."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.through.rollout import evenly, over_even, rollout, shares, with_residual
from attnviz.errors import RequestError
from tests.analysis.weights import random_weights, seeds

LOWER = [[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]
UPPER = [[1, 0, 0], [0.4, 0.6, 0], [0.1, 0.6, 0.3]]
TWO = np.array([[LOWER], [UPPER]])
layers, tokens = st.integers(1, 4), st.integers(1, 6)


def windowed(layer: int, size: int) -> np.ndarray:
    """A causal mask that sees `layer + 1` tokens back."""
    return np.tri(size, dtype=bool) & ~np.tri(size, k=-layer - 2, dtype=bool)


class TestWithResidual:
    def test_closed_forms(self) -> None:
        assert with_residual(TWO)[0] == pytest.approx((np.array(LOWER) + np.eye(3)) / 2)
        assert with_residual(np.eye(3)[None, None])[0] == pytest.approx(np.eye(3))

    def test_a_row_that_lost_mass_keeps_more_of_itself(self) -> None:
        leaking = np.array([[[[0.0, 0.25], [0.0, 0.0]]]])
        assert with_residual(leaking)[0] == pytest.approx(np.array([[0.8, 0.2], [0.0, 1.0]]))

    def test_heads_are_averaged(self) -> None:
        heads = np.stack([np.eye(2), np.eye(2)[::-1]])[None]
        assert with_residual(heads)[0] == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]))

    def test_other_keys_than_queries_are_refused(self) -> None:
        with pytest.raises(RequestError, match="got 2 queries and 3 keys"):
            with_residual(np.ones((1, 1, 2, 3)) / 3)


class TestRollout:
    def test_closed_forms(self) -> None:
        expected = [[1, 0, 0], [0.4, 0.6, 0], [0.19, 0.3225, 0.4875]]
        assert rollout(TWO)[1] == pytest.approx(np.array(expected))
        assert rollout(np.broadcast_to(np.eye(4), (5, 2, 4, 4))) == pytest.approx(
            np.broadcast_to(np.eye(4), (5, 4, 4))
        )
        even = np.full((3, 2, 4, 4), 0.25)  # (E + I) / 2 multiplied: I keeps 1/2^l, the rest is even
        assert rollout(even)[2] == pytest.approx(np.eye(4) / 8 + (7 / 8) / 4)

    @given(seeds, layers, tokens, st.booleans())
    def test_rows_are_shares_that_any_naming_of_tokens_keeps(
        self, seed: int, depth: int, size: int, causal: bool
    ) -> None:
        weights = random_weights(seed, depth, 2, size, size, causal=causal) * 0.9
        found = rollout(weights)
        assert found.sum(axis=-1) == pytest.approx(np.ones((depth, size)))
        assert (found >= 0).all()
        order = np.random.default_rng(seed).permutation(size)
        renamed = rollout(weights[..., order, :][..., order])
        assert renamed == pytest.approx(found[:, order][..., order])

    @given(seeds, st.integers(1, 3), st.integers(1, 4))
    def test_a_naive_walk_along_every_path_agrees(self, seed: int, depth: int, size: int) -> None:
        weights = random_weights(seed, depth, 3, size, size)
        naive = np.zeros((size, size))
        for path in itertools.product(range(size), repeat=depth + 1):  # from the top down
            share = 1.0
            for step in range(depth):
                mean = (
                    sum(weights[depth - 1 - step, head, path[step], path[step + 1]] for head in range(3)) / 3
                )
                share *= (mean + (path[step] == path[step + 1])) / 2
            naive[path[0], path[-1]] += share
        assert rollout(weights)[-1] == pytest.approx(naive)

    @pytest.mark.parametrize("kind", [torch.float32, torch.float64])
    def test_it_is_the_same_on_torch(self, kind: torch.dtype) -> None:
        weights = random_weights(0, 3, 2, 5, 5, causal=True)
        found = rollout(torch.tensor(weights, dtype=kind), torch.ones(5, 5, dtype=torch.bool).tril())
        assert found.dtype == kind
        assert found.numpy() == pytest.approx(rollout(weights, np.tri(5) > 0), abs=1e-6)


class TestReceptiveField:
    def test_even_attention_comes_out_even(self) -> None:
        even = np.tri(6) / np.arange(1, 7)[:, None]
        weights = np.broadcast_to(even, (3, 2, 6, 6))
        assert rollout(weights, np.tri(6) > 0) == pytest.approx(np.broadcast_to(even, (3, 6, 6)))
        # Without it, the first token has most although no head prefers it.
        assert rollout(weights)[2, 5, 0] > 2 * rollout(weights)[2, 5, 4]

    def test_even_attention_that_lost_mass_comes_out_even_too(self) -> None:
        even = 0.4 * np.tri(6) / np.arange(1, 7)[:, None]
        found = rollout(np.broadcast_to(even, (3, 2, 6, 6)), np.tri(6) > 0)
        assert found[2] == pytest.approx(even / 0.4)

    def test_of_two_layers_by_hand(self) -> None:
        # Even rows with residual: [.25, .75] below; .25 x 1 + .75 x .25 = .4375 and .75^2 = .5625 above.
        ratios = np.array([0.4 / 0.4375, 0.6 / 0.5625])
        assert rollout(TWO, np.tri(3) > 0)[1, 1, :2] == pytest.approx(ratios / ratios.sum())

    @given(seeds, layers, tokens)
    def test_windows_of_each_layer_count(self, seed: int, depth: int, size: int) -> None:
        visible = np.stack([windowed(layer, size) for layer in range(depth)])
        weights = random_weights(seed, depth, 2, size, size) * visible[:, None]
        weights /= weights.sum(axis=-1, keepdims=True)
        found = rollout(weights, visible)
        assert found.sum(axis=-1) == pytest.approx(np.ones((depth, size)))
        reached = np.eye(size)
        for layer in range(depth):
            reached = visible[layer].astype(float) @ reached
            assert (found[layer][reached == 0] == 0).all()
        even = np.stack([mask / mask.sum(axis=-1, keepdims=True) for mask in visible])[:, None]
        within = rollout(even, visible)[-1]
        assert within == pytest.approx((reached > 0) / (reached > 0).sum(axis=-1, keepdims=True))

    def test_a_naive_loop_agrees(self) -> None:
        weights = random_weights(7, 3, 2, 5, 5, causal=True)
        even = np.tri(5) / np.arange(1, 6)[:, None]
        through, chance = np.eye(5), np.eye(5)
        for layer in range(3):
            through = (weights[layer].mean(axis=0) / 2 + np.eye(5) / 2) @ through
            chance = (even / 2 + np.eye(5) / 2) @ chance
        for i in range(5):
            ratios = [through[i, j] / chance[i, j] for j in range(i + 1)]
            naive = [ratio / sum(ratios) for ratio in ratios]
            assert rollout(weights, np.tri(5) > 0)[2, i, : i + 1] == pytest.approx(naive)


def test_parts() -> None:
    assert evenly(np.array([[[[0.0, 0.5]]], [[[1.0, 0.0]]]]), np.array([[True, True]]))[:, 0, 0].tolist() == [
        [0.25, 0.25],
        [0.5, 0.5],
    ]
    assert over_even(np.array([[1.0, 1.0]]), np.array([[0.0, 0.0]])).tolist() == [[0.0, 0.0]]
    assert shares(np.array([[2.0, 2.0], [0.0, 0.0]])).tolist() == [[0.5, 0.5], [0.0, 0.0]]
