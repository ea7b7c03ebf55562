"""The weights captured are the model's own, and the model does not notice."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from attnviz.errors import CaptureFailed
from attnviz.prompt import Prompt
from attnviz.selection import HeadId, Selection
from attnviz.sources import load
from attnviz.sources.huggingface.capturing import capture as capturing
from attnviz.sources.huggingface.capturing.capture import capture
from attnviz.sources.keep import KeepRows
from tests.sources.tiny_pretrained import DECODERS, ENCODERS, FOX, HYBRID, eager_weights, plain_states

LONGER = FOX + " How vexingly quick daft zebras jump!"


def largest_difference(weights, reference):
    return np.abs(weights - torch.stack(reference).numpy()).max()


def captured_states(source, text, *, block_bytes=capturing.BLOCK_BYTES):
    """The final hidden states, and the weights, of a run in which every layer is captured."""
    reading = source.read(Prompt(text))
    outline = reading.outlines["self"]
    _, queries, keys = outline.layers[0].shape
    keep = KeepRows(outline.resolve(Selection()), queries, keys)
    states = hand_on(reading, keep, outline.numbers, block_bytes=block_bytes)
    return states, keep.weights()


def hand_on(reading, observer, chosen, *, sites=None, block_bytes=capturing.BLOCK_BYTES):
    """Run a capture with an observer of one's own: the final hidden states."""
    given = reading.watched.sites if sites is None else sites
    output = capture(reading.feed, given, observer, block="self", chosen=chosen, block_bytes=block_bytes)
    return output[0][0]


def test_the_real_minilm_matches_itself(minilm):
    record = load(minilm).attend(FOX)
    reference = eager_weights(minilm, FOX)
    assert record.weights.shape == (6, 12, 15, 15)
    assert largest_difference(record.weights, reference) <= 1e-5
    assert not record.causal


