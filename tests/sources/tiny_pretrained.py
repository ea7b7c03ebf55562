"""Configurations of tiny random models, and what such a model says of itself when it is asked."""

from pathlib import Path

import torch
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    EsmConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    GptOssConfig,
    JambaConfig,
    LlamaConfig,
    MistralConfig,
    ModernBertConfig,
    OPTConfig,
    PreTrainedConfig,
    Qwen2Config,
    RobertaConfig,
)

from attnviz.sources.huggingface.quiet import quiet

FOX = "The quick brown fox isn't jumping over the lazy dog."
WORDS = [FOX, "Pack my box with five dozen liquor jugs.", "How vexingly quick daft zebras jump!"]
WORD_PIECES, BYTE_PIECES = 120, 300

_SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40}
# Weights of the usual spread (0.02) attend almost uniformly, which would hide errors.
_SPREAD = {"initializer_range": 0.4}
_ENCODER = {"vocab_size": WORD_PIECES, "max_position_embeddings": 64, **_SIZES, **_SPREAD}
_SPECIAL = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
_DECODER = {"vocab_size": BYTE_PIECES, "max_position_embeddings": 64, **_SIZES, **_SPREAD, **_SPECIAL}
_GROUPED = {**_DECODER, "num_key_value_heads": 2, "head_dim": 8}
_LOCAL = ["sliding_attention", "full_attention", "sliding_attention"]

# Some sizes below make transformers warn that they are unusual.
with quiet():
    ENCODERS: dict[str, PreTrainedConfig] = {
        "bert": BertConfig(**_ENCODER),
        "distilbert": DistilBertConfig(
            vocab_size=WORD_PIECES,
            max_position_embeddings=64,
            dim=32,
            n_layers=3,
            n_heads=4,
            hidden_dim=40,
            **_SPREAD,
        ),
        "roberta": RobertaConfig(**_ENCODER),
        "albert (one module for all layers)": AlbertConfig(embedding_size=16, **_ENCODER),
        "electra": ElectraConfig(embedding_size=16, **_ENCODER),
        "esm (rotated positions)": EsmConfig(
            position_embedding_type="rotary", pad_token_id=0, mask_token_id=4, **_ENCODER
        ),
        "modernbert (sliding window)": ModernBertConfig(
            local_attention=4,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
            cls_token_id=2,
            sep_token_id=3,
            **_ENCODER,
        ),
    }
    DECODERS: dict[str, PreTrainedConfig] = {
        "bert as a decoder": BertConfig(is_decoder=True, **_DECODER),
        "gpt2": GPT2Config(
            vocab_size=BYTE_PIECES, n_positions=64, n_embd=32, n_layer=3, n_head=4, **_SPREAD, **_SPECIAL
        ),
        "gpt_neox": GPTNeoXConfig(**_DECODER),
        "opt": OPTConfig(ffn_dim=40, word_embed_proj_dim=32, init_std=0.4, **_DECODER),
        "llama (grouped heads)": LlamaConfig(**_GROUPED),
        "mistral (sliding window)": MistralConfig(sliding_window=4, **_GROUPED),
        "qwen2": Qwen2Config(**_GROUPED),
        "gemma2 (soft cap, sliding window)": Gemma2Config(
            attn_logit_softcapping=2.0,
            sliding_window=4,
            query_pre_attn_scalar=8,
            layer_types=_LOCAL,
            **_GROUPED,
        ),
        "gpt_oss (sinks)": GptOssConfig(
            num_local_experts=2, num_experts_per_tok=1, sliding_window=4, layer_types=_LOCAL, **_GROUPED
        ),
    }
    HYBRID = JambaConfig(
        **{**_GROUPED, "num_hidden_layers": 4},
        attn_layer_period=2,
        attn_layer_offset=1,
        expert_layer_period=2,
        num_experts=2,
        use_mamba_kernels=False,
    )


def eager_weights(folder: Path, text: str) -> list[torch.Tensor | None]:
    """What a separately loaded model gives itself when it is asked: (head, query, key) per layer."""
    with quiet(), torch.no_grad():
        model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        read = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_token_type_ids=False)
        weights = model(**read, output_attentions=True).attentions
    assert len(weights) > 0
    return [None if layer is None else layer[0] for layer in weights]


def plain_states(folder: Path, text: str) -> torch.Tensor:
    """What a separately loaded model gives as it is: the final hidden states (token, d_model)."""
    with quiet(), torch.no_grad():
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        read = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_token_type_ids=False)
        return model(**read).last_hidden_state[0]
