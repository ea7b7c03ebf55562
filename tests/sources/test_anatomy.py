"""What a model is made of is found by watching it, whatever its parts are called."""

import math

import pytest
import torch
from torch import nn
from transformers import (
    AutoModel,
    BartConfig,
    CLIPConfig,
    DeepseekV3Config,
    FNetConfig,
    MambaConfig,
    SwinConfig,
    T5Config,
    ViTConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
)

from attnviz.anatomy import SAMPLE, alike
from attnviz.errors import RequestError
from attnviz.model.network import Architecture, parameter_shapes
from attnviz.record import from_arrays
from attnviz.sources import load
from attnviz.sources.huggingface.projections import not_attending
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.saved import SavedSource
from attnviz.store import save
from tests.sources.tiny_pretrained import BYTE_PIECES, DECODERS, ENCODERS, HYBRID

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
TWO_SIDES = {
    "vocab_size": BYTE_PIECES, "d_model": 32, "encoder_layers": 2, "decoder_layers": 1,
    "encoder_attention_heads": 4, "decoder_attention_heads": 2, "encoder_ffn_dim": 40, "decoder_ffn_dim": 40,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip


@pytest.fixture
def anatomy_of(save_model, byte_pieces):
    def describe(config):
        return load(save_model(config, byte_pieces)).anatomy()

    return describe


def roles(anatomy, block="self", layer=0):
    return {matrix.name.rpartition(".")[2]: matrix.roles for matrix in anatomy.projections[block][layer]}


def test_a_model_says_its_type_sizes_and_parameters(anatomy_of):
    config = DECODERS["llama (grouped heads)"]
    told = anatomy_of(config)
    assert (told.kind, told.network, told.width, told.positions) == ("llama", "LlamaModel", 32, 64)
    assert told.parameters == sum(part.numel() for part in AutoModel.from_config(config).parameters())
    [layers] = alike(told.blocks["self"].layers)
    first = layers[0]
    assert (len(layers), len(first.heads), first.key_heads, first.d_k, first.d_v) == (3, 4, 2, 8, 8)
    assert (first.causal, first.window, first.sinks, first.path) == (True, None, False, "table")
    assert told.scales


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "llama (grouped heads)",
            {"q_proj": "query", "k_proj": "key", "v_proj": "value", "o_proj": "output"},
        ),
        ("gpt2", {"c_attn": "query key value", "c_proj": "output"}),
        ("gpt_neox", {"query_key_value": "query key value", "dense": "output"}),
        ("bert as a decoder", {"query": "query", "key": "key", "value": "value", "dense": "output"}),
        ("opt", {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "output"}),
    ],
)
def test_each_matrix_is_known_by_what_is_made_with_it(kind, expected, anatomy_of):
    told = anatomy_of(DECODERS[kind])
    for layer in range(3):
        assert roles(told, layer=layer) == {name: tuple(made.split()) for name, made in expected.items()}
    config = AutoModel.from_config(DECODERS[kind])
    named = dict(config.named_parameters())
    for matrix in told.projections["self"][1]:
        weight, bias = named[f"{matrix.name}.weight"], named.get(f"{matrix.name}.bias")
        assert {matrix.inputs, matrix.outputs} == set(weight.shape)
        assert matrix.parameters == weight.numel() + (0 if bias is None else bias.numel())
        assert bias is None or len(bias) == matrix.outputs


def test_a_matrix_whose_name_lies_is_known_all_the_same(anatomy_of, monkeypatch):
    from transformers.models.llama.modeling_llama import LlamaAttention

    def swapped(self, name):
        return nn.Module.__getattr__(self, {"q_proj": "o_proj", "o_proj": "q_proj"}.get(name, name))

    monkeypatch.setattr(LlamaAttention, "__getattr__", swapped, raising=False)
    assert roles(anatomy_of(DECODERS["llama (grouped heads)"]))["o_proj"] == ("query",)


def test_vectors_that_pass_through_two_matrices(anatomy_of):
    config = DeepseekV3Config(
        vocab_size=BYTE_PIECES, q_lora_rank=8, kv_lora_rank=8, qk_rope_head_dim=4, qk_nope_head_dim=8,
        v_head_dim=8, n_routed_experts=4, num_experts_per_tok=1, n_group=1, topk_group=1,
        moe_intermediate_size=16, first_k_dense_replace=1, num_key_value_heads=4, **SIZES,
    )  # fmt: skip
    told = anatomy_of(config)
    assert roles(told) == {
        "q_a_proj": ("query",), "q_b_proj": ("query",), "o_proj": ("output",),
        "kv_a_proj_with_mqa": ("key", "value"), "kv_b_proj": ("key", "value"),
    }  # fmt: skip
    assert (told.blocks["self"].layers[0].d_k, told.blocks["self"].layers[0].d_v) == (12, 8)


def test_a_module_that_serves_every_layer_counts_once(save_model, word_pieces):
    shared = load(save_model(ENCODERS["albert (one module for all layers)"], word_pieces)).anatomy()
    assert len(shared.projections["self"]) == 3
    assert shared.attention_parameters == 4 * (32 * 32 + 32)


def test_layers_that_see_less_and_layers_with_sinks(anatomy_of):
    groups = alike(anatomy_of(DECODERS["gpt_oss (sinks)"]).blocks["self"].layers)
    told = [([layer.number for layer in group], group[0].window, group[0].sinks) for group in groups]
    assert told == [([0, 2], 4, True), ([1], None, True)]


def test_layers_that_do_not_attend_are_named(anatomy_of):
    told = anatomy_of(HYBRID)
    assert told.blocks["self"].numbers == (1, 3)
    assert told.beside == {"layers": {0: "mamba", 2: "mamba"}}


