"""A digest survives being a file; what is no digest is refused."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import attnviz
from attnviz.analysis.streaming.digest import Digest
from attnviz.errors import Damaged, NotFound, OutputExists, RequestError, UnknownSuffix
from attnviz.record import Attention, Prediction, Token
from attnviz.relation import Followed
from attnviz.selection import HeadId
from attnviz.sources.saved import SavedReading
from attnviz.studies.digest import Limits, digest_of
from attnviz.studies.digest_files import facts, read_digest, save_digest
from tests.analysis.streaming.squares import square, with_added


def made(record: Attention | None = None, **how: Any) -> Digest:
    record = with_added(square(40, causal=True, window=9)) if record is None else record
    return digest_of(SavedReading(record), limits=Limits(**{"pool": 8, "top": 3, **how}))


def everything() -> Digest:
    """A digest of a record that says all a record can."""
    plain = square(20, 30)
    head = HeadId(0, 1)
    said = tuple(replace(token, place=(i, 0.5), part="B") for i, token in enumerate(plain.keys))
    record = replace(
        plain,
        keys=said,
        block="cross",
        sinks=(1,),
        heads_per_key=3,
        predictions=tuple(Prediction(token.text, 0.5) for token in plain.queries),
        picture=np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
        aligning=(head,),
        revision="abc",
        taught={head: "modifier -> noun"},
        follows={head: Followed(head, "det", "head", 0.9, 1, 0.5, 30)},
    )
    return replace(made(record), left_out={"top keys": "3 of 8 kept"})


@pytest.mark.parametrize(
    "digest",
    [made(), made(square(40, 17)), made(top=0), made(square(1)), made(square(700)), everything()],
    ids=["window", "cross", "no keys", "one", "many", "everything"],
)
def test_a_digest_loads_back_equal(digest: Digest, tmp_path: Path) -> None:
    assert digest.focus is not None
    path = save_digest(digest, tmp_path / "x.safetensors")
    assert read_digest(path) == digest
    assert read_digest(path) != replace(digest, focus=None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    texts=st.lists(
        st.text(alphabet=st.characters(exclude_categories=()), max_size=6), min_size=1, max_size=9
    ),
    pool=st.integers(1, 6),
)
def test_a_digest_of_any_text_loads_back_equal(texts: list[str], pool: int, tmp_path: Path) -> None:
    plain = square(len(texts))
    side = tuple(replace(token, text=text) for token, text in zip(plain.queries, texts, strict=True))
    digest = made(replace(plain, queries=side, keys=side, text="".join(texts)), pool=pool)
    assert read_digest(save_digest(digest, tmp_path / "x.safetensors", force=True)) == digest
    for suffix in (".npz", ".json", ".csv"):
        assert save_digest(digest, tmp_path / f"x{suffix}", force=True).stat().st_size > 0


def test_the_file_says_what_it_holds(tmp_path: Path) -> None:
    from safetensors import safe_open

    digest = made()
    with safe_open(save_digest(digest, tmp_path / "x.safetensors"), framework="numpy") as file:
        told = json.loads(file.metadata()["attnviz"])
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    measures = len(told["measured"]["names"])
    assert shapes == {
        "maxima": [2, 3, 8, 8],
        "means": [2, 3, 8, 8],
        "top_positions": [2, 3, 40, 3],
        "top_weights": [2, 3, 40, 3],
        "measure_means": [2, 3, measures],
        "measure_spreads": [2, 3, measures],
        "measure_over_chance": [2, 3, measures],
        "measure_first_key": [2, 3],
        "sight": [1, 8, 8],
    }
    assert told["schema"] == "attnviz/digest/1"
    assert told["pooling"] == {"queries": 40, "keys": 40}
    assert (told["layers"], told["heads"], told["top"]) == ([0, 1], [0, 1, 2], 3)
    assert told["queries"][1]["run"] == [5, 9]
    assert [token["text"] for token in told["query_tokens"][:2]] == ["[CLS]", "q1"]
    assert "key_tokens" not in told
    assert len(told["measured"]["units"]) == measures


def test_npz_and_json_hold_the_same_numbers(tmp_path: Path) -> None:
    digest = made()
    tensors = load_file(save_digest(digest, tmp_path / "x.safetensors"))
    told = json.loads(save_digest(digest, tmp_path / "x.json").read_text())
    with np.load(save_digest(digest, tmp_path / "x.npz"), allow_pickle=False) as numbers:
        assert set(numbers) == {*tensors, "layers", "heads", "meta"}
        for name, tensor in tensors.items():
            assert np.array_equal(numbers[name], tensor, equal_nan=True)
            nested = told.pop("masks" if name == "sight" else name)
            nested = np.array(nested, dtype=np.float64).astype(tensor.dtype)
            assert np.array_equal(nested, tensor, equal_nan=True)
        meta = json.loads(str(numbers["meta"]))
    assert meta == json.loads(json.dumps(facts(digest)))
    assert told == meta


def test_a_table_holds_every_top_key_and_says_of_how_many(tmp_path: Path) -> None:
    digest = made()
    with save_digest(digest, tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert digest.top is not None
    assert list(rows[0]) == [
        *("layer", "head", "query", "query_token", "key", "key_token", "weight"),
        "rank_of_3",
    ]
    assert len(rows) == (digest.top.positions >= 0).sum()
    place = [int(rows[-1][name]) for name in ("layer", "head", "query", "key", "rank_of_3")]
    assert place == [1, 2, 39, int(digest.top.positions[1, 2, 39, 2]), 3]
    assert np.float32(rows[-1]["weight"]) == digest.top.weights[1, 2, 39, 2]
    assert rows[0]["query_token"] == "[CLS]"


def test_nothing_in_a_table_acts_on_a_terminal(tmp_path: Path) -> None:
    plain = square(2)
    side = (Token("\x1b[31mred"), Token("\ud800"))
    content = save_digest(made(replace(plain, queries=side, keys=side)), tmp_path / "x.csv").read_text()
    assert "\\x1b[31mred" in content
    assert "\x1b" not in content


def test_a_table_of_no_keys_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="top keys of each query: none were asked for"):
        save_digest(made(top=0), tmp_path / "x.csv")
    small = replace(made(top=0), left_out={"top keys": "none of each query kept: 8 take 151 MB"})
    with pytest.raises(RequestError, match="8 take 151 MB"):
        save_digest(small, tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_files_are_written_whole_and_never_over_others(tmp_path: Path) -> None:
    path = save_digest(made(), tmp_path / "x.json")
    with pytest.raises(OutputExists):
        save_digest(made(), path)
    assert save_digest(made(), path, force=True) == path
    with pytest.raises(UnknownSuffix, match=r"allowed \.safetensors \.npz \.json \.csv"):
        save_digest(made(), tmp_path / "x.xlsx")
    assert [found.name for found in tmp_path.iterdir()] == ["x.json"]


def test_what_is_not_there_or_only_written_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_digest(tmp_path / "none.safetensors")
    with pytest.raises(UnknownSuffix, match=r"allowed \.safetensors"):
        read_digest(save_digest(made(), tmp_path / "x.json"))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("heads", 0, "head"), "L7H0"),
        (("heads", 0, "words"), [[40, 0.5]]),
        (("heads", 0, "words"), [[-1, 0.5]]),
        (("heads", 0, "links"), [[0, 99, 0.5]]),
        (("heads", 0, "pattern", "label"), None),
        (("heads", 0, "pattern", "evidence"), [[None, 40, 0.5]]),
        (("heads", 0, "entropy"), [0.0]),
        (("together", "covered"), [40]),
        (("together", "links"), [["fox", 0, 0, 0.5]]),
    ],
    ids=str,
)
def test_what_heads_read_must_fit_the_input(
    path: tuple[str | int, ...], change: object, tmp_path: Path
) -> None:
    told = json.loads(json.dumps(facts(made())))
    place: Any = told["focus"]
    for step in path[:-1]:
        place = place[step]
    if change is None:
        del place[path[-1]]
    else:
        place[path[-1]] = change
    file = save_digest(made(), tmp_path / "x.safetensors")
    save_file(load_file(file), file, {"attnviz": json.dumps(told)})
    with pytest.raises(Damaged):
        read_digest(file)


def test_what_is_no_number_is_null_in_what_heads_read(tmp_path: Path) -> None:
    digest = made(square(1))
    told = save_digest(digest, tmp_path / "x.json").read_text()
    assert digest.focus is not None
    assert np.isnan(digest.focus.heads[0].pattern.error)
    assert json.loads(told, parse_constant=pytest.fail)["focus"]["heads"][0]["pattern"]["error"] is None


def test_records_and_digests_are_not_taken_for_each_other(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=r"not a digest: .* says attnviz/record/1, which attnviz.read reads"):
        read_digest(attnviz.save(square(4), tmp_path / "record.safetensors"))
    with pytest.raises(Damaged, match=r"not a record: .* attnviz/digest/1, which attnviz.read_digest reads"):
        attnviz.read(save_digest(made(), tmp_path / "digest.safetensors"))


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "attnviz/digest/99"},
        {"pooling": {"queries": 41, "keys": 40}},
        {"pooling": 3},
        {"query_tokens": []},
        {"key_tokens": [{"text": "a", "span": None}]},
        {"top": 4},
        {"measured": {"names": ["entropy"], "units": ["bits"], "counted": 3, "sink_rate": 0.0}},
        {"measured": 3},
        {"layers": [0]},
        {"left_out": 3},
        {"predictions": [{"text": "a"}]},
    ],
    ids=str,
)
def test_a_digest_whose_facts_do_not_fit_is_damaged(change: dict[str, object], tmp_path: Path) -> None:
    path = save_digest(made(), tmp_path / "x.safetensors")
    save_file(load_file(path), path, {"attnviz": json.dumps({**facts(made()), **change})})
    with pytest.raises(Damaged):
        read_digest(path)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("maxima", lambda array: array * 9),
        ("maxima", lambda array: array[:1]),
        ("means", lambda array: array * np.nan),
        ("top_positions", lambda array: array + 40),
        ("top_positions", lambda array: array - 2),
        ("top_weights", lambda array: array[..., :2]),
        ("measure_spreads", lambda array: array[:, :2]),
        ("means", None),
        ("top_weights", None),
        ("measure_means", None),
        ("sight", None),
    ],
)
def test_a_digest_whose_arrays_do_not_fit_is_damaged(
    name: str, damage: Callable[[np.ndarray], np.ndarray] | None, tmp_path: Path
) -> None:
    path = save_digest(made(), tmp_path / "x.safetensors")
    held = load_file(path)
    array = held.pop(name)
    if damage is not None:
        held[name] = np.ascontiguousarray(damage(array))
    save_file(held, path, {"attnviz": json.dumps(facts(made()))})
    with pytest.raises(Damaged):
        read_digest(path)


@pytest.mark.parametrize("keep", [0, 4, 60, -5])
def test_a_truncated_digest_is_damaged(keep: int, tmp_path: Path) -> None:
    path = save_digest(made(), tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Damaged):
        read_digest(path)
