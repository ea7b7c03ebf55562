"""What a folder holds is said before anything is loaded."""

import json
import os
import shutil

import pytest

from attnviz.errors import IncompleteModel, NotFound, SourceError, UnsafeModel, UnsupportedModel
from attnviz.sources import load
from tests.sources.tiny_pretrained import FOX


def write(folder, name, **said):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(said))


def refused(folder, kind):
    with pytest.raises(kind) as raised:
        load(folder)
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(str(folder), "M")


@pytest.mark.parametrize(
    ("file", "kind", "message"),
    [
        ("model.gguf", UnsupportedModel, "M has its weights only in another format: got model.gguf"),
        ("tf_model.h5", UnsupportedModel, "M has its weights only in another format: got tf_model.h5"),
        ("flax_model.msgpack", UnsupportedModel, "M has its weights only in another format"),
        ("pytorch_model.bin", UnsafeModel, "M has its weights only in a format that can run code"),
        ("consolidated.safetensors", IncompleteModel, "M has no weights: got consolidated.safetensors"),
        ("model-00001-of-00002.safetensors", IncompleteModel, "M lacks model.safetensors.index.json"),
        ("readme.md", IncompleteModel, "M has no weights: it has no .safetensors file"),
    ],
)
def test_a_folder_whose_weights_are_not_to_be_read(tiny_bert, file, kind, message):
    (tiny_bert / "model.safetensors").unlink()
    (tiny_bert / file).write_bytes(b"GGUF")
    assert refused(tiny_bert, kind).startswith(message)


def test_gguf_needs_no_configuration_to_be_told(tmp_path):
    (tmp_path / "tiny.Q4_K_M.gguf").write_bytes(b"GGUF")
    assert "got tiny.Q4_K_M.gguf, allowed model.safetensors" in refused(tmp_path, UnsupportedModel)


def test_a_file_is_said_to_be_one(tmp_path):
    (tmp_path / "model.gguf").touch()
    assert refused(tmp_path / "model.gguf", NotFound) == "no such model folder: got 'M', which is a file"


def test_an_adapter_is_said_to_be_one(tmp_path):
    write(tmp_path, "adapter_config.json", peft_type="LORA", base_model_name_or_path="gpt2")
    (tmp_path / "adapter_model.safetensors").touch()
    assert refused(tmp_path, UnsupportedModel) == "M is an adapter (LORA) of gpt2: it holds no whole model"
    (tmp_path / "adapter_config.json").write_text("{broken")
    assert refused(tmp_path, UnsupportedModel).startswith("M is an adapter of another model")


def test_an_adapter_beside_a_configuration_is_no_model_yet(tiny_bert):
    (tiny_bert / "model.safetensors").rename(tiny_bert / "adapter_model.safetensors")
    write(tiny_bert, "adapter_config.json", peft_type="LORA")
    assert refused(tiny_bert, UnsupportedModel).startswith("M is an adapter (LORA)")


def test_several_models_in_one_folder(tmp_path):
    write(tmp_path, "model_index.json", _class_name="StableDiffusionPipeline")
    assert refused(tmp_path, UnsupportedModel).startswith("M holds several models")


def test_a_model_of_another_library(tmp_path):
    write(tmp_path, "config.json", architecture="vit_base_patch16_224", pretrained_cfg={})
    (tmp_path / "model.safetensors").touch()
    assert refused(tmp_path, UnsupportedModel).startswith("M is a model of timm")


@pytest.fixture
def in_parts(tiny_bert, tmp_path):
    """A folder as sentence-transformers saves it: the transformer is one of several parts."""
    folder = tmp_path / "sentences"
    shutil.copytree(tiny_bert, folder / "0_Transformer")
    write(folder / "1_Pooling", "config.json", word_embedding_dimension=32)
    write(folder / "2_Dense", "config.json", in_features=32, out_features=8)
    (folder / "2_Dense" / "model.safetensors").touch()
    kinds = ("Transformer", "Pooling", "Dense")
    parts = [{"idx": i, "path": f"{i}_{kind}"} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(parts))
    return folder


def test_the_transformer_among_the_parts_is_loaded(in_parts, tiny_bert):
    record = load(in_parts).attend(FOX)
    assert record.model == str(in_parts)
    assert (record.weights == load(tiny_bert).attend(FOX).weights).all()


def test_a_transformer_at_the_top_of_its_parts(in_parts, tiny_bert):
    shutil.copy(in_parts / "modules.json", tiny_bert)
    shutil.copytree(in_parts / "1_Pooling", tiny_bert / "1_Pooling")
    assert load(tiny_bert).attend(FOX)


def test_no_transformer_or_two_among_the_parts(in_parts):
    shutil.copytree(in_parts / "0_Transformer", in_parts / "3_Other")
    message = refused(in_parts, UnsupportedModel)
    assert message == "M is made of parts: got transformers 0_Transformer, 3_Other, allowed one"
    shutil.rmtree(in_parts / "0_Transformer")
    shutil.rmtree(in_parts / "3_Other")
    assert "got transformers none, allowed one" in refused(in_parts, UnsupportedModel)


def test_a_part_without_weights(in_parts):
    (in_parts / "0_Transformer" / "model.safetensors").unlink()
    assert refused(in_parts, IncompleteModel).startswith("M has no weights")


@pytest.mark.skipif(os.name != "posix", reason="permissions of this kind are POSIX")
@pytest.mark.parametrize("closed", ["", "config.json", "model.safetensors", "tokenizer.json"])
def test_what_may_not_be_read(tiny_bert, closed):
    # Whoever runs as root may read everything, so nobody does the reading.
    for folder in (tiny_bert, *tiny_bert.parents):
        folder.chmod(folder.stat().st_mode | 0o755) if os.access(folder, os.W_OK) else None
    (tiny_bert / closed).chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        message = refused(tiny_bert, SourceError)
    finally:
        if root:
            os.seteuid(0)
        (tiny_bert / closed).chmod(0o755)
    assert "Permission denied" in message


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "owner/" + "x" * 300])
def test_what_can_be_no_name(name):
    with pytest.raises(NotFound, match="no such model"):
        load(name)