@pytest.mark.parametrize(
    ("config", "stack", "held"),
    [
        (MambaConfig(vocab_size=BYTE_PIECES, hidden_size=32, num_hidden_layers=2), "layers", "MambaBlock"),
        (
            FNetConfig(vocab_size=BYTE_PIECES, hidden_size=32, num_hidden_layers=2, intermediate_size=40),
            "encoder.layer",
            "FNetLayer",
        ),
    ],
    ids=["mamba", "fnet"],
)
def test_a_model_in_which_nothing_attends(config, stack, held, anatomy_of):
    told = anatomy_of(config)
    assert (told.blocks, told.projections, told.checks) == ({}, {}, {})
    assert told.beside == {stack: {0: held, 1: held}}
    assert told.parameters > 0


@pytest.mark.parametrize(
    "config",
    [
        BartConfig(max_position_embeddings=64, **TWO_SIDES),
        T5Config(
            vocab_size=BYTE_PIECES,
            d_model=32,
            d_kv=8,
            d_ff=40,
            num_layers=2,
            num_decoder_layers=1,
            num_heads=4,
        ),
    ],
    ids=["bart", "t5"],
)
def test_both_sides_of_an_encoder_decoder(config, anatomy_of):
    told = anatomy_of(config)
    assert [(block, len(outline.layers)) for block, outline in told.blocks.items()] == [
        ("encoder", 2), ("decoder", 1), ("cross", 1),
    ]  # fmt: skip
    own = {name for matrices in told.projections["decoder"].values() for name in matrices}
    across = {name for matrices in told.projections["cross"].values() for name in matrices}
    assert len(own) == len(across) == 4
    assert not own & across
    assert len(told.matrices) == 16


def test_a_model_of_pictures_reads_a_drawing(tmp_path):
    for config in (
        ViTConfig(image_size=32, patch_size=8, **SIZES),
        SwinConfig(image_size=32, patch_size=4, embed_dim=16, depths=[2, 1], num_heads=[2, 4], window_size=4),
    ):
        folder = tmp_path / config.model_type
        with quiet():
            AutoModel.from_config(config).save_pretrained(folder)
        told = load(folder).anatomy()
        assert told.sample.startswith("a picture of")
        assert not told.scales
    assert [len(group[0].heads) for group in alike(told.blocks["self"].layers)] == [2, 4]


def test_both_halves_of_a_model_of_two_towers(save_model, byte_pieces):
    text = {"vocab_size": BYTE_PIECES, "bos_token_id": 1, "eos_token_id": 2, **SIZES}
    picture = {"image_size": 32, "patch_size": 8, **SIZES, "num_hidden_layers": 3}
    told = load(save_model(CLIPConfig(text_config=text, vision_config=picture), byte_pieces)).anatomy()
    [half] = told.halves
    assert (told.sample.split(" of ")[0], half.sample.split(" of ")[0]) == ("a picture", "a text")
    assert [len(part.blocks["self"].layers) for part in (told, half)] == [3, 2]
    assert told.attention_parameters == (3 + 2) * 4 * (32 * 32 + 32)


def test_a_model_of_sounds_hears_a_tone(tmp_path, byte_pieces):
    pytest.importorskip("soundfile")
    with quiet():
        AutoModel.from_config(WhisperConfig(num_mel_bins=8, **TWO_SIDES)).save_pretrained(tmp_path)
        WhisperFeatureExtractor(feature_size=8).save_pretrained(tmp_path)
        byte_pieces.save_pretrained(tmp_path)
    told = load(tmp_path).anatomy()
    assert told.sample == "a sound of 1500 tokens"
    assert list(told.blocks) == ["encoder", "decoder", "cross"]


def test_every_check_is_told_and_the_sample_leaves_no_trace(minilm):
    told = load(minilm).anatomy()
    assert told.sample == "a text of 12 tokens"
    assert told.checks["the model gives what it gives uncaptured"]
    assert len(told.checks) >= 6
    assert told.attention_parameters == 6 * 4 * (384 * 384 + 384)


def test_the_builtin_model_knows_itself():
    told = load().anatomy()
    assert (told.kind, told.revision) == ("builtin", load().attend(SAMPLE).revision)
    shapes = parameter_shapes(Architecture(rows=0))
    without_words = sum(math.prod(shape) for shape in shapes.values())
    assert (told.parameters - without_words) % told.width == 0
    assert roles(told) == {name: (name,) for name in ("query", "key", "value", "output")}


def test_a_record_has_no_anatomy(tmp_path):
    save(from_arrays([[1.0]], ["a"]), tmp_path / "a.safetensors")
    with pytest.raises(RequestError, match="nothing is known of arrays beside its records"):
        SavedSource(tmp_path / "a.safetensors").anatomy()


def test_layers_of_one_kind_in_several_stacks():
    class Layer(nn.Module):
        def __init__(self, part):
            super().__init__()
            self.mixer = part

    model = nn.Module()
    model.up = nn.ModuleList([Layer(nn.Linear(1, 1)), Layer(nn.ReLU())])
    model.down = nn.ModuleList([Layer(nn.GELU()), Layer(nn.Linear(1, 1))])
    attending = ["up.0.mixer", "down.1.mixer"]
    assert not_attending(model, attending) == {"down": {0: "GELU"}, "up": {1: "ReLU"}}


def test_gradients_are_left_as_they_were(tiny_gpt2):
    source = load(tiny_gpt2)
    source.anatomy()
    assert all(part.grad is None for part in source.pretrained.model.parameters())
    assert torch.is_grad_enabled()
