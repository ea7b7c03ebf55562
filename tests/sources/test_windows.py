"""Windows and pieces of a layer come back as query x key over all of its patches."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from transformers import (
    DonutSwinConfig,
    SamVisionConfig,
    SamVisionModel,
    SwinConfig,
    Swinv2Config,
    VitDetConfig,
)
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel

from attnviz.errors import UnsupportedModel
from attnviz.selection import Selection
from attnviz.sources.huggingface.capturing.checks import EXPLAINED, UNCHANGED
from attnviz.sources.huggingface.feed import Feed, Positions
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.watching.windows import Windows
from tests.sources.tiny_layouts import made, read, written

SIDE = 44  # eleven patches of four pixels: no multiple of a window's four, and five and a half when merged
_PYRAMID = {
    "image_size": SIDE,
    "patch_size": 4,
    "embed_dim": 16,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "window_size": 4,
    "initializer_range": 0.4,
}
PYRAMIDS = {"swin": SwinConfig, "swin v2": Swinv2Config, "donut": DonutSwinConfig}


def picture_feed(model, pixels=None) -> Feed:
    pixels = torch.zeros(1, 3, SIDE, SIDE) if pixels is None else pixels
    return Feed(model, {"pixel_values": pixels}, {"self": (Positions(), Positions())})


def windows_of(rows, shift) -> torch.Tensor:
    """Cut a grid as Swin does: (window, row), the number of a patch, -1 for padding."""
    padded = torch.full((-(-rows // 4) * 4,) * 2, -1)
    padded[:rows, :rows] = torch.arange(rows * rows).view(rows, rows)
    size = len(padded) // 4
    rolled = padded.roll((-shift, -shift), (0, 1))
    return rolled.view(size, 4, size, 4).transpose(1, 2).reshape(-1, 16)


def laid_out(weights, windows, count) -> np.ndarray:
    """Bring (window, head, row, row) to (head, patch, patch), one number at a time."""
    laid = np.zeros((weights.shape[1], count, count), dtype=np.float32)
    for square, (row, query) in product(range(len(windows)), list(enumerate(range(16)))):
        for column in range(16):
            one, other = windows[square, row], windows[square, column]
            if one >= 0 and other >= 0:
                laid[:, one, other] = weights[square, :, query, column]
    return laid


@pytest.mark.parametrize("even", [True, False], ids=["an even picture", "noise"])
@pytest.mark.parametrize("config", PYRAMIDS.values(), ids=PYRAMIDS)
def test_shifted_and_padded_windows(config, even):
    with quiet():
        eager = made(config(**_PYRAMID), attn_implementation="eager")
        pixels = torch.zeros(1, 3, SIDE, SIDE) if even else torch.randn(1, 3, SIDE, SIDE)
        reading = read(picture_feed(made(config(**_PYRAMID)), pixels))
    outline = reading.outlines["self"]
    theirs = own_weights(eager, [layer.module for layer in outline.layers], pixels)
    assert [layer.shape for layer in outline.layers] == 2 * [((0, 1), 121, 121)] + 2 * [
        ((0, 1, 2, 3), 36, 36)
    ]
    for layer, weights, (rows, shift) in zip(
        outline.layers, theirs, [(11, 0), (11, 2), (6, 0), (6, 2)], strict=True
    ):
        record = reading.record(Selection(str(layer.number)))
        windows = windows_of(rows, shift)
        np.testing.assert_allclose(record.weights[0], laid_out(weights, windows, rows**2), atol=1e-5)
        together = laid_out(torch.ones(len(windows), 1, 16, 16), windows, rows**2)[0] > 0
        np.testing.assert_array_equal(record.visible(layer.number), together)
        lost = 1 - record.weights.sum(axis=-1, dtype=np.float64).clip(max=1)
        assert record.dropped == pytest.approx(lost.mean(), abs=1e-5)
        assert record.sinks == ()
    assert reading.record(Selection("0")).dropped > 0.01


def own_weights(model, names, pixels) -> list[torch.Tensor]:
    """What each attention module itself gives as its weights: (window, head, row, row)."""
    found, parts = [], dict(model.named_modules())

    def keep_weights(_module, _given, output):
        found.append(output[1])

    hooks = [parts[name].register_forward_hook(keep_weights) for name in names]
    with quiet(), torch.no_grad():
        model(pixel_values=pixels, output_attentions=True)
    for hook in hooks:
        hook.remove()
    return found


def test_layers_of_other_windows_do_not_fit_into_one_record():
    reading = read(picture_feed(made(SwinConfig(**_PYRAMID))))
    alike = reading.outlines["self"].alike
    assert [[layer.number for layer in group] for group in alike] == [[0, 1], [2, 3]]
    assert {EXPLAINED, UNCHANGED} <= {check.name for check in reading.checks()}


def test_internals_of_windows_make_the_weights_again():
    reading = read(picture_feed(made(SwinConfig(**_PYRAMID)), torch.randn(1, 3, SIDE, SIDE)))
    record = reading.record(Selection("1"), internals=True)
    module = dict(reading.feed.model.named_modules())[reading.outlines["self"].layer(1).module]
    assert record.internals.queries.shape == (1, 2, 121, 8)
    logits = record.internals.queries[0] @ record.internals.keys[0].transpose(0, 2, 1) / math.sqrt(8)
    windows = windows_of(11, 2)
    bias = module.relative_position_bias().detach()
    logits += laid_out(bias.expand(len(windows), 2, 16, 16), windows, 121)
    # In a window whose rows are from one edge only, and none of them padding, nothing else is added.
    plain = windows[0].numpy()
    inside = logits[:, plain][:, :, plain]
    again = np.exp(inside - inside.max(-1, keepdims=True))
    expected = record.weights[0][:, plain][:, :, plain]
    np.testing.assert_allclose(again / again.sum(-1, keepdims=True), expected, atol=1e-5)


SAM = SamVisionConfig(
    hidden_size=32,
    output_channels=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    image_size=40,
    patch_size=4,
    window_size=4,
    global_attn_indexes=[1],
    mlp_dim=40,
    use_rel_pos=True,
    initializer_range=0.4,
)
VITDET = VitDetConfig(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    image_size=40,
    pretrain_image_size=40,
    patch_size=4,
    window_size=4,
    window_block_indices=[0],
    mlp_ratio=1,
    initializer_range=0.4,
)


@pytest.mark.parametrize(
    "make", [lambda: SamVisionModel._from_config(SAM).eval(), lambda: made(VITDET)], ids=["sam", "vitdet"]
)
def test_windows_beside_layers_that_see_all(make):
    torch.manual_seed(0)
    with quiet():
        model = make()
    record = read(picture_feed(model, torch.randn(1, 3, 40, 40))).record()
    assert record.weights.shape == (2, 4, 100, 100)
    windows = windows_of(10, 0)
    together = laid_out(torch.ones(len(windows), 1, 16, 16), windows, 100)[0] > 0
    np.testing.assert_array_equal(record.visible(0), together)
    assert record.visible(1).all()
    mass = record.weights.sum(axis=-1)
    np.testing.assert_allclose(mass[1], 1, atol=1e-5)
    # The first four rows and columns fill a window; in the last two of ten, others stand beside padding.
    np.testing.assert_allclose(mass[0][:, 0], 1, atol=1e-5)
    assert (mass[0][:, 99] < 0.99).all()


def test_one_window_that_is_mostly_padding():
    small = SamVisionConfig(**{**SAM.to_dict(), "image_size": 12})
    torch.manual_seed(0)
    with quiet():
        model = SamVisionModel._from_config(small).eval()
    record = read(picture_feed(model, torch.randn(1, 3, 12, 12))).record(Selection("0"))
    assert record.weights.shape == (1, 4, 9, 9)
    assert record.weights.sum(axis=-1).mean() < 0.99


class Squares(nn.Module):
    """Attends to each of some squares by itself."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.Linear(8, 24)

    def forward(self, states):
        query, key, value = (part[:, None] for part in self.vectors(states).chunk(3, dim=-1))
        return F.scaled_dot_product_attention(query, key, value)[:, 0]


