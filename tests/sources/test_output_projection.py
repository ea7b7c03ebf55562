"""What is read off as output projection makes of weights and values just what the layer's module gave."""

import math
import re
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from transformers import Gemma2Config, GPT2Config

from attnviz.analysis.through.norms import norms
from attnviz.errors import BudgetError, MissingInternals
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import keep, load
from attnviz.sources.huggingface.capturing import output
from attnviz.sources.huggingface.capturing.filled import Filled
from attnviz.sources.huggingface.modules import ModuleSource
from attnviz.sources.huggingface.paths.rerun import hooked
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.watching.sites import run
from tests.sources.architecture import GPT, GROUPED, LENGTH
from tests.sources.test_gates import READINGS
from tests.sources.tiny_layouts import made, read, text_feed, written
from tests.sources.tiny_pretrained import FOX, WORD_PIECES

D, HEADS = 16, 4
_GPT = {**GPT, "vocab_size": WORD_PIECES}
_GROUPED = {**GROUPED, "vocab_size": WORD_PIECES}

# For each block the projection of each layer, as the model files call it.
PROJECTIONS = {
    "bert": {"self": "encoder.layer.{}.attention.output.dense"},
    "albert": {"self": "encoder.albert_layer_groups.0.albert_layers.0.attention.dense"},
    "gpt2": {"self": "h.{}.attn.c_proj"},
    "gpt_neox": {"self": "layers.{}.attention.dense"},
    "gpt_oss": {"self": "layers.{}.self_attn.o_proj"},
    "llama": {"self": "layers.{}.self_attn.o_proj"},
    "gemma2": {"self": "layers.{}.self_attn.o_proj"},
    "deepseek_v3": {"self": "layers.{}.self_attn.o_proj"},
    "falcon": {"self": "h.{}.self_attention.dense"},
    "jamba": {"self": "layers.{}.self_attn.o_proj"},
    "t5": {
        "encoder": "encoder.block.{}.layer.0.SelfAttention.o",
        "decoder": "decoder.block.{}.layer.0.SelfAttention.o",
        "cross": "decoder.block.{}.layer.1.EncDecAttention.o",
    },
    "whisper": {
        "encoder": "encoder.layers.{}.self_attn.out_proj",
        "decoder": "decoder.layers.{}.self_attn.out_proj",
        "cross": "decoder.layers.{}.encoder_attn.out_proj",
    },
    "vit": {"self": "layers.{}.attention.o_proj"},
    "qwen2_vl": {"self": "language_model.layers.{}.self_attn.o_proj"},
}

# What stands between the heads and the projection.
NOT_ALONE = {"bitnet": "a norm of all heads", "diffllama": "a difference of two", "qwen3_next": "a gate"}


@cache
def reading_of(name):
    return read(READINGS[name](), name)


def given_by(reading, names):
    """What modules give when nothing is captured, one (row, channel) for each of their runs."""
    given = []
    with ExitStack() as hooks:
        for name in dict.fromkeys(names):
            part = reading.feed.model.get_submodule(name)
            hooks.enter_context(
                hooked(part.register_forward_hook(lambda *made: given.append(made[2].flatten(0, -2))))
            )
        run(reading.feed)
    return given


def contributions(record):
    """What all heads and keys add up to, with the bias: (layer, query, d_model)."""
    held = record.internals
    added = np.einsum(
        "lhqk,lhkv,lhvd->lqd", record.weights, held.values, held.output_weights, dtype=np.float64
    )
    return added + held.output_bias[:, None]


def assert_close(ours, theirs, tolerance=1e-5):
    theirs = np.asarray(theirs)
    assert np.abs(theirs).max() > 0
    np.testing.assert_allclose(ours, theirs, atol=tolerance * np.abs(theirs).max(), rtol=0)


