"""A model is loaded whole and safely, or refused with one clear line."""

import json
import pickle
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import transformers
from safetensors.numpy import load_file, save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ByT5Tokenizer,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaForCausalLM,
)

from attnviz.errors import (
    Damaged,
    IncompleteModel,
    NotFound,
    RequestError,
    TextTooLong,
    UnsafeModel,
    UnsupportedModel,
)
from attnviz.model.parameters import SHIPPED
from attnviz.sources import load
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.tiny_pretrained import BYTE_PIECES, DECODERS, ENCODERS, FOX, WORD_PIECES


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def one_line(raised):
    assert "\n" not in str(raised.value)


def test_a_folder_gives_its_name_and_its_own_numbers(tiny_bert):
    source = load(tiny_bert)
    record = source.attend(FOX)
    assert (source.name, record.layers, record.heads) == (str(tiny_bert), (0, 1, 2), (0, 1, 2, 3))
    assert (record.model, record.revision, record.text, record.block) == (str(tiny_bert), None, FOX, "self")
    assert record.queries == record.keys


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "some/where/deep", "~/model", "a b", ""])
def test_a_missing_folder(name):
    with pytest.raises(NotFound, match="no such model") as raised:
        load(name)
    one_line(raised)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(NotFound, match="no such model folder"):
        load(tmp_path / "weights.safetensors")


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(IncompleteModel, match=r"no config\.json"):
        load(tmp_path)


