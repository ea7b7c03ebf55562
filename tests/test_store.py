"""A record survives being a file; what is no record is refused."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import attnviz
from attnviz.errors import Damaged, NotFound, UnknownSuffix
from attnviz.record import KINDS, STATISTICS, Attention, Pooling, Prediction, Token, from_arrays
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


shares = st.floats(0, 1)
places = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)) | st.none()
sizes = st.integers(1, 10**6)
any_text = st.text(alphabet=st.characters(exclude_categories=()), max_size=5)
tokens = st.builds(
    Token,
    any_text,
    id=st.integers() | st.none(),
    span=st.tuples(st.integers(), st.integers()) | st.none(),
    kind=st.sampled_from(KINDS),
    word=st.integers() | st.none(),
    place=places,
    part=any_text | st.none(),
    run=st.tuples(st.integers(0, 99), st.integers(0, 99)) | st.none(),
)


@st.composite
def full_records(draw: st.DrawFn) -> Attention:
    """Records that have, or lack, each thing a record can say."""
    queries, keys = (draw(st.lists(tokens, min_size=1, max_size=4)) for _ in range(2))
    layers, heads = (sorted(draw(st.sets(st.integers(0, 99), min_size=1, max_size=most))) for most in (3, 2))
    chance = np.random.default_rng(draw(st.integers(0, 99)))
    masks = [chance.random((len(queries), len(keys))) < 0.5 for _ in range(2)]
    sight = draw(st.dictionaries(st.sampled_from(layers), st.sampled_from(masks)))
    weights = chance.random((len(layers), len(heads), len(queries), len(keys))) / len(keys)
    for layer, mask in sight.items():
        weights[layers.index(layer)] *= mask
    predictions = [Prediction(draw(any_text), draw(shares)) for _ in queries]
    names = st.builds(HeadId, st.sampled_from(layers), st.sampled_from(heads))
    return Attention(
        queries=tuple(queries),
        keys=tuple(keys),
        weights=weights,
        layers=tuple(layers),
        heads=tuple(heads),
        model=draw(any_text),
        text=draw(any_text),
        block=draw(st.sampled_from(["self", "encoder", "decoder", "cross"])),
        sight=sight,
        sinks=tuple(draw(st.sets(st.sampled_from(layers)))),
        heads_per_key=draw(st.integers(1, 8)),
        predictions=draw(st.sampled_from([(), tuple(predictions)])),
        picture=draw(st.sampled_from([None, chance.integers(0, 256, (3, 5, 3), dtype=np.uint8)])),
        aligning=tuple(draw(st.lists(names, max_size=2))),
        revision=draw(any_text | st.none()),
        taught=draw(st.dictionaries(names, any_text, max_size=2)),
        dropped=draw(shares),
        renormalized=draw(st.booleans()),
        pooling=draw(st.builds(Pooling, st.sampled_from(STATISTICS), sizes, sizes) | st.none()),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(made=full_records())
def test_everything_a_record_can_say_loads_back_equal(made: Attention, tmp_path: Path) -> None:
    read = attnviz.read(attnviz.save(made, tmp_path / "x.safetensors", force=True))
    assert read == made
    assert all(np.array_equal(read.visible(layer), made.visible(layer)) for layer in made.layers)
    for suffix in (".npz", ".json", ".csv"):
        assert attnviz.save(made, tmp_path / f"x{suffix}", force=True).stat().st_size > 0


def windowed() -> Attention:
    """A record of three layers, two of which see through the same window, with all else there is."""
    window = np.tri(3, dtype=bool) & ~np.tri(3, k=-2, dtype=bool)
    weights = np.stack([np.eye(3)] * 3)[:, None]
    said = Token("c", kind="generated", place=(0.0, 1.5), part="assistant")
    plain = from_arrays(weights / 2, "abc", causal=True, visible=[window, np.tri(3), window], sinks=True)
    return replace(
        plain,
        keys=(*plain.keys[:2], said),
        queries=(*plain.queries[:2], said),
        sight={0: plain.sight[0], 2: plain.sight[2]},
        heads_per_key=4,
        predictions=(Prediction("b", 0.5),) * 3,
        picture=np.zeros((2, 4, 3), dtype=np.uint8),
        aligning=(HeadId(0, 0),),
        dropped=0.25,
        renormalized=True,
    )


def test_masks_that_layers_share_are_kept_once(tmp_path: Path) -> None:
    path = attnviz.save(windowed(), tmp_path / "x.safetensors")
    arrays = load_file(path)
    assert (arrays["sight"].dtype, arrays["sight"].shape) == (np.bool_, (1, 3, 3))
    assert (arrays["picture"].dtype, arrays["picture"].shape) == (np.uint8, (2, 4, 3))
    read = attnviz.read(path)
    assert read == windowed()
    assert read.sight[0] is read.sight[2]


def test_the_other_formats_hold_the_masks_too(tmp_path: Path) -> None:
    with np.load(attnviz.save(windowed(), tmp_path / "x.npz")) as arrays:
        assert arrays["sight"].shape == (1, 3, 3)
        assert arrays["picture"].shape == (2, 4, 3)
        assert json.loads(str(arrays["meta"]))["sight"] == {"0": 0, "2": 0}
    told = json.loads(attnviz.save(windowed(), tmp_path / "x.json").read_text())
    assert np.array_equal(told["masks"][told["sight"]["2"]], windowed().sight[2])
    assert told["predictions"][0] == {"text": "b", "probability": 0.5}


def test_what_a_record_does_not_have_is_not_written(tmp_path: Path) -> None:
    from attnviz.store import facts

    rare = {"sight", "sinks", "heads_per_key", "predictions", "aligning", "dropped", "renormalized", "masks"}
    assert rare.isdisjoint(facts(record("a")))
    assert rare.isdisjoint(json.loads(attnviz.save(record("a"), tmp_path / "x.json").read_text()))
    assert set(load_file(attnviz.save(record("a"), tmp_path / "x.safetensors"))) == {"weights"}


def test_a_pooled_record_keeps_what_its_cells_and_tokens_stand_for(tmp_path: Path) -> None:
    side = (Token("a…b", span=(0, 3), run=(0, 1)), Token("c", 7, (4, 5), run=(2, 2)))
    plain = from_arrays([[0.9, 0.0], [0.1, 0.9]], "xy", causal=True)
    weights = np.array([[[[0.9, 0.0], [0.8, 0.9]]]])  # a row of maxima may come to more than 1
    pooled = replace(plain, weights=weights, queries=side, keys=side, pooling=Pooling("maximum", 3, 3))
    path = attnviz.save(pooled, tmp_path / "x.safetensors")
    assert attnviz.read(path) == pooled
    facts = json.loads(attnviz.save(pooled, tmp_path / "x.json").read_text())
    assert facts["schema"] == "attnviz/record/1"
    assert facts["pooling"] == {"statistic": "maximum", "queries": 3, "keys": 3}
    assert facts["keys"][0]["run"] == [0, 1]


def test_what_no_cell_stands_for_is_not_said_of_other_records() -> None:
    from attnviz.store import facts

    assert "pooling" not in facts(record("a"))
    assert "run" not in facts(record("a"))["queries"][0]


def test_records_written_before_still_load() -> None:
    samples = Path(__file__).parent.parent / "samples"
    assert attnviz.read(samples / "fox.safetensors").sinks == ()


@pytest.mark.parametrize(
    "change",
    [
        {"sight": {"0": 1}},
        {"sight": {"0": -1}},
        {"sight": {"first": 0}},
        {"sight": [0]},
        {"sinks": 3},
        {"sinks": [7]},
        {"heads_per_key": 0},
        {"heads_per_key": "two"},
        {"predictions": [{"text": "b"}]},
        {"predictions": [{"text": "b", "probability": 0.5}]},
        {"predictions": [{"text": "b", "probability": 5}] * 3},
        {"aligning": ["first"]},
        {"dropped": 2},
        {"dropped": "much"},
        {"pooling": {"statistic": "median", "queries": 30, "keys": 30}},
        {"pooling": {"statistic": "mean", "queries": 30}},
        {"pooling": "mean"},
        {"queries": [{"text": "a", "id": None, "span": None, "kind": "text", "word": 0, "run": [0]}] * 3},
        {"queries": [{"text": "a", "id": None, "span": None, "kind": "text", "word": 0, "place": [0]}] * 3},
    ],
    ids=str,
)
def test_what_does_not_fit_among_the_rarer_facts_is_damage(change: dict[str, object], tmp_path: Path) -> None:
    from attnviz.store import facts

    path = attnviz.save(windowed(), tmp_path / "x.safetensors")
    save_file(load_file(path), path, {"attnviz": json.dumps({**facts(windowed()), **change})})
    with pytest.raises(Damaged):
        attnviz.read(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"sight": np.ones((1, 2, 3), dtype=bool)},
        {"sight": np.zeros((1, 3, 3), dtype=bool)},
        {"picture": np.zeros((2, 4), dtype=np.uint8)},
        {"picture": np.zeros((2, 4, 3), dtype=np.float32)},
    ],
    ids=lambda arrays: next(iter(arrays)),
)
def test_arrays_that_do_not_fit_are_damage(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    from attnviz.store import facts

    path = attnviz.save(windowed(), tmp_path / "x.safetensors")
    save_file({**load_file(path), **arrays}, path, {"attnviz": json.dumps(facts(windowed()))})
    with pytest.raises(Damaged):
        attnviz.read(path)


def test_a_mask_that_is_missing_is_damage(tmp_path: Path) -> None:
    from attnviz.store import facts

    path = tmp_path / "x.safetensors"
    save_file({"weights": np.array(windowed().weights)}, path, {"attnviz": json.dumps(facts(windowed()))})
    with pytest.raises(Damaged, match="sight"):
        attnviz.read(path)


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
