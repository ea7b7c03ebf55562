"""Attention in layouts of its own comes back as query x key, exactly, and what is no attention is refused."""

import copy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BigBirdConfig, NystromformerConfig

from attnviz.errors import BudgetError, CaptureFailed, NoAttention, RequestError, UnsupportedModel
from attnviz.selection import Selection
from attnviz.sources import keep, load
from attnviz.sources.huggingface.capturing.checks import EXPLAINED, UNCHANGED
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.tiny_layouts import (
    BERT,
    BIGBIRD,
    D_V,
    FEEDS,
    HEADS,
    LED,
    LONGFORMER,
    LONGT5,
    NO_ATTENTION,
    REFORMER,
    TOKENS,
    WIDE,
    WORDS,
    Average,
    FeedForward,
    Gated,
    Kernel,
    made,
    read,
    text_feed,
    translation_feed,
    written,
)
from tests.sources.tiny_pretrained import FOX


def slopes(feed, values, context) -> dict[str, torch.Tensor]:
    """The weights of each attending module by differentiation, (head, query, key), by the module's name.

    What a module makes of its values is linear in them, so its slopes are the weights.
    """
    found = {}

    def before(module, given, named):
        # Copies, since what remembers earlier steps is changed by running.
        found[module] = (*copy.deepcopy((given, named)), torch.random.get_rng_state())

    parts = {name: part for name, part in feed.model.named_modules() if hasattr(part, values[0])}
    parts |= {name: part for name, part in feed.model.named_modules() if hasattr(part, values[-1])}
    hooks = [part.register_forward_pre_hook(before, with_kwargs=True) for part in parts.values()]
    with quiet(), torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        feed.model(**feed.arguments)
    for hook in hooks:
        hook.remove()
    return {
        name: slope(part, *found[part], [v for v in values if hasattr(part, v)], context)
        for name, part in parts.items()
        if part in found
    }


def slope(module, given, named, state, values, context) -> torch.Tensor:
    leaves, contexts = [], []

    def leaf(_module, _given, output):
        if len(leaves) < len(values):  # further runs of the projection are of summaries, no keys
            leaves.append(output.detach().clone().requires_grad_())
            return leaves[-1]
        return output

    def enter(_module, entering):
        contexts.append(entering[0])

    hooks = [getattr(module, name).register_forward_hook(leaf) for name in values]
    if context is not None and hasattr(module, context):
        hooks.append(getattr(module, context).register_forward_pre_hook(enter))
    with quiet(), torch.enable_grad(), torch.random.fork_rng():
        torch.random.set_rng_state(state)
        output = module.forward(*given, **named)
    for hook in hooks:
        hook.remove()
    while not isinstance(output, torch.Tensor):
        output = output[0]
    flat = (contexts[0] if contexts else output).reshape(-1, HEADS, D_V)
    weights = torch.zeros(HEADS, len(flat), max(part.numel() for part in leaves) // (HEADS * D_V))
    for head, query in product(range(HEADS), range(len(flat))):
        gradients = torch.autograd.grad(flat[query, head, 0], leaves, retain_graph=True, allow_unused=True)
        for gradient in gradients:
            if gradient is not None:
                weights[head, query] += gradient.reshape(-1, HEADS, D_V)[:, head, 0]
    return weights


@pytest.mark.parametrize(("feed", "values", "context"), FEEDS.values(), ids=FEEDS)
def test_weights_are_the_slopes_of_what_modules_make_of_their_values(feed, values, context):
    reading = read(feed())
    expected = slopes(reading.feed, values, context)
    assert any(layer.path == "values" for outline in reading.outlines.values() for layer in outline.layers)
    compared = 0
    for block, outline in reading.outlines.items():
        record = reading.record(block=block)
        for place, layer in enumerate(outline.layers):
            weights = expected[layer.module][:, : layer.queries, : layer.keys]
            np.testing.assert_allclose(record.weights[place], weights, atol=1e-5)
            compared += 1
        assert record.causal == (block == "decoder" or "Reformer" in type(reading.feed.model).__name__)
    blocks, layers = len(reading.feed.sides), 4 if "Reformer" in type(reading.feed.model).__name__ else 2
    assert compared == blocks * layers


@pytest.mark.parametrize("kind", FEEDS)
def test_probing_changes_nothing_and_every_check_holds(kind):
    reading = read(FEEDS[kind][0]())
    with quiet(), torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        plain = reading.feed.model(**reading.feed.arguments)[0]
    torch.testing.assert_close(reading.watched.output[0], plain, atol=1e-4, rtol=0)
    assert {EXPLAINED, UNCHANGED} <= {check.name for check in reading.checks()}


def test_rounding_is_no_mass_dropped():
    assert read(text_feed(made(LONGFORMER))).record().dropped == 0


def shorter(feed, count, *, alike) -> Feed:
    """Leave only so many tokens on each side, all of them the same if wanted."""
    cut = {
        name: given[:, :count].clone() if isinstance(given, torch.Tensor) else given
        for name, given in feed.arguments.items()
    }
    if alike:
        for name in cut.keys() & {"input_ids", "decoder_input_ids"}:
            cut[name][:] = 7
    return replace(feed, arguments=cut, sides={block: (written(count),) * 2 for block in feed.sides})


@pytest.mark.parametrize("alike", [False, True], ids=["", "all alike"])
@pytest.mark.parametrize("kind", FEEDS)
def test_short_texts_are_read_in_every_layer(kind, alike):
    count = 3
    reading = read(shorter(FEEDS[kind][0](), count, alike=alike))
    layers = 4 if "reformer" in kind else 2
    assert list(reading.outlines) == list(reading.feed.sides)
    for block, outline in reading.outlines.items():
        assert reading.record(block=block).weights.shape == (layers, HEADS, count, count)
        assert outline.numbers == tuple(range(layers))


@pytest.mark.parametrize("config", [LONGFORMER, REFORMER, LONGT5], ids=lambda config: config.model_type)
def test_models_that_look_almost_evenly_are_read_all_the_same(config):
    spreads = ("initializer_range", "initializer_factor")
    plain = type(config)(**{name: value for name, value in config.to_dict().items() if name not in spreads})
    model = made(plain)
    reading = read(text_feed(model.encoder if plain.is_encoder_decoder else model))
    weights = reading.record().weights
    assert len(weights) == (4 if config is REFORMER else 2)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-2)


