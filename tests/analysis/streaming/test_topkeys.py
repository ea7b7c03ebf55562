"""The keys each query reads most, held against sorting every row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.analysis.streaming import gathered, topkeys
from attnviz.analysis.streaming.topkeys import Top, TopKeys, bytes_of, largest
from attnviz.errors import CaptureFailed
from attnviz.frame import frame_of
from attnviz.record import Attention
from tests.analysis.streaming.squares import LIBRARIES, square, streamed


def sorted_rows(record: Attention, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The plain definition: sort each row, of equal weights the earlier key first."""
    order = np.argsort(-record.weights, axis=-1, kind="stable")[..., :k]
    weights = np.take_along_axis(record.weights, order, axis=-1)
    return np.where(weights > 0, order, -1), weights


def top_of(record: Attention, k: int, **how: object) -> Top:
    observer = TopKeys(frame_of(record), k)
    for block in streamed(record, **how):
        observer.update(block)
    return observer.result()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize(
    "record",
    [
        square(1),
        square(7, causal=True),
        square(513, causal=True, window=100),
        square(700, causal=True),
        square(9, 1100),
        square(5, 3),
    ],
    ids=repr,
)
def test_every_way_to_stream_gives_what_sorting_gives(record: Attention, library: str, *, cut: bool) -> None:
    top = top_of(record, 4, rows=37, library=library, cut=cut)
    positions, weights = sorted_rows(record, 4)
    assert np.array_equal(top.positions, positions)
    assert np.array_equal(top.weights, weights)
    assert (top.positions.dtype, top.weights.dtype) == (np.int32, np.float32)


@settings(max_examples=60)
@given(
    weights=st.lists(st.sampled_from([0.0, 0.1, np.nextafter(0.1, 1, dtype=np.float32), 0.2]), min_size=1),
    repeated=st.integers(1, 40),
    k=st.integers(1, 9),
    library=st.sampled_from(sorted(LIBRARIES)),
)
def test_equal_weights_come_in_the_order_of_the_text(
    weights: list[float], repeated: int, k: int, library: str
) -> None:
    row = np.tile(np.array(weights, dtype=np.float32), repeated)[None, None]
    k = min(k, row.shape[-1])
    found, positions = largest(LIBRARIES[library](row), k)
    order = np.argsort(-row[0, 0], kind="stable")[:k]
    some = row[0, 0, order] > 0
    assert np.asarray(positions)[0, 0][some].tolist() == order[some].tolist()
    assert np.asarray(found)[0, 0].tolist() == row[0, 0, order].tolist()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("keys", [2**17, 2**17 + 1])
def test_neighbouring_numbers_far_apart_are_told_apart(keys: int, library: str) -> None:
    row = np.full(keys, np.nextafter(np.float32(1), np.float32(0)), dtype=np.float32)
    row[-1] = 1.0
    _, positions = largest(LIBRARIES[library](row[None, None]), 3)
    assert np.asarray(positions)[0, 0].tolist() == [keys - 1, 0, 1]


def test_half_precision_is_ranked_as_what_it_is() -> None:
    weights = torch.softmax(torch.randn(2, 3, 2000, generator=torch.manual_seed(0)) * 4, -1).bfloat16()
    found, positions = largest(weights, 8)
    wide = weights.float().numpy()
    order = np.argsort(-wide, axis=-1, kind="stable")[..., :8]
    assert np.array_equal(positions, order)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.take_along_axis(wide, order, axis=-1))


def test_a_query_that_sees_fewer_keys_has_no_more() -> None:
    top = top_of(square(6, causal=True), 4)
    assert top.positions[0, 0, 1, 2:].tolist() == [-1, -1]
    assert top.weights[0, 0, 1, 2:].tolist() == [0.0, 0.0]
    assert (top.positions[0, 0, 5] >= 0).all()


def test_blocks_come_in_any_order_of_heads_and_layers() -> None:
    record = square(40, causal=True)
    blocks = list(streamed(record, rows=9, heads=1))
    observer = TopKeys(frame_of(record), 3)
    for block in sorted(blocks, key=lambda block: (block.start, -block.first_head, -block.layer)):
        observer.update(block)
    assert observer.result() == top_of(record, 3)


def test_layers_keep_their_own_numbers() -> None:
    record = replace(square(6), layers=(3, 9), heads=(1, 4, 5))
    assert top_of(record, 2) == top_of(square(6), 2)


def test_rows_that_never_came_are_missed() -> None:
    record = square(12)
    observer = TopKeys(frame_of(record), 3)
    for block in list(streamed(record, rows=6, heads=3))[:-1]:
        observer.update(block)
    with pytest.raises(CaptureFailed, match="rows of L1H0: got 6, allowed 12"):
        observer.result()


def test_what_it_takes_is_known_beforehand() -> None:
    top = top_of(square(20, causal=True), 5)
    assert bytes_of(frame_of(square(20)), 5) == top.positions.nbytes + top.weights.nbytes


def test_two_results_differ_if_a_weight_does() -> None:
    top = top_of(square(6), 2)
    assert top == Top(top.positions.copy(), top.weights.copy())
    assert top != Top(top.positions, top.weights / 2)
    assert top != "top"
    assert repr(top) == "Top(2 keys of each of 6 queries: 2 layers, 3 heads)"


def test_on_another_device_nothing_comes_to_numpy_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gathered, topkeys):
        monkeypatch.setattr(module, "is_on_host", lambda array: isinstance(array, np.ndarray))
    record = square(513, causal=True, window=100)
    observer = TopKeys(frame_of(record), 2)
    for block in streamed(record, rows=100, library="torch", cut=True):
        observer.update(block)
    assert isinstance(observer._weights, torch.Tensor)
    assert np.array_equal(observer.result().positions, sorted_rows(record, 2)[0])