class Layer(nn.Module):
    """Cuts sixteen patches into four squares, in an order of its own."""

    def __init__(self, order, *, blends=False):
        super().__init__()
        self.squares, self.order, self.blends = Squares(), order, blends

    def forward(self, states):
        states = states + states.mean(1, keepdim=True) if self.blends else states
        squares = self.squares(states[0, self.order].view(4, 4, 8))
        return squares.view(1, 16, 8)[:, self.order.argsort()]


def layer_feed(layer) -> Feed:
    torch.manual_seed(0)
    return Feed(nn.Sequential(layer).eval(), {"input": torch.randn(1, 16, 8)}, {"self": (written(16),) * 2})


@given(st.permutations(range(16)))
def test_any_order_of_patches_is_found(order):
    record = read(layer_feed(Layer(torch.tensor(order)))).record()
    square_of = np.argsort(order) // 4
    np.testing.assert_array_equal(record.weights[0, 0] > 0, np.equal.outer(square_of, square_of))
    np.testing.assert_allclose(record.weights.sum(axis=-1), 1, atol=1e-5)


def test_squares_that_are_no_cut_of_the_patches_are_refused():
    with pytest.raises(UnsupportedModel, match="does not line up with its input"):
        read(layer_feed(Layer(torch.arange(16), blends=True)))


