"""Which call is which layer of which block is told with certainty, or not at all."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

import attnviz
from attnviz.errors import AttnvizError, NoAttention, UnsupportedModel
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import watch
from tests.sources.architecture import LENGTH, SELF, VOCABULARY, Architecture, numbers, text
from tests.sources.architectures import ARCHITECTURES, decoder, encoder

D = 16

NOTHING_ATTENDS = {
    "fnet": encoder("FNet"),
    "mamba": encoder("Mamba", state_size=4),
    "mamba2": encoder("Mamba2", state_size=4, num_heads=8, head_dim=8, n_groups=1),
    "rwkv": encoder("Rwkv", attention_hidden_size=32),
    "convnext": Architecture(
        "ConvNext", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
        lambda: {"pixel_values": numbers(1, 3, 32, 32)}, {"self": (None, None)},
    ),
}  # fmt: skip

# What is no attention to tokens must never become a picture of it.
NO_SQUARE = {
    "nystromformer": encoder("Nystromformer", num_landmarks=4, segment_means_seq_len=LENGTH),
    "deepseek_v4": decoder(
        "DeepseekV4", num_key_value_heads=1, q_lora_rank=16, num_experts_per_tok=2, n_routed_experts=4,
        layer_types=["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"],
        compress_rates={"compressed_sparse_attention": 2, "heavily_compressed_attention": 4}, o_groups=2,
        moe_intermediate_size=16, o_lora_rank=8, index_n_heads=2, index_head_dim=8, index_topk=2,
    ),
    "funnel": Architecture(
        "Funnel", {"vocab_size": VOCABULARY, "block_sizes": [1, 1], "d_model": 32, "n_head": 4, "d_head": 8},
        text, SELF, model="FunnelModel",
    ),
    "perceiver": Architecture(
        "Perceiver", {"d_model": 32, "d_latents": 32, "num_latents": 5, "num_self_attends_per_block": 2,
        "num_self_attention_heads": 4, "num_cross_attention_heads": 4},
        lambda: {"inputs": numbers(1, LENGTH, 32)}, SELF,
    ),
}  # fmt: skip


def read(architecture, name="model"):
    with quiet():
        model = architecture.build()
        feed = architecture.feed(model)
        return PretrainedReading(name, None, feed, watch(feed, name))


@pytest.mark.parametrize("architecture", NOTHING_ATTENDS.values(), ids=NOTHING_ATTENDS)
def test_a_model_without_attention_is_told_by_what_it_does(architecture):
    with pytest.raises(NoAttention, match="mixer has no attention weights: nothing in it attends"):
        read(architecture, "mixer")


@pytest.mark.parametrize("architecture", NO_SQUARE.values(), ids=NO_SQUARE)
def test_what_is_no_attention_to_tokens_ends_in_an_error(architecture):
    with pytest.raises(AttnvizError):
        read(architecture).record()


@pytest.mark.parametrize(
    ("name", "numbered"),
    [
        ("jamba", (1, 3)),
        ("zamba2", (1, 3)),
        ("qwen3_next", (1, 3)),
        ("albert", (0, 1, 2)),
        ("diffllama", (0, 1, 2)),
    ],
)
def test_layers_have_the_models_own_numbers(name, numbered):
    """Hybrids count layers that do not attend; ALBERT has one module, DiffLlama two calls a layer."""
    assert read(ARCHITECTURES[name]).outlines["self"].numbers == numbered


def test_a_shared_module_is_named_by_where_it_runs():
    layers = read(ARCHITECTURES["zamba2"]).outlines["self"].layers
    assert [layer.module for layer in layers] == [
        "layers.1.shared_transformer.self_attn", "layers.3.shared_transformer.self_attn",
    ]  # fmt: skip


def test_a_tower_with_as_many_positions_by_chance_is_left_out():
    reading = read(ARCHITECTURES["qwen2_vl"])
    assert {site.seen.shape[2] for site in reading.watched.sites} == {16}
    assert all(layer.module.startswith("language_model.") for layer in reading.outlines["self"].layers)


def test_what_a_layer_is_like():
    layers = read(ARCHITECTURES["deepseek_v3"]).outlines["self"].layers
    assert [(layer.key_heads, layer.d_k, layer.d_v) for layer in layers] == [(4, 12, 6)] * 3
    sliding, full, _ = read(ARCHITECTURES["gemma2"]).outlines["self"].layers
    assert (sliding.window, full.window) == (4, None)
    assert (sliding.key_heads, len(sliding.heads)) == (2, 4)


@pytest.mark.parametrize("name", ["bart", "t5", "time_series_transformer"])
def test_blocks_of_one_length_are_told_apart(name):
    """Nothing but what a module is given tells cross-attention from the decoder's own where lengths agree."""
    architecture = ARCHITECTURES[name]
    same = dict.fromkeys(architecture.counts, (LENGTH, LENGTH))
    if name == "time_series_transformer":
        architecture = Architecture(
            architecture.config, {**architecture.options, "prediction_length": 8},
            lambda: {**ARCHITECTURES[name].inputs(), "future_values": numbers(1, 8),
                     "future_time_features": numbers(1, 8, 1)},
            dict.fromkeys(same, (8, 8)),
        )  # fmt: skip
    else:
        architecture = Architecture(
            architecture.config, architecture.options,
            lambda: {**text(), "decoder_input_ids": text()["input_ids"]}, same,
        )  # fmt: skip
    outlines = read(architecture).outlines
    for block, outline in outlines.items():
        words = {"encoder": "encoder.", "decoder": "decoder.", "cross": "decoder."}[block]
        assert all(layer.module.startswith(words) for layer in outline.layers)
        across = [
            any(word in layer.module for word in ("encoder_attn", "EncDec")) for layer in outline.layers
        ]
        assert across == [block == "cross"] * 2 if block != "encoder" else not any(across)
        assert all(layer.causal == (block == "decoder") for layer in outline.layers)


