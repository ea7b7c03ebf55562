"""How heads came about, as a file: what is read back is what was written, and anything else is refused."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from attnviz.errors import Damaged, NotFound, OutOfRange, OutputExists, RequestError
from attnviz.history import facts, read_history, save_history
from tests.histories import FOX, learning


def test_what_is_written_is_read_back(tmp_path):
    history = learning()
    path = save_history(history, tmp_path / "history.safetensors")
    again = read_history(path)
    assert again == history
    assert again.tokens[3].span == (16, 19)
    assert FOX[slice(*again.tokens[3].span)] == again.tokens[3].text == "fox"
    assert again.weights.dtype == np.float16
    assert again != replace(history, losses=(None,) * len(history))
    assert again != replace(history, weights=history.weights[::-1])


@given(seed=st.integers(0, 2**32 - 1), times=st.integers(1, 4))
def test_any_weights_come_back_bit_by_bit(tmp_path_factory, seed, times):
    noise = np.random.default_rng(seed).exponential(size=(times, 2, 2, 10, 10)) ** 4
    weights = (noise / noise.sum(axis=-1, keepdims=True)).astype(np.float16)
    history = learning(times, weights=weights)
    path = save_history(history, tmp_path_factory.mktemp("any") / "history.safetensors")
    np.testing.assert_array_equal(read_history(path).weights, weights)


def test_a_record_of_a_step_is_an_ordinary_one():
    history = learning(3)
    records = list(history)
    assert len(records) == len(history) == 3
    np.testing.assert_array_equal(records[1].weights, history.weights[1].astype(np.float32))
    assert records[-1] == history.record(-1)
    assert records[0].keys == history.tokens
    assert [str(head) for head in history.head_ids] == ["L0H0", "L0H1", "L1H0", "L1H1"]
    with pytest.raises(OutOfRange, match="this history has 3"):
        history.record(3)


def test_a_history_cannot_be_changed():
    weights = np.array(learning().weights)
    history = learning(weights=weights)
    weights[:] = 0
    assert history.weights.any()
    with pytest.raises(ValueError, match="read-only"):
        history.weights[0] = 0


def test_parts_put_together_are_the_whole():
    history = learning(6)
    first = history.until(25)
    assert first.steps == (0, 10, 20)
    rest = replace(history, weights=history.weights[3:], steps=history.steps[3:], losses=history.losses[3:])
    assert first.then(rest) == history
    with pytest.raises(RequestError, match="ascending"):
        rest.then(first)
    with pytest.raises(RequestError, match="different trainings"):
        first.then(replace(rest, text="another"))


@pytest.mark.parametrize(
    ("most", "steps"), [(1, (50,)), (2, (0, 50)), (3, (0, 20, 50)), (6, (0, 10, 20, 30, 40, 50))]
)
def test_thinned_keeps_both_ends(most, steps):
    history = learning(6)
    thin = history.thinned(most)
    assert thin.steps == steps
    for place, step in enumerate(steps):
        assert thin.record(place) == history.record(history.steps.index(step))
    assert history.thinned(99) is history


def test_what_is_there_is_replaced_only_when_told(tmp_path):
    path = save_history(learning(2), tmp_path / "history.safetensors")
    with pytest.raises(OutputExists):
        save_history(learning(3), path)
    assert len(read_history(path)) == 2
    save_history(learning(3), path, force=True)
    assert len(read_history(path)) == 3


def test_it_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = save_history(learning(2), tmp_path / "history.safetensors")

    def break_off(_arrays, target, _facts):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.numpy.save_file", break_off)
    with pytest.raises(KeyboardInterrupt):
        save_history(learning(3), path, force=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert len(read_history(path)) == 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFound, match="no such history"):
        read_history(tmp_path / "history.safetensors")


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = save_history(learning(), tmp_path / "history.safetensors")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Damaged):
        read_history(path)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "attnviz/history/2"},
        {"schema": None},
        {"steps": [0, 10]},
        {"steps": [0, 20, 10, 30, 40, 50]},
        {"steps": ["0", "1", "2", "3", "4", "5"]},
        {"steps": None},
        {"planned": 40},
        {"losses": [1.0]},
        {"losses": ["low"] * 6},
        {"layers": [0]},
        {"heads": [0, 1, 2]},
        {"tokens": []},
        {"tokens": [{"text": "The"}] * 10},
        {"tokens": [{"text": "The", "span": [0, 3], "colour": 3}] * 10},
        {"taught": {"first": "x"}},
        {"taught": []},
    ],
    ids=str,
)
def test_facts_that_do_not_fit_are_refused(tmp_path, change):
    path = save_history(learning(), tmp_path / "history.safetensors")
    told = {**facts(learning()), **change}
    save_file(load_file(path), path, {"attnviz": json.dumps(told)})
    with pytest.raises(Damaged):
        read_history(path)


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros((6, 2, 2, 10, 10), dtype=np.float32),
        np.zeros((6, 2, 10, 10), dtype=np.float16),
        np.full((6, 2, 2, 10, 10), 0.2, dtype=np.float16),
        np.full((6, 2, 2, 10, 10), np.nan, dtype=np.float16),
        np.full((6, 2, 2, 10, 10), -0.1, dtype=np.float16),
    ],
    ids=["float32", "no heads", "too much", "no number", "negative"],
)
def test_weights_that_are_none_are_refused(tmp_path, weights):
    path = tmp_path / "history.safetensors"
    save_file({"weights": weights}, path, {"attnviz": json.dumps(facts(learning()))})
    with pytest.raises(Damaged):
        read_history(path)


def test_a_record_is_no_history_and_a_list_no_facts(tmp_path):
    path = tmp_path / "history.safetensors"
    for told in ('{"schema": "attnviz/record/1"}', "[]", "no json"):
        save_file({"weights": learning().weights}, path, {"attnviz": told})
        with pytest.raises(Damaged):
            read_history(path)


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    path = save_history(learning(), tmp_path / "history.safetensors")
    content = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 2**40) + content[8:])
    with pytest.raises(Damaged):
        read_history(path)


def test_an_empty_history_is_refused():
    with pytest.raises(RequestError, match="needs a step"):
        learning(3).until(-1)
