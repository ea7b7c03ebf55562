"""Readings that hand their weights on: the built-in model's and a saved record's."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.errors import MissingInternals
from attnviz.frame import Frame, RecordRows, frame_of
from attnviz.observe import RowBlock
from attnviz.prompt import Prompt
from attnviz.record import Attention
from attnviz.selection import Selection
from attnviz.sources.base import Reading
from attnviz.sources.builtin import BuiltinSource
from attnviz.sources.saved import SavedSource
from attnviz.sources.windowed import cut
from attnviz.window import Window
from tests.analysis.records import records

TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all. " * 40
SELECTIONS = [Selection(), Selection("-1"), Selection("0", "1,3"), Selection(heads="L0H1,L1H6")]
Opened = Callable[[], Reading]


class Gathered:
    """Puts blocks together, and remembers the order in which they came."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        shape = len(frame.layers), len(frame.heads), len(frame.queries), len(frame.keys)
        self.weights = np.full(shape, np.nan, np.float32)
        self.came: list[tuple[int, int]] = []

    def update(self, block: RowBlock) -> None:
        self.came.append((block.start, block.layer))
        heads, rows, keys = block.weights.shape
        some = slice(block.first_head, block.first_head + heads), slice(block.start, block.start + rows)
        own = self.weights[(self.frame.layers.index(block.layer), *some)]
        own[:] = 0
        own[..., block.first_key : block.first_key + keys] = block.weights


@pytest.fixture(scope="module")
def builtin() -> Reading:
    return BuiltinSource().read(Prompt(TEXT))


@pytest.fixture(scope="module")
def saved(builtin: Reading, tmp_path_factory: pytest.TempPathFactory) -> Reading:
    path = tmp_path_factory.mktemp("saved") / "long.safetensors"
    return SavedSource(attnviz.save(builtin.record(), path)).read(Prompt())


@pytest.fixture(params=["builtin", "saved"])
def reading(request: pytest.FixtureRequest) -> Reading:
    found: Reading = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_blocks_are_the_record(reading: Reading, selection: Selection, side_by_side: bool) -> None:
    record, gathered = reading.record(selection), Gathered(reading.frame(selection))
    reading.observe(gathered, selection, side_by_side=side_by_side)
    np.testing.assert_allclose(gathered.weights, record.weights, atol=2e-6)
    starts = [start for start, _ in gathered.came]
    assert len(gathered.came) > len(record.layers)
    assert not side_by_side or starts == sorted(starts)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
@pytest.mark.parametrize("rows", [range(7), range(301, 302), range(100, 160)], ids=str)
def test_rows_are_the_records(reading: Reading, selection: Selection, rows: range) -> None:
    record = reading.record(selection)
    blocks = list(reading.rows(selection).blocks(rows))
    assert [(block.layer, block.start, block.first_key) for block in blocks] == [
        (layer, rows.start, 0) for layer in record.layers
    ]
    weights = np.stack([block.weights for block in blocks])
    np.testing.assert_allclose(weights, record.weights[:, :, rows.start : rows.stop], atol=2e-6)


@given(records(), st.data())
def test_rows_of_any_record_say_what_their_queries_could_see(record: Attention, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(record.queries) - 1))
    rows = range(start, data.draw(st.integers(start + 1, len(record.queries))))
    for layer, block in zip(record.layers, RecordRows(record).blocks(rows), strict=True):
        seen = block.visible()
        expected = record.visible(layer)[rows.start : rows.stop]
        assert expected.all() if seen is None else np.array_equal(seen, expected)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_a_frame_is_the_record_without_its_weights(reading: Reading, selection: Selection) -> None:
    assert vars(reading.frame(selection)) == vars(frame_of(reading.record(selection)))


@pytest.mark.parametrize(
    "window",
    [
        Window(range(100, 161), range(100, 161)),
        Window(range(5), range(300, 420)),
        Window(range(7, 8), range(3)),
    ],
    ids=str,
)
def test_a_window_is_cut_out_of_the_whole(reading: Reading, window: Window) -> None:
    part, whole = reading.record(Selection("-1"), window=window), cut(reading.record(Selection("-1")), window)
    assert part == whole or part.dropped == pytest.approx(whole.dropped, abs=1e-6)
    np.testing.assert_array_equal(part.weights, whole.weights)
    assert (part.queries, part.keys) == (whole.queries, whole.keys)
    assert part.dropped == pytest.approx(whole.dropped, abs=1e-6)
    assert 0 < part.dropped < 1


def test_layers_nobody_asked_for_do_not_run(builtin: Reading) -> None:
    assert isinstance(builtin.source, BuiltinSource)
    assert len(builtin.source.run(builtin.tokens, upto=0).memories) == 1
    assert len(builtin.source.run(builtin.tokens).memories) == 2


def test_a_window_has_no_vectors(reading: Reading) -> None:
    with pytest.raises(MissingInternals):
        reading.record(window=Window(range(2), range(2)), internals=True)


@given(records(), st.data())
def test_a_window_of_any_record_keeps_what_it_says(record: Attention, data: st.DataObject) -> None:
    sides = []
    for tokens in (record.queries, record.keys):
        first = data.draw(st.integers(0, len(tokens) - 1))
        sides.append(range(first, data.draw(st.integers(first + 1, len(tokens)))))
    part = cut(record, Window(*sides))
    rows, columns = (slice(side.start, side.stop) for side in sides)
    np.testing.assert_array_equal(part.weights, record.weights[..., rows, columns])
    for layer in record.layers:
        np.testing.assert_array_equal(part.visible(layer), record.visible(layer)[rows, columns])
    beside = record.weights[..., rows, :].sum(-1) - part.weights.sum(-1)
    assert part.dropped == pytest.approx(record.dropped + beside.mean(), abs=1e-5)
    assert part.predictions == record.predictions[rows]