@pytest.mark.parametrize("content", ["{broken", "[]", "{}", '"text"', "\xff"])
def test_a_damaged_configuration(tiny_bert, content):
    (tiny_bert / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(Damaged, match=r"config\.json"):
        load(tiny_bert)


def test_a_configuration_with_impossible_values(tiny_bert):
    rewrite(tiny_bert / "config.json", num_attention_heads=5)
    with pytest.raises(Damaged, match="not a multiple") as raised:
        load(tiny_bert)
    one_line(raised)


def test_an_unknown_model_type(tiny_bert):
    rewrite(tiny_bert / "config.json", model_type="nonesuch")
    with pytest.raises(UnsupportedModel, match=r"unknown model type.*'nonesuch'"):
        load(tiny_bert)


def test_a_model_that_brings_its_own_code(tiny_bert):
    (tiny_bert / "own.py").write_text("raise SystemExit('code was run')")
    rewrite(tiny_bert / "config.json", model_type="own", auto_map={"AutoConfig": "own.Config"})
    with pytest.raises(UnsafeModel, match="running code"):
        load(tiny_bert)


def test_a_tokenizer_that_brings_its_own_code(tiny_bert):
    (tiny_bert / "own.py").write_text("raise SystemExit('code was run')")
    rewrite(
        tiny_bert / "tokenizer_config.json",
        tokenizer_class="OwnTokenizer",
        auto_map={"AutoTokenizer": ["own.OwnTokenizer", None]},
    )
    # The plain tokenizer.json serves without it.
    assert load(tiny_bert).attend(FOX)
    (tiny_bert / "tokenizer.json").rename(tiny_bert / "vocab.json")
    with pytest.raises(Damaged, match="the tokenizer of"):
        load(tiny_bert)


def test_no_weights(tiny_bert):
    (tiny_bert / "model.safetensors").unlink()
    with pytest.raises(IncompleteModel, match="no weights"):
        load(tiny_bert)


def test_a_pickle_is_never_opened(tiny_bert, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tiny_bert / "model.safetensors").unlink()
    (tiny_bert / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UnsafeModel, match="can run code"):
        load(tiny_bert)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("size", [0, 5, 1000, -100])
def test_truncated_weights(tiny_bert, size):
    path = tiny_bert / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(Damaged, match="the weights of") as raised:
        load(tiny_bert)
    one_line(raised)


def test_weights_that_are_something_else(tiny_bert):
    (tiny_bert / "model.safetensors").write_text("<html>Not found</html>")
    with pytest.raises(Damaged, match="the weights of"):
        load(tiny_bert)


def test_more_layers_than_weights(tiny_bert):
    rewrite(tiny_bert / "config.json", num_hidden_layers=4)
    with pytest.raises(IncompleteModel, match=r"lacks 16 of its weights, such as encoder\.layer\.3"):
        load(tiny_bert)


def test_weights_of_another_shape(tiny_bert):
    rewrite(tiny_bert / "config.json", intermediate_size=44)
    with pytest.raises(Damaged, match="the weights of") as raised:
        load(tiny_bert)
    one_line(raised)


def test_a_missing_pooler_is_no_matter(tiny_bert):
    path = tiny_bert / "model.safetensors"
    weights = {name: array for name, array in load_file(path).items() if not name.startswith("pooler")}
    assert len(weights) < len(load_file(path))
    save_file(weights, path, metadata={"format": "pt"})
    assert load(tiny_bert).attend(FOX).layers == (0, 1, 2)


def test_a_missing_shard(tiny_bert):
    (tiny_bert / "model.safetensors").rename(tiny_bert / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = tiny_bert / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    with pytest.raises(IncompleteModel, match="lacks 1 of its weight files, such as model-00002-of-00002"):
        load(tiny_bert)
    index.write_text("[]")
    with pytest.raises(Damaged, match=r"model\.safetensors\.index\.json"):
        load(tiny_bert)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_gpt2", "tiny_llama"])
def test_no_tokenizer(kind, request):
    folder = request.getfixturevalue(kind)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(IncompleteModel, match="no tokenizer"):
        load(folder)


def test_a_tokenizer_without_a_vocabulary(tiny_bert):
    (tiny_bert / "tokenizer.json").unlink()
    rewrite(tiny_bert / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    (tiny_bert / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(IncompleteModel, match="no vocabulary"):
        load(tiny_bert)


@pytest.mark.parametrize("content", ['{"version":', "{}", "<html>"])
def test_a_damaged_tokenizer(tiny_bert, content):
    (tiny_bert / "tokenizer.json").write_text(content)
    with pytest.raises(Damaged, match="the tokenizer of") as raised:
        load(tiny_bert)
    one_line(raised)


def test_a_tokenizer_of_another_model(save_model, byte_pieces):
    folder = save_model(ENCODERS["bert"], byte_pieces)
    with pytest.raises(Damaged, match=rf"token id \d+, allowed 0 to {WORD_PIECES - 1}"):
        load(folder).attend(FOX * 2)
    assert WORD_PIECES < BYTE_PIECES


@pytest.mark.parametrize("kind", ["bert as a decoder", "gpt2", "llama (grouped heads)"])
def test_a_text_too_long_for_the_positions(kind, save_model, byte_pieces):
    source = load(save_model(DECODERS[kind], byte_pieces))
    assert len(source.attend("a" * 64).queries) == 64
    with pytest.raises(TextTooLong, match="got 65 tokens, allowed 64"):
        source.attend("a" * 65)


def test_roberta_has_fewer_positions_than_it_says(save_model, word_pieces):
    source = load(save_model(ENCODERS["roberta"], word_pieces))
    assert len(source.attend("a " * 60).queries) == 62
    with pytest.raises(TextTooLong, match="got 63 tokens, allowed 62"):
        source.attend("a " * 61)


def test_a_text_too_long_for_the_tokenizer(tiny_bert):
    rewrite(tiny_bert / "tokenizer_config.json", model_max_length=10)
    with pytest.raises(TextTooLong, match="allowed 10"):
        load(tiny_bert).attend("a " * 9)


def test_a_model_that_is_not_there_costs_no_import_of_torch():
    probe = """
import sys
from importlib.util import find_spec
from attnviz.errors import NotFound
from attnviz.sources import load
try:
    load("/nowhere")
except NotFound:
    print([name for name in ("torch", "transformers") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_built_in_model_and_folders_of_its_kind(tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / "ours")
    assert load().name == load("builtin").name == "builtin"
    ours = load(folder)
    assert ours.name == str(folder)
    np.testing.assert_array_equal(ours.attend(FOX).weights, load().attend(FOX).weights)


def test_what_is_not_from_the_hub_has_no_revisions(tmp_path):
    for model in ("builtin", tmp_path):
        with pytest.raises(RequestError, match="only a model from the hub has revisions: got 'v1'"):
            load(model, revision="v1")


def drop_weights(folder, *parts):
    path = folder / "model.safetensors"
    kept = {name: array for name, array in load_file(path).items() if not any(part in name for part in parts)}
    assert len(kept) < len(load_file(path))
    save_file(kept, path, metadata={"format": "pt"})


@pytest.fixture
def save_with_head(tmp_path, word_pieces):
    """Makes a random model of a class with a head and saves it with a tokenizer."""

    def save(kind, config, tokenizer=word_pieces):
        with quiet():
            kind(config).save_pretrained(tmp_path / "model")
            tokenizer.save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    return save


@pytest.mark.parametrize(
    "kind",
    [
        "BertForMultipleChoice",
        "BertForMaskedLM",
        "BertForNextSentencePrediction",
        "BertForQuestionAnswering",
        "BertForSequenceClassification",
        "BertForTokenClassification",
        "BertForPreTraining",
        "BertLMHeadModel",
    ],
)
def test_whatever_the_head_a_plain_text_is_read(kind, save_with_head):
    folder = save_with_head(getattr(transformers, kind), ENCODERS["bert"])
    source = load(folder)
    assert type(source.pretrained.model).__name__ == kind
    assert source.attend(FOX).layers == (0, 1, 2)


def test_a_head_may_be_missing_but_no_weight_that_attention_depends_on(save_with_head):
    folder = save_with_head(BertForSequenceClassification, ENCODERS["bert"])
    expected = load(folder).attend(FOX)
    drop_weights(folder, "classifier", "pooler")
    assert load(folder).attend(FOX) == expected
    drop_weights(folder, "layer.1.attention.self.query.weight")
    with pytest.raises(IncompleteModel, match=r"lacks 1 .* bert\.encoder\.layer\.1\.attention\.self\.query"):
        load(folder)


def test_a_head_of_another_shape_is_as_good_as_missing(save_with_head):
    folder = save_with_head(BertForSequenceClassification, ENCODERS["bert"])
    expected = load(folder).attend(FOX)
    rewrite(folder / "config.json", id2label={str(i): str(i) for i in range(5)})
    assert load(folder).attend(FOX) == expected


def test_a_model_whose_head_is_missing_does_not_speak(save_with_head, byte_pieces):
    config = DECODERS["llama (grouped heads)"]
    folder = save_with_head(LlamaForCausalLM, config, byte_pieces)
    assert load(folder).pretrained.speaker
    drop_weights(folder, "lm_head")
    source = load(folder)
    assert source.attend(FOX).layers == (0, 1, 2)
    with pytest.raises(RequestError, match=r"cannot continue a text: its files lack lm_head\.weight"):
        _ = source.pretrained.speaker


def test_further_layers_in_the_files_are_told_of(tiny_bert):
    rewrite(tiny_bert / "config.json", num_hidden_layers=2)
    with pytest.warns(UserWarning, match=r"hold more layers than its config\.json says: encoder\.layer\.2\."):
        assert load(tiny_bert).attend(FOX).layers == (0, 1)


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        ({"quant_method": "awq", "bits": 4}, "gptqmodel"),
        ({"quant_method": "gptq", "bits": 4}, "optimum"),
        ({"quant_method": "compressed-tensors"}, "compressed-tensors"),
        ({"quant_method": "nonesuch"}, "nonesuch"),
    ],
)
def test_a_quantized_model_whose_package_is_missing(tiny_llama, said, package):
    if find_spec(package.replace("-", "_")):
        pytest.skip(f"{package} is installed")
    rewrite(tiny_llama / "config.json", quantization_config=said)
    with pytest.raises(UnsupportedModel, match=rf"is quantized \({said['quant_method']}\)") as raised:
        load(tiny_llama)
    one_line(raised)
    assert package in str(raised.value)


def test_a_quantized_model_that_needs_no_package_is_read(save_with_head, byte_pieces):
    # The library unpacks this format by itself where no kernels for it are installed.
    pytest.importorskip("accelerate")
    config = GptOssConfig(**{**DECODERS["gpt_oss (sinks)"].to_dict(), "intermediate_size": 32})
    folder = save_with_head(GptOssForCausalLM, config, byte_pieces)
    rng, packed = np.random.default_rng(0), {}
    for name, array in load_file(folder / "model.safetensors").items():
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            experts, inputs, outputs = array.shape
            shape = (experts, outputs, inputs // 32)
            packed[f"{name}_blocks"] = rng.integers(0, 256, (*shape, 16), dtype=np.uint8)
            packed[f"{name}_scales"] = np.full(shape, 124, dtype=np.uint8)
        else:
            packed[name] = array
    save_file(packed, folder / "model.safetensors", metadata={"format": "pt"})
    kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    said = {"quant_method": "mxfp4", "modules_to_not_convert": kept}
    rewrite(folder / "config.json", quantization_config=said)
    record = load(folder).attend(FOX)
    assert (record.layers, record.sinks) == ((0, 1, 2), (0, 1, 2))


def test_attention_functions_of_other_packages_are_not_needed(tiny_llama):
    expected = load(tiny_llama).attend(FOX)
    rewrite(tiny_llama / "config.json", attn_implementation="flash_attention_2")
    assert load(tiny_llama).attend(FOX) == expected


def test_a_type_that_is_no_model_by_itself(tiny_bert):
    (tiny_bert / "config.json").write_text('{"model_type": "encodec_feature", "architectures": ["Nonesuch"]}')
    with pytest.raises(UnsupportedModel, match="unknown model type"):
        load(tiny_bert)


def test_a_tokenizer_of_bytes_needs_no_vocabulary(save_model):
    config = BertConfig(**{**ENCODERS["bert"].to_dict(), "vocab_size": 384})
    folder = save_model(config, ByT5Tokenizer())
    assert not list(folder.glob("vocab*"))
    assert [token.text for token in load(folder).attend("été").queries][-1] == "</s>"
