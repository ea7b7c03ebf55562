"""A text model that was watched before is watched like a new one, faster; and no change of it goes unseen."""

import copy
import gc
from weakref import ref

import numpy as np
import pytest
import torch
from transformers import BertModel

from attnviz.errors import UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.sources import load
from attnviz.sources.huggingface.paths import PROBED
from attnviz.sources.huggingface.watching import again, kept
from attnviz.sources.huggingface.watching.sites import watch
from attnviz.sources.huggingface.watching.watched import once, run
from tests.sources.tiny_pretrained import DECODERS, ENCODERS, FOX, HYBRID

OTHER = "A lazy dog sleeps, and the fox knows it."
KINDS = ENCODERS | DECODERS | {"jamba": HYBRID}


def told(site):
    """All that is known of a site but its numbers and its module."""
    seen = {name: value for name, value in vars(site.seen).items() if name != "module"}
    return {name: value for name, value in vars(site).items() if name not in ("seen", "kept")} | seen


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_another_text_is_read_as_by_a_new_model(config, save_model, word_pieces):
    folder = save_model(config, word_pieces)
    source = load(folder)
    source.read(Prompt(FOX))
    later, new = source.read(Prompt(OTHER)), load(folder).read(Prompt(OTHER))
    assert later.outlines == new.outlines
    assert [told(site) for site in later.watched.sites] == [told(site) for site in new.watched.sites]
    np.testing.assert_array_equal(later.record().weights, new.record().weights)
    torch.testing.assert_close(later.watched.output[0], new.watched.output[0], atol=0, rtol=0)


def read_before(folder):
    """A feed of a model that was watched once, and is known."""
    feed = load(folder).read(Prompt(FOX)).feed
    assert feed.model in again._KNOWN
    return feed


def ran_in(feed):
    """Which modules run while a model is watched again."""
    ran = []
    hooks = [
        part.register_forward_pre_hook(lambda part, _given: ran.append(part)) for part in feed.model.modules()
    ]
    watched = watch(feed, "again")
    for hook in hooks:
        hook.remove()
    return ran, watched


def test_nothing_behind_the_last_attention_runs(tiny_bert):
    feed = read_before(tiny_bert)
    ran, watched = ran_in(feed)
    last = feed.model.encoder.layer[-1]
    assert ran.count(last.attention.self) == 1
    assert not {last.attention.output, last.intermediate, last.output} & set(ran)
    torch.testing.assert_close(watched.output[0], run(feed)[0], atol=0, rtol=0)


def test_no_module_is_hooked(tiny_bert):
    feed = read_before(tiny_bert)
    hooked = []
    last = feed.model.encoder.layer[-1]
    with_hook = last.register_forward_pre_hook(
        lambda *_: hooked.extend(
            part for part in feed.model.modules() if part is not last and part._forward_pre_hooks
        )
    )
    watch(feed, "again")
    with_hook.remove()
    assert hooked == []


def test_a_pass_whose_calls_take_too_much_room_runs_to_its_end(tiny_bert, monkeypatch):
    feed = read_before(tiny_bert)
    monkeypatch.setattr(kept.KeepCalls.__init__, "__defaults__", (0,))
    ran, watched = ran_in(feed)
    assert feed.model.encoder.layer[-1].output in ran
    assert watched.finish is None
    assert all(site.kept is None for site in watched.sites)


def test_a_further_layer_is_found(tiny_bert):
    feed = read_before(tiny_bert)
    layers = feed.model.encoder.layer
    layers.append(copy.deepcopy(layers[0]))
    assert watch(feed, "longer").outlines["self"].numbers == tuple(range(len(layers)))


def test_a_layer_taken_out_is_missed(tiny_bert):
    feed = read_before(tiny_bert)
    layers = feed.model.encoder.layer
    del layers[-1]
    assert watch(feed, "shorter").outlines["self"].numbers == tuple(range(len(layers)))


@pytest.mark.parametrize("place", [0, -1])
def test_a_layer_that_now_attends_twice_is_watched_every_way(tiny_bert, place):
    feed = read_before(tiny_bert)
    own = feed.model.encoder.layer[place].attention.self
    once = own.forward

    def twice(states, *given, **named):
        once(states * 2, *given, **named)
        return once(states, *given, **named)

    own.forward = twice
    assert {site.seen.path for site in watch(feed, "twice").sites} == {PROBED}


def test_layers_in_another_order_are_watched_every_way(tiny_bert):
    feed = read_before(tiny_bert)
    layers = feed.model.encoder.layer
    feed.model.encoder.layer = torch.nn.ModuleList(reversed(list(layers)))
    assert again.watched_as_before(feed) is None
    names = [site.seen.name for site in watch(feed, "turned").sites]
    assert names == [f"encoder.layer.{number}.attention.self" for number in range(len(layers))]


def test_a_model_that_does_not_run_says_so_again(tiny_bert):
    feed = read_before(tiny_bert)
    feed.model.embeddings.word_embeddings.weight = torch.nn.Parameter(torch.zeros(2, 3))
    with pytest.raises(UnsupportedModel, match="does not run on this input"):
        watch(feed, "broken")


def test_what_is_known_keeps_no_model_alive(tiny_bert):
    model = ref(read_before(tiny_bert).model)
    gc.collect()
    assert model() is None


def test_what_is_handed_to_a_decoder_is_not_known():
    module = torch.nn.TransformerDecoderLayer(8, 2, batch_first=True).eval()
    reading = load(module).read_tensors(torch.randn(1, 3, 8), torch.randn(1, 4, 8))
    assert module not in again._KNOWN
    assert set(reading.outlines) == {"decoder", "cross"}


def test_a_bert_of_ones_own_is_known_by_its_own_modules(tiny_bert):
    feed = read_before(tiny_bert)
    other = copy.deepcopy(feed.model)
    assert isinstance(other, BertModel)
    assert other not in again._KNOWN


def test_a_pass_keeps_nothing_in_the_process_and_leaves_chance_as_it_was(tiny_bert):
    feed = read_before(tiny_bert)
    waiting, state = len(torch.cuda._queued_calls), torch.get_rng_state()
    run(feed)
    assert len(torch.cuda._queued_calls) == waiting
    assert torch.equal(torch.get_rng_state(), state)


def test_chance_takes_the_same_way_every_time():
    class Chancy(torch.nn.Module):
        def forward(self, states):
            return torch.nn.functional.dropout(states, 0.5, training=True)

    given = {"states": torch.ones(1, 100)}
    assert torch.equal(once(Chancy(), given), once(Chancy(), given))
