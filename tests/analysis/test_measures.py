"""Measures of how a row spreads its mass, each three ways: a closed form, a property, a naive loop."""

import math

import numpy as np
import pytest
from hypothesis import given

from attnviz.analysis.measures.confidence import confidence
from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.measures.entropy import breadth, entropy, participation, relative_entropy
from attnviz.analysis.measures.gini import gini
from tests.analysis.weights import random_weights, seeds, sizes

UNIFORM_CAUSAL = np.tri(8) / np.arange(1, 9)[:, None]
STEPS = np.array([[0.1, 0.2, 0.3, 0.4]])


def shuffled(weights: np.ndarray, seed: int) -> np.ndarray:
    return weights[:, np.random.default_rng(seed).permutation(weights.shape[-1])]


class TestEntropy:
    def test_closed_forms(self) -> None:
        assert entropy(np.full((1, 8), 1 / 8)) == pytest.approx([3.0])
        assert entropy(np.eye(4)) == pytest.approx([0.0] * 4)
        assert entropy(UNIFORM_CAUSAL) == pytest.approx([math.log2(i + 1) for i in range(8)])

    @given(seeds, sizes)
    def test_the_order_of_keys_changes_nothing(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        assert entropy(weights) == pytest.approx(entropy(shuffled(weights, seed)))
        assert (entropy(weights) <= math.log2(size) + 1e-9).all()

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size, causal=True)
        naive = [-sum(w * math.log2(w) for w in row if w > 0) for row in weights]
        assert entropy(weights) == pytest.approx(naive, abs=1e-12)


class TestRelativeEntropy:
    def test_closed_forms(self) -> None:
        seen = np.arange(1, 9)
        assert relative_entropy(UNIFORM_CAUSAL, seen)[1:] == pytest.approx([1.0] * 7)
        assert relative_entropy(np.eye(4), np.full(4, 4)) == pytest.approx([0.0] * 4)
        assert relative_entropy(np.array([[0.5, 0.5, 0.0, 0.0]]), np.array([4])) == pytest.approx([0.5])

    def test_of_two_keys_a_row_may_exceed_one_where_its_mass_is_below(self) -> None:
        most = relative_entropy(np.array([[1 / math.e, 1 / math.e]]), np.array([2]))
        assert most == pytest.approx([2 / math.e * math.log2(math.e)])
        assert 1.061 < most[0] < 1.062

    def test_a_query_without_a_choice_has_none(self) -> None:
        assert np.isnan(relative_entropy(np.ones((1, 1)), np.array([1]))).all()

    @given(seeds, sizes)
    def test_it_is_a_share_whatever_the_order_of_keys(self, seed: int, size: int) -> None:
        weights, seen = random_weights(seed, size, size + 1), np.full(size, size + 1)
        shares = relative_entropy(weights, seen)
        assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
        assert shares == pytest.approx(relative_entropy(shuffled(weights, seed), seen))

    @given(seeds, sizes)
    def test_a_naive_loop_in_another_base_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size, causal=True)
        naive = [
            -sum(w * math.log(w) for w in row if w > 0) / math.log(i + 1) if i else math.nan
            for i, row in enumerate(weights)
        ]
        measured = relative_entropy(weights, np.arange(1, size + 1))
        assert measured == pytest.approx(naive, nan_ok=True, abs=1e-12)


class TestBreadth:
    def test_closed_forms(self) -> None:
        assert breadth(STEPS) == pytest.approx([3.596], abs=5e-4)
        assert breadth(np.eye(3)) == pytest.approx([1.0] * 3)

    @given(seeds, sizes)
    def test_it_lies_between_the_inverse_of_the_squares_and_the_number_of_keys(
        self, seed: int, size: int
    ) -> None:
        weights = random_weights(seed, size, size)
        assert (participation(weights) >= 1 - 1e-9).all()
        assert (breadth(weights) >= participation(weights) - 1e-9).all()
        assert (breadth(weights) <= size + 1e-9).all()

    @given(seeds, sizes)
    def test_a_naive_product_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        naive = [math.prod(w**-w for w in row if w > 0) for row in weights]
        assert breadth(weights) == pytest.approx(naive)


class TestParticipation:
    def test_closed_forms(self) -> None:
        assert participation(STEPS) == pytest.approx([10 / 3])
        assert participation(UNIFORM_CAUSAL) == pytest.approx(np.arange(1, 9))
        assert participation(np.zeros((1, 3))) == pytest.approx([0.0])

    @given(seeds, sizes)
    def test_what_a_row_keeps_back_changes_nothing_nor_does_the_order(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        assert participation(weights / 3) == pytest.approx(participation(weights))
        assert participation(shuffled(weights, seed)) == pytest.approx(participation(weights))

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size, causal=True)
        naive = [1 / sum(w * w for w in row) for row in weights]
        assert participation(weights) == pytest.approx(naive)


class TestGini:
    def test_closed_forms(self) -> None:
        assert gini(np.full((2, 5), 0.2)) == pytest.approx([0.0, 0.0])
        assert gini(STEPS) == pytest.approx([0.25])
        assert gini(np.eye(4)) == pytest.approx([0.75] * 4)
        assert gini(np.zeros((1, 3))) == pytest.approx([0.0])

    def test_keys_out_of_sight_do_not_count(self) -> None:
        assert gini(UNIFORM_CAUSAL, np.arange(1, 9)) == pytest.approx([0.0] * 8, abs=1e-12)
        padded = np.pad(STEPS, ((0, 0), (0, 3)))
        assert gini(padded, np.array([4])) == pytest.approx([0.25])

    @given(seeds, sizes)
    def test_neither_the_order_of_keys_nor_the_mass_of_a_row_changes_it(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        assert gini(shuffled(weights, seed)) == pytest.approx(gini(weights))
        assert gini(weights / 3) == pytest.approx(gini(weights), abs=1e-9)
        assert ((gini(weights) >= -1e-9) & (gini(weights) <= (size - 1) / size + 1e-9)).all()

    @given(seeds, sizes)
    def test_the_mean_of_naive_differences_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size, causal=True)
        naive = []
        for i, row in enumerate(weights):
            seen = row[: i + 1]
            naive.append(sum(abs(a - b) for a in seen for b in seen) / (2 * len(seen) * sum(seen)))
        assert gini(weights, np.arange(1, size + 1)) == pytest.approx(naive, abs=1e-9)


class TestConfidence:
    def test_closed_forms(self) -> None:
        assert confidence(np.full((2, 5), 0.2)) == pytest.approx([0.2, 0.2])
        assert confidence(np.eye(3)) == pytest.approx([1.0] * 3)
        assert confidence(np.eye(3), np.array([False, False, True])) == pytest.approx([1.0, 1.0, 0.0])
        assert confidence(np.eye(2), np.array([True, True])) == pytest.approx([0.0, 0.0])

    @given(seeds, sizes)
    def test_it_lies_between_an_even_share_and_one(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        assert ((confidence(weights) >= 1 / size - 1e-9) & (confidence(weights) <= 1)).all()
        assert confidence(shuffled(weights, seed)) == pytest.approx(confidence(weights))

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        excluded = np.random.default_rng(seed).random(size) < 0.5
        naive = [max([0.0, *(w for j, w in enumerate(row) if not excluded[j])]) for row in weights]
        assert confidence(weights, excluded).tolist() == naive


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
