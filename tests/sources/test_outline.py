"""What cannot be read with certainty is refused by name; it never becomes a wrong picture."""

import pytest
from transformers import (
    BartConfig,
    CLIPConfig,
    DebertaV2Config,
    FNetConfig,
    FunnelConfig,
    GPT2Config,
    MambaConfig,
    PreTrainedConfig,
    T5Config,
    ViTConfig,
    Wav2Vec2Config,
)

from attnviz.errors import UnsupportedModel
from attnviz.sources import load
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.tiny_pretrained import BYTE_PIECES, ENCODERS

with quiet():
    REFUSED: dict[str, tuple[PreTrainedConfig, str]] = {
        "t5": (T5Config(d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2), "encoder-decoder"),
        "bart": (
            BartConfig(d_model=16, encoder_layers=1, decoder_layers=1, vocab_size=BYTE_PIECES),
            "encoder-decoder",
        ),
        "vit": (ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2), "reads pixel_values"),
        "wav2vec2": (Wav2Vec2Config(hidden_size=16, num_hidden_layers=1), "reads input_values"),
        "clip": (CLIPConfig(), "more than one tower"),
        "fnet": (
            FNetConfig(hidden_size=16, num_hidden_layers=1, intermediate_size=16, vocab_size=BYTE_PIECES),
            "attention",
        ),
        "mamba": (MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=BYTE_PIECES), "no layer asks"),
        "deberta-v2": (
            DebertaV2Config(
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=16,
                vocab_size=BYTE_PIECES,
            ),
            "no layer asks",
        ),
        "funnel": (
            FunnelConfig(
                d_model=16,
                n_head=2,
                d_head=8,
                d_inner=16,
                block_sizes=[1],
                vocab_size=BYTE_PIECES,
                architectures=["FunnelModel"],
            ),
            "no layer asks",
        ),
    }


@pytest.mark.parametrize("kind", REFUSED)
def test_other_families_are_refused(kind, save_config, save_model, byte_pieces):
    config, why = REFUSED[kind]
    # What the configuration tells is refused before any weights are looked for.
    save = save_config if why in ("encoder-decoder", "more than one tower") or "reads" in why else save_model
    with pytest.raises(UnsupportedModel, match=f"model type {config.model_type}.*{why}"):
        load(save(config, byte_pieces))


@pytest.fixture
def save_config(tmp_path):
    def save(config, tokenizer):
        config.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        (tmp_path / "model.safetensors").touch()
        return tmp_path

    return save


def test_layers_that_hide_from_the_table_are_not_guessed(save_model, word_pieces, monkeypatch):
    from transformers.models.bert import modeling_bert

    def hidden(_self, hidden_states, *_, **__):
        return hidden_states, None

    folder = save_model(ENCODERS["bert"], word_pieces)
    usual = modeling_bert.BertSelfAttention.forward

    def forward(self, *inputs, **options):
        return (hidden if self.layer_idx is None else usual)(self, *inputs, **options)

    monkeypatch.setattr(modeling_bert.BertSelfAttention, "forward", forward)
    first_is_hidden = iter([True])
    built = modeling_bert.BertSelfAttention.__init__

    def build(self, *inputs, **options):
        built(self, *inputs, **options)
        self.layer_idx = None if next(first_is_hidden, False) else "unknown"

    monkeypatch.setattr(modeling_bert.BertSelfAttention, "__init__", build)
    with pytest.raises(UnsupportedModel, match="cannot tell which layers its 2 attention calls are"):
        load(folder)


def test_layers_of_unlike_heads_are_refused(save_model, byte_pieces, monkeypatch):
    from transformers.models.gpt2 import modeling_gpt2

    sizes = iter([2, 4, 4])
    built = modeling_gpt2.GPT2Attention.__init__

    def build(self, config, *inputs, **options):
        built(self, config, *inputs, **options)
        self.num_heads = next(sizes, 4)
        self.head_dim = self.embed_dim // self.num_heads

    config = GPT2Config(vocab_size=BYTE_PIECES, n_embd=32, n_layer=3, n_head=4)
    folder = save_model(config, byte_pieces)
    monkeypatch.setattr(modeling_gpt2.GPT2Attention, "__init__", build)
    with pytest.raises(UnsupportedModel, match="different numbers of heads"):
        load(folder)