def test_what_other_ways_show_is_not_tried_out():
    reading = read(translation_feed(made(LED)))
    paths = {block: {layer.path for layer in outline.layers} for block, outline in reading.outlines.items()}
    assert paths == {"encoder": {"values"}, "decoder": {"softmax"}, "cross": {"softmax"}}


def test_one_token_alone_is_refused():
    feed = shorter(text_feed(made(LONGFORMER)), 1, alike=False)
    with pytest.raises(RequestError, match="one token alone does not show how a model attends"):
        read(feed)


def test_a_stack_of_which_only_some_layers_are_read_is_refused():
    # Of two tokens each sees one other at most; where none may see itself, nothing is left to decide.
    feed = shorter(text_feed(made(REFORMER)), 2, alike=False)
    with pytest.raises(UnsupportedModel, match=r"only some layers of encoder\.layers\.\*\."):
        read(feed)


def test_longformer_gives_its_own_band():
    model = made(LONGFORMER)
    reading = read(text_feed(model))
    with quiet(), torch.no_grad():
        banded = model(**reading.feed.arguments, output_attentions=True).attentions
    weights = reading.record().weights
    for ours, theirs in zip(weights, banded, strict=True):
        for query, offset in product(range(TOKENS), range(-4, 5)):
            if 0 <= query + offset < TOKENS:
                np.testing.assert_allclose(
                    ours[:, query, query + offset], theirs[0, :, query, offset + 4], atol=1e-5
                )
        apart = np.abs(np.subtract.outer(np.arange(TOKENS), np.arange(TOKENS)))
        assert not ours[:, apart > 4].any()


def test_bigbird_gives_its_own_blocks():
    model = made(BIGBIRD)
    reading = read(text_feed(model))
    with quiet(), torch.no_grad():
        theirs = model(**reading.feed.arguments, output_attentions=True).attentions
    whole = torch.stack(theirs)[:, 0, :, :TOKENS, :TOKENS].numpy()
    ours = reading.record().weights
    np.testing.assert_allclose(ours.sum(axis=-1), 1, atol=1e-5)
    # Outside of training every random block is the first one, which all see anyway: a query comes upon its
    # two tokens twice, and the model reports only one of the two weights.
    np.testing.assert_allclose(ours[..., 2:], whole[..., 2:], atol=1e-5)
    assert (ours[..., :2] >= whole[..., :2] - 1e-5).all()


def test_bigbird_with_a_short_text_attends_to_all_of_it():
    model = made(BigBirdConfig(block_size=4, max_position_embeddings=100, **BERT, **WIDE, **WORDS))
    reading = read(text_feed(model))
    with quiet(), torch.no_grad():
        theirs = model(**reading.feed.arguments, output_attentions=True).attentions
    np.testing.assert_allclose(reading.record().weights, torch.cat(theirs), atol=1e-5)


