"""Every measure over rows three ways: a closed form, a property, a naive loop; and the same on torch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given

from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.measures.entropy import breadth, entropy
from tests.analysis.weights import random_weights, seeds, sizes

UNIFORM_CAUSAL = np.tri(8) / np.arange(1, 9)[:, None]


class TestEntropy:
    def test_closed_forms(self) -> None:
        assert entropy(np.full((1, 8), 1 / 8)) == pytest.approx([3.0])
        assert entropy(np.eye(4)) == pytest.approx([0.0] * 4)
        assert entropy(UNIFORM_CAUSAL) == pytest.approx([math.log2(i + 1) for i in range(8)])

    @given(seeds, sizes)
    def test_the_order_of_keys_changes_nothing(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        shuffled = weights[:, np.random.default_rng(seed).permutation(size)]
        assert entropy(weights) == pytest.approx(entropy(shuffled))
        assert (entropy(weights) <= math.log2(size) + 1e-9).all()

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size, causal=True)
        naive = [-sum(w * math.log2(w) for w in row if w > 0) for row in weights]
        assert entropy(weights) == pytest.approx(naive, abs=1e-12)


class TestBreadth:
    def test_closed_forms(self) -> None:
        assert breadth(np.array([[0.1, 0.2, 0.3, 0.4]])) == pytest.approx([3.596], abs=5e-4)
        assert breadth(np.eye(3)) == pytest.approx([1.0] * 3)

    @given(seeds, sizes)
    def test_it_lies_between_the_inverse_of_the_squares_and_the_number_of_keys(
        self, seed: int, size: int
    ) -> None:
        weights = random_weights(seed, size, size)
        inverse = 1 / (weights**2).sum(axis=-1)
        assert (inverse >= 1 - 1e-9).all()
        assert (breadth(weights) >= inverse - 1e-9).all()
        assert (breadth(weights) <= size + 1e-9).all()

    @given(seeds, sizes)
    def test_a_naive_product_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        naive = [math.prod(w**-w for w in row if w > 0) for row in weights]
        assert breadth(weights) == pytest.approx(naive)


class TestDistance:
    def test_closed_forms(self) -> None:
        assert distance(UNIFORM_CAUSAL).mean() == pytest.approx(1.75)
        assert distance(np.full((8, 8), 1 / 8)).mean() == pytest.approx(2.625)
        assert distance(np.zeros((1, 3))) == pytest.approx([0.0])

    @given(seeds, sizes)
    def test_what_a_row_keeps_back_changes_nothing(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        assert distance(weights / 3) == pytest.approx(distance(weights))

    @given(seeds, sizes)
    def test_a_naive_loop_agrees_for_rows_of_a_longer_text(self, seed: int, size: int) -> None:
        weights = random_weights(seed, 2, size, size + 3)
        naive = [
            [sum(w * abs(3 + i - j) for j, w in enumerate(row)) for i, row in enumerate(head)]
            for head in weights
        ]
        assert distance(weights, start=3) == pytest.approx(np.array(naive))


class TestDivergence:
    def test_closed_forms(self) -> None:
        assert divergence(np.eye(2), np.eye(2)[::-1]) == pytest.approx([1.0, 1.0])
        half = np.array([[0.5, 0.5]])
        # H(3/4, 1/4) - (H(1) + H(1/2, 1/2)) / 2
        assert divergence(np.array([[1.0, 0.0]]), half) == pytest.approx([0.81127812 - 0.5])

    def test_mass_kept_back_is_a_difference(self) -> None:
        assert divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])) == pytest.approx([1.0])

    @given(seeds, sizes)
    def test_it_is_symmetric_and_zero_on_itself(self, seed: int, size: int) -> None:
        first, second = random_weights(seed, 2, size, size)
        assert divergence(first, second) == pytest.approx(divergence(second, first))
        assert divergence(first, first) == pytest.approx(np.zeros(size), abs=1e-12)
        assert (divergence(first, second) <= 1).all()

    @given(seeds, sizes)
    def test_the_mean_of_two_naive_relative_entropies_agrees(self, seed: int, size: int) -> None:
        first, second = random_weights(seed, 2, size, size, causal=True)

        def relative(p: np.ndarray, q: np.ndarray) -> float:
            return sum(a * math.log2(a / b) for a, b in zip(p, q, strict=True) if a > 0)

        naive = [
            (relative(p, (p + q) / 2) + relative(q, (p + q) / 2)) / 2
            for p, q in zip(first, second, strict=True)
        ]
        assert divergence(first, second) == pytest.approx(naive, abs=1e-9)


@pytest.mark.parametrize("measure", [entropy, breadth, distance])
def test_a_measure_is_the_same_on_torch(measure: object) -> None:
    weights = random_weights(0, 3, 7, 7)
    measured = measure(torch.tensor(weights))  # type: ignore[operator]
    assert isinstance(measured, torch.Tensor)
    assert measured.numpy() == pytest.approx(measure(weights))  # type: ignore[operator]


def test_divergence_is_the_same_on_torch() -> None:
    first, second = random_weights(0, 2, 3, 7, 7)
    measured = divergence(torch.tensor(first), torch.tensor(second))
    assert measured.numpy() == pytest.approx(divergence(first, second))


@pytest.mark.parametrize("measure", [entropy, breadth, distance])
def test_a_block_of_rows_gives_the_rows_of_the_whole(measure: object) -> None:
    weights = random_weights(1, 4, 9, 9)
    whole = measure(weights)  # type: ignore[operator]
    block = weights[:, 5:8]
    part = measure(block, start=5) if measure is distance else measure(block)  # type: ignore[operator]
    assert part == pytest.approx(whole[:, 5:8])
