"""Torch modules give the weights they give themselves, and are left as they were."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

import attnviz
from attnviz.errors import CaptureFailed, NoAttention, RequestError, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from tests.sources.architectures import ARCHITECTURES

D, HEADS, LENGTH, TARGET = 16, 4, 6, 5
WORDS = ["the", "quick", "brown", "fox", "jumps", "."]

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:The PyTorch API of nested")


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    torch.manual_seed(0)


def numbers(*shape):
    return torch.randn(shape) * 3


@contextmanager
def own_weights(module) -> Iterator[list[torch.Tensor]]:
    """Collect what every `nn.MultiheadAttention` of a module says when asked for the weights of each head."""
    said: list[torch.Tensor] = []

    def ask(_module, _given, named):
        return _given, {**named, "need_weights": True, "average_attn_weights": False}

    def listen(_module, _given, output):
        said.append(output[1][0])

    parts = [part for part in module.modules() if isinstance(part, nn.MultiheadAttention)]
    hooks = [part.register_forward_pre_hook(ask, with_kwargs=True) for part in parts]
    hooks += [part.register_forward_hook(listen) for part in parts]
    training = module.training
    module.eval()
    yield said
    module.train(training)
    for hook in hooks:
        hook.remove()


def assert_same(weights, said):
    np.testing.assert_allclose(weights, torch.stack(list(said)).detach().numpy(), atol=1e-6, rtol=0)


def batch(batch_first, *sequences):
    return [sequence[None] if batch_first else sequence[:, None] for sequence in sequences]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("heads", [1, HEADS])
def test_multihead_attention_gives_its_own_weights(heads, batch_first):
    module = nn.MultiheadAttention(D, heads, batch_first=batch_first)
    (x,) = batch(batch_first, numbers(LENGTH, D))
    record = attnviz.load(module).attend(x, tokens=WORDS)
    with own_weights(module) as said:
        module(x, x, x)
    assert_same(record.weights, said)
    assert [token.text for token in record.keys] == WORDS
    assert (record.block, record.model, record.causal) == ("self", "MultiheadAttention", False)


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"kdim": 12, "vdim": 20}, {"dropout": 0.5}],
    ids=["plain", "no bias", "kdim", "dropout"],
)
def test_multihead_attention_to_something_else(options):
    module = nn.MultiheadAttention(D, HEADS, batch_first=True, **options)
    query, key, value = (
        numbers(1, TARGET, D),
        numbers(1, LENGTH, module.kdim),
        numbers(1, LENGTH, module.vdim),
    )
    record = attnviz.load(module).attend(query, key, value, tokens=WORDS, internals=True)
    with own_weights(module) as said:
        module(query, key, value)
    assert_same(record.weights, said)
    assert record.block == "cross"
    assert [token.text for token in record.queries] == ["0", "1", "2", "3", "4"]
    logits = record.internals.queries @ record.internals.keys.swapaxes(-1, -2) / math.sqrt(D // HEADS)
    np.testing.assert_allclose(torch.tensor(logits).softmax(-1).numpy(), record.weights, atol=1e-5)


@pytest.mark.parametrize("options", [{"add_zero_attn": True}, {"add_bias_kv": True}], ids=["zero", "bias"])
def test_keys_a_module_adds_itself_are_sinks(options):
    module = nn.MultiheadAttention(D, HEADS, batch_first=True, **options)
    x = numbers(1, LENGTH, D)
    record = attnviz.load(module).attend(x)
    with own_weights(module) as said:
        module(x, x, x)
    assert_same(record.weights, [weights[..., :LENGTH] for weights in said])
    assert record.sinks == (0,)


def test_masks_of_a_module_are_seen():
    module = nn.MultiheadAttention(D, HEADS, batch_first=True)
    x, later = numbers(1, LENGTH, D), nn.Transformer.generate_square_subsequent_mask(LENGTH)
    source = attnviz.load(module)
    for mask in (later, later < 0, later.expand(HEADS, -1, -1)):
        record = source.attend(x, attn_mask=mask)
        assert record.causal
        with own_weights(module) as said:
            module(x, x, x, attn_mask=mask)
        assert_same(record.weights, said)
    padded = torch.tensor([[False] * 4 + [True] * 2])
    record = source.attend(x, key_padding_mask=padded)
    assert not record.weights[..., 4:].any()
    assert not record.visible(0)[:, 4:].any()
    assert record.visible(0)[:, :4].all()


def test_the_caller_gets_exactly_what_it_asked_for():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(D, HEADS, batch_first=True)

        def forward(self, x, **asked):
            return self.attention(x, x, x, **asked)

    module, x = Asks().eval(), numbers(1, LENGTH, D)
    source = attnviz.load(module)
    for asked in ({}, {"need_weights": False}, {"average_attn_weights": False}):
        expected = module(x, **asked)
        output = source.read_tensors(x, **asked).watched.output
        torch.testing.assert_close(output, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_an_encoder_gives_its_own_weights(norm_first, batch_first):
    layer = nn.TransformerEncoderLayer(D, HEADS, 32, batch_first=batch_first, norm_first=norm_first)
    module = nn.TransformerEncoder(layer, 3)
    (x,) = batch(batch_first, numbers(LENGTH, D))
    record = attnviz.load(module).attend(x, tokens=WORDS)
    with own_weights(module) as said:
        module(x)
    assert_same(record.weights, said)
    assert record.layers == (0, 1, 2)


def test_a_layer_alone_gives_its_own_weights():
    module = nn.TransformerEncoderLayer(D, HEADS, 32, batch_first=True)
    x = numbers(1, LENGTH, D)
    with own_weights(module) as said:
        module(x)
    assert_same(attnviz.load(module).attend(x).weights, said)


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_transformer_has_three_blocks(batch_first):
    module = nn.Transformer(D, HEADS, 2, 3, 32, batch_first=batch_first)
    source, target = batch(batch_first, numbers(TARGET, D), numbers(TARGET, D))
    later = nn.Transformer.generate_square_subsequent_mask(TARGET)
    with own_weights(module) as said:
        module(source, target, tgt_mask=later, tgt_is_causal=True)
    expected = {"encoder": said[:2], "decoder": said[2::2], "cross": said[3::2]}
    loaded = attnviz.load(module)
    for block, weights in expected.items():
        record = loaded.attend(
            source, target, tgt_mask=later, tgt_is_causal=True, block=block,
            tokens=WORDS[:TARGET], target_tokens=["a", "b", "c", "d", "e"],
        )  # fmt: skip
        assert_same(record.weights, weights)
        assert record.causal == (block == "decoder")
        assert record.queries[0].text == ("the" if block == "encoder" else "a")
        assert record.keys[0].text == ("a" if block == "decoder" else "the")
    assert loaded.attend(source, target).block == "cross"


def test_a_decoder_looks_at_itself_and_across():
    module = nn.TransformerDecoder(nn.TransformerDecoderLayer(D, HEADS, 32, batch_first=True), 2)
    target, memory = numbers(1, TARGET, D), numbers(1, TARGET, D)
    with own_weights(module) as said:
        module(target, memory)
    source = attnviz.load(module)
    # Nothing is causal here and both sides are of one length: only what a module is given tells.
    assert_same(source.attend(target, memory, block="decoder").weights, said[::2])
    assert_same(source.attend(target, memory, block="cross").weights, said[1::2])


def test_a_module_is_left_as_it_was():
    module = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, HEADS, 32, batch_first=True), 2)
    module.layers[0].eval()
    modes = [part.training for part in module.modules()]
    hooks = [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()]
    x = numbers(1, LENGTH, D)
    attnviz.load(module).attend(x)
    assert [part.training for part in module.modules()] == modes
    assert [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()] == hooks


@pytest.mark.parametrize("padded", [False, True])
def test_what_a_fast_encoder_gives_is_unchanged(padded):
    module = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, HEADS, 32, batch_first=True), 2).eval()
    x, mask = numbers(1, LENGTH, D), torch.tensor([[False] * 4 + [True] * 2])
    named = {"src_key_padding_mask": mask} if padded else {}
    with torch.no_grad():
        before = module(x, **named)
        reading = attnviz.load(module).read_tensors(x, **named)
        assert reading.record().weights.shape == (2, HEADS, LENGTH, LENGTH)
        torch.testing.assert_close(module(x, **named), before, atol=0, rtol=0)
    # Torch's own shortcut leaves padding out; what is written there is nobody's.
    real = slice(0, 4 if padded else None)
    torch.testing.assert_close(reading.watched.output[:, real], before[:, real], atol=1e-5, rtol=0)


class ByHand(nn.Module):
    """Attention as it is written in a hundred repositories."""

    def __init__(self, heads=HEADS, way="softmax"):
        super().__init__()
        self.heads, self.way = heads, way
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.softmax = nn.Softmax(dim=-1)
        self.said = None

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, visible=None):
        query, key, value = map(self.split, self.qkv(x).chunk(3, dim=-1))
        logits = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if visible is not None:
            logits = logits.masked_fill(~visible, -1e9)
        self.said = torch.softmax(logits.detach(), dim=-1)
        made = getattr(self, f"_{self.way}")(query, key, value, logits, visible)
        return self.out(made.transpose(1, 2).flatten(2))

    def _softmax(self, _query, _key, value, logits, _visible):
        return F.dropout(F.softmax(logits, dim=-1), 0.1, self.training) @ value

    def _method(self, _query, _key, value, logits, _visible):
        return torch.matmul(logits.softmax(-1, dtype=torch.float64).to(value.dtype), value)

    def _module(self, _query, _key, value, logits, _visible):
        weights = self.softmax(logits).flatten(0, 1)
        return torch.bmm(weights, value.flatten(0, 1)).unflatten(0, (1, self.heads))

    def _einsum(self, _query, _key, value, logits, _visible):
        weights = torch.softmax(logits, dim=3)
        return torch.einsum("bhij,bhjd->bihd", weights, value).transpose(1, 2)

    def _fused(self, query, key, value, _logits, visible):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=visible)


WAYS = ["softmax", "method", "module", "einsum", "fused"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("heads", [1, HEADS])
def test_attention_written_by_hand(way, heads):
    module, x = nn.Sequential(ByHand(heads, way), ByHand(heads, way)), numbers(1, LENGTH, D)
    record = attnviz.load(module).attend(x, tokens=WORDS)
    module.eval()(x)
    assert record.layers == (0, 1)
    assert_same(record.weights, [part.said[0] for part in module])


@pytest.mark.parametrize("way", WAYS)
def test_masks_of_attention_written_by_hand(way):
    module, x = ByHand(way=way), numbers(1, LENGTH, D)
    record = attnviz.load(module).attend(x, visible=torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril())
    assert record.causal
    window = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril().triu(-2)
    record = attnviz.load(module).attend(x, visible=window)
    np.testing.assert_array_equal(record.visible(0), window.numpy())


@pytest.mark.parametrize(("dimensions", "grouped"), [(2, False), (3, False), (4, False), (4, True)])
@pytest.mark.parametrize("mask", [None, "causal", "bool", "float", "by head"])
def test_every_form_of_fused_attention(mask, dimensions, grouped):
    heads = 1 if dimensions == 2 else HEADS

    class Fused(nn.Module):
        def forward(self, _x):
            options = {"scale": 0.7, "is_causal": mask == "causal", "enable_gqa": grouped}
            return F.scaled_dot_product_attention(query, key, value, given, **options)

    leading = (1, heads)[4 - dimensions :]
    few = (1, 2)[4 - dimensions :] if grouped else leading
    query, key, value = numbers(*leading, LENGTH, 8), numbers(*few, LENGTH, 8), numbers(*few, LENGTH, 4)
    hidden = torch.rand(LENGTH, LENGTH) < 0.3
    hidden.fill_diagonal_(fill_value=False)
    masks = {"bool": ~hidden, "float": numbers(LENGTH, LENGTH), "by head": numbers(*leading, LENGTH, LENGTH)}
    given = masks.get(mask)
    record = attnviz.load(Fused()).attend(numbers(1, LENGTH, D), tokens=WORDS)
    logits = 0.7 * query @ key.repeat_interleave(2 if grouped else 1, dim=-3 if grouped else 0).mT
    if mask == "causal":
        logits = logits.masked_fill(torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1), -math.inf)
    elif mask == "bool":
        logits = logits.masked_fill(hidden, -math.inf)
    elif given is not None:
        logits = logits + given
    expected = logits.softmax(dim=-1).reshape(1, heads, LENGTH, LENGTH)
    np.testing.assert_allclose(record.weights, expected.numpy(), atol=1e-6)
    assert record.causal == (mask == "causal")
    assert record.heads_per_key == (2 if grouped else 1)


def test_a_router_of_as_many_experts_as_tokens_is_no_attention():
    class Routed(nn.Module):
        def __init__(self):
            super().__init__()
            self.router = nn.Linear(D, LENGTH)
            self.experts = nn.ModuleList(nn.Linear(D, D) for _ in range(LENGTH))

        def forward(self, x):
            shares = self.router(x).softmax(dim=-1)
            best, which = shares.topk(2, dim=-1)
            made = torch.stack([expert(x) for expert in self.experts], dim=-2)
            taken = made.gather(-2, which[..., None].expand(-1, -1, -1, D))
            return (best[..., None] * taken).sum(dim=-2)

    x = numbers(1, LENGTH, D)
    with pytest.raises(NoAttention, match="Routed has no attention weights"):
        attnviz.load(Routed()).attend(x)
    record = attnviz.load(nn.Sequential(ByHand(), Routed())).attend(x)
    assert record.weights.shape == (1, HEADS, LENGTH, LENGTH)


def test_a_pooling_head_is_no_layer():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(ByHand(), ByHand())
            self.probe = nn.Parameter(torch.randn(1, 1, D))
            self.pool = nn.MultiheadAttention(D, HEADS, batch_first=True)

        def forward(self, x):
            x = self.layers(x)
            return self.pool(self.probe, x, x)[0]

    module, x = Pooled(), numbers(1, LENGTH, D)
    record = attnviz.load(module).attend(x)
    assert record.layers == (0, 1)
    assert record.heads_per_key == 1


class Head(nn.Module):
    """One head, as in lectures that build attention head by head."""

    def __init__(self):
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(D, D // HEADS, bias=False) for _ in range(3))
        self.register_buffer("tril", torch.tril(torch.ones(LENGTH, LENGTH)))
        self.said = None

    def forward(self, x):
        weights = self.query(x) @ self.key(x).transpose(-2, -1) * x.shape[-1] ** -0.5
        weights = weights.masked_fill(self.tril == 0, float("-inf")).softmax(dim=-1)
        self.said = weights.detach()
        return weights @ self.value(x)


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList(Head() for _ in range(HEADS))
        self.norm = nn.LayerNorm(D)

    def forward(self, x):
        normed = self.norm(x)
        return x + torch.cat([head(normed) for head in self.heads], dim=-1)


def test_heads_in_modules_of_their_own_are_one_layer():
    module, x = nn.ModuleDict({"blocks": nn.Sequential(Heads(), Heads(), Heads())}), numbers(1, LENGTH, D)
    module.forward = module["blocks"].forward
    source = attnviz.load(module)
    record = source.attend(x)
    assert (record.layers, record.heads, record.causal) == ((0, 1, 2), (0, 1, 2, 3), True)
    module(x)
    said = [torch.cat([head.said for head in block.heads]) for block in module["blocks"]]
    assert_same(record.weights, said)
    part = source.attend(x, selection=Selection("1-2", "2-3"))
    np.testing.assert_array_equal(part.weights, record.weights[1:, 2:])


def test_layers_that_change_their_input_in_place_are_layers():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(D, D)

        def forward(self, x):
            keys = self.project(x)
            return x.add_((x @ keys.mT).softmax(dim=-1) @ keys)

    assert attnviz.load(nn.Sequential(nn.Linear(D, D), InPlace(), InPlace())).attend(
        numbers(1, LENGTH, D)
    ).layers == (1, 2)


def test_two_attentions_in_one_layer_are_not_guessed():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = ByHand(), ByHand()

        def forward(self, x):
            return self.second(self.first(x))

    with pytest.raises(UnsupportedModel, match=r"0\.first and 0\.second"):
        attnviz.load(nn.Sequential(Twice(), Twice())).attend(numbers(1, LENGTH, D))


def test_rows_that_are_no_weights_end_in_an_error():
    class Pseudo(nn.Module):
        """Rows that sum to anything, as in an approximation of attention."""

        def forward(self, x):
            weights = (x @ x.mT).softmax(dim=-1)
            return (weights * 1.1) @ x

    with pytest.raises(CaptureFailed, match=r"sums to 1\.1"):
        attnviz.load(Pseudo()).attend(numbers(1, LENGTH, D))


def test_cross_attention_written_by_hand():
    class Looks(nn.Module):
        def forward(self, x, context):
            return (x @ context.mT).softmax(dim=-1) @ context

    x, context = numbers(1, TARGET, D), numbers(1, LENGTH, D)
    record = attnviz.load(Looks()).attend(x, context, target_tokens=WORDS)
    assert record.block == "cross"
    np.testing.assert_allclose(record.weights[0, 0], (x @ context.mT).softmax(dim=-1)[0], atol=1e-6)
    assert [token.text for token in record.keys] == WORDS


@pytest.mark.parametrize(
    ("inputs", "named", "complaint"),
    [
        ((torch.zeros(2, LENGTH, D),), {}, "one input at a time: got a batch of 2, allowed 1"),
        ((torch.zeros(1, LENGTH, D),), {"tokens": ["a"]}, "tokens do not fit the input: got 1, allowed 6"),
        ((torch.zeros(1, LENGTH, D),), {"colour": "red"}, "TransformerEncoderLayer takes other inputs"),
        ((), {}, "TransformerEncoderLayer takes other inputs: missing a required argument: 'src'"),
    ],
    ids=["batch", "tokens", "named", "nothing"],
)
def test_other_inputs_are_refused(inputs, named, complaint):
    source = attnviz.load(nn.TransformerEncoderLayer(D, HEADS, 32, batch_first=True))
    with pytest.raises(RequestError, match=complaint):
        source.attend(*inputs, **named)


def test_what_is_no_model_is_refused():
    with pytest.raises(RequestError, match="got a int, allowed a name, a folder or a torch module"):
        attnviz.load(3)
    with pytest.raises(RequestError, match="Identity reads tensors: got a prompt"):
        attnviz.load(nn.Identity()).read(Prompt("a"))
    with pytest.raises(NoAttention):
        attnviz.load(nn.Linear(D, D)).attend(numbers(1, LENGTH, D))


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5", "vit", "falcon"])
def test_a_model_of_transformers_is_a_module_too(name):
    architecture = ARCHITECTURES[name]
    model = architecture.build()
    source = attnviz.load(model)
    for block in architecture.counts:
        record = source.attend(**architecture.inputs(), block=block)
        assert record.weights.shape[2:] == architecture.counts[block]
    if name == "bert":
        assert [token.id for token in record.keys] == architecture.inputs()["input_ids"][0].tolist()


def test_some_heads_of_some_layers():
    module, x = nn.Sequential(ByHand(), ByHand(), ByHand()), numbers(1, LENGTH, D)
    whole = attnviz.load(module).attend(x)
    part = attnviz.load(module).attend(x, selection=Selection("-1", "1,3"))
    np.testing.assert_array_equal(part.weights, whole.weights[[2]][:, [1, 3]])
