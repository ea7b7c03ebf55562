"""Means and deviations of what comes in pieces."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.spread import Spread


def test_nothing_has_neither() -> None:
    assert np.isnan(Spread((2,)).mean).all()
    assert np.isnan(Spread((2,)).deviation).all()


def test_a_small_spread_far_from_zero_is_kept() -> None:
    spread = Spread()
    for piece in ([1e9, 1e9 + 1], [1e9 + 2]):
        spread.add(np.array(piece))
    assert float(spread.mean) == 1e9 + 1
    np.testing.assert_allclose(spread.deviation, np.std([0.0, 1.0, 2.0]))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 30), max_size=20))
def test_pieces_are_as_good_as_the_whole(seed: int, cuts: list[int]) -> None:
    values = np.random.default_rng(seed).normal(3.0, 2.0, size=(2, 3, 30))
    spread = Spread((2, 3))
    for piece in np.split(values, sorted(cuts), axis=-1):
        spread.add(piece)
    np.testing.assert_allclose(spread.mean, values.mean(axis=-1))
    np.testing.assert_allclose(spread.deviation, values.std(axis=-1))
