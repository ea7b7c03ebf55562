"""A long text's layers are learnt from its beginning, and nothing learnt so is believed."""

from dataclasses import replace

import pytest
import torch
from transformers import BigBirdConfig, BigBirdModel

from attnviz.errors import CaptureFailed
from attnviz.sources.huggingface.feed import Positions
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.prefix import carried_over, watch_prefix
from attnviz.sources.huggingface.watching.sites import watch
from tests.sources.architectures import ARCHITECTURES
from tests.sources.huggingface.streaming.long_texts import (
    COUNT,
    SMALL,
    Keep,
    architecture_feed,
    streamed,
    text_feed,
)


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    with quiet():
        yield


@pytest.mark.parametrize(
    "name", ["bert", "gpt2", "mistral", "gemma2", "gpt_oss", "falcon", "jamba", "albert"]
)
def test_what_the_beginning_shows_is_what_the_whole_shows(name):
    feed = architecture_feed(name)
    beginning = watch_prefix(feed, name, SMALL)
    assert beginning is not None
    carried, whole = carried_over(beginning, feed), watch(feed, name)
    assert carried.outlines == whole.outlines

    def places(watched):
        return [
            (
                site.seen.module,
                site.seen.shape,
                site.seen.causal,
                site.block,
                site.layer,
                site.extent,
                site.heads,
            )
            for site in watched.sites
        ]

    assert places(carried) == places(whole)
    assert all(site.kept is None for site in carried.sites)


def test_what_stands_beside_the_tokens_is_cut_too():
    model = ARCHITECTURES["bert"].build()
    segments = torch.tensor([[0] * 5 + [1] * (COUNT - 5)])
    given = []
    model.register_forward_pre_hook(lambda _model, _given, named: given.append(named), with_kwargs=True)
    assert watch_prefix(text_feed(model, token_type_ids=segments), "pair", SMALL)
    shapes = {name: tuple(value.shape) for name, value in given[0].items() if torch.is_tensor(value)}
    assert shapes == dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), (1, SMALL.prefix))
    assert given[0]["token_type_ids"].tolist() == [[0] * 5 + [1] * 3]


@pytest.mark.parametrize("name", ["mpnet", "gptj", "bart", "whisper", "vit"])
def test_what_may_be_laid_out_otherwise_is_watched_whole(name):
    assert watch_prefix(architecture_feed(name), name, SMALL) is None


def test_a_short_text_is_watched_whole():
    feed = architecture_feed("gpt2")
    assert watch_prefix(feed, "short", replace(SMALL, long=COUNT)) is None
    assert watch_prefix(feed, "long", replace(SMALL, long=COUNT - 1)) is not None


def test_an_input_that_is_no_written_text_is_watched_whole():
    feed, side = architecture_feed("gpt2"), Positions(COUNT)
    assert watch_prefix(replace(feed, sides={"self": (side, side)}), "positions", SMALL) is None
    wide = torch.zeros(1, 1, COUNT, COUNT)
    assert watch_prefix(replace(feed, arguments={**feed.arguments, "mask": wide}), "mask", SMALL) is None


def test_a_model_that_exchanges_its_attention_is_put_back():
    sizes = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = BigBirdModel(
        BigBirdConfig(
            **sizes, intermediate_size=20, block_size=4, num_random_blocks=1, attention_type="block_sparse"
        )
    ).eval()
    kinds = [type(module) for module in model.modules()]
    feed = text_feed(model, 64)
    assert watch_prefix(feed, "big bird", SMALL) is None
    assert [type(module) for module in model.modules()] == kinds
    assert model.attention_type == "block_sparse"
    model(**feed.arguments)


def looks_ahead(module, count):
    """Let a module look ahead at long texts."""
    own = module.forward

    def forward(hidden_states, *given, **named):
        module.is_causal = hidden_states.shape[1] < count
        return own(hidden_states, *given, **named)

    module.forward = forward


def test_a_layer_that_sees_otherwise_in_a_long_text_fails():
    feed = architecture_feed("llama")
    looks_ahead(feed.model.layers[1].self_attn, COUNT)
    reading = streamed(feed)
    with pytest.raises(CaptureFailed, match=r"layer 1 sees otherwise .* got queries that look ahead"):
        reading.observe(Keep(reading.frame()))


def attends_to_half(module, count):
    """Let a module leave out half of the keys of long texts."""
    own = module.forward

    def forward(states, *given, **named):
        kept = states if states.shape[1] < count else states[:, : count // 2]
        output, weights = own(kept, *given, **named)
        return torch.cat([output, states[:, output.shape[1] :]], dim=1), weights

    module.forward = forward


def test_a_layer_that_is_laid_out_otherwise_in_a_long_text_fails():
    feed = architecture_feed("bert")
    attends_to_half(feed.model.encoder.layer[1].attention.self, COUNT)
    reading = streamed(feed)
    with pytest.raises(CaptureFailed, match="layer 1 attends otherwise"):
        reading.observe(Keep(reading.frame()))


def skips_itself(layer, count):
    own = layer.forward
    layer.forward = lambda states, *given, **named: (
        own(states, *given, **named) if states.shape[1] < count else states
    )


def test_a_layer_that_is_left_out_of_a_long_text_fails():
    feed = architecture_feed("bert")
    skips_itself(feed.model.encoder.layer[2], COUNT)
    reading = streamed(feed)
    with pytest.raises(CaptureFailed, match="layer 2 did not attend"):
        reading.observe(Keep(reading.frame()))