@pytest.mark.parametrize(
    ("name", "block"), [(name, block) for name, of in PROJECTIONS.items() for block in of]
)
def test_contributions_and_bias_are_what_the_projection_gave(name, block):
    feed, path = READINGS[name](), PROJECTIONS[name][block]
    for part in feed.model.modules():
        if isinstance(getattr(part, "bias", None), nn.Parameter):
            nn.init.normal_(part.bias, std=0.3, generator=torch.Generator().manual_seed(0))
    reading = read(feed, name)
    record = reading.record(block=block, internals=True)
    names = [path.format(layer) for layer in record.layers]
    given = torch.stack(given_by(reading, names)).numpy()
    assert given.shape == (len(record.layers), len(record.queries), 32)
    assert_close(contributions(record), given)
    for layer, projection in enumerate(map(reading.feed.model.get_submodule, names)):
        matrix, bias = projection.weight.detach(), getattr(projection, "bias", None)
        matrix = matrix.T if isinstance(projection, nn.Linear) else matrix
        ours = record.internals.output_weights[layer]
        assert ours.shape == (len(record.heads), record.internals.values.shape[-1], 32)
        assert_close(ours.reshape(matrix.shape), matrix.numpy(), 1e-6)
        np.testing.assert_array_equal(
            record.internals.output_bias[layer], np.zeros(32) if bias is None else bias.detach().numpy()
        )


def test_windows_of_a_picture_share_one_projection():
    reading = reading_of("swin (windows)")
    for layers in reading.outlines["self"].alike:
        numbers = ",".join(str(layer.number) for layer in layers)
        record = reading.record(Selection(numbers), internals=True)
        for place, layer in enumerate(layers):
            given = given_by(reading, [f"{layer.module}.o_proj"])[0]
            site = next(site for site in reading.watched.sites if site.layer == layer.number)
            squares = given.reshape(site.seen.windows.squares, 1, -1, given.shape[-1])
            laid = site.seen.windows.vectors(squares)[0, 0]
            assert_close(contributions(record)[place], laid.numpy())


def test_the_real_minilm(minilm):
    reading = load(minilm).read(Prompt(FOX))
    record = reading.record(internals=True)
    names = [f"encoder.layer.{layer}.attention.output.dense" for layer in range(6)]
    assert_close(contributions(record), torch.stack(given_by(reading, names)).numpy())
    assert record.internals.output_weights.shape == (6, 12, 32, 384)
    np.testing.assert_allclose(record.internals.scales, 1 / math.sqrt(32))


def test_only_what_is_selected_is_kept():
    reading = reading_of("llama")
    whole = reading.record(internals=True).internals
    some = reading.record(Selection("1-2", "0,3"), internals=True).internals
    assert some.output_weights.shape == (2, 2, 8, 32)
    np.testing.assert_array_equal(some.output_weights, whole.output_weights[1:, [0, 3]])
    np.testing.assert_array_equal(some.output_bias, whole.output_bias[1:])
    assert some.scales.shape == (2,)
    assert not some.output_weights.flags.writeable


def test_what_a_model_fills_up_is_cut_off():
    feed = text_feed(made(GPT2Config(**_GPT)))
    own = (0, 2, 3, 7)
    side = Filled(tuple(written(21).known[place] for place in own), own, 21)
    cut = read(replace(feed, sides={"self": (side, side)})).record(internals=True).internals
    whole = read(feed).record(internals=True).internals
    np.testing.assert_array_equal(cut.values, whole.values[:, :, own])
    np.testing.assert_array_equal(cut.output_weights, whole.output_weights)
    np.testing.assert_array_equal(cut.output_bias, whole.output_bias)


@pytest.mark.parametrize("name", NOT_ALONE)
def test_heads_that_go_through_something_else_first_have_no_projection(name):
    reading = reading_of(name)
    record = reading.record(internals=True)
    assert record.internals.output_weights is None
    assert record.internals.output_bias is None
    assert record.internals.values.shape[:2] == record.weights.shape[:2]
    with pytest.raises(MissingInternals, match="no output projection"):
        norms(record)


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"vdim": 12}], ids=["plain", "no bias", "vdim"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_multihead_attention(options, batch_first):
    torch.manual_seed(0)
    module = nn.MultiheadAttention(D, HEADS, batch_first=batch_first, **options).eval()
    if module.out_proj.bias is not None:
        nn.init.normal_(module.out_proj.bias)
    query, key, value = numbers(5, D), numbers(7, D), numbers(7, module.vdim)
    inputs = [each[None] if batch_first else each[:, None] for each in (query, key, value)]
    record = ModuleSource(module).attend(*inputs, internals=True)
    with torch.no_grad():
        assert_close(contributions(record)[0], module(*inputs)[0].reshape(5, D).numpy())
    np.testing.assert_allclose(record.internals.scales, [0.5])


def test_an_encoder_of_torch():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(D, HEADS, 40, batch_first=True)
    module, x = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).eval(), numbers(1, 7, D)
    record = ModuleSource(module).attend(x, internals=True)
    given = []
    with ExitStack() as hooks, torch.no_grad():
        for one in module.layers:
            keep = one.self_attn.register_forward_hook(lambda *made: given.append(made[2][0][0]))
            hooks.enter_context(hooked(keep))
        module(x, mask=torch.zeros(7, 7))  # with a mask torch takes no shortcut past its modules
    assert_close(contributions(record), torch.stack(given).numpy())


