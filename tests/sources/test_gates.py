"""Closing a head is taking its part out of what goes into the output projection, in whatever model it is."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from transformers import SwinConfig
from transformers.pytorch_utils import Conv1D

from attnviz.errors import OutOfRange, RequestError
from attnviz.selection import HeadId
from attnviz.sources.huggingface.feed import Feed, Positions
from attnviz.sources.huggingface.intervening.answers import states
from attnviz.sources.huggingface.intervening.gates import gating
from attnviz.sources.huggingface.intervening.outcomes import run_outcome
from attnviz.sources.huggingface.modules import ModuleSource
from attnviz.sources.huggingface.paths import PROBED, intercepted
from attnviz.sources.huggingface.paths.rerun import hooked
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import once, run
from tests.sources.architectures import ARCHITECTURES
from tests.sources.test_modules import HEADS, LENGTH, ByHand, D, Heads
from tests.sources.tiny_layouts import FEEDS, made, read

_PYRAMID = {"image_size": 44, "patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4]}
_WINDOWS = SwinConfig(**_PYRAMID, window_size=4, initializer_range=0.4)

# Why what a head gives does not go straight, or not alone, into a matrix that the test can find.
NOT_STRAIGHT = {
    "convbert": "its projection takes what a convolution gives beside the heads",
    "ibert": "its projection is of a class of its own",
    "squeezebert": "its projection is a convolution",
    "lilt": "a head gives two parts, of the text and of the layout, each with a projection",
    "xlnet": "its projection is an equation",
    "bitnet": "all heads are brought to one length together before the projection",
    "diffllama": "heads are subtracted from each other before the projection",
    "wavlm": "its projection is within torch's own function; see the tests of that",
}


def windows() -> Feed:
    pixels = torch.randn(1, 3, 44, 44, generator=torch.Generator().manual_seed(0))
    return Feed(made(_WINDOWS), {"pixel_values": pixels}, {"self": (Positions(), Positions())})


READINGS: dict[str, Callable[[], Feed]] = {
    **{name: lambda one=one: one.feed(one.build()) for name, one in ARCHITECTURES.items()},
    **{name: feed for name, (feed, _, _) in FEEDS.items()},
    "swin (windows)": windows,
}


@cache
def reading_of(name) -> PretrainedReading:
    return read(READINGS[name](), name)


def every_gate(reading, gate):
    return {
        block: {HeadId(layer.number, head): gate for layer in outline.layers for head in layer.heads}
        for block, outline in reading.outlines.items()
    }


@pytest.mark.parametrize("name", READINGS)
def test_open_gates_change_nothing(name):
    reading = reading_of(name)
    usual = reading.outcome().rows
    assert torch.equal(reading.outcome(every_gate(reading, 1.0)).rows, usual)
    assert torch.equal(states(run(reading.feed), reading.feed).rows, usual)
    for block, outline in reading.outlines.items():
        last = outline.layers[-1]
        closed = reading.outcome({block: {HeadId(last.number, last.heads[-1]): 0.0}}).rows
        assert (closed - usual).abs().max() > 1e-3


@pytest.mark.parametrize("name", [name for name in READINGS if name not in NOT_STRAIGHT])
def test_a_gate_multiplies_what_enters_the_output_projection(name):
    reading = reading_of(name)
    for block, outline in reading.outlines.items():
        layer = outline.layers[0]
        head = HeadId(layer.number, layer.heads[-1])
        ours = reading.outcome({block: {head: 0.25}}).rows
        theirs = projected_with(reading, block, head, 0.25)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
        assert (ours - reading.outcome().rows).abs().max() > 1e-4


def projected_with(reading, block, head, gate) -> Tensor:
    """What a model gives whose output projection, after one call, gets a head's channels multiplied."""
    feed, due, projected = reading.feed, [], []
    sites = [site for site in reading.watched.sites if site.seen.path != PROBED]
    pending = iter(sites)
    layer = reading.outlines[block].layer(head.layer)

    def handle(call):
        site, output = next(pending), call.as_usual()
        if (site.block, site.layer) == (block, layer.number):
            due.append(call.by_head(output).shape[-1])
        return output

    def project(module, given):
        if due and given[0].shape[-1] == due[-1] * len(layer.heads):
            d_v = due.pop()
            channels = torch.ones(given[0].shape[-1])
            channels[head.index * d_v : (head.index + 1) * d_v] = gate
            projected.append(module)
            return (given[0] * channels, *given[1:])
        return given

    matrices = [part for part in feed.model.modules() if isinstance(part, nn.Linear | Conv1D)]
    if layer.path == PROBED:  # no call shows when, but only one projection is meant
        matrices = [projection_of(feed.model, layer)]
        due.append(8)
    with ExitStack() as hooks, quiet():
        for matrix in matrices:
            hooks.enter_context(hooked(matrix.register_forward_pre_hook(project)))
        hooks.enter_context(intercepted(feed.model, handle, {site.seen.path for site in sites}))
        found = states(run(feed), feed).rows
    assert projected
    return found


