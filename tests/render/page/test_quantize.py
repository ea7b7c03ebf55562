"""Weights in bytes: what is read back, and how far it may be off."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from attnviz.render.page.quantize import ERROR, as_levels, as_shares

weights = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=3, max_side=9),
    elements=st.floats(0, 1, width=32, allow_subnormal=True),
)
vectors = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=3, max_side=9),
    elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=True),
)


def read_back(found):
    """As the program does: in doubles, then kept as float32."""
    return (found.levels * (found.maxima[..., None].astype(np.float64) / 255)).astype(np.float32)


def test_levels_are_even_steps_to_the_largest():
    found = as_levels(np.array([[0.5, 0.25, 0.125, 0.0]], np.float32))
    assert found.levels.tolist() == [[255, 128, 64, 0]]
    assert found.maxima.tolist() == [0.5]


def test_every_level_reads_back_as_itself():
    steps = np.arange(256, dtype=np.float64) / 255
    assert as_levels(steps.astype(np.float32)).levels.tolist() == list(range(256))


def test_rows_of_zeros_stay_zeros():
    found = as_levels(np.zeros((2, 3), np.float32))
    assert not found.levels.any()
    assert not found.maxima.any()


@given(weights)
def test_the_error_is_at_most_a_255th_of_the_rows_largest(rows):
    found = as_levels(rows)
    allowed = rows.max(axis=-1, keepdims=True).astype(np.float64) / 255
    assert (np.abs(read_back(found).astype(np.float64) - rows) <= allowed).all()


@given(weights)
def test_the_error_is_what_the_page_states(rows):
    rows = np.where(rows < 1e-30, 0, rows).astype(np.float32)  # of the smallest numbers float32 has few
    off = np.abs(read_back(as_levels(rows)).astype(np.float64) - rows)
    assert (off <= ERROR * rows.max(axis=-1, keepdims=True)).all()


@given(weights)
def test_the_largest_of_a_row_is_exact_and_the_order_stays(rows):
    read = read_back(as_levels(rows))
    assert np.array_equal(read.max(axis=-1), rows.max(axis=-1))
    order = np.argsort(rows, axis=-1, kind="stable")
    assert (np.diff(np.take_along_axis(read, order, -1), axis=-1) >= 0).all()


@given(weights)
def test_levels_are_those_of_plain_arithmetic(rows):
    found = as_levels(rows)
    for place in np.ndindex(rows.shape):
        largest = float(rows[place[:-1]].max())
        exact = 255 * float(rows[place]) / largest if largest else 0.0
        assert abs(int(found.levels[place]) - exact) <= 0.5 + 1e-4


def test_a_row_of_very_many_keys_keeps_its_bound():
    row = np.random.default_rng(0).dirichlet(np.full(200_000, 0.01)).astype(np.float32)
    assert np.abs(read_back(as_levels(row)) - row).max() <= ERROR * row.max()


@given(vectors)
def test_vectors_are_off_by_half_a_step_of_their_largest(rows):
    found = as_shares(rows)
    largest = np.abs(rows).max(axis=-1, keepdims=True).astype(np.float64)
    read = found.shares * largest / 32767
    # Of the smallest float32 there are no finer steps to tell apart.
    allowed = largest / 65534 * 1.01 + np.where(largest < 1e-30, largest / 65534, 0)
    assert (np.abs(read - rows) <= allowed).all()
    assert np.array_equal(found.maxima, largest[..., 0].astype(np.float32))
