"""Masses on keys, cells and offsets, each three ways: a closed form, a property, a naive loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.measures.copying import (
    behind_earlier_equals,
    earlier_equals,
    induction_mass,
    same_token_mass,
)
from attnviz.analysis.measures.masses import cell_mass, key_mass, offset_mass, over_chance
from attnviz.analysis.measures.sinks import sink_rate
from tests.analysis.weights import random_weights, seeds, sizes

REPEATED = np.array([0, 1, 2, 3, 1, 2, 3])
shares = st.floats(0, 1)


def random_cells(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < 0.4


class TestKeyMass:
    def test_closed_forms(self) -> None:
        assert key_mass(np.full((3, 10), 0.1), np.arange(10) < 4) == pytest.approx([0.4] * 3)
        causal = np.tri(64) / np.arange(1, 65)[:, None]
        harmonic = sum(1 / i for i in range(1, 65))
        assert key_mass(causal, np.arange(64) == 0).mean() == pytest.approx(harmonic / 64)

    @given(seeds, sizes)
    def test_a_set_and_all_other_keys_share_the_mass(self, seed: int, size: int) -> None:
        weights, keys = random_weights(seed, size, size), random_cells(seed, size)
        assert key_mass(weights, keys) + key_mass(weights, ~keys) == pytest.approx(np.ones(size))

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights, keys = random_weights(seed, 2, size, size), random_cells(seed, size)
        naive = [[sum(w for w, k in zip(row, keys, strict=True) if k) for row in head] for head in weights]
        assert key_mass(weights, keys) == pytest.approx(np.array(naive))


class TestCellMass:
    def test_closed_forms(self) -> None:
        assert cell_mass(np.eye(4), np.eye(4) > 0) == pytest.approx([1.0] * 4)
        assert cell_mass(np.eye(4), np.eye(4) == 0) == pytest.approx([0.0] * 4)

    @given(seeds, sizes)
    def test_columns_are_keys(self, seed: int, size: int) -> None:
        weights, keys = random_weights(seed, size, size), random_cells(seed, size)
        assert cell_mass(weights, np.tile(keys, (size, 1))) == pytest.approx(key_mass(weights, keys))

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights, cells = random_weights(seed, 2, size, size), random_cells(seed, size, size)
        naive = [
            [sum(head[i, j] for j in range(size) if cells[i, j]) for i in range(size)] for head in weights
        ]
        assert cell_mass(weights, cells) == pytest.approx(np.array(naive))


class TestOffsetMass:
    def test_closed_forms(self) -> None:
        shifted = np.eye(5, k=-1) + np.diag([1, 0, 0, 0, 0])
        assert offset_mass(shifted, -1).mean() == pytest.approx(0.8)
        assert offset_mass(shifted, 0).tolist() == [1, 0, 0, 0, 0]
        assert offset_mass(np.eye(3), 0).tolist() == [1, 1, 1]
        assert offset_mass(np.eye(3, k=1), 1).tolist() == [1, 1, 0]
        assert offset_mass(np.ones((2, 2)), 5).tolist() == offset_mass(np.ones((2, 2)), -5).tolist() == [0, 0]

    @given(seeds, sizes)
    def test_all_offsets_share_the_mass(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        whole = sum(offset_mass(weights, steps) for steps in range(-size, size + 1))
        assert whole == pytest.approx(np.ones(size))

    @given(seeds, sizes, st.integers(-10, 10), st.integers(0, 4))
    def test_a_naive_loop_agrees_for_rows_of_a_longer_text(
        self, seed: int, size: int, steps: int, start: int
    ) -> None:
        weights = random_weights(seed, 2, size, size + 3)
        naive = [
            [
                row[start + i + steps] if 0 <= start + i + steps < len(row) else 0.0
                for i, row in enumerate(head)
            ]
            for head in weights
        ]
        assert offset_mass(weights, steps, start).tolist() == np.array(naive).tolist()


class TestOverChance:
    def test_closed_forms(self) -> None:
        diagonal = np.eye(4) > 0
        assert over_chance(np.eye(4), diagonal, np.ones((4, 4)) > 0) == pytest.approx([0.75] * 4)
        assert over_chance(np.eye(4), diagonal, np.tri(4) > 0) == pytest.approx([0, 1 / 2, 2 / 3, 3 / 4])

    @given(seeds, sizes, shares)
    def test_evenly_spread_mass_is_chance_for_any_pattern(self, seed: int, size: int, mass: float) -> None:
        visible, cells = random_cells(seed, size, size), random_cells(seed + 1, size, size)
        even = mass * visible / np.maximum(visible.sum(axis=-1, keepdims=True), 1)
        assert over_chance(even, cells, visible) == pytest.approx(np.zeros(size), abs=1e-12)

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights, cells = random_weights(seed, size, size, causal=True), random_cells(seed, size, size)
        visible = np.tri(size) > 0
        naive = []
        for i in range(size):
            wanted = [j for j in range(i + 1) if cells[i, j]]
            naive.append(sum(weights[i, j] for j in wanted) - len(wanted) / (i + 1) * weights[i].sum())
        assert over_chance(weights, cells, visible) == pytest.approx(naive)


class TestSameToken:
    def test_closed_forms(self) -> None:
        assert np.argwhere(earlier_equals(REPEATED, 7)).tolist() == [[4, 1], [5, 2], [6, 3]]
        assert same_token_mass(np.full((7, 7), 1 / 7), REPEATED) == pytest.approx([0] * 4 + [1 / 7] * 3)

    @given(seeds, sizes)
    def test_only_equality_of_tokens_counts(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        tokens = np.random.default_rng(seed).integers(0, 3, size)
        renamed = np.array([17, 5, 99])[tokens]
        assert same_token_mass(weights, tokens).tolist() == same_token_mass(weights, renamed).tolist()
        assert same_token_mass(weights, np.arange(size)).tolist() == [0.0] * size

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        tokens = np.random.default_rng(seed).integers(0, 3, size)
        naive = [sum(weights[i, j] for j in range(i) if tokens[i] == tokens[j]) for i in range(size)]
        assert same_token_mass(weights, tokens) == pytest.approx(naive)


class TestInduction:
    def test_closed_forms(self) -> None:
        assert np.argwhere(behind_earlier_equals(REPEATED, 7)).tolist() == [[4, 2], [5, 3], [6, 4]]
        assert induction_mass(np.full((7, 7), 1 / 7), REPEATED) == pytest.approx([0] * 4 + [1 / 7] * 3)
        assert induction_mass(np.eye(3), np.zeros(3, dtype=int)).tolist() == [0.0, 1.0, 1.0]

    @given(seeds, sizes)
    def test_it_is_the_same_token_a_step_to_the_left(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        tokens = np.random.default_rng(seed).integers(0, 3, size)
        moved = np.roll(weights, -1, axis=-1)
        moved[:, -1] = 0
        assert induction_mass(weights, tokens) == pytest.approx(same_token_mass(moved, tokens))

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, size, size)
        tokens = np.random.default_rng(seed).integers(0, 3, size)
        naive = [
            sum(weights[i, j] for j in range(1, i + 1) if tokens[j - 1] == tokens[i]) for i in range(size)
        ]
        assert induction_mass(weights, tokens) == pytest.approx(naive)


class TestSinkRate:
    def test_closed_forms(self) -> None:
        to_first, even = np.eye(4)[[0] * 4], np.full((4, 4), 0.25)
        assert sink_rate(to_first) == 1.0
        assert sink_rate(np.stack([to_first, even, even, even])) == pytest.approx(0.25)
        assert sink_rate(even, above=0.2) == 1.0

    @given(seeds, sizes)
    def test_a_higher_bound_finds_no_more(self, seed: int, size: int) -> None:
        weights = random_weights(seed, 2, 3, size, size, causal=True)
        rates = [sink_rate(weights, above) for above in (0.0, 0.3, 0.6, 1.0)]
        assert rates == sorted(rates, reverse=True)
        assert (rates[0], rates[-1]) == (1.0, 0.0)

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights = random_weights(seed, 2, 3, 2, size, size, causal=True)
        found = [sum(row[0] for row in head) / size > 0.3 for head in weights.reshape(-1, size, size)]
        assert sink_rate(weights) == pytest.approx(sum(found) / len(found))
