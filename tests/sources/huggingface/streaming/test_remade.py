"""Rows made again by a formula are those that a model's own function makes, and as strictly held."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from attnviz.errors import CaptureFailed
from attnviz.selection import Selection
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming import remade
from attnviz.sources.huggingface.streaming.remade import Checked, Plain
from tests.sources.architecture import ids
from tests.sources.architectures import ARCHITECTURES
from tests.sources.huggingface.streaming.long_texts import (
    COUNT,
    SMALL,
    architecture_feed,
    at_once,
    streamed,
    text_feed,
)

# Whose attention is a plain softmax: of all, of earlier and of near keys, with keys of one head for several,
# with numbers added to logits.
PLAIN = ["bert", "gpt2", "llama", "mistral", "modernbert", "falcon (alibi)"]
# Soft caps, sinks, biases inside a function.
OTHER = ["gemma2", "gpt_oss", "mpnet", "bloom"]

EVERY = Selection()

SOME = [range(3, 12), range(1), range(COUNT - 1, COUNT), range(COUNT)]


@pytest.fixture(autouse=True)
def _quiet():
    with quiet():
        yield


def padded(name, *, left):
    """A text of which a third is padding."""
    mask = torch.ones_like(ids(COUNT))
    mask[:, : COUNT // 3] = 0
    return text_feed(ARCHITECTURES[name].build(), attention_mask=mask if left else mask.flip(1))


def both_ways(reading, monkeypatch, selection=EVERY):
    """Rows of an input by the formula, where it may be, and by the model's own function."""
    ours = reading.rows(selection)
    monkeypatch.setattr(remade, "agrees", lambda *_: False)
    theirs = reading.rows(selection)
    assert {type(call) for call in theirs.kept} == {Checked}
    return ours, theirs


def assert_equal(ours, theirs):
    for rows in SOME:
        for one, other in zip(ours.blocks(rows), theirs.blocks(rows), strict=True):
            assert (one.layer, one.start, one.first_head, one.first_key) == (
                other.layer, other.start, other.first_head, other.first_key,
            )  # fmt: skip
            np.testing.assert_allclose(one.weights, other.weights, atol=1e-6)
            seen, expected = one.visible(), other.visible()
            assert (seen is None) == (expected is None)
            assert seen is None or np.array_equal(seen, expected)


@pytest.mark.parametrize("selection", [EVERY, Selection("1", "1,3")], ids=["all", "few"])
@pytest.mark.parametrize("name", PLAIN)
def test_rows_by_the_formula_are_those_of_the_models_own_function(name, selection, monkeypatch):
    ours, theirs = both_ways(streamed(architecture_feed(name)), monkeypatch, selection)
    assert {type(call) for call in ours.kept} == {Plain}
    assert_equal(ours, theirs)


@pytest.mark.parametrize("left", [True, False], ids=["left", "right"])
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_rows_of_padded_texts_are(name, left, monkeypatch):
    ours, theirs = both_ways(replace(at_once(padded(name, left=left)), scale=SMALL), monkeypatch)
    assert_equal(ours, theirs)
    # A decoder's queries see nothing where padding comes first, and nobody knows what comes out of that.
    assert {type(call) for call in ours.kept} == {Checked if name == "gpt2" and left else Plain}


@pytest.mark.parametrize("name", OTHER)
def test_what_is_no_plain_softmax_is_left_to_the_models_own_function(name):
    feed = architecture_feed(name)
    rows, record = streamed(feed).rows(), at_once(feed).record()
    assert Checked in {type(call) for call in rows.kept}
    for some in SOME:
        found = np.stack([block.weights.float() for block in rows.blocks(some)])
        expected = record.weights[:, :, some.start : some.stop, : found.shape[-1]]
        np.testing.assert_allclose(found, expected, atol=5e-5)


@pytest.mark.parametrize("which", ["query", "key", "value"])
def test_what_does_not_explain_the_models_output_is_refused(which):
    rows = streamed(architecture_feed("gpt2")).rows()
    call = rows.kept[1]
    changed = getattr(call.heads, which).clone()
    changed[0] *= 1.5
    spoilt = replace(call, heads=replace(call.heads, **{which: changed}))
    assert call.block(range(5, 9), 9).weights.shape == (4, 4, 9)
    with pytest.raises(CaptureFailed, match="the weights of layer 1 do not fit its values"):
        spoilt.block(range(5, 9), 9)


@pytest.mark.parametrize("way", [Plain, Checked])
def test_an_output_that_was_written_over_is_refused(way, monkeypatch):
    monkeypatch.setattr(remade, "agrees", lambda *_: way is Plain)
    call = streamed(architecture_feed("bert")).rows().kept[0]
    assert type(call) is way
    (call.given if way is Plain else call.usual)[:] += 1
    with pytest.raises(CaptureFailed, match="of layer 0 do not"):
        call.block(range(COUNT), COUNT)


def test_weights_that_are_no_numbers_are_refused():
    call = streamed(architecture_feed("llama")).rows().kept[0]
    call.heads.query[:, 3] = torch.nan
    with pytest.raises(CaptureFailed, match="layer 0 has a weight that is not a finite number"):
        call.block(range(5), 5)


def test_queries_that_see_otherwise_than_when_they_were_watched_are_refused():
    reading = streamed(architecture_feed("bert"))
    sites = tuple(replace(site, seen=replace(site.seen, causal=True)) for site in reading.watched.sites)
    with pytest.raises(CaptureFailed, match="layer 0 sees otherwise"):
        replace(reading, watched=replace(reading.watched, sites=sites)).rows()


def test_vectors_of_heads_nobody_asked_for_are_not_kept():
    reading = streamed(architecture_feed("gpt2"))
    every, one = (reading.rows(Selection("0", heads)).kept[0] for heads in (None, "2"))
    assert one.size * len(every.heads.query) == every.size
