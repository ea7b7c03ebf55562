import json
from dataclasses import asdict

import numpy as np
import pytest

from attnviz.errors import Damaged, IncompleteModel, NotFound
from attnviz.model.network import Architecture, parameter_shapes
from attnviz.model.parameters import is_model_folder, load_model, save_model
from attnviz.model.vocabulary import Vocabulary
from attnviz.relation import Followed
from attnviz.selection import HeadId

WORDS = Vocabulary(("fox", "dog"), ("g",))
SIZES = Architecture(rows=WORDS.rows, layers=1, heads=2, width=4, d_k=2, d_v=2, inner=8, reach=2)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape) for name, shape in parameter_shapes(SIZES).items()}


@pytest.fixture
def folder(tmp_path, arrays):
    save_model(tmp_path / "model", SIZES, WORDS, arrays, {"taught": {"L0H1": "modifier -> noun"}})
    return tmp_path / "model"


def test_comes_back_as_it_was_in_half_precision(folder, arrays):
    model = load_model(folder)
    assert (model.architecture, model.vocabulary) == (SIZES, WORDS)
    assert model.taught == {HeadId(0, 1): "modifier -> noun"}
    assert model.network.embedding.dtype == np.float32
    np.testing.assert_array_equal(model.network.embedding, arrays["embedding"].astype(np.float16))
    assert len(model.revision) == 12


def test_what_heads_follow_comes_back_too(folder, arrays, tmp_path):
    found = Followed(HeadId(0, 1), "obj", "dependent -> head", 0.5, 0.25, -2, 12)
    about = {"facts": {"followed": [{**asdict(found), "head": str(found.head)}]}}
    save_model(tmp_path / "measured", SIZES, WORDS, arrays, about)
    assert load_model(tmp_path / "measured").followed == {HeadId(0, 1): found}
    assert load_model(folder).followed == {}, "a model written before this was measured"


def test_what_heads_follow_may_be_damaged(arrays, tmp_path):
    save_model(tmp_path / "model", SIZES, WORDS, arrays, {"facts": {"followed": [{"head": "L0H1"}]}})
    with pytest.raises(Damaged):
        load_model(tmp_path / "model")


def test_other_weights_are_another_revision(folder, arrays, tmp_path):
    arrays["embedding"][0, 0] += 1
    save_model(tmp_path / "other", SIZES, WORDS, arrays, {})
    assert load_model(tmp_path / "other").revision != load_model(folder).revision


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.json"])
def test_one_changed_byte_is_noticed(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(Damaged, match=f"{name} is damaged"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.json", "model.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(IncompleteModel, match=name):
        load_model(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b'{"schema": "attnviz/model/1", "sha256": 3}']
)
def test_damaged_facts_are_refused(folder, content):
    (folder / "model.json").write_bytes(content)
    with pytest.raises(Damaged, match=r"model\.json"):
        load_model(folder)


def test_a_newer_schema_is_refused(folder):
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(about | {"schema": "attnviz/model/9"}))
    with pytest.raises(Damaged, match="attnviz/model/9"):
        load_model(folder)


@pytest.mark.parametrize(("field", "value"), [("layers", 2), ("width", 8), ("colour", 1), ("rows", None)])
def test_weights_that_do_not_fit_the_architecture_are_refused(folder, field, value):
    about = json.loads((folder / "model.json").read_text())
    about["architecture"][field] = value
    (folder / "model.json").write_text(json.dumps(about))
    with pytest.raises(Damaged, match="holds no model"):
        load_model(folder)


def test_no_folder(tmp_path):
    assert not is_model_folder(tmp_path)
    with pytest.raises(NotFound, match="nowhere"):
        load_model(tmp_path / "nowhere")