def test_squares_that_were_never_one_layer_stand_side_by_side():
    torch.manual_seed(0)
    feed = Feed(Squares().eval(), {"states": torch.randn(4, 4, 8)}, {"self": (written(16),) * 2})
    record = read(feed).record()
    blocks = torch.block_diag(*[torch.ones(4, 4)] * 4).bool()
    np.testing.assert_array_equal(record.weights[0, 0] > 0, blocks)


@given(st.data())
def test_windows_lay_out_any_cut(data):
    squares, rows = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    count = data.draw(st.integers(1, squares * rows))
    order = data.draw(st.permutations([*range(count), *[-1] * (squares * rows - count)]))
    positions = torch.tensor(order).view(squares, rows)
    weights = torch.rand(squares, 2, rows, rows)
    expected = np.zeros((2, count, count), dtype=np.float32)
    for square, row, column in product(range(squares), range(rows), range(rows)):
        query, key = positions[square, row], positions[square, column]
        if query >= 0 and key >= 0:
            expected[:, query, key] = weights[square, :, row, column]
    windows = Windows(positions, count)
    start = data.draw(st.integers(0, count - 1))
    np.testing.assert_array_equal(windows.rows(weights, start, count), expected[:, start:])
    square_of = {int(patch): square for square in range(squares) for patch in positions[square] if patch >= 0}
    together = [[square_of[one] == square_of[other] for other in range(count)] for one in range(count)]
    np.testing.assert_array_equal(windows.mask, together)


@pytest.fixture
def two_pictures():
    """A tower that attends to each picture by itself, and in some layers to each window by itself."""
    config = Qwen2_5_VLVisionConfig(
        depth=3,
        hidden_size=32,
        intermediate_size=40,
        num_heads=4,
        out_hidden_size=16,
        patch_size=4,
        spatial_merge_size=2,
        window_size=16,
        fullatt_block_indexes=[1],
        initializer_range=0.4,
    )
    torch.manual_seed(0)
    with quiet():
        model = Qwen2_5_VisionTransformerPretrainedModel._from_config(config).eval()
    inputs = {"hidden_states": torch.randn(64, 3 * 2 * 16), "grid_thw": torch.tensor([[1, 6, 8], [1, 4, 4]])}
    return read(Feed(model, inputs, {"self": (written(64), written(64))}))


def test_pieces_of_a_layer_stand_side_by_side(two_pictures):
    record = two_pictures.record()
    assert record.weights.shape == (3, 4, 64, 64)
    for layer, sizes in [(0, [16, 16, 8, 8, 16]), (1, [48, 16]), (2, [16, 16, 8, 8, 16])]:
        blocks = torch.block_diag(*(torch.ones(size, size) for size in sizes)).bool()
        np.testing.assert_array_equal(record.visible(layer), blocks)
        assert not record.weights[layer][:, ~blocks].any()
    np.testing.assert_allclose(record.weights.sum(axis=-1), 1, atol=1e-5)


def test_internals_of_pieces_make_the_weights_again(two_pictures):
    record = two_pictures.record(internals=True)
    logits = np.einsum("lhqd,lhkd->lhqk", record.internals.queries, record.internals.keys) / math.sqrt(8)
    for layer in record.layers:
        logits[layer][:, ~record.visible(layer)] = -np.inf
    again = np.exp(logits - logits.max(-1, keepdims=True))
    np.testing.assert_allclose(again / again.sum(-1, keepdims=True), record.weights, atol=1e-5)