def test_longt5_gives_its_own_blocks():
    model = made(LONGT5).encoder
    reading = read(text_feed(model))
    with quiet(), torch.no_grad():
        blocks = model(**reading.feed.arguments, output_attentions=True).attentions
    length = 4  # a radius of 3, and the token itself
    for ours, theirs in zip(reading.record().weights, blocks, strict=True):
        for number, row, column in product(range(theirs.shape[1]), range(length), range(3 * length)):
            query, key = number * length + row, (number - 1) * length + column
            if 0 <= key < TOKENS and query < TOKENS:
                expected = theirs[0, number, :, row, column]
                np.testing.assert_allclose(ours[:, query, key], expected, atol=1e-5)


def test_mass_on_summaries_of_keys_is_told_as_dropped():
    record = read(FEEDS["longt5 (local and summaries)"][0]()).record()
    lost = 1 - record.weights.sum(axis=-1, dtype=np.float64).clip(max=1)
    assert record.dropped == pytest.approx(lost.mean(), abs=1e-5)
    assert record.dropped > 0.01
    assert record.sinks == ()


def test_tokens_that_look_everywhere_have_weight_everywhere():
    weights = read(FEEDS["longformer, some tokens look everywhere"][0]()).record().weights
    assert (weights[:, :, [0, 7]] > 0).all()
    assert not (weights[:, :, 15] > 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)


def test_a_layout_of_its_own_is_read_from_a_folder(save_model, word_pieces):
    record = load(save_model(LONGFORMER, word_pieces)).attend(FOX)
    assert record.weights.shape[:2] == (2, HEADS)
    assert record.keys[1].text == "The"
    np.testing.assert_allclose(record.weights.sum(axis=-1), 1, atol=1e-5)


def test_only_the_heads_asked_for_are_kept():
    reading = read(text_feed(made(LONGFORMER)))
    part = reading.record(Selection("1", "2"))
    np.testing.assert_allclose(part.weights[0, 0], reading.record().weights[1, 2], atol=1e-6)


def test_a_square_that_does_not_fit_is_never_made(monkeypatch):
    reading = read(text_feed(made(LONGFORMER)))
    kept = 4 * TOKENS * TOKENS
    monkeypatch.setattr(keep, "_memory", lambda: 2 * 4.0 * kept)
    with pytest.raises(BudgetError, match="the weights of 1 layers x 4 heads for 24 x 24 tokens do not fit"):
        reading.record(Selection("0", "1"))


@pytest.mark.parametrize("config", NO_ATTENTION.values(), ids=NO_ATTENTION)
def test_what_has_no_weights_is_told_so(config):
    feed = text_feed(made(config))
    feed = replace(feed, arguments={"input_ids": feed.arguments["input_ids"]})
    with pytest.raises(NoAttention, match="a model has no attention weights: nothing in it attends"):
        read(feed)


def test_an_approximation_whose_weights_are_no_shares_is_never_shown():
    nystromformer = NystromformerConfig(
        num_landmarks=3, segment_means_seq_len=TOKENS, conv_kernel_size=5, **BERT, **WIDE, **WORDS
    )
    feed = text_feed(made(nystromformer))
    reading = read(replace(feed, arguments={"input_ids": feed.arguments["input_ids"]}))
    with pytest.raises(CaptureFailed, match=r"negative weight|sums to"):
        reading.record()


def states_feed(module) -> Feed:
    side, chance = written(TOKENS), torch.Generator().manual_seed(3)
    states = torch.randn(1, TOKENS, 32, generator=chance)
    return Feed(nn.Sequential(module.eval()), {"input": states}, {"self": (side, side)})


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("looks_back", [False, True])
def test_attention_with_a_kernel_of_its_own(key_heads, looks_back):
    torch.manual_seed(0)
    module = Kernel(key_heads, looks_back=looks_back)
    reading = read(states_feed(module))
    record = reading.record()
    expected = module.weights(reading.feed.arguments["input"])
    np.testing.assert_allclose(record.weights[0], expected.detach(), atol=1e-5)
    assert record.causal == looks_back


@pytest.mark.parametrize("kind", [Gated, FeedForward, Average])
def test_what_only_resembles_attention_is_none(kind):
    torch.manual_seed(0)
    with pytest.raises(NoAttention, match="nothing in it attends"):
        read(states_feed(kind()))


class Forgetful(Kernel):
    """Its shares are others each time it runs."""

    def weights(self, states):
        self.count = getattr(self, "count", 0) + 1
        return super().weights(states).roll(self.count, -1)


def test_a_module_that_weighs_otherwise_each_time_is_never_shown():
    torch.manual_seed(0)
    with pytest.raises((NoAttention, CaptureFailed)):
        read(states_feed(Forgetful())).record()