class ByHand(nn.Module):
    """Torch's fused attention, and whatever follows it."""

    def __init__(self, *after):
        super().__init__()
        torch.manual_seed(0)
        self.qkv = nn.Linear(D, 3 * D)
        self.after = nn.Sequential(*after) if len(after) > 1 else after[0]

    def heads(self, x):
        query, key, value = (
            one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in self.qkv(x).chunk(3, -1)
        )
        return F.scaled_dot_product_attention(query, key, value, scale=0.3).transpose(1, 2).flatten(2)

    def forward(self, x):
        return self.after(self.heads(x))


class InPieces(ByHand):
    """Queries come five at a time, or each five see themselves only; the projection takes all."""

    def __init__(self, *after, alone=False):
        super().__init__(*after)
        self.alone = alone

    def heads(self, x):
        query, key, value = (
            one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in self.qkv(x).chunk(3, -1)
        )
        parts = [(q, k, v) for q, k, v in zip(*(one.split(5, 2) for one in (query, key, value)), strict=True)]
        made = [
            F.scaled_dot_product_attention(q, *((k, v) if self.alone else (key, value)), scale=0.3)
            for q, k, v in parts
        ]
        return torch.cat(made, dim=2).transpose(1, 2).flatten(2)


class Convolved(ByHand):
    def forward(self, x):
        return self.after(self.heads(x).mT).mT


class Dropped(ByHand):
    """What the heads gave goes through what changes nothing, on its way to the projection."""

    def __init__(self, *after):
        super().__init__(*after)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.after(self.drop(self.heads(x)))


class Interleaved(ByHand):
    """The channels of heads take turns."""

    def forward(self, x):
        return self.after(self.heads(x).unflatten(-1, (HEADS, -1)).mT.flatten(2))


class Adapted(nn.Module):
    """A matrix and an adapter of low rank beside it."""

    def __init__(self):
        super().__init__()
        self.base, self.down, self.up = nn.Linear(D, 24), nn.Linear(D, 2, bias=False), nn.Linear(2, 24)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


class Beside(nn.Module):
    """Takes what the heads gave and something else."""

    def __init__(self):
        super().__init__()
        self.dense, self.norm = nn.Linear(D, D), nn.LayerNorm(D)

    def forward(self, x):
        return self.norm(self.dense(x) + x)


FOUND = {
    "a matrix": lambda: ByHand(nn.Linear(D, 24)),
    "dropout before it": lambda: Dropped(nn.Linear(D, 24)),
    "an adapter": lambda: ByHand(Adapted()),
    "two matrices that are one module": lambda: ByHand(nn.Linear(D, 6), nn.Linear(6, 24)),
    "pieces": lambda: InPieces(nn.Linear(D, 24)),
    "pieces by themselves": lambda: InPieces(nn.Linear(D, 24), alone=True),
    "a convolution": lambda: Convolved(nn.Conv1d(D, 24, 1, groups=2)),
}


@pytest.mark.parametrize("kind", FOUND)
def test_projections_of_any_make(kind):
    module, x = FOUND[kind]().eval(), numbers(1, 12, D)
    record = ModuleSource(module).attend(x, internals=True)
    with torch.no_grad():
        assert_close(contributions(record)[0], module(x)[0].numpy())
    np.testing.assert_allclose(record.internals.scales, [0.3], rtol=1e-6)


def test_of_a_module_that_does_more_its_matrix_is_meant():
    module, x = ByHand(Beside()).eval(), numbers(1, 7, D)
    record = ModuleSource(module).attend(x, internals=True)
    assert_close(contributions(record)[0], module.after.dense(module.heads(x))[0].detach().numpy())