class Layer(nn.Module):
    """One layer of attention, to every key or to the means of pairs of keys."""

    def __init__(self, *, pooled=False):
        super().__init__()
        self.project, self.pooled = nn.Linear(D, D), pooled

    def forward(self, x):
        keys = self.project(x)
        keys = keys.unflatten(1, (-1, 2)).mean(dim=2) if self.pooled else keys
        return (x @ keys.mT).softmax(dim=-1) @ keys


def test_a_stack_is_read_whole_or_not_at_all():
    x = numbers(1, LENGTH, D)
    assert attnviz.load(nn.Sequential(Layer(), Layer())).attend(x).layers == (0, 1)
    with pytest.raises(
        UnsupportedModel, match="does not line up with its input: got 12 queries x 6 keys in 1,"
    ):
        attnviz.load(nn.Sequential(Layer(), Layer(pooled=True))).attend(x)


def test_a_module_that_attends_twice_is_not_guessed():
    class Twice(nn.Module):
        def forward(self, x):
            first = F.scaled_dot_product_attention(x, x, x)
            return first + F.scaled_dot_product_attention(2 * x, x, x)

    with pytest.raises(UnsupportedModel, match="a layer of Twice attends more than once"):
        attnviz.load(Twice()).attend(numbers(1, LENGTH, D))


def test_one_set_of_weights_for_two_sets_of_values_is_one_layer():
    class Doubled(nn.Module):
        def forward(self, x):
            first = F.scaled_dot_product_attention(x, x, x)
            return first + F.scaled_dot_product_attention(x, x, 2 * x)

    record = attnviz.load(Doubled()).attend(numbers(1, LENGTH, D))
    assert record.weights.shape == (1, 1, LENGTH, LENGTH)


def test_a_module_used_again_is_another_layer_each_time():
    class Repeated(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Layer()

        def forward(self, x):
            return self.layer(self.layer(self.layer(x)))

    assert attnviz.load(Repeated()).attend(numbers(1, LENGTH, D)).layers == (0, 1, 2)


def test_queries_in_pieces_are_one_layer():
    class Pieces(nn.Module):
        def forward(self, x):
            pieces = [F.scaled_dot_product_attention(piece, x, x) for piece in x.split(5, dim=1)]
            return torch.cat(pieces, dim=1)

    class Whole(nn.Module):
        def forward(self, x):
            return F.scaled_dot_product_attention(x, x, x)

    x = numbers(1, LENGTH, D)
    in_pieces, whole = attnviz.load(Pieces()).attend(x), attnviz.load(Whole()).attend(x)
    torch.testing.assert_close(
        torch.tensor(in_pieces.weights), torch.tensor(whole.weights), atol=1e-6, rtol=0
    )


def test_a_model_that_does_not_run_says_why():
    class Broken(nn.Module):
        def forward(self, x):
            return x @ x

    module = nn.Sequential(Layer(), Broken())
    with pytest.raises(UnsupportedModel, match="Sequential does not run on this input: "):
        attnviz.load(module).attend(numbers(1, LENGTH, D))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert torch.overrides._len_torch_function_stack() == 0
