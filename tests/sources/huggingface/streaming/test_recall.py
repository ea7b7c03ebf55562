"""Weights of kept calls are those of the model's own function, however many layers are done together."""

from dataclasses import replace

import numpy as np
import pytest
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from attnviz.errors import CaptureFailed
from attnviz.selection import Selection
from attnviz.sources.huggingface.capturing.capture import capture
from attnviz.sources.huggingface.paths.table import TableCall
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming import recall as recalling
from attnviz.sources.huggingface.streaming.recall import recall
from attnviz.sources.huggingface.watching.kept import KeptCall, tensors_of
from tests.sources.architectures import ARCHITECTURES
from tests.sources.huggingface.streaming.long_texts import Keep, at_once, text_feed

# The scale goes into the product, not behind it: of logits up to 40, float32 keeps 2e-6.
ROUNDING = 5e-6

COUNT = 24
CELL = 4  # bytes

# All heads and rows of all layers at once, of one layer, of a few rows.
SIZES = {"all layers": 2**22, "a layer": CELL * 4 * COUNT**2, "rows": CELL * 4 * COUNT * 5}
PLAIN = ["bert", "modernbert", "albert", "gpt2", "opt", "llama", "mistral", "falcon (alibi)", "granite"]
OWN = ["gemma2", "gpt_oss"]


@pytest.fixture
def counted(monkeypatch):
    """How often blocks were made by the formula, and rows by the models' own functions."""
    calls = {"formula": 0, "own": 0}
    for owner, name, kind in ((recalling, "_weights", "formula"), (TableCall, "rows", "own")):
        plain = getattr(owner, name)

        def counting(*given, plain=plain, kind=kind):
            calls[kind] += 1
            return plain(*given)

        monkeypatch.setattr(owner, name, counting)
    return calls


def reading_of(name):
    return at_once(text_feed(ARCHITECTURES[name].build(), COUNT))


def recalled(reading, **asked):
    frame = reading.frame(Selection())
    keep = Keep(frame)
    assert recall(reading.feed, reading.watched.sites, keep, block="self", chosen=frame.layers, **asked)
    assert (keep.next == COUNT).all()
    return keep


def captured(reading):
    """The weights as the models' own functions give them, in a pass of their own."""
    frame = reading.frame(Selection())
    keep = Keep(frame)
    with quiet():
        capture(reading.feed, reading.watched.sites, keep, block="self", chosen=frame.layers)
    return keep


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", [*PLAIN, *OWN])
def test_weights_and_what_queries_see_are_those_of_the_own_functions(name, size):
    reading = reading_of(name)
    ours, theirs = recalled(reading, block_bytes=size), captured(reading)
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=ROUNDING)
    np.testing.assert_array_equal(ours.visible, theirs.visible)


def test_layers_that_attend_alike_are_done_together(counted):
    reading = reading_of("bert")
    recalled(reading)
    counted.update(formula=0)
    recalled(reading)
    assert counted["formula"] == 1
    recalled(reading, block_bytes=SIZES["a layer"])
    assert counted["formula"] == 1 + len(reading.watched.sites)


@pytest.mark.parametrize("name", OWN)
def test_what_is_no_plain_softmax_is_left_to_the_own_function(name, counted):
    recalled(reading_of(name))
    assert counted["formula"] == 0


def test_the_own_function_is_asked_once_for_each_way_of_calling(counted):
    model = ARCHITECTURES["llama"].build()

    def asked():
        reading = at_once(text_feed(model, COUNT))
        reading.frame(Selection())  # which asks, too, for sinks
        counted.update(own=0)
        recalled(reading)
        return counted["own"], reading

    assert asked()[0] == len(model.layers)
    assert asked()[0] == 0
    for layer in model.layers:
        layer.self_attn.scaling *= 2
    number, changed = asked()
    assert number == len(model.layers)
    np.testing.assert_allclose(recalled(changed).weights, captured(changed).weights, atol=ROUNDING)


def test_the_own_function_is_asked_again_when_another_attends(counted, monkeypatch):
    model = ARCHITECTURES["llama"].build()
    recalled(at_once(text_feed(model, COUNT)))
    usual = ALL_ATTENTION_FUNCTIONS["sdpa"]
    monkeypatch.setitem(
        type(ALL_ATTENTION_FUNCTIONS)._global_mapping, "sdpa", lambda *given, **more: usual(*given, **more)
    )
    reading = at_once(text_feed(model, COUNT))
    reading.frame(Selection())
    counted.update(own=0)
    recalled(reading)
    assert counted["own"] == len(model.layers)


@pytest.mark.parametrize("rows", [range(1), range(3, 9), range(COUNT - 1, COUNT)])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_some_rows_are_those_of_all(rows, size):
    reading = reading_of("gpt2")
    frame, whole = reading.frame(Selection()), recalled(reading)
    some = Keep(frame)
    some.next[:] = rows.start
    sites = reading.watched.sites
    recall(reading.feed, sites, some, block="self", chosen=frame.layers, rows=rows, block_bytes=size)
    assert (some.next == rows.stop).all()
    own = slice(rows.start, rows.stop)
    np.testing.assert_allclose(some.weights[..., own, :], whole.weights[..., own, :], atol=ROUNDING)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("row", [0, COUNT - 1])
@pytest.mark.parametrize("layer", [0, 1])
def test_an_output_that_is_not_of_these_weights_is_refused(size, row, layer):
    reading = reading_of("bert")
    recalled(reading)  # its function is known to be a plain softmax
    frame, sites = reading.frame(Selection()), list(reading.watched.sites)
    call, usual = sites[layer].kept.call, sites[layer].kept.usual.clone()
    usual[:, row] += 1
    versions = tuple(tensor._version for tensor in tensors_of(call, usual))
    sites[layer] = replace(sites[layer], kept=KeptCall(call, usual, versions))
    with pytest.raises(CaptureFailed, match="the weights of layer"):
        recall(reading.feed, sites, Keep(frame), block="self", chosen=frame.layers, block_bytes=size)
