"""A tiny random model of one architecture: what it is made with, and what it is called with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel

from attnviz.record import Block
from attnviz.sources.huggingface.feed import Feed, Positions
from attnviz.sources.huggingface.quiet import quiet

VOCABULARY, LENGTH, TARGET, SIDE = 60, 12, 7, 32

Inputs = Callable[[], dict[str, Any]]
Counts = Mapping[Block, tuple[int | None, int | None]]


@dataclass(frozen=True)
class Architecture:
    """One architecture.

    Attributes:
        config: the name of its configuration class, without "Config".
        options: what the configuration is made with.
        inputs: makes what the model is called with.
        counts: for each block how many queries and keys its layers have; None where they differ.
        model: the name of the model class.
        path: the ways on which its attention is expected to be seen.
        reference: where in its output the weights of the block "self" are.
        held: how what the model gives is made comparable with the weights: takes it and the weights of one
            layer, (head, query, key) each, and gives both as they must agree.
        exception: why that is needed, or why nothing is comparable.
        within: how closely they agree.
    """

    config: str
    options: Mapping[str, Any]
    inputs: Inputs
    counts: Counts
    model: str = "AutoModel"
    path: str = "table"
    reference: str = "attentions"
    held: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = field(
        default=lambda given, ours: (given, ours)
    )
    exception: str = ""
    within: float = 1e-5

    def build(self, attention: str | None = None) -> PreTrainedModel:
        """Make the model, the same each time but for how it attends."""
        chosen = {} if attention is None else {"attn_implementation": attention}
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(0)
            config = getattr(transformers, f"{self.config}Config")(**self.options)
            kind = getattr(transformers, self.model)
            make = kind.from_config if self.model == "AutoModel" else kind._from_config
            made: PreTrainedModel = make(config, **chosen).eval()
            return made

    def feed(self, model: PreTrainedModel, **asked: Any) -> Feed:
        """Make the model's input."""
        sides = {
            block: (Positions(rows), Positions(columns)) for block, (rows, columns) in self.counts.items()
        }
        encoder = model.get_encoder() if "encoder" in sides else None
        return Feed(model, {**self.inputs(), **asked}, sides, encoder=encoder)


def ids(length: int = LENGTH) -> Tensor:
    """Give token ids; none of them is a special one."""
    return torch.randint(8, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(length))


def numbers(*shape: int) -> Tensor:
    """Give numbers like those of a picture or a sound."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def text() -> dict[str, Any]:
    return {"input_ids": ids(), "attention_mask": torch.ones_like(ids())}


def translation() -> dict[str, Any]:
    return {**text(), "decoder_input_ids": ids(TARGET), "use_cache": False}


def picture() -> dict[str, Any]:
    return {"pixel_values": numbers(1, 3, SIDE, SIDE)}


def film() -> dict[str, Any]:
    return {"pixel_values": numbers(1, 2, 3, SIDE, SIDE)}


def sound() -> dict[str, Any]:
    return {"input_values": numbers(1, 400)}


def captioned(patches: int, **more: Any) -> Inputs:
    """Put places for so many patches, of token 3, before a text."""
    before = torch.full((1, patches), 3)
    return lambda: {"input_ids": torch.cat([before, ids()], dim=1), **picture(), **more}


SELF: Counts = {"self": (LENGTH, LENGTH)}
THREE: Counts = {"encoder": (LENGTH, LENGTH), "decoder": (TARGET, TARGET), "cross": (TARGET, LENGTH)}

SPREAD = {"initializer_range": 0.4}
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40}
TEXT = {"vocab_size": VOCABULARY, "max_position_embeddings": 64, **SIZES, **SPREAD, **SPECIAL}
GROUPED = {**TEXT, "num_key_value_heads": 2, "head_dim": 8}
GPT = {
    "vocab_size": VOCABULARY, "n_positions": 64, "n_embd": 32, "n_layer": 3, "n_head": 4, **SPREAD, **SPECIAL,
}  # fmt: skip
XLM = {
    "vocab_size": VOCABULARY, "max_position_embeddings": 64, "emb_dim": 32, "n_layers": 3, "n_heads": 4,
    "init_std": 0.4, "embed_init_std": 0.4,
}  # fmt: skip
BART = {
    "vocab_size": VOCABULARY, "max_position_embeddings": 64, "d_model": 32, "encoder_layers": 3,
    "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40, "init_std": 0.4, "decoder_start_token_id": 2, **SPECIAL,
}  # fmt: skip
T5 = {
    "vocab_size": VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 40, "num_layers": 3, "num_decoder_layers": 2,
    "num_heads": 4, "initializer_factor": 1.5, "decoder_start_token_id": 0, "pad_token_id": 0,
    "eos_token_id": 1,
}  # fmt: skip
VISION = {**SIZES, **SPREAD, "image_size": SIDE, "patch_size": 8}
SOUND = {
    **SIZES, **SPREAD, "conv_dim": (16, 16), "conv_stride": (4, 4), "conv_kernel": (8, 8), "vocab_size": 60,
    "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
STAGES = {
    "num_encoder_blocks": 2, "hidden_sizes": [8, 16], "depths": [1, 2], "num_attention_heads": [1, 2],
    "strides": [4, 2], "mlp_ratios": [2, 2], **SPREAD,
}  # fmt: skip

# Mixtures of experts, local attention in some layers, and compressed keys.
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
ROUTED = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "n_group": 1,
    "topk_group": 1,
}
LOCAL = {"sliding_window": 4, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
MLA = {
    **TEXT, **ROUTED, "num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4, "v_head_dim": 6, "n_shared_experts": 1, "first_k_dense_replace": 1,
}  # fmt: skip
CLIP = {"initializer_factor": 6.0}
