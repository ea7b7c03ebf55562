"""Means and deviations of what comes in pieces."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.moments import Moments
from tests.analysis.weights import seeds


def test_nothing_has_neither() -> None:
    assert np.isnan(Moments.none(2).means).all()
    assert np.isnan(Moments.none(2).spreads).all()


def test_a_small_spread_far_from_zero_is_kept() -> None:
    moments = Moments.none()
    for piece in ([1e9, 1e9 + 1], [1e9 + 2]):
        moments.add(np.array(piece))
    assert float(moments.means) == 1e9 + 1
    np.testing.assert_allclose(moments.spreads, np.std([0.0, 1.0, 2.0]))


@given(seeds, st.lists(st.integers(0, 30), max_size=20))
def test_pieces_are_as_good_as_the_whole(seed: int, cuts: list[int]) -> None:
    values = np.random.default_rng(seed).normal(3.0, 2.0, size=(2, 3, 30))
    moments = Moments.none(2, 3)
    for piece in np.split(values, sorted(cuts), axis=-1):
        moments.add(piece)
    np.testing.assert_allclose(moments.means, values.mean(axis=-1))
    np.testing.assert_allclose(moments.spreads, values.std(axis=-1))


@given(seeds, st.integers(1, 6), st.sampled_from([0.0, 1e6]))
def test_what_is_no_number_does_not_count(seed: int, parts: int, far: float) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 12)) + far
    values[0, :5] = np.nan
    moments = Moments.none(2)
    for some in np.array_split(values, parts, axis=1):
        moments.add(some)
    np.testing.assert_allclose(moments.means, np.nanmean(values, axis=1), rtol=1e-12)
    np.testing.assert_allclose(moments.spreads, np.nanstd(values, axis=1), rtol=1e-7, atol=1e-12)


def test_numbers_of_some_series_leave_the_others_alone() -> None:
    moments = Moments.none(3)
    moments.add(np.array([[1.0, 3.0], [5.0, 5.0]]), (np.array([2, 0]),))
    np.testing.assert_array_equal(moments.means, [5.0, np.nan, 2.0])
    np.testing.assert_array_equal(moments.spreads, [0.0, np.nan, 1.0])


def test_half_precise_numbers_are_added_up_exactly() -> None:
    values = np.full(3000, 0.1, dtype=np.float16)
    moments = Moments.none()
    moments.add(values)
    assert float(moments.means) == float(values[0])
