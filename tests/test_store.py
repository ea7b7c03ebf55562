"""A record survives being a file; what is no record is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import attnviz
from attnviz.errors import Damaged, NotFound, UnknownSuffix
from attnviz.record import Attention, Token
from attnviz.selection import HeadId


def record(*texts: str) -> Attention:
    size = len(texts)
    tokens = (
        Token("[CLS]", 101, None, "special"),
        *(Token(t, i, (i, i + 1), "text", i) for i, t in enumerate(texts)),
    )
    weights = np.random.default_rng(size).dirichlet(np.ones(size + 1), size=(2, 3, size + 1))
    return Attention(
        queries=tokens,
        keys=tokens,
        weights=weights,
        layers=(1, 5),
        heads=(0, 2, 7),
        model="m",
        text=" ".join(texts),
        revision="abc",
        taught={HeadId(5, 2): "modifier -> noun"},
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    texts=st.lists(st.text(alphabet=st.characters(exclude_categories=()), max_size=8), min_size=1, max_size=4)
)
def test_a_record_of_any_text_loads_back_equal(texts: list[str], tmp_path: Path) -> None:
    made = record(*texts)
    assert attnviz.read(attnviz.save(made, tmp_path / "x.safetensors", force=True)) == made


def test_the_file_is_what_the_interface_promises(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = attnviz.save(record("a", "b"), tmp_path / "x.safetensors")
    with safe_open(path, framework="numpy") as file:
        facts = json.loads(file.metadata()["attnviz"])
        weights = file.get_tensor("weights")
    assert facts["schema"] == "attnviz/record/1"
    assert facts["keys"][1] == {"text": "a", "id": 0, "span": [0, 1], "kind": "text", "word": 0}
    assert facts["taught"] == {"L5H2": "modifier -> noun"}
    assert {"attnviz", "numpy", "torch", "transformers"} <= set(facts["versions"])
    assert (weights.dtype, weights.shape) == (np.float32, (2, 3, 3, 3))


def test_npz_holds_arrays_and_the_same_json(tmp_path: Path) -> None:
    made = record("a", "b")
    with np.load(attnviz.save(made, tmp_path / "x.npz")) as arrays:
        assert np.array_equal(arrays["weights"], made.weights)
        assert arrays["keys"].tolist() == ["[CLS]", "a", "b"]
        assert arrays["special_queries"].tolist() == [True, False, False]
        assert (arrays["layers"].tolist(), arrays["heads"].tolist()) == ([1, 5], [0, 2, 7])
        assert json.loads(str(arrays["meta"]))["text"] == "a b"


def test_json_and_csv_hold_every_weight_to_the_last_bit(tmp_path: Path) -> None:
    made = record("a", 'quote " comma,', "line\nend")
    nested = json.loads(attnviz.save(made, tmp_path / "x.json").read_text())["weights"]
    assert np.array_equal(np.array(nested, dtype=np.float32), made.weights)
    with attnviz.save(made, tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert np.array_equal(np.array([row["weight"] for row in rows], dtype=np.float32), made.weights.ravel())
    assert rows[2]["key_token"] == 'quote " comma,'
    assert [rows[-1][name] for name in ("layer", "head", "query", "key")] == ["5", "7", "3", "3"]


def test_nothing_in_a_table_acts_on_a_terminal(tmp_path: Path) -> None:
    content = attnviz.save(record("\x1b[31mred", "\ud800"), tmp_path / "x.csv").read_text()
    assert "\\x1b[31mred" in content
    assert "\\ud800" in content
    assert "\x1b" not in content


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownSuffix, match=r"\.safetensors \.npz \.json \.csv"):
        attnviz.save(record("a"), tmp_path / "x.xlsx")
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_or_only_written_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        attnviz.read(tmp_path / "none.safetensors")
    with pytest.raises(UnknownSuffix, match=r"allowed \.safetensors"):
        attnviz.read(attnviz.save(record("a"), tmp_path / "x.json"))


def damaged_facts(change: dict[str, object]) -> str:
    from attnviz.store import facts

    return json.dumps({**facts(record("a", "b")), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "attnviz/record/99"},
        {"layers": [0]},
        {"queries": []},
        {"keys": [{"text": "a"}]},
        {"block": "sideways"},
        {"causal": True},
        {"taught": ["L0H0"]},
    ],
    ids=str,
)
def test_a_record_whose_facts_do_not_fit_is_damaged(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"weights": np.array(record("a", "b").weights)}, path, {"attnviz": damaged_facts(change)})
    with pytest.raises(Damaged):
        attnviz.read(path)


def test_a_foreign_file_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"other": np.zeros(3)}, path)
    with pytest.raises(Damaged, match="not a record"):
        attnviz.read(path)
    assert set(load_file(path)) == {"other"}


@pytest.mark.parametrize("keep", [0, 4, 60, -5])
def test_a_truncated_record_is_damaged(keep: int, tmp_path: Path) -> None:
    path = attnviz.save(record("a"), tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Damaged):
        attnviz.read(path)