class Bent(nn.Module):
    """Nearly a matrix, for numbers as small as those the heads give."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(D, D)

    def forward(self, x):
        return 1e3 * torch.tanh(F.linear(x, self.dense.weight) / 1e3)


class Neighbours(nn.Module):
    """Affine, but each row takes of the one before."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(D, D)

    def forward(self, x):
        return F.linear(x + 0.5 * x.roll(1, dims=-2), self.dense.weight)


NOT_FOUND = {
    "bent": lambda: ByHand(Bent()),
    "between rows": lambda: ByHand(Neighbours()),
    "interleaved": lambda: Interleaved(nn.Linear(D, D)),
    "a norm first": lambda: ByHand(nn.LayerNorm(D), nn.Linear(D, D)),
}


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_what_is_no_projection_of_heads_is_none(kind):
    record = ModuleSource(NOT_FOUND[kind]().eval()).attend(numbers(1, 7, D), internals=True)
    assert record.internals.output_weights is None


@pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*Deprecated")
def test_a_packed_projection_is_read_coarsely():
    module, x = ByHand(nn.Linear(D, 24)).eval(), numbers(1, 7, D)
    matrix = module.after.weight.detach().T.reshape(HEADS, D // HEADS, 24).numpy()
    packed = ByHand(torch.ao.quantization.quantize_dynamic(nn.Sequential(module.after), {nn.Linear})[0])
    packed.qkv.load_state_dict(module.qkv.state_dict())
    assert not list(packed.after.parameters())
    record = ModuleSource(packed.eval()).attend(x, internals=True)
    assert_close(record.internals.output_weights[0], matrix, 0.01)
    with torch.no_grad():
        assert_close(contributions(record)[0], packed(x)[0].numpy(), 0.02)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_a_large_bias_hides_nothing_in_half_precision(precision):
    model = made(GPT2Config(**_GPT))
    with torch.no_grad():
        model.h[1].attn.c_proj.bias.fill_(30.0)
    model = model.to(precision)
    record = read(text_feed(model)).record(internals=True)
    ours = record.internals.output_weights[1].reshape(32, 32)
    np.testing.assert_allclose(ours, model.h[1].attn.c_proj.weight.detach().float().numpy(), atol=1e-2)


def test_scales_are_what_the_model_multiplies_with():
    assert reading_of("bert").record(internals=True).internals.scales == pytest.approx(8**-0.5)
    for block in ("encoder", "decoder", "cross"):
        assert reading_of("t5").record(block=block, internals=True).internals.scales.tolist()[0] == 1.0
    by_hand = Gemma2Config(**{**_GROUPED, "query_pre_attn_scalar": 50})
    assert read(text_feed(made(by_hand))).record(internals=True).internals.scales == pytest.approx(50**-0.5)
    of_layers = GPT2Config(**_GPT, scale_attn_by_inverse_layer_idx=True)
    scales = read(text_feed(made(of_layers))).record(internals=True).internals.scales
    assert scales == pytest.approx([8**-0.5, 8**-0.5 / 2, 8**-0.5 / 3])


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "whisper", "vit", "deepseek_v3"])
def test_scales_make_the_weights_again(name):
    record = reading_of(name).record(internals=True)
    held = record.internals
    logits = held.scales[:, None, None, None] * (held.queries @ held.keys.swapaxes(-1, -2))
    visible = np.stack([record.visible(layer) for layer in record.layers])[:, None]
    again = torch.from_numpy(np.where(visible, logits, -np.inf)).softmax(-1).numpy()
    np.testing.assert_allclose(again, record.weights, atol=1e-5)


def test_projections_beyond_memory_are_refused(monkeypatch):
    monkeypatch.setattr(keep, "_memory", lambda: 3 * 4 * 12 * 12 * 4 * 2.5)
    reading = reading_of("bert")
    assert reading.record().weights.size == 3 * 4 * LENGTH * LENGTH
    with pytest.raises(
        BudgetError, match=re.escape("the output projections of 3 layers x 4 heads do not fit")
    ):
        reading.record(internals=True)


def test_a_wrong_order_of_channels_would_be_noticed(monkeypatch):
    usual = output._own_rows
    monkeypatch.setattr(output, "_own_rows", lambda *given: usual(*given).unflatten(-1, (4, 8)).mT.flatten(1))
    assert reading_of("bert").record(internals=True).internals.output_weights is None


def test_nothing_is_left_behind():
    reading = reading_of("bert")
    with quiet():
        reading.record(internals=True)
    assert all(not part._forward_hooks for part in reading.feed.model.modules())
