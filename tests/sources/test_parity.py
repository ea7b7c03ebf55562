"""What is captured is what each architecture says itself, layer by layer in order, and no model notices."""

from operator import attrgetter

import numpy as np
import pytest
import torch

from attnviz.selection import Selection
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import run, watch
from tests.sources.architecture import Architecture
from tests.sources.architectures import ARCHITECTURES, DECODERS, HYBRIDS

# Where the blocks' weights are in a model's output.
GIVEN = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}

# Decoders and halves that read like one, beside those of their kind.
LOOKING_BACK = dict.fromkeys(("clip", "clip_text", "llava", "qwen2_vl"))


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    with quiet():
        yield


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_captured_is_what_the_model_says(name):
    architecture = ARCHITECTURES[name]
    model = architecture.build()
    feed = architecture.feed(model)
    usual = run(feed)
    reading = PretrainedReading(name, None, feed, watch(feed, name))
    assert list(reading.outlines) == list(architecture.counts)
    own = own_weights(architecture)
    paths = {layer.path for outline in reading.outlines.values() for layer in outline.layers}
    assert paths == set(architecture.path.split(" and "))
    for block, outline in reading.outlines.items():
        looks_back = block == "decoder" or (
            block == "self" and name in {**DECODERS, **HYBRIDS, **LOOKING_BACK}
        )
        assert all(layer.causal == looks_back for layer in outline.layers)
    for block, outline in reading.outlines.items():
        weights = captured(reading, block)
        check_weights(weights, outline)
        if architecture.held is None:
            continue
        given = attending(own[block], outline.numbers)
        assert len(given) == len(weights)
        for theirs, ours in zip(given, weights, strict=True):
            theirs, ours = architecture.held(theirs, torch.from_numpy(ours))
            torch.testing.assert_close(ours, theirs, atol=architecture.within, rtol=0)
    # Each capture was held against the pass that was watched; that pass is held against one that was not.
    torch.testing.assert_close(
        list(states(reading.watched.output)), list(states(usual)), atol=1e-4, rtol=1e-4, equal_nan=True
    )


def captured(reading, block):
    """The weights of every layer of a block, in the order of the layers."""
    weights = {}
    for layers in reading.outlines[block].alike:
        numbers = ",".join(str(layer.number) for layer in layers)
        record = reading.record(Selection(numbers), block=block)
        weights |= dict(zip(record.layers, record.weights, strict=True))
    return [weights[number] for number in sorted(weights)]


def own_weights(architecture: Architecture):
    """What the same model gives itself for each block, built anew with its plain attention."""
    if architecture.held is None:
        return None
    model = architecture.build("eager")
    output = run(architecture.feed(model, output_attentions=True))
    return {
        block: attrgetter(GIVEN.get(block, architecture.reference))(output) for block in architecture.counts
    }


def attending(given, numbers):
    """What layers that attend gave; those that do not give None, or leave their place out."""
    layers = [layer[0] for layer in given if layer is not None]
    return layers if len(layers) == len(numbers) else [layers[number] for number in numbers]


def check_weights(weights, outline):
    for layer, of_layer in zip(outline.layers, weights, strict=True):
        assert of_layer.shape == (len(layer.heads), layer.queries, layer.keys)
        assert np.isfinite(of_layer).all()
        assert of_layer.min() >= 0
        assert of_layer.sum(axis=-1).max() <= 1 + 1e-5
        if layer.causal:
            assert not np.triu(of_layer, 1).any()
    # Weights that were all alike would agree with anything.
    assert max(of_layer.max() for of_layer in weights) > 1.2 / outline.layers[0].keys


def states(output):
    """The numbers a model gave, but for caches."""
    values = output.values() if hasattr(output, "values") else output
    return [value for value in values if isinstance(value, torch.Tensor)]


def test_there_are_enough_of_them():
    assert len(ARCHITECTURES) >= 75
    assert all(architecture.exception for architecture in ARCHITECTURES.values() if architecture.held is None)
