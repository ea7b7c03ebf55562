"""A record without its weights, and a record as blocks."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.errors import RequestError
from attnviz.frame import Frame, blocks_of, frame_of
from attnviz.record import Attention, Pooling, from_arrays
from tests.analysis.records import records


@given(records())
def test_a_frame_says_what_its_record_says(record: Attention) -> None:
    frame = frame_of(record)
    assert frame.head_ids == record.head_ids
    assert all(getattr(frame, field.name) is getattr(record, field.name) for field in fields(Frame))


@given(records(), st.integers(1, 9), st.integers(1, 2), st.booleans())
def test_blocks_hold_every_row_of_every_head_once(
    record: Attention, rows: int, heads: int, side_by_side: bool
) -> None:
    weights = np.full_like(record.weights, np.nan)
    starts = []
    for block in blocks_of(record, rows=rows, heads=heads, side_by_side=side_by_side):
        starts.append(block.start)
        place = record.layers.index(block.layer)
        many, count, _ = block.weights.shape
        cells = (
            place,
            slice(block.first_head, block.first_head + many),
            slice(block.start, block.start + count),
        )
        assert np.isnan(weights[cells]).all()
        weights[cells] = block.weights
        np.testing.assert_array_equal(
            block.visible(), record.visible(block.layer)[block.start : block.start + count]
        )
    np.testing.assert_array_equal(weights, record.weights)
    assert not side_by_side or starts == sorted(starts)


def test_blocks_of_a_long_record_stay_small() -> None:
    queries = 3000
    weights = np.zeros((1, 2, queries, queries), np.float32)
    weights[..., 0] = 1
    sizes = [block.weights.size for block in blocks_of(from_arrays(weights, ["a"] * queries))]
    assert max(sizes) <= 2**18
    assert sum(sizes) == pytest.approx(weights.size)


def test_cells_of_many_weights_are_taken_for_no_weights() -> None:
    record = from_arrays(np.full((1, 2, 4, 4), 0.9 * np.eye(4)), list("abcd"))
    pooled = replace(record, pooling=Pooling("maximum", 16, 16))
    for ask in (
        attnviz.focus,
        attnviz.measure,
        attnviz.compare,
        attnviz.rank,
        attnviz.find_patterns,
        lambda one: attnviz.contrast(one, record),
        lambda one: attnviz.contrast(record, one),
        lambda one: attnviz.view(one, "rollout"),
    ):
        with pytest.raises(RequestError, match="single weights are needed: got a pooled record"):
            ask(pooled)
