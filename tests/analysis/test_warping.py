"""The cheapest way through a matrix: closed form, properties, a naive recursion, and a library's own."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnviz.analysis.warping import warp

costs = arrays(
    np.float64, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.floats(-5, 5, width=32)
)


def naive(cost):
    """The least total cost, by recursion over the last step."""

    @cache
    def total(i, j):
        if i == j == 0:
            return cost[0, 0]
        before = [total(a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
        return cost[i, j] + min(before)

    return total(cost.shape[0] - 1, cost.shape[1] - 1)


def test_a_cheap_diagonal_is_the_way():
    rows, columns = warp(1 - np.eye(6))
    assert rows.tolist() == columns.tolist() == list(range(6))


def test_a_row_stays_as_long_as_its_columns_are_cheap():
    cost = np.ones((3, 9))
    for row, (start, stop) in enumerate([(0, 4), (4, 5), (5, 9)]):
        cost[row, start:stop] = 0
    rows, columns = warp(cost)
    assert rows.tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2]
    assert columns.tolist() == list(range(9))


@given(costs)
def test_it_goes_from_corner_to_corner_one_step_at_a_time(cost):
    rows, columns = warp(cost)
    assert (rows[0], columns[0]) == (0, 0)
    assert (rows[-1] + 1, columns[-1] + 1) == cost.shape
    steps = set(zip(np.diff(rows).tolist(), np.diff(columns).tolist(), strict=True))
    assert steps <= {(1, 1), (1, 0), (0, 1)}


@given(costs)
def test_no_way_costs_less(cost):
    assert cost[warp(cost)].sum() == pytest.approx(naive(cost), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_way_of_the_library_that_whisper_is_run_with(seed):
    whisper = pytest.importorskip("transformers.models.whisper.generation_whisper")
    cost = np.random.default_rng(seed).normal(size=(3 + 4 * seed, 40))
    for ours, theirs in zip(warp(cost), whisper._dynamic_time_warping(cost), strict=True):
        assert ours.tolist() == theirs.tolist()
