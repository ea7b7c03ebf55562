"""Every check of a capture fails when what it checks is broken on purpose, and says so in one line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.models.bert import modeling_bert
from transformers.models.llama import modeling_llama

from attnviz.errors import CaptureFailed
from attnviz.prompt import Prompt
from attnviz.sources import load
from attnviz.sources.huggingface.capturing import checks as checking
from attnviz.sources.huggingface.feed import Written
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import watch
from tests.sources.tiny_pretrained import DECODERS, FOX


def spoil(monkeypatch, modeling, change):
    """Let a model file's own attention function give other weights, or make its output of other ones."""
    plain = modeling.eager_attention_forward

    def spoiled(module, query, key, value, attention_mask, **options):
        output, weights = plain(module, query, key, value, attention_mask, **options)
        return change(output, weights, value)

    monkeypatch.setattr(modeling, "eager_attention_forward", spoiled)


def only_weights(change):
    return lambda output, weights, _value: (output, change(weights))


def with_their_output(change):
    """Weights that do make the output given beside them."""

    def both(_output, weights, value):
        changed = change(weights)
        shared = value.repeat_interleave(weights.shape[1] // value.shape[1], dim=1)
        return (changed @ shared).transpose(1, 2), changed

    return both


def negative(weights):
    lifted = weights.clone()
    lifted[..., 0] += weights[..., 1] + 0.1
    lifted[..., 1] = -0.1
    return lifted


BROKEN_WEIGHTS = {
    "not finite": (lambda weights: weights / 0, "layer 0 has a weight that is not a finite number"),
    "negative": (negative, "layer 0 has a negative weight: got -0.1, allowed 0 or more"),
    "not normalized": (lambda weights: 2 * weights, "a row of layer 0 sums to 2, allowed at most 1"),
    "of other keys": (lambda weights: weights.flip(-1), "the weights of layer 0 do not fit its values"),
    "of other queries": (lambda weights: weights.roll(1, -2), "the weights of layer 0 do not fit its values"),
    "of other heads": (lambda weights: weights.roll(1, 1), "the weights of layer 0 do not fit its values"),
    "halved": (lambda weights: weights / 2, "the weights of layer 0 do not fit its values"),
    "flat": (lambda weights: weights.mean(-1, keepdim=True).expand_as(weights), "do not fit its values"),
}


@pytest.mark.parametrize(("change", "complaint"), BROKEN_WEIGHTS.values(), ids=BROKEN_WEIGHTS)
def test_weights_broken_after_the_output_was_made(change, complaint, tiny_bert, monkeypatch):
    spoil(monkeypatch, modeling_bert, only_weights(change))
    assert_fails(load(tiny_bert), complaint)


def test_weights_that_make_another_output(tiny_bert, monkeypatch):
    spoil(monkeypatch, modeling_bert, with_their_output(lambda weights: weights.flip(-1)))
    assert_fails(load(tiny_bert), "the weights of layer 0 do not explain its output")


@pytest.mark.parametrize("kind", [only_weights, with_their_output])
def test_weights_on_later_keys(kind, tiny_llama, monkeypatch):
    spoil(monkeypatch, modeling_llama, kind(lambda weights: weights.roll(1, -1)))
    assert_fails(load(tiny_llama), "a query of layer 0 has weight on a key hidden from it")


def test_one_wrong_row_of_a_grouped_head(tiny_llama, monkeypatch):
    def swap_two_heads(weights):
        wrong = weights.clone()
        wrong[:, 2, -1], wrong[:, 3, -1] = weights[:, 3, -1], weights[:, 2, -1]
        return wrong

    spoil(monkeypatch, modeling_llama, only_weights(swap_two_heads))
    assert_fails(load(tiny_llama), "the weights of layer 0 do not fit its values")


def test_a_model_that_is_another_each_time_it_runs(tiny_bert, monkeypatch):
    chance = torch.Generator().manual_seed(1)
    plain = modeling_bert.BertIntermediate.forward

    def noisy(self, states):
        return plain(self, states) + torch.rand(1, generator=chance)

    monkeypatch.setattr(modeling_bert.BertIntermediate, "forward", noisy)
    reading = load(tiny_bert).read(Prompt(FOX))
    reading.record()  # of the one pass in which it was watched, and whose output the weights explain
    assert_refused("gives something else each time it runs", reading.checks)


def test_attention_left_to_chance(tiny_bert, monkeypatch):
    chance = torch.Generator().manual_seed(1)
    spoil(
        monkeypatch,
        modeling_bert,
        lambda output, weights, _: (output + torch.rand(1, generator=chance), weights),
    )
    assert_fails(load(tiny_bert), "the weights of layer 0 do not explain its output")


def test_a_model_that_notices_the_capture(tiny_bert, monkeypatch):
    noticed = []
    spoil(monkeypatch, modeling_bert, lambda output, weights, _: (noticed.append(1) or output, weights))
    plain = modeling_bert.BertIntermediate.forward
    # Each layer's own output still fits: the change comes between the layers.
    monkeypatch.setattr(
        modeling_bert.BertIntermediate, "forward", lambda self, states: plain(self, states) + len(noticed)
    )
    reading = load(tiny_bert).read(Prompt(FOX))
    reading.record()  # nothing has run yet for it to notice
    with pytest.raises(CaptureFailed, match=r"the capture changed what .* gives"):
        reading.record(internals=True)


def test_tokens_that_are_not_the_models(tiny_bert):
    reading = load(tiny_bert).read(Prompt(FOX))
    short = Written(reading.feed.sides["self"][0].known[:-1])
    other = replace(reading, feed=replace(reading.feed, sides={"self": (short, short)}))
    for broken in (other.record, other.checks):
        with pytest.raises(CaptureFailed, match="tokens do not line up with the weights: got 15, allowed 14"):
            broken()


def test_a_weight_that_is_not_finite_in_the_output(tiny_bert):
    source = load(tiny_bert)
    with torch.no_grad():
        source.pretrained.model.encoder.layer[1].attention.self.value.weight.fill_(float("inf"))
    assert_fails(source, "layer 1 gives something that is not a finite number")


def assert_fails(source, complaint):
    reading = source.read(Prompt(FOX))
    assert_refused(complaint, reading.record, reading.checks)


def assert_refused(complaint, *ways):
    for broken in ways:
        with pytest.raises(CaptureFailed) as failed:
            broken()
        assert complaint in str(failed.value)
        assert "\n" not in str(failed.value)


def test_queries_that_see_nothing_have_no_weights_and_fail_no_check(tiny_bert):
    record = masked_record(tiny_bert, lambda count: torch.ones(1, 1, count, count).bool().tril(-1))
    assert not record.weights[:, :, 0].any()
    np.testing.assert_allclose(record.weights[:, :, 1:].sum(-1), 1, atol=1e-5)
    assert not record.visible(0)[0].any()
    assert record.sinks == ()


def test_a_text_padded_on_the_left_fails_no_check(tiny_llama):
    record = masked_record(
        tiny_llama, lambda count: torch.cat([torch.zeros(1, 3), torch.ones(1, count - 3)], 1)
    )
    assert not record.weights[:, :, :3].any()
    assert not record.weights[:, :, :, :3].any()
    np.testing.assert_allclose(record.weights[:, :, 3:].sum(-1), 1, atol=1e-5)


def masked_record(folder, mask):
    """Read a text with a mask of one's own."""
    source = load(folder)
    feed = source.read(Prompt(FOX)).feed
    count = feed.arguments["input_ids"].shape[1]
    feed = replace(feed, arguments={**feed.arguments, "attention_mask": mask(count)})
    reading = PretrainedReading(source.name, None, feed, watch(feed, source.name))
    assert checking.EXPLAINED in {check.name for check in reading.checks()}
    return reading.record()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_attention(dtype, tiny_bert):
    source = load(tiny_bert)
    source.pretrained.model.to(dtype)
    assert source.attend(FOX).weights.sum(axis=-1).max() <= 1 + 1e-3


def test_what_was_checked_can_be_told(tiny_llama):
    checks = load(tiny_llama).read(Prompt(FOX)).checks()
    assert [check.name for check in checks] == [
        checking.FINITE,
        checking.POSITIVE,
        checking.MASS,
        checking.HIDDEN,
        checking.EXPLAINED,
        checking.VALUES,
        checking.CALLS,
        checking.UNCHANGED,
        checking.TOKENS,
    ]
    assert {check.name: check.detail for check in checks}[checking.CALLS] == "3 attention calls"


def test_sinks_fit_the_values_too(save_model, byte_pieces):
    checks = load(save_model(DECODERS["gpt_oss (sinks)"], byte_pieces)).read(Prompt(FOX)).checks()
    assert checking.VALUES in {check.name for check in checks}
