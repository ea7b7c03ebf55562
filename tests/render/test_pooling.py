from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.render.pooling import pool, starts


def test_by_hand():
    square = np.array([[0.1, 0.9, 0.0], [0.2, 0.3, np.nan], [np.nan, 0.0, np.nan]])
    np.testing.assert_array_equal(pool(square, 2, 2), [[0.1, 0.9], [0.2, 0.3]])


def test_what_nobody_sees_stays_unseen():
    assert np.isnan(pool(np.full((4, 4), np.nan), 2, 2)).all()


def test_all_rows_and_columns_are_kept_as_they_are():
    square = np.random.default_rng(0).random((2, 5, 7))
    np.testing.assert_array_equal(pool(square, 5, 7), square)


@given(st.integers(1, 30), st.data())
def test_equal_to_a_loop(count, data):
    runs = data.draw(st.integers(1, count))
    row = np.random.default_rng(count).random((1, count))
    cuts = [*starts(count, runs), count]
    expected = [row[0, first:last].max() for first, last in pairwise(cuts)]
    assert pool(row, 1, runs)[0] == pytest.approx(expected)
