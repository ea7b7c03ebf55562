import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnviz.render.terminal.pooling import pool, starts


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_pooling_is_the_maximum_of_what_a_naive_loop_finds(rows, columns, data):
    weights = np.random.default_rng(0).random((rows, columns))
    weights[data.draw(st.integers(0, rows - 1)), :] = np.nan
    kept = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    pooled = pool(weights, *kept)
    down, across = ([*starts(n, k), n] for n, k in zip((rows, columns), kept, strict=True))
    for i in range(kept[0]):
        for j in range(kept[1]):
            cell = weights[down[i] : down[i + 1], across[j] : across[j + 1]]
            expected = np.nan if np.isnan(cell).all() else np.nanmax(cell)
            np.testing.assert_equal(pooled[i, j], expected)


@given(st.integers(1, 500), st.data())
def test_runs_are_even(count, data):
    runs = data.draw(st.integers(1, count))
    lengths = np.diff([*starts(count, runs), count])
    assert lengths.sum() == count
    assert lengths.min() >= 1
    assert lengths.max() - lengths.min() <= 1
