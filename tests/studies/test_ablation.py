"""Heads removed: from a network in closed form, from the built-in model, and from models of every kind."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    SwinConfig,
    T5Config,
)

import attnviz
from attnviz.analysis.effect import effect
from attnviz.errors import CaptureFailed, NoAnswer, OutOfRange, RequestError, UnsupportedModel
from attnviz.outcome import Outcome
from attnviz.outline import Layer, Outline
from attnviz.prompt import Prompt
from attnviz.record import Token
from attnviz.selection import TOGETHER, HeadId, Selection
from attnviz.sources import load
from attnviz.sources.huggingface.quiet import quiet
from attnviz.studies.ablation import ablate, chosen, effects_of, plan, remove
from tests.sources.conftest import byte_pieces, minilm, word_pieces
from tests.sources.tiny_layouts import made, read
from tests.sources.tiny_pretrained import BYTE_PIECES, DECODERS, ENCODERS, FOX

__all__ = ["byte_pieces", "minilm", "word_pieces"]

SENTENCE = "The quick brown fox jumps over the lazy dog."
LAYERS = (Layer(0, (0, 1, 2), 3, 3), Layer(2, (0, 1), 3, 3))
HEADS = tuple(HeadId(layer.number, head) for layer in LAYERS for head in layer.heads)
TOKENS = (Token("<s>", kind="special"), Token("a"), Token("b"))


@dataclass
class Sum:
    """A network whose logits are what its heads give, added up: (head, row, answer)."""

    parts: np.ndarray
    asked: list = field(default_factory=list)
    model: str = "sum"
    text: str = "a b"
    drift: float = 0.0

    @property
    def outlines(self):
        return {"self": Outline("self", LAYERS)}

    def outcome(self, gates=None):
        self.asked.append({block: dict(own) for block, own in (gates or {}).items()})
        own = (gates or {}).get("self", {})
        weights = np.array([own.get(head, 1.0) for head in HEADS])
        rows = np.einsum("h,hra->ra", weights, self.parts)
        rows[:, 0] += self.drift * len(self.asked)
        return Outcome("next token", rows, TOKENS, np.array([0, 1, 1]), "xyz".__getitem__)

    def gate_gradients(self):
        raise NoAnswer("no answer")


@pytest.fixture
def network():
    parts = np.random.default_rng(0).normal(size=(len(HEADS), 3, 3))
    parts[1] = 0
    return Sum(parts)


def softmax(rows):
    powers = np.exp(rows)
    return powers / powers.sum(axis=-1, keepdims=True)


def test_effects_are_those_of_the_closed_form(network):
    found = remove(network)
    assert [entry.head for entry in found.effects.entries] == list(HEADS)
    before = softmax(network.parts.sum(axis=0))
    for place, entry in enumerate(found.effects.entries):
        after = softmax(np.delete(network.parts, place, axis=0).sum(axis=0))
        expected = (before * np.log2(before / after)).sum(axis=-1)
        np.testing.assert_allclose(entry.rows, expected[1:], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(entry.losses, np.log2(before / after)[[1, 2], [1, 1]], atol=1e-12)
    assert [token.text for token in found.effects.tokens] == ["a", "b"]
    assert found.effects.aside == 1
    assert found.effects.cost == pytest.approx(-np.log2(before[[1, 2], 1]).mean())
    assert (found.model, found.text, found.block, found.mode) == ("sum", "a b", "self", "each")


def test_a_dead_head_has_no_effect_at_all(network):
    dead = remove(network).effects.by_head[HeadId(0, 1)]
    assert dead.rows.tolist() == [0.0, 0.0]
    assert dead.losses.tolist() == [0.0, 0.0]
    assert dead.flips == ()


def test_without_an_answer_there_is_no_importance_and_a_reason(network):
    found = remove(network)
    assert (found.importance, found.unknown) == ({}, "no answer")
    assert remove(network, importance=False).unknown is None


@pytest.mark.parametrize(
    ("mode", "heads", "expected"),
    [
        ("each", "0", [{(0, 0)}, {(2, 0)}]),
        ("together", "0", [{(0, 0), (2, 0)}]),
        ("alone", "L0H1,L2H0", [{(0, 0), (0, 2)}, {(2, 1)}]),
        ("layers", "L2H0,L0H1", [{(2, 0), (2, 1)}, {(0, 0), (0, 1), (0, 2)}]),
        ("each", "2", [{(0, 2)}]),
        ("layers", None, [{(0, 0), (0, 1), (0, 2)}, {(2, 0), (2, 1)}]),
    ],
)
def test_gates_are_closed_as_the_mode_says(network, mode, heads, expected):
    found = remove(network, heads, mode=mode)
    opened, passed, *closed = network.asked
    assert opened == {}
    union = {HeadId(*head) for heads in expected for head in heads}
    assert passed == {"self": dict.fromkeys(union, 1.0)}
    assert closed == [{"self": dict.fromkeys((HeadId(*head) for head in heads), 0.0)} for heads in expected]
    assert [set(entry.removed) for entry in found.effects.entries] == [
        {HeadId(*head) for head in heads} for heads in expected
    ]


def test_what_an_effect_is_said_of(network):
    assert [entry.name for entry in remove(network, mode="layers").effects.entries] == ["L0", "L2"]
    assert [entry.name for entry in remove(network, "1", mode="alone").effects.entries] == ["L0H1", "L2H1"]
    assert remove(network, "1", mode="together").effects.entries[0].head is None
    assert remove(network, "L0H1", mode="together").effects.entries[0].head == HeadId(0, 1)


def test_layers_of_other_shapes_are_chosen_from_together():
    outline = Outline("self", LAYERS)
    assert chosen(outline, None) == HEADS
    assert chosen(outline, Selection("-1", None)) == HEADS[3:]
    assert chosen(outline, ["L0H0", HeadId(2, 1), "L0H0"]) == (HeadId(0, 0), HeadId(2, 1))
    with pytest.raises(OutOfRange, match="no head L2H2: this layer has heads 0-1"):
        chosen(outline, "L2H2")
    with pytest.raises(OutOfRange, match="no layer 1: this model has layers 0,2"):
        chosen(outline, [HeadId(1, 0)])
    with pytest.raises(RequestError, match="no head to remove"):
        chosen(outline, [])


def test_no_such_mode(network):
    with pytest.raises(RequestError, match="got 'some', allowed each, together, alone, layers"):
        remove(network, mode="some")


def test_progress_counts_every_run(network):
    ticks = []
    remove(network, "0", progress=lambda done, total: ticks.append((done, total)))
    assert ticks == [(done, 4) for done in range(5)]
    assert len(network.asked) == 4


@pytest.mark.parametrize(("drift", "steady"), [(0.0, True), (0.01, True), (1.0, False)])
def test_a_model_that_answers_otherwise_each_time_is_refused(network, drift, steady):
    network.drift = drift
    if steady:
        noise = remove(network).effects.noise
        assert (noise > 0) == (drift > 0)
    else:
        with pytest.raises(CaptureFailed, match="sum answers otherwise each time it runs"):
            remove(network)


def test_effects_of_named_heads_and_whole_layers(network):
    heads = [HeadId(2, 0), HeadId(0, TOGETHER)]
    found = effects_of(network, heads, "self").by_head
    assert list(found) == heads
    assert found[heads[0]].rows.tolist() == remove(network).effects.by_head[heads[0]].rows.tolist()
    whole = remove(network, mode="layers").effects.by_head[heads[1]]
    assert found[heads[1]].rows.tolist() == whole.rows.tolist()
    with pytest.raises(OutOfRange, match="no head L0H7"):
        effects_of(network, [HeadId(0, 7)])


def test_plan_of_a_layer_with_one_head_alone_removes_nothing():
    outline = Outline("self", (Layer(0, (0,), 3, 3),))
    (only,) = plan(outline, [HeadId(0, 0)], "alone")
    assert (only.removed, only.head) == ((), HeadId(0, 0))


@pytest.fixture(scope="module")
def builtin():
    return load("builtin").read(Prompt(SENTENCE))


def test_the_built_in_model_is_run_with_each_head_removed(builtin):
    found = remove(builtin)
    assert len(found.effects.entries) == 16
    assert found.effects.noise == 0
    assert found.effects.outlook == "judgement"
    before = builtin.outcome()
    for entry in found.effects.entries:
        after = builtin.outcome({"self": {entry.head: 0.0}})
        assert entry.rows.tolist() == effect(before, after).rows.tolist()
    assert max(entry.mean for entry in found.effects.entries) > 0.01


def finite_difference(reading, block, head, step=0.05):
    """The slope of the loss by a gate, from two runs."""

    def loss(gate):
        found = effect(reading.outcome(), reading.outcome({block: {head: gate}}))
        return found.loss

    return (loss(1 + step) - loss(1 - step)) / 2 / step


def check_importance(reading, block):
    found = remove(reading, "0,1", block=block)
    assert found.unknown is None
    slopes = {head: finite_difference(reading, block, head) for head in found.importance}
    scale = max(map(abs, slopes.values()))
    for layer in {head.layer for head in slopes}:
        own = {head: slope for head, slope in slopes.items() if head.layer == layer}
        length = np.linalg.norm(list(own.values()))
        for head, slope in own.items():
            known = found.importance[head]
            assert known.gradient == pytest.approx(slope, rel=0.1, abs=0.02 * scale)
            assert known.share == pytest.approx(abs(slope) / length, abs=0.1)


def test_importance_of_the_built_in_model_is_that_of_finite_differences(builtin):
    check_importance(builtin, "self")


@pytest.fixture
def saved(tmp_path):
    """Makes a random model of a class and saves it with a tokenizer."""

    def save(kind, config, tokenizer, change=lambda _: None):
        folder = tmp_path / "model"
        with quiet(), torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            model = kind.from_config(config)
            change(model)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        return folder

    return save


def test_a_dead_head_of_a_decoder_has_no_effect_and_no_importance(saved, byte_pieces):
    def kill(model):
        model.transformer.h[1].attn.c_proj.weight[8:16] = 0  # what head 1 of 4 gives

    folder = saved(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces, kill)
    found = ablate(load(folder), FOX, "1")
    effects = found.effects.by_head
    assert effects[HeadId(1, 1)].rows.max() == 0
    assert found.importance[HeadId(1, 1)].gradient == 0
    assert effects[HeadId(0, 1)].mean > 1e-3
    assert (found.effects.outlook, found.effects.unit) == ("next token", "bits")
    assert len(found.effects.tokens) == len(found.effects.entries[0].rows) > 5
    check_importance(load(folder).read(Prompt(FOX)), "self")


def test_a_masked_language_model(saved, word_pieces):
    folder = saved(AutoModelForMaskedLM, ENCODERS["bert"], word_pieces)
    found = ablate(load(folder), FOX, mode="alone")
    assert found.effects.outlook == "masked token"
    assert found.effects.aside == 2
    assert len(found.effects.entries) == 12
    reading = load(folder).read(Prompt(FOX))
    others = dict.fromkeys([HeadId(1, 0), HeadId(1, 1), HeadId(1, 3)], 0.0)
    expected = effect(reading.outcome(), reading.outcome({"self": others})).rows
    np.testing.assert_allclose(found.effects.by_head[HeadId(1, 2)].rows, expected, atol=1e-6)


@pytest.mark.parametrize("block", ["encoder", "decoder", "cross"])
def test_each_block_of_an_encoder_decoder(block, saved, byte_pieces):
    config = T5Config(
        vocab_size=BYTE_PIECES, eos_token_id=0, pad_token_id=2, decoder_start_token_id=1, d_model=32, d_kv=8,
        d_ff=40, num_layers=3, num_decoder_layers=2, num_heads=4, initializer_factor=1.5,
    )  # fmt: skip
    folder = saved(AutoModelForSeq2SeqLM, config, byte_pieces)
    found = ablate(load(folder), FOX, block=block, mode="layers", target="A quick fox.")
    assert found.block == block
    assert [entry.name for entry in found.effects.entries] == (
        ["L0", "L1", "L2"] if block == "encoder" else ["L0", "L1"]
    )
    assert min(entry.mean for entry in found.effects.entries) > 1e-3
    assert found.effects.outlook == "next token"
    assert all(token.kind == "text" for token in found.effects.tokens)
    assert FOX in found.text


def test_states_of_the_real_minilm(minilm):
    reading = load(minilm).read(Prompt(SENTENCE))
    found = remove(reading, "L5H11,L4H5")
    assert (found.effects.outlook, found.effects.unit, found.effects.noise) == ("states", "", 0.0)
    assert found.effects.aside == 2
    last, early = found.effects.entries
    assert last.mean > 10 * early.mean > 0
    assert "no head that answers" in found.unknown
    before, after = (reading.outcome(gates).rows[1:-1] for gates in ({}, {"self": {HeadId(5, 11): 0.0}}))
    cosine = torch.nn.functional.cosine_similarity(before.double(), after.double())
    np.testing.assert_allclose(last.rows, (1 - cosine).numpy(), atol=1e-6)


def test_layers_of_a_pyramid_need_not_have_as_many_heads():
    config = SwinConfig(
        image_size=44, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4,
        initializer_range=0.4,
    )  # fmt: skip
    from attnviz.sources.huggingface.feed import Feed, Positions

    pixels = torch.randn(1, 3, 44, 44, generator=torch.Generator().manual_seed(0))
    feed = Feed(made(config), {"pixel_values": pixels}, {"self": (Positions(), Positions())})
    found = remove(read(feed, "swin"), importance=False)
    assert len(found.effects.entries) == 2 * 2 + 2 * 4
    assert min(entry.mean for entry in found.effects.entries) > 0


def test_what_cannot_be_run_backwards_still_has_effects(network, monkeypatch):
    def fails():
        raise UnsupportedModel("no gradients here")

    monkeypatch.setattr(network, "gate_gradients", fails)
    assert remove(network).unknown == "no gradients here"


def test_a_saved_record_is_refused(tmp_path):
    path = attnviz.save(load("builtin").attend(SENTENCE), tmp_path / "fox.safetensors")
    from attnviz.sources.saved import SavedSource

    with pytest.raises(RequestError, match="a saved record cannot be run again"):
        remove(SavedSource(path).read(Prompt()))