def projection_of(model, layer) -> nn.Module:
    """The output projection of a layer whose calls do not show."""
    parts = dict(model.named_modules())
    names = [layer.module, layer.module.rpartition(".")[0]]
    ends = ("out_proj", "o", "output", "output.dense")
    return next(
        parts[f"{name}.{end}"]
        for name in names
        for end in ends
        if isinstance(parts.get(f"{name}.{end}"), nn.Linear)
    )


def first(output) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def without_columns(projection, head, heads) -> None:
    """Zero what an output projection takes from a head."""
    width = projection.weight.shape[1] // heads
    with torch.no_grad():
        projection.weight[:, head * width : (head + 1) * width] = 0


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_closed_head_of_multihead_attention_is_one_without_columns(batch_first):
    module = nn.MultiheadAttention(32, 4, batch_first=batch_first).eval()
    x = numbers(1, 9, 32) if batch_first else numbers(9, 1, 32)
    reading = ModuleSource(module).read_tensors(x)
    ours = reading.outcome({"self": {HeadId(0, 2): 0.0}}).rows
    without_columns(module.out_proj, 2, 4)
    with torch.no_grad():
        theirs = module(x, x, x)[0].reshape(9, 32)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(reading.outcome().rows, theirs)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("encoder", "encoder.layers.1.self_attn"),
        ("decoder", "decoder.layers.0.self_attn"),
        ("cross", "decoder.layers.1.multihead_attn"),
    ],
)
def test_each_block_of_a_transformer_has_its_own_heads(block, part):
    torch.manual_seed(0)
    module = nn.Transformer(32, 4, 2, 2, 40, batch_first=True).eval()
    inputs = numbers(1, 9, 32), numbers(1, 5, 32)
    reading = ModuleSource(module).read_tensors(*inputs)
    layer = int(part.split(".")[2])
    ours = reading.outcome({block: {HeadId(layer, 1): 0.0}}).rows
    without_columns(module.get_submodule(part).out_proj, 1, 4)
    with torch.no_grad():
        torch.testing.assert_close(ours, module(*inputs)[0], atol=1e-6, rtol=1e-5)


def test_heads_in_modules_of_their_own_close_one_by_one():
    module, x = Heads().eval(), numbers(1, LENGTH, D)
    reading = ModuleSource(module).read_tensors(x)
    usual = reading.outcome().rows
    for head in reading.outlines["self"].layers[0].heads:
        ours = reading.outcome({"self": {HeadId(0, head): 0.0}}).rows
        own = next(site.seen.module for site in reading.watched.sites if site.first_head == head)
        with hooked(own.register_forward_hook(lambda _module, _given, output: torch.zeros_like(output))):
            theirs = first(once(module, reading.feed.arguments)).detach().reshape(ours.shape)
        torch.testing.assert_close(ours, theirs)
        assert not torch.allclose(ours, usual)


@pytest.mark.parametrize(
    ("name", "projection"),
    [("bert", "encoder.layer.1.attention.output.dense"), ("gpt2", "h.1.attn.c_proj")],
)
def test_a_layer_without_heads_gives_its_bias_alone(name, projection):
    reading, given = reading_of(name), []
    part = reading.feed.model.get_submodule(projection)
    with torch.no_grad():
        part.bias.normal_(generator=torch.Generator().manual_seed(0))
    with hooked(part.register_forward_hook(lambda _module, _given, output: given.append(output[0]))):
        reading.outcome({"self": {HeadId(1, head): 0.0 for head in range(4)}})
    torch.testing.assert_close(given[0], part.bias.detach().expand_as(given[0]))


