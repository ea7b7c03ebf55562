"""Weights of calls that were kept are those of a model run again, and what was not kept is run again."""

import numpy as np
import pytest
import torch
from transformers import BertConfig

from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import load
from attnviz.sources.huggingface import reading as reading_room
from attnviz.sources.huggingface.capturing.capture import capture
from attnviz.sources.huggingface.streaming.recall import recall
from attnviz.sources.huggingface.watching import kept, sites
from attnviz.sources.huggingface.watching.sites import watch
from attnviz.sources.keep import KeepRows
from tests.sources.tiny_pretrained import DECODERS, ENCODERS, FOX, HYBRID

# Queries are scaled before the product, not the product after it: of logits up to 40, float32 keeps 2e-6.
ROUNDING = 5e-6


def both_ways(reading):
    """The weights of every layer: of the calls kept, and of a model run again."""
    outline = reading.outlines["self"]
    _, queries, keys = outline.layers[0].shape
    every, given = outline.resolve(Selection()), reading.watched.sites
    recalled, captured = (KeepRows(every, queries, keys) for _ in range(2))
    assert recall(reading.feed, given, recalled, block="self", chosen=outline.numbers)
    capture(reading.feed, given, captured, block="self", chosen=outline.numbers)
    return recalled.weights(), captured.weights()


KINDS = ENCODERS | DECODERS | {"jamba": HYBRID}


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_calls_kept_give_the_weights_of_a_model_run_again(config, save_model, word_pieces):
    recalled, captured = both_ways(load(save_model(config, word_pieces)).read(Prompt(FOX)))
    np.testing.assert_allclose(recalled, captured, atol=ROUNDING)


def test_a_record_of_a_short_text_runs_the_model_once(tiny_bert, monkeypatch):
    ran = []
    plain = sites.run
    for room in (sites, reading_room):
        monkeypatch.setattr(room, "run", lambda feed: ran.append(1) or plain(feed))
    reading = load(tiny_bert).read(Prompt(FOX))
    before = len(ran)
    reading.record()
    reading.record(Selection("0"))
    assert len(ran) == before


@pytest.mark.parametrize("room", [0, 10_000])
def test_what_takes_too_much_room_is_run_again(tiny_bert, monkeypatch, room):
    whole = load(tiny_bert).attend(FOX)
    monkeypatch.setattr(kept.KeepCalls.__init__, "__defaults__", (room,))
    reading = load(tiny_bert).read(Prompt(FOX))
    assert all(site.kept is None for site in reading.watched.sites)
    np.testing.assert_allclose(reading.record().weights, whole.weights, atol=ROUNDING)


def test_what_was_written_over_is_run_again(tiny_bert):
    whole = load(tiny_bert).attend(FOX)
    reading = load(tiny_bert).read(Prompt(FOX))
    with torch.no_grad():
        reading.watched.sites[1].kept.usual.mul_(2)
    np.testing.assert_allclose(reading.record().weights, whole.weights, atol=ROUNDING)


def test_a_model_watched_before_is_watched_alike(tiny_llama):
    source = load(tiny_llama)
    first, again = (source.read(Prompt(FOX)).watched for _ in range(2))
    assert again.outlines == first.outlines
    assert [(one.block, one.layer) for one in again.sites] == [(one.block, one.layer) for one in first.sites]


def test_a_model_that_has_changed_is_watched_every_way(tiny_bert):
    source = load(tiny_bert)
    feed = source.read(Prompt(FOX)).feed
    assert sites._AT_TABLE[feed.model]
    own = feed.model.encoder.layer[1].attention.self
    own.forward = lambda states, *_, **__: (own_softmax(own, states), None)  # leaves the table
    layers = watch(feed, "changed").outlines["self"].layers
    assert [layer.path for layer in layers] == ["table", "softmax", "table"]


def own_softmax(module, states):
    """Attention written by hand."""
    heads = BertConfig.from_dict(module.config.to_dict()).num_attention_heads
    shape = (*states.shape[:-1], heads, -1)
    query, key, value = (
        part(states).view(shape).transpose(1, 2) for part in (module.query, module.key, module.value)
    )
    weights = torch.softmax(query @ key.transpose(-1, -2), dim=-1)
    return torch.matmul(weights, value).transpose(1, 2).reshape(states.shape)
