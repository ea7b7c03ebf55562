"""What is hidden is told apart: later keys, and keys outside a window."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.record import from_arrays
from attnviz.render.hidden import OUTSIDE, as_seen, outside, reasons
from attnviz.render.pooling import pool
from attnviz.selection import HeadId
from tests.render.samples import crossed, fox, window, windowed

FIRST = [HeadId(0, 0)]


def seen_through(mask, *, causal=False):
    """A record of one head whose queries read evenly what a mask leaves."""
    mask = np.asarray(mask, dtype=bool)
    weights = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
    return from_arrays(weights, [str(at) for at in range(len(mask))], causal=causal, visible=mask)


def signs(record):
    """One letter for each cell: a weight, a later key, or one outside a window."""
    (seen,) = as_seen(record, FIRST)
    rows = [["." if np.isfinite(cell) else "o" if cell == OUTSIDE else "l" for cell in row] for row in seen]
    return ["".join(row) for row in rows]


def test_a_window_of_a_causal_model_hides_for_two_reasons():
    assert signs(seen_through(window(4, 2), causal=True)) == [".lll", "..ll", "o..l", "oo.."]


def test_a_window_open_to_both_sides_hides_for_one():
    both = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) < 2
    assert signs(seen_through(both)) == ["..oo", "...o", "o...", "oo.."]


def test_a_prompt_that_sees_all_of_itself_still_hides_what_comes_later():
    prefix = np.tri(4, dtype=bool)
    prefix[:2, :2] = True
    assert signs(seen_through(prefix)) == ["..ll", "..ll", "...l", "...."]
    assert signs(seen_through(prefix & window(4, 3) | np.pad(np.ones((2, 2), bool), (0, 2))))[3] == "o..."


def test_keys_picked_at_random_are_no_later_ones():
    scattered = np.eye(4, dtype=bool)
    scattered[0, 3] = scattered[2, 1] = True
    assert signs(seen_through(scattered)) == [".oo.", "o.oo", "o..o", "ooo."]


def test_rectangles_hide_by_their_mask_alone():
    record = crossed(2, 3)
    mask = np.array([[True, True, False], [True, True, True]])
    assert signs(replace(record, weights=record.weights * mask, sight={0: mask})) == ["..o", "..."]


def test_reasons_are_told_of_the_heads_asked_for():
    record = windowed()
    assert reasons(record, [HeadId(0, 0)]) == (True, True)
    assert reasons(record, [HeadId(1, 0)]) == (True, False)
    assert reasons(fox(), fox().head_ids) == (False, False)


def test_weights_stay_what_they_are():
    for head, seen in zip(windowed().head_ids, as_seen(windowed(), windowed().head_ids), strict=True):
        visible = windowed().visible(head.layer)
        np.testing.assert_array_equal(seen[visible], windowed().head(head)[visible])
        assert not np.isfinite(seen[~visible]).any()


@pytest.mark.filterwarnings("ignore:All-NaN")
@given(st.integers(2, 12), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_a_pooled_cell_is_hidden_only_if_all_of_it_is(count, width, runs, seed):
    runs = min(runs, count)
    mask = window(count, width) & (np.random.default_rng(seed).random((count, count)) < 0.7)
    (seen,) = as_seen(seen_through(mask, causal=True), FIRST)
    pooled = pool(seen, runs, runs)
    edges = [at * count // runs for at in range(runs)] + [count]
    for row in range(runs):
        for column in range(runs):
            cell = seen[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
            visible = cell[np.isfinite(cell)]
            if visible.size:
                assert pooled[row, column] == visible.max()
            else:
                assert outside(pooled)[row, column] == outside(cell).any()
                assert not np.isfinite(pooled[row, column])