@pytest.mark.parametrize(
    ("name", "projection"),
    [("bert", "encoder.layer.0.attention.output.dense"), ("llama", "layers.0.self_attn.o_proj")],
)
def test_a_dead_head_changes_nothing(name, projection):
    reading = read(READINGS[name](), name)
    without_columns(reading.feed.model.get_submodule(projection), 1, 4)
    usual = reading.outcome().rows
    assert torch.equal(reading.outcome({"self": {HeadId(0, 1): 0.0}}).rows, usual)
    assert not torch.equal(reading.outcome({"self": {HeadId(0, 0): 0.0}}).rows, usual)


def test_both_parts_of_a_head_that_gives_two_close():
    reading = reading_of("lilt")
    found = []

    def keep(_module, _given, output):
        found.append(output[0][0] if isinstance(output[0], tuple) else output[:2])

    part = reading.feed.model.get_submodule("encoder.layer.0.attention.self")
    with hooked(part.register_forward_hook(keep)):
        reading.outcome({"self": {HeadId(0, 1): 0.0}})
    for made_of_values in found[0]:
        apart = made_of_values.reshape(12, 4, -1)
        assert not apart[:, 1].any()
        assert apart[:, 0].any()


WAYS = {
    "table": lambda: reading_of("bert"),
    "grouped heads": lambda: reading_of("llama"),
    "softmax": lambda: reading_of("xlnet"),
    "windows": lambda: reading_of("swin (windows)"),
    "values at the end": lambda: reading_of("longformer"),
    "values before a projection": lambda: reading_of("led"),
    "sdpa": lambda: ModuleSource(ByHand(way="fused").eval()).read_tensors(numbers(1, 7, D)),
    "multihead": lambda: ModuleSource(nn.TransformerEncoder(
        nn.TransformerEncoderLayer(D, HEADS, 40, batch_first=True), 2, enable_nested_tensor=False).eval()
    ).read_tensors(numbers(1, 7, D)),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_outcomes_follow_their_gates_as_finite_differences_say(way):
    reading = WAYS[way]()
    block, outline = next(iter(reading.outlines.items()))
    layers = [outline.layers[0], outline.layers[-1]]
    gates = {(block, layer.number): torch.ones(len(layer.heads)).requires_grad_() for layer in layers}

    def total(gates) -> Tensor:
        rows = run_outcome(reading.feed, reading.watched, gating(gates, reading.watched.sites)).rows
        return (rows.double() * numbers(*rows.shape)).sum()

    with torch.enable_grad():
        slopes = torch.autograd.grad(total(gates), list(gates.values()))
    step, compared = 0.002, 0
    for (place, gate), slope in zip(gates.items(), slopes, strict=True):
        for head in range(len(gate)):
            ends = []
            for sign in (1, -1):
                moved = gate.detach().clone()
                moved[head] += sign * step
                with torch.no_grad():
                    ends.append(total({**gates, place: moved}))
            difference = float(ends[0] - ends[1]) / (2 * step)
            assert float(slope[head]) == pytest.approx(difference, rel=0.05, abs=0.1)
            compared += 1
    assert compared == sum(map(len, gates.values()))


def test_gates_of_what_is_not_there_are_refused():
    reading = reading_of("t5")
    with pytest.raises(RequestError, match=r"no such block: got self, allowed encoder, decoder, cross"):
        reading.outcome({"self": {HeadId(0, 0): 0.0}})
    with pytest.raises(OutOfRange, match=r"no layer 2: this model has layers 0-1"):
        reading.outcome({"cross": {HeadId(2, 0): 0.0}})
    with pytest.raises(OutOfRange, match=r"no head L0H4: this layer has heads 0-3"):
        reading.outcome({"encoder": {HeadId(0, 4): 0.0}})


def test_layers_that_do_not_attend_have_no_gates():
    reading = reading_of("jamba")
    assert reading.outlines["self"].numbers == (1, 3)
    with pytest.raises(OutOfRange, match=r"no layer 0: this model has layers 1,3"):
        reading.outcome({"self": {HeadId(0, 0): 0.0}})


def test_nothing_is_left_behind():
    reading = reading_of("t5")
    before = states(run(reading.feed), reading.feed).rows
    reading.outcome(every_gate(reading, 0.0))
    assert torch.equal(states(run(reading.feed), reading.feed).rows, before)
    assert all(
        not part._forward_hooks and not part._forward_pre_hooks for part in reading.feed.model.modules()
    )
