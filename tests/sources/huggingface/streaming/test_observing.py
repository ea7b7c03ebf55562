"""What is handed on block by block is what a record holds, and the model does not notice."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModel, BertConfig, GPT2Config, LlamaConfig

from attnviz.errors import CaptureFailed
from attnviz.frame import frame_of
from attnviz.prompt import Prompt
from attnviz.selection import HeadId, Selection
from attnviz.sources import load
from attnviz.sources.huggingface.capturing.checks import Checks
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.scale import Scale
from attnviz.sources.huggingface.streaming.softmax import Heads
from attnviz.sources.huggingface.streaming.stream import stream
from attnviz.sources.huggingface.watching.sites import run
from attnviz.window import Window
from tests.sources.huggingface.streaming.long_texts import (
    SMALL,
    Keep,
    architecture_feed,
    at_once,
    kept,
    streamed,
    text_feed,
)
from tests.sources.tiny_pretrained import FOX

# Those whose attention is a plain softmax: it is done by the formula, and entropy comes with it.
PLAIN = [
    "bert", "modernbert", "albert", "gpt2", "opt", "llama", "mistral", "llama4", "falcon", "falcon (alibi)",
    "granite", "deepseek_v3", "deepseek_v32", "jamba", "zamba",
]  # fmt: skip
# Soft caps, sinks, softmaxes by hand: the model's own function does some rows at a time.
OWN = ["gemma2", "gpt_oss", "mpnet", "deberta_v2", "gptj", "bloom", "xlnet", "diffllama", "mimo_v2_flash"]
SEVERAL = ["t5", "bart", "whisper", "t5gemma"]

EVERY = Selection()


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    with quiet():
        yield


def assert_equal(keep, record):
    np.testing.assert_allclose(keep.weights, record.weights, atol=5e-5)
    np.testing.assert_array_equal(keep.visible, [record.visible(layer) for layer in record.layers])
    logarithms = np.log2(record.weights.clip(1e-30))
    entropy = -(record.weights * logarithms).sum(axis=-1, dtype=np.float64)
    had = ~np.isnan(keep.entropy)
    np.testing.assert_allclose(keep.entropy[had], entropy[had], atol=2e-4)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_softmax_is_done_by_its_formula(name):
    feed = architecture_feed(name)
    keep, record = kept(streamed(feed), EVERY), at_once(feed).record()
    assert_equal(keep, record)
    assert not np.isnan(keep.entropy).any()


@pytest.mark.parametrize("name", OWN)
def test_anything_else_is_left_to_the_models_own_function(name):
    feed = architecture_feed(name)
    assert_equal(kept(streamed(feed), EVERY), at_once(feed).record())


@pytest.mark.parametrize("name", SEVERAL)
def test_models_with_several_blocks(name):
    feed = architecture_feed(name)
    short, long = at_once(feed), streamed(feed, replace(SMALL, long=4))
    for block in short.outlines:
        assert_equal(kept(long, EVERY, block=block), short.record(block=block))


@pytest.mark.parametrize("name", ["bert", "gpt2", "gemma2", "gpt_oss", "mpnet"])
def test_a_short_text_hands_on_its_record(name):
    reading = at_once(architecture_feed(name))
    keep, record = kept(reading, EVERY), reading.record()
    np.testing.assert_array_equal(keep.weights, record.weights)
    np.testing.assert_array_equal(keep.visible, [record.visible(layer) for layer in record.layers])


@pytest.mark.parametrize("name", [*PLAIN, *OWN])
def test_a_frame_says_what_a_record_says(name):
    feed = architecture_feed(name)
    asked = Selection("-1", "1")
    told, expected = streamed(feed).frame(asked), at_once(feed).record(asked)
    for each in fields(told):
        assert getattr(told, each.name) == getattr(frame_of(expected), each.name), each.name
    assert frame_of(expected).sinks == at_once(feed).frame(asked).sinks


@pytest.mark.parametrize("name", ["bert", "gpt2", "mistral", "falcon", "gemma2", "gpt_oss"])
@pytest.mark.parametrize("heads", [None, "1,3"])
def test_the_model_does_not_notice(name, heads):
    feed = architecture_feed(name)
    reading = streamed(feed)
    frame = reading.frame(Selection(None, heads))
    given = stream(
        feed, reading.watched.sites, Keep(frame), frame, to_the_end=True, scale=SMALL, checks=Checks()
    )
    torch.testing.assert_close(given[0], run(feed)[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "mpnet"])
def test_only_heads_asked_for_come(name):
    feed = architecture_feed(name)
    asked = Selection("1", "0,2-3")
    keep = kept(streamed(feed), asked)
    assert_equal(keep, at_once(feed).record(asked))
    assert keep.weights.shape[:2] == (1, 3)


@pytest.mark.parametrize("name", ["bert", "gpt2", "gemma2", "mpnet", "falcon"])
@pytest.mark.parametrize("long", [16, 1000])
def test_layers_behind_the_last_one_asked_for_do_not_run(name, long):
    feed = architecture_feed(name)
    reading = streamed(feed, replace(SMALL, long=long))
    ran = []
    for site in {site.seen.module: site for site in reading.watched.sites}.values():
        site.seen.module.register_forward_hook(lambda *_, layer=site.layer: ran.append(layer))
    reading.observe(Keep(reading.frame(Selection("1"))), Selection("1"))
    assert set(ran) <= {0, 1}
    reading.record(Selection("0"))
    assert set(ran) <= {0, 1}


@pytest.mark.parametrize("name", ["bert", "gpt2", "mistral", "gpt_oss"])
def test_heads_of_a_long_text_are_closed_like_those_of_a_short_one(name):
    feed, closed = architecture_feed(name), {"self": {HeadId(1, 2): 0.0}}
    expected, got = (make(feed).outcome(closed).rows for make in (at_once, streamed))
    np.testing.assert_array_equal(got, expected)


def test_blocks_are_larger_on_an_accelerator():
    scale = Scale()
    assert scale.on(torch.device("cpu")) is scale
    assert scale.on(torch.device("cuda")).cells == 32 * scale.cells


def test_a_long_text_runs_once(tiny_gpt2):
    source = replace(load(tiny_gpt2), scale=SMALL)
    passes = []
    source.pretrained.backbone.register_forward_pre_hook(
        lambda _model, _given, named: passes.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    reading = source.read(Prompt(FOX))
    count = len(reading.frame().queries)
    reading.observe(Keep(reading.frame()), EVERY)
    assert passes.count(count) == 1
    assert set(passes) == {SMALL.prefix, count}


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that is made."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.numbers = max(self.numbers, storage.nbytes() // tensor.element_size())
        return made


SIZES = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
LONG = {
    "bert": BertConfig(**SIZES, max_position_embeddings=3000, intermediate_size=20),
    "gpt2": GPT2Config(vocab_size=60, n_positions=3000, n_embd=16, n_layer=2, n_head=2),
    "llama": LlamaConfig(**SIZES, max_position_embeddings=3000, intermediate_size=20),
}


@pytest.mark.parametrize("name", LONG)
def test_no_square_is_ever_made(name):
    class Sums:
        mass = 0.0

        def update(self, block):
            self.mass += float(block.weights.sum())
            block.visible()

    feed = text_feed(AutoModel.from_config(LONG[name]).eval(), 3000)
    sums, scale = Sums(), Scale(block_bytes=2**20)
    with Largest() as largest:
        reading = streamed(feed, scale)
        reading.observe(sums)
        part = reading.record(window=Window(range(2000, 2010), range(1990, 2010)))
    assert sums.mass == pytest.approx(2 * 2 * 3000, rel=1e-4)
    assert part.weights.shape == (2, 2, 10, 20)
    assert largest.numbers <= 3000**2 / 16


def test_the_probe_for_squares_sees_one():
    with Largest() as largest:
        torch.ones(300, 1) @ torch.ones(1, 300)
    assert largest.numbers == 300**2


@pytest.mark.parametrize("wrong", ["weights", "output", "both"])
def test_wrong_blocks_are_noticed(wrong, monkeypatch):
    right = Heads.done

    def done(self, piece, room):
        made = right(self, piece, room)
        if piece.rows.start == 0:
            return made
        weights = made.weights.roll(1, dims=-1) if wrong != "output" else made.weights
        output = made.output * 1.1 if wrong != "weights" else made.output
        return replace(made, weights=weights, output=output)

    reading = streamed(architecture_feed("bert"))
    monkeypatch.setattr(Heads, "done", done)
    with pytest.raises(CaptureFailed, match=r"weights of layer 0|hidden from it"):
        reading.observe(Keep(reading.frame()))


def test_weights_that_are_no_numbers_are_noticed():
    feed = architecture_feed("gpt2")
    reading = streamed(feed)
    with torch.no_grad():
        reading.watched.sites[1].seen.module.c_attn.weight.fill_(float("nan"))
    with pytest.raises(CaptureFailed, match="not a finite number"):
        reading.observe(Keep(reading.frame()))


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert"])
def test_half_precision_is_added_up_in_full(name):
    feed = architecture_feed(name)
    exact = kept(streamed(feed), EVERY)
    feed.model.to(torch.bfloat16)
    keep = kept(streamed(feed), EVERY)
    np.testing.assert_allclose(keep.weights.sum(axis=-1), 1, atol=1e-5)
    assert np.abs(keep.weights - exact.weights)[0].mean() < 5e-3


def test_blocks_are_of_the_size_asked_for_and_hold_no_later_keys():
    keep = kept(streamed(architecture_feed("gpt2")), Selection("0"))
    assert [head for _, head, _, _ in keep.blocks] == [0] * 6 + [2] * 6
    assert [shape for *_, shape in keep.blocks[:6]] == [
        (2, min(7, 40 - at), min(at + 7, 40)) for at in range(0, 40, 7)
    ]


def test_blocks_of_a_sliding_window_begin_near_it():
    keep = kept(streamed(architecture_feed("mistral")), Selection("0"))
    assert max(shape[2] for *_, shape in keep.blocks) <= 7 + 4 + 2 * SMALL.step
