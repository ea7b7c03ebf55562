"""Pooled maps, held against cells taken one by one from the whole square."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.streaming import gathered
from attnviz.analysis.streaming.pooling import PoolMaps, bytes_of, fit, run_tokens
from attnviz.errors import BudgetError, CaptureFailed
from attnviz.frame import frame_of
from attnviz.observe import RowBlock
from attnviz.record import Attention, Pooling, Token
from tests.analysis.streaming.squares import LIBRARIES, square, streamed, with_added


def cell_by_cell(record: Attention, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plain definition: maxima and means (layer, head, row, column), and what is seen."""
    queries, keys = len(record.queries), len(record.keys)
    shape = len(record.layers), len(record.heads), min(rows, queries), min(columns, keys)
    maxima, means = np.zeros(shape), np.zeros(shape)
    visible = np.zeros((shape[0], *shape[2:]), dtype=bool)
    for layer, number in enumerate(record.layers):
        for row, column in np.ndindex(shape[2:]):
            some = slice(row * queries // shape[2], (row + 1) * queries // shape[2])
            others = slice(column * keys // shape[3], (column + 1) * keys // shape[3])
            seen = record.visible(number)[some, others]
            if seen.any():
                cell = record.weights[layer, :, some, others][:, seen].astype(np.float64)
                maxima[layer, :, row, column] = cell.max(axis=-1)
                means[layer, :, row, column] = cell.mean(axis=-1)
                visible[layer, row, column] = True
    return maxima, means, visible


def pooled(record: Attention, most: int, columns: int | None = None, **how: object) -> PoolMaps:
    observer = PoolMaps(frame_of(record), most, columns or most)
    for block in streamed(record, **how):
        observer.update(block)
    return observer


def assert_is_pooled(maps: PoolMaps, record: Attention, rows: int, columns: int) -> None:
    maxima, means, visible = cell_by_cell(record, rows, columns)
    assert np.array_equal(maps.maxima().weights, maxima.astype(np.float32))
    np.testing.assert_allclose(maps.means().weights, means, rtol=1e-6, atol=1e-9)
    for place, layer in enumerate(record.layers):
        assert np.array_equal(maps.maxima().visible(layer), visible[place])
        assert np.array_equal(maps.means().visible(layer), visible[place])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize(
    ("record", "rows", "columns"),
    [
        (square(1), 32, 32),
        (square(7), 32, 32),
        (square(7, causal=True), 3, 3),
        (square(513, causal=True), 32, 32),
        (square(513, causal=True), 512, 3),
        (square(513, causal=True), 3, 512),
        (square(700, causal=True), 32, 32),
        (square(640, causal=True, window=90), 32, 32),
        (square(700, window=33, causal=True), 32, 16),
        (square(60, 200), 32, 64),
        (square(300, 45), 32, 32),
        (square(30, 50, causal=True), 8, 16),
    ],
    ids=lambda value: repr(value),
)
def test_cells_are_what_they_stand_for(
    record: Attention, rows: int, columns: int, library: str, *, cut: bool
) -> None:
    maps = pooled(record, rows, columns, rows=37, library=library, cut=cut)
    assert_is_pooled(maps, record, rows, columns)


@settings(max_examples=60)
@given(
    queries=st.integers(1, 40),
    keys=st.integers(1, 40) | st.none(),
    causal=st.booleans(),
    window=st.integers(1, 20) | st.none(),
    cells=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    rows=st.integers(1, 45),
    heads=st.integers(1, 3),
    library=st.sampled_from(sorted(LIBRARIES)),
    cut=st.booleans(),
)
def test_any_square_pools_as_its_cells_do(
    queries: int,
    keys: int | None,
    cells: tuple[int, int],
    rows: int,
    heads: int,
    library: str,
    *,
    causal: bool,
    window: int | None,
    cut: bool,
) -> None:
    keys = max(keys, queries) if keys is not None else None  # every query sees a key
    record = square(queries, keys, causal=causal, window=window, seed=queries)
    maps = pooled(record, *cells, rows=rows, heads=heads, library=library, cut=cut)
    assert_is_pooled(maps, record, *cells)


def test_blocks_come_in_any_order_of_heads_and_layers() -> None:
    record = square(70, causal=True, window=20)
    blocks = list(streamed(record, rows=9, heads=1))
    maps = PoolMaps(frame_of(record), 16, 16)
    for block in sorted(blocks, key=lambda block: (block.start, -block.first_head, -block.layer)):
        maps.update(block)
    assert_is_pooled(maps, record, 16, 16)
    assert maps.maxima() == pooled(record, 16).maxima()


def test_heads_whose_blocks_differ_in_size_look_once_at_each_row() -> None:
    record = square(50, causal=True)
    few, many = (list(streamed(record, rows=rows, heads=1)) for rows in (7, 20))
    mixed = [block for block in few if block.first_head == 1] + [b for b in many if b.first_head != 1]
    maps = PoolMaps(frame_of(record), 8, 8)
    for block in sorted(mixed, key=lambda block: (block.start, block.first_head)):
        maps.update(block)
    assert_is_pooled(maps, record, 8, 8)


def test_what_queries_see_is_asked_once_for_all_heads() -> None:
    record, asked = square(40, causal=True), []
    maps = PoolMaps(frame_of(record), 8, 8)
    for block in streamed(record, rows=10, heads=1):

        def visible(block: RowBlock = block) -> object:
            asked.append((block.layer, block.start))
            return block.visible()

        maps.update(replace(block, visible=visible))
    assert sorted(asked) == [(layer, start) for layer in (0, 1) for start in (0, 10, 20, 30)]


def test_a_pooled_record_says_what_it_is() -> None:
    record = with_added(square(700, causal=True))
    maxima, means = (getattr(pooled(record, 32), name)() for name in ("maxima", "means"))
    assert maxima.pooling == Pooling("maximum", 700, 700)
    assert means.pooling == Pooling("mean", 700, 700)
    assert (maxima.causal, maxima.sight, maxima.weights.dtype) == (True, {}, np.float32)
    assert maxima.queries == maxima.keys
    assert [token.run for token in maxima.queries[:2]] == [(0, 20), (21, 42)]
    assert maxima.queries[-1].run == (678, 699)
    assert (maxima.model, maxima.text) == (record.model, record.text)
    assert not maxima.weights.flags.writeable


def test_layers_that_see_alike_share_a_mask() -> None:
    record = square(64, causal=True, window=10)
    sight = pooled(record, 16).maxima().sight
    assert set(sight) == {1}
    alike = replace(record, sight=dict.fromkeys((0, 1), record.sight[1]), weights=record.weights[[1, 1]])
    sight = pooled(alike, 16).maxima().sight
    assert sight[0] is sight[1]


def test_a_run_of_tokens_says_from_where_to_where() -> None:
    tokens = (
        Token("[CLS]", kind="special"),
        Token("The", span=(0, 3), part="A", word=0),
        Token(" lazy", span=(3, 8), part="A", word=1),
        Token("dog", span=(9, 12), part="B", kind="generated"),
        Token("ran", span=(13, 16), part="B", kind="generated"),
    )
    assert run_tokens(tokens, 5) == tuple(replace(token, run=(i, i)) for i, token in enumerate(tokens))
    assert run_tokens(tokens, 2) == (
        Token("[CLS]…The", span=(0, 3), kind="text", run=(0, 1)),
        Token(" lazy…ran", span=(3, 16), kind="text", run=(2, 4)),
    )
    assert run_tokens(tokens[1:], 2) == (
        Token("The… lazy", span=(0, 8), part="A", run=(0, 1)),
        Token("dog…ran", span=(9, 16), kind="generated", part="B", run=(2, 3)),
    )


def test_half_precision_is_added_up_in_full() -> None:
    weights = torch.softmax(torch.randn(1, 600, 600, generator=torch.manual_seed(0)), -1).bfloat16()
    frame = replace(frame_of(square(600)), layers=(0,), heads=(0,))
    maps = PoolMaps(frame, 8, 8)
    maps.update(RowBlock(0, 0, weights))
    wide = weights.double().numpy()[0].reshape(8, 75, 8, 75)
    assert np.array_equal(maps.maxima().weights[0, 0], wide.max(axis=(1, 3)).astype(np.float32))
    np.testing.assert_allclose(maps.means().weights[0, 0], wide.mean(axis=(1, 3)), rtol=1e-6)


def test_on_another_device_nothing_comes_to_numpy_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "is_on_host", lambda array: isinstance(array, np.ndarray))
    record = square(101, causal=True, window=33)
    maps = pooled(record, 8, rows=30, library="torch", cut=True)
    assert isinstance(maps._maxima, torch.Tensor)
    assert_is_pooled(maps, record, 8, 8)


def test_layers_may_be_on_several_devices() -> None:
    record = square(40, causal=True)
    maps = PoolMaps(frame_of(record), 8, 8)
    for library, layer in (("numpy", 1), ("torch", 0)):
        for block in streamed(record, library=library):
            if block.layer == layer:
                maps.update(block)
    assert_is_pooled(maps, record, 8, 8)


def test_means_are_the_same_however_often_they_are_asked_for() -> None:
    maps = pooled(square(40), 8)
    assert maps.means() == maps.means()


def test_rows_that_never_came_are_missed() -> None:
    record = square(40)
    maps = PoolMaps(frame_of(record), 8, 8)
    for block in list(streamed(record, rows=20, heads=3))[:-1]:
        maps.update(block)
    with pytest.raises(CaptureFailed, match="rows of L1H0: got 20, allowed 40"):
        maps.maxima()
    with pytest.raises(CaptureFailed):
        maps.means()


def test_maps_shrink_until_they_fit() -> None:
    frame = replace(frame_of(square(700)), layers=tuple(range(12)), heads=tuple(range(12)))
    assert bytes_of(frame, 512) == 12 * 12 * 512 * 512 * 8
    assert fit(frame, 400_000_000) == 512
    assert fit(frame, 300_000_000) == 256
    assert fit(frame, 12 * 12 * 32 * 32 * 8) == 32
    with pytest.raises(
        BudgetError, match=r"12 layers x 12 heads .* 32 x 32: they take 1.2 MB, allowed 1.0 MB"
    ):
        fit(frame, 1_000_000)


def test_short_inputs_take_only_what_they_are() -> None:
    frame = frame_of(square(7))
    assert bytes_of(frame, 512) == 6 * 49 * 8
    assert fit(frame, 6 * 49 * 8) == 512


def test_a_record_pooled_is_a_record_like_any_other() -> None:
    maxima = pooled(square(100, causal=True), 16).maxima()
    assert maxima.head("L0H1").shape == (16, 16)
    assert attnviz.heatmap(maxima, heads=["L0H1"]) is not None
