"""Pieces merged into words: a closed form, what must hold of any record, a naive loop, and any text."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from attnviz.analysis.words import merge_words
from attnviz.record import Attention, Prediction, Token
from attnviz.sources.huggingface.inputs.tokens import read_tokens
from tests.analysis.records import records
from tests.analysis.weights import random_weights


def of(tokens, weights, **facts):
    weights = np.asarray(weights, dtype=float)
    return Attention(tokens, tokens, weights[None, None], (0,), (0,), "m", **facts)


PIECES = (
    Token("a", 5, (0, 1), word=0),
    Token("jump", 6, (2, 6), word=1),
    Token("ing", 7, (6, 9), word=1),
    Token("dog", 8, (10, 13), word=2),
)


def test_weights_to_pieces_add_up_and_rows_from_pieces_are_averaged():
    weights = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.25] * 4, [0.7, 0.1, 0.1, 0.1]]
    merged = merge_words(of(PIECES, weights, text="a jumping dog"))
    assert merged.weights[0, 0] == pytest.approx(
        np.array([[0.1, 0.5, 0.4], [0.325, 0.5, 0.175], [0.7, 0.2, 0.1]])
    )
    assert [token.text for token in merged.keys] == ["a", "jumping", "dog"]
    assert merged.queries == merged.keys
    assert merged.keys[0] == PIECES[0]
    assert merged.keys[1] == Token("jumping", None, (2, 9), word=1)


def runs(tokens):
    """The positions of each word's pieces."""
    found = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        same = (
            before is not None
            and token.kind == before.kind
            and token.kind in ("text", "generated")
            and token.word == before.word is not None
            and token.part == before.part
        )
        if same:
            found[-1].append(place)
        else:
            found.append([place])
    return found


@given(records())
def test_a_naive_loop_agrees(record):
    merged = merge_words(record)
    rows, columns = runs(record.queries), runs(record.keys)
    assert len(merged.queries) == len(rows)
    assert len(merged.keys) == len(columns)
    for head in record.head_ids:
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                naive = sum(float(record.head(head)[a, b]) for a in row for b in column) / len(row)
                assert merged.head(head)[i, j] == pytest.approx(naive, abs=1e-6)
                seen = any(record.visible(head.layer)[a, b] for a in row for b in column)
                assert merged.visible(head.layer)[i, j] == seen


@given(records())
def test_a_row_keeps_its_mass_and_all_else_is_kept(record):
    merged = merge_words(record)
    mass = record.weights.sum(axis=-1, dtype=float)
    means = [mass[..., row].mean(axis=-1) for row in runs(record.queries)]
    assert merged.weights.sum(axis=-1, dtype=float) == pytest.approx(np.stack(means, axis=-1), abs=1e-5)
    assert merged.predictions == tuple(record.predictions[row[-1]] for row in runs(record.queries))
    assert merged.internals is None
    assert (merged.causal, merged.block, merged.sinks) == (record.causal, record.block, record.sinks)
    kept = [token for token in record.keys if token.kind not in ("text", "generated")]
    assert [token for token in merged.keys if token.kind not in ("text", "generated")] == kept
    assert merge_words(merged) == merged


def test_word_by_word_a_causal_record_stays_causal_without_masks():
    merged = merge_words(of(PIECES, np.tri(4) / np.arange(1, 5)[:, None], causal=True))
    assert merged.causal
    assert not merged.sight
    assert merged.weights[0, 0, 1] == pytest.approx([5 / 12, 7 / 12, 0])


def test_a_window_reaches_as_far_as_any_piece_sees():
    seen = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], bool)
    record = of(PIECES, seen / seen.sum(axis=-1, keepdims=True), causal=True, sight={0: seen})
    assert merge_words(record).visible(0).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]


def test_layers_that_see_alike_still_share_a_mask():
    seen = np.eye(4, dtype=bool)
    record = Attention(
        PIECES,
        PIECES,
        np.stack([np.eye(4)] * 3)[:, None],
        (0, 1, 2),
        (0,),
        "m",
        sight={0: seen, 2: seen.copy()},
    )
    merged = merge_words(record)
    assert sorted(merged.sight) == [0, 2]
    assert merged.sight[0] is merged.sight[2]


def test_a_word_says_what_its_last_piece_expects():
    expected = tuple(Prediction(text, 0.5) for text in ("x", "ing", "dog", "."))
    merged = merge_words(of(PIECES, np.eye(4), predictions=expected))
    assert [prediction.text for prediction in merged.predictions] == ["x", "dog", "."]


def test_a_word_that_is_expected_piece_by_piece_is_expected_whole():
    expected = tuple(
        Prediction(text, share) for text, share in [("jump", 0.5), ("ing", 0.8), ("x", 0.9), (".", 1)]
    )
    merged = merge_words(of(PIECES, np.eye(4), text="a jumping dog", predictions=expected))
    assert [prediction.text for prediction in merged.predictions] == ["jumping", "x", "."]
    assert merged.predictions[0].probability == pytest.approx(0.4)


def test_whitespace_counted_to_a_word_is_not_shown():
    tokens = (Token("a", 1, (0, 1), word=0), Token("\n", 2, (1, 2), word=1), Token("b", 3, (2, 3), word=1))
    assert merge_words(of(tokens, np.eye(3), text="a\nb")).keys[1] == Token("b", None, (2, 3), word=1)


def test_words_without_a_place_are_put_together():
    tokens = (Token("jump", 1, word=0), Token("ing", 2, word=0), Token("[SEP]", 3, kind="special"))
    merged = merge_words(of(tokens, np.eye(3)))
    assert merged.keys == (Token("jumping", word=0), tokens[2])


def test_bytes_of_one_character_are_that_character():
    tokens = tuple(Token("日", number, (0, 1), word=0) for number in range(3))
    assert merge_words(of(tokens, np.eye(3), text="日")).keys == (Token("日", None, (0, 1), word=0),)


def test_words_of_different_parts_and_kinds_stay_apart():
    tokens = (
        Token("a", word=0, part="A"),
        Token("b", word=0, part="B"),
        Token("c", word=0, part="B", kind="generated"),
    )
    record = of(tokens, np.eye(3))
    assert merge_words(record) == record


def test_words_the_model_said_are_merged_too():
    tokens = (Token("a", word=0), *(Token(text, word=1, kind="generated") for text in ("jump", "ing")))
    merged = merge_words(of(tokens, np.eye(3)))
    assert merged.keys == (tokens[0], Token("jumping", word=1, kind="generated"))
    assert merged.border == 1


@pytest.fixture(scope="module")
def byte_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog"] * 2, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


@given(st.text(max_size=30).filter(str.strip), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_the_words_of_any_text_are_slices_of_it(byte_tokenizer, text, seed):
    tokens = read_tokens(byte_tokenizer, text)
    weights = random_weights(seed, len(tokens), len(tokens), causal=True)
    merged = merge_words(of(tokens, weights, text=text, causal=True))
    assert [text[slice(*token.span)] for token in merged.keys] == [token.text for token in merged.keys]
    assert "".join(merged_token.text for merged_token in merged.keys if merged_token.text.strip()) == "".join(
        text.split()
    )
    assert merged.weights.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    assert [token.word for token in merged.keys] == list(range(len(merged.keys)))


def test_merging_is_the_same_for_a_record_that_was_replaced():
    record = of(PIECES, np.eye(4), text="a jumping dog")
    assert (
        merge_words(replace(record, model="other")).weights.tolist() == merge_words(record).weights.tolist()
    )