@pytest.mark.parametrize("config", ENCODERS.values(), ids=ENCODERS)
def test_encoders_match_their_own_weights(config, save_model, word_pieces):
    folder = save_model(config, word_pieces)
    source = load(folder)
    record = source.attend(FOX)
    assert largest_difference(record.weights, eager_weights(folder, FOX)) <= 1e-5
    assert not record.causal
    states, _ = captured_states(source, FOX)
    torch.testing.assert_close(states, plain_states(folder, FOX), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("config", DECODERS.values(), ids=DECODERS)
def test_decoders_match_their_own_weights(config, save_model, byte_pieces):
    folder = save_model(config, byte_pieces)
    source = load(folder)
    record = source.attend(FOX)
    assert largest_difference(record.weights, eager_weights(folder, FOX)) <= 1e-5
    assert record.causal
    states, _ = captured_states(source, FOX)
    torch.testing.assert_close(states, plain_states(folder, FOX), atol=1e-4, rtol=1e-4)


def test_a_hybrid_keeps_the_models_own_layer_numbers(save_model, byte_pieces):
    folder = save_model(HYBRID, byte_pieces)
    source = load(folder)
    assert source.attend(FOX).layers == (1, 3)
    attending = [layer for layer in eager_weights(folder, FOX) if layer is not None]
    assert largest_difference(source.attend(FOX).weights, attending) <= 1e-5


def test_sinks_leave_rows_with_less_than_all_mass(save_model, byte_pieces):
    record = load(save_model(DECODERS["gpt_oss (sinks)"], byte_pieces)).attend(FOX)
    assert record.weights.sum(axis=-1).min() < 0.99


@pytest.mark.parametrize("kind", ["bert", "modernbert (sliding window)"])
@pytest.mark.parametrize("rows", [1, 3])
def test_block_size_does_not_matter_to_encoders(kind, rows, save_model, word_pieces):
    assert_block_size_does_not_matter(load(save_model(ENCODERS[kind], word_pieces)), rows)


@pytest.mark.parametrize("kind", ["gpt2", "llama (grouped heads)", "gemma2 (soft cap, sliding window)"])
@pytest.mark.parametrize("rows", [1, 3])
def test_block_size_does_not_matter_to_decoders(kind, rows, save_model, byte_pieces):
    assert_block_size_does_not_matter(load(save_model(DECODERS[kind], byte_pieces)), rows)


def assert_block_size_does_not_matter(source, rows):
    keys = len(source.attend(FOX).keys)
    states, whole = captured_states(source, FOX)
    states_in_blocks, in_blocks = captured_states(source, FOX, block_bytes=rows * 4 * keys * 4)
    np.testing.assert_allclose(in_blocks, whole, atol=1e-5)
    torch.testing.assert_close(states_in_blocks, states, atol=1e-4, rtol=1e-4)


def test_blocks_are_as_large_as_they_may_be(tiny_bert):
    class Note:
        starts = ()

        def update(self, block):
            self.starts += ((block.layer, block.start, block.weights.shape[1]),)

    note, reading = Note(), load(tiny_bert).read(Prompt("a b c"))
    assert len(reading.feed.sides["self"][0].known) == 5
    hand_on(reading, note, {1}, block_bytes=2 * 4 * 5 * 4)
    assert note.starts == ((1, 0, 2), (1, 2, 2), (1, 4, 1))


def test_only_the_selected_heads_are_kept_and_the_others_run_as_usual(tiny_llama):
    source = load(tiny_llama)
    whole = source.attend(FOX)
    part = source.attend(FOX, Selection("-1", "1,3"))
    assert (part.layers, part.heads) == ((2,), (1, 3))
    np.testing.assert_allclose(part.weights, whole.weights[[2]][:, [1, 3]], atol=1e-5)


def test_internals_make_the_weights_again(tiny_llama):
    source = load(tiny_llama)
    record = source.attend(FOX, Selection("1-2", "0,2,3"), internals=True)
    vectors, weights = record.internals, record.weights
    assert vectors.queries.shape == (2, 3, len(record.queries), 8)
    logits = np.einsum("lhqd,lhkd->lhqk", vectors.queries, vectors.keys) / np.sqrt(8)
    logits[..., ~record.visible(1)] = -np.inf
    again = np.exp(logits - logits.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(again / again.sum(axis=-1, keepdims=True), weights, atol=1e-5)
    # Llama's heads 2 and 3 share their keys and values; head 0 has others.
    np.testing.assert_array_equal(vectors.values[:, 1], vectors.values[:, 2])
    assert not np.allclose(vectors.values[:, 0], vectors.values[:, 1])


def test_no_internals_unless_asked(tiny_bert):
    assert load(tiny_bert).attend(FOX).internals is None


def entries():
    return {name: ALL_ATTENTION_FUNCTIONS.get(name) for name in ("sdpa", "eager")}


def test_the_table_is_put_back_after_a_capture(tiny_bert):
    before = entries()
    load(tiny_bert).attend(FOX)
    assert entries() == before
    assert "eager" not in ALL_ATTENTION_FUNCTIONS


def test_the_table_is_put_back_after_an_exception(tiny_bert):
    class Faulty:
        def update(self, _block):
            raise KeyboardInterrupt

    before = entries()
    reading = load(tiny_bert).read(Prompt("a"))
    with pytest.raises(KeyboardInterrupt):
        hand_on(reading, Faulty(), {0, 1, 2})
    assert entries() == before


def test_a_capture_within_a_capture(tiny_bert, tiny_bert_states):
    source = load(tiny_bert)

    class RunsItAgain:
        inner = None

        def update(self, _block):
            self.inner = source.attend(FOX, Selection("1"))

    observer = RunsItAgain()
    states = hand_on(source.read(Prompt(FOX)), observer, {0})
    torch.testing.assert_close(states, tiny_bert_states, atol=1e-4, rtol=1e-4)
    assert observer.inner == source.attend(FOX, Selection("1"))


def test_other_threads_go_on_as_usual(tiny_bert, tiny_bert_states):
    source = load(tiny_bert)

    class RunsElsewhere:
        def update(self, _block):
            thread = Thread(target=lambda: found.append(plain_states(tiny_bert, FOX)))
            thread.start()
            thread.join()

    found = []
    hand_on(source.read(Prompt(FOX)), RunsElsewhere(), {0})
    torch.testing.assert_close(found, [tiny_bert_states])


@pytest.fixture
def tiny_bert_states(tiny_bert):
    return plain_states(tiny_bert, FOX)


def test_an_eager_entry_of_somebody_else_is_put_back(tiny_bert, monkeypatch):
    def somebody_elses(*_, **__):
        raise AssertionError

    monkeypatch.setitem(type(ALL_ATTENTION_FUNCTIONS)._global_mapping, "eager", somebody_elses)
    load(tiny_bert).attend(FOX)
    assert ALL_ATTENTION_FUNCTIONS["eager"] is somebody_elses


def test_fewer_or_more_calls_than_expected_fail(tiny_bert):
    reading = load(tiny_bert).read(Prompt("a"))
    sites = reading.watched.sites
    more = (*sites, replace(sites[-1], layer=3))
    for expected, complaint in [(sites[:2], "more attention calls"), (more, "layer 3 did not attend")]:
        with pytest.raises(CaptureFailed, match=complaint):
            hand_on(reading, KeepRows([HeadId(0, 0)], 3, 3), set(), sites=expected)


def test_weights_that_are_no_attention_are_never_shown(tiny_bert):
    source = load(tiny_bert)
    with torch.no_grad():
        source.pretrained.model.encoder.layer[1].attention.self.query.weight.fill_(float("nan"))
    with pytest.raises(CaptureFailed, match="not a finite number"):
        source.attend(FOX)


def test_one_token_of_a_decoder_is_causal_too(tiny_gpt2):
    record = load(tiny_gpt2).attend("a")
    assert record.causal
    assert record.weights.tolist() == [[[[1.0]]] * 4] * 3


def test_nothing_is_said_on_stderr(minilm, capfd):
    load(minilm).attend(LONGER)
    assert capfd.readouterr() == ("", "")
