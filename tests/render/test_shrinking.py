"""Few cells for many weights: maxima stay maxima, means stay means, and shortcuts change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.record import Pooling, from_arrays
from attnviz.render.hidden import as_seen
from attnviz.render.pooling import counts_of, pool
from attnviz.render.scales import floor_of, shares, weight_at, written
from attnviz.render.shrunk import shrunk
from attnviz.runs import starts
from tests.render.longer import pooled, pooled_rows, rows_of
from tests.render.samples import fox, windowed


@pytest.mark.parametrize("kind", ["previous token", "sentence", "peaks"])
@pytest.mark.parametrize("tokens", [512, 500])
@pytest.mark.parametrize("cells", [16, 13])
def test_a_mean_of_means_is_the_mean_of_all_that_was_seen(kind, tokens, cells):
    record = pooled("mean", tokens=tokens, cells=64, kinds=(kind,))
    (seen,) = as_seen(record, record.head_ids)
    found = pool(seen, cells, cells, counts_of(record))
    # The same rows, each cell's weights added up at once; runs of runs may be cut elsewhere than runs.
    firsts = starts(tokens, 64)[starts(64, cells)]
    rows, sight = rows_of_all(kind, tokens), np.tri(tokens)
    total, number = (
        np.add.reduceat(np.add.reduceat(square, firsts, 0), firsts, 1) for square in (rows, sight)
    )
    expected = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def rows_of_all(kind, tokens):
    """The square that the record is pooled from, made as its rows come."""
    firsts = starts(tokens, 64)
    stops = [*firsts[1:], tokens]
    return np.concatenate([rows_of(kind, a, b - a, tokens) for a, b in zip(firsts, stops, strict=True)])


def test_counts_are_those_of_visible_weights():
    record = pooled("mean", tokens=300, cells=40, kinds=("even",))
    firsts = starts(300, 40)
    expected = np.add.reduceat(np.add.reduceat(np.tri(300), firsts, 0), firsts, 1)
    np.testing.assert_array_equal(counts_of(record), expected)


def test_only_means_have_counts():
    assert counts_of(pooled("maximum")) is None
    assert counts_of(fox()) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([None, "maximum", "mean"]), st.booleans())
def test_heads_shrunk_together_are_those_shrunk_alone(rows, columns, statistic, causal):
    weights = np.random.default_rng(rows).dirichlet(np.ones(30), size=(2, 3, 30))
    tokens = [str(at) for at in range(30)]
    weights = weights * np.tri(30) if causal else weights
    record = from_arrays(weights, tokens, causal=causal)
    if statistic:
        record = replace(record, pooling=Pooling(statistic, 30, 30))
    counts = counts_of(record)
    alone = [pool(seen, rows, columns, counts) for seen in as_seen(record, record.head_ids)]
    np.testing.assert_allclose([*shrunk(record, record.head_ids, rows, columns)], alone, rtol=1e-5)


def test_windows_keep_their_signs_when_shrunk_together():
    record = windowed(3, 4, 20)
    alone = [pool(seen, 7, 9) for seen in as_seen(record, record.head_ids)]
    np.testing.assert_array_equal([*shrunk(record, record.head_ids, 7, 9)], alone)


def test_only_pooled_records_have_a_floor():
    assert floor_of(fox(), 1.0) == 0
    assert floor_of(pooled(), 1.0) == 1 / 1024
    assert floor_of(pooled("mean"), 0.002) == pytest.approx(0.0002)


@given(st.floats(0, 1), st.floats(1e-6, 1), st.sampled_from([0.0, 1e-3]))
def test_a_share_of_the_scale_is_found_again(share, top, part):
    floor = part * top
    assert shares(weight_at(share, top, floor), top, floor) == pytest.approx(share, abs=1e-9)


def test_what_is_below_the_floor_begins_the_scale():
    assert shares(np.array([0.0, 1e-9, 1e-4]), 0.1, 1e-4).tolist() == [0, 0, 0]


def test_small_weights_are_written_short():
    assert [written(weight) for weight in (0.0, 1.0, 0.25, 1 / 16384)] == ["0", "1", "0.25", "6.1e-5"]


def test_a_pooled_sample_is_what_it_says():
    square = rows_of_all("peaks", 512)
    found = pooled_rows("peaks", "maximum", 512, 64)
    np.testing.assert_allclose(found, square.reshape(64, 8, 64, 8).max(axis=(1, 3)) * np.tri(64))
