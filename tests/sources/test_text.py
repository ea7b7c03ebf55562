"""Tokens are slices of what was written, whatever was written."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast

from attnviz.errors import EmptyText, RequestError
from attnviz.sources.huggingface.inputs.tokens import read_tokens, word_numbers

ANY_TEXT = st.text(max_size=60).filter(str.strip)
MIXED = "Zoë isn't\tthere…  日本語 مرحبا 👩‍👩‍👧 [SEP] e\u0301\n\n再见 \u3000x"


@pytest.fixture(scope="module")
def minilm_tokenizer(minilm):
    return AutoTokenizer.from_pretrained(minilm)


def assert_aligned(tokenizer, text):
    tokens = read_tokens(tokenizer, text)
    assert [token.id for token in tokens] == tokenizer(text)["input_ids"]
    written = [token for token in tokens if not token.is_special]
    for token in written:
        start, stop = token.span
        assert 0 <= start <= stop <= len(text)
        assert token.text == text[start:stop] or start == stop
    starts = [token.span[0] for token in written]
    assert starts == sorted(starts)
    assert all(token.span is None and token.word is None for token in tokens if token.is_special)
    assert_words_are_parted_by_whitespace(text, written)
    return written


def assert_words_are_parted_by_whitespace(text, tokens):
    words = [token.word for token in tokens]
    assert words[0] == 0
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(words))
    visible = [token for token in tokens if token.text.strip()]
    for earlier, later in pairwise(visible):
        parted = any(map(str.isspace, text[earlier.span[1] : later.span[0]]))
        assert (later.word != earlier.word) == parted


@given(text=ANY_TEXT)
@settings(max_examples=150)
def test_word_pieces_align_with_any_text(minilm_tokenizer, text):
    try:
        assert_aligned(minilm_tokenizer, text)
    except EmptyText:  # BERT's normaliser drops control characters altogether
        assert all(number in (101, 102) for number in minilm_tokenizer(text)["input_ids"])


@given(text=ANY_TEXT)
@settings(max_examples=150)
def test_byte_pieces_align_with_any_text_and_leave_nothing_out(byte_pieces, text):
    written = assert_aligned(byte_pieces, text)
    covered = {position for token in written for position in range(*token.span)}
    assert all(position in covered or text[position].isspace() for position in range(len(text)))


def test_a_hard_text_in_both(minilm_tokenizer, byte_pieces):
    for tokenizer in (minilm_tokenizer, byte_pieces):
        assert_aligned(tokenizer, MIXED)


def test_the_users_spelling_is_shown(minilm_tokenizer):
    tokens = read_tokens(minilm_tokenizer, "Zoë ISN'T here")
    assert [token.text for token in tokens] == ["[CLS]", "Zoë", "ISN", "'", "T", "here", "[SEP]"]
    assert [token.word for token in tokens] == [None, 0, 1, 1, 1, 2, None]
    assert [token.kind for token in tokens] == ["special", *["text"] * 5, "special"]


def test_a_special_name_that_the_user_typed_is_text(minilm_tokenizer):
    typed = read_tokens(minilm_tokenizer, "a [SEP] b")[2]
    assert (typed.text, typed.id, typed.kind, typed.span) == ("[SEP]", 102, "text", (2, 7))


def test_several_byte_tokens_share_one_character(byte_pieces):
    tokens = read_tokens(byte_pieces, "日 x")
    assert [(token.text, token.span, token.word) for token in tokens[:3]] == [("日", (0, 1), 0)] * 3
    assert (tokens[-1].text, tokens[-1].word) == ("x", 1)


def test_a_wide_space_of_several_tokens_goes_with_the_next_word(byte_pieces):
    tokens = read_tokens(byte_pieces, "a\u3000b")
    assert [token.word for token in tokens] == [0, 1, 1, 1, 1]


def test_a_leading_space_is_not_part_of_the_token(byte_pieces):
    assert "quick" in [token.text for token in read_tokens(byte_pieces, "The quick quick")]


def test_line_breaks_go_with_the_next_word(byte_pieces):
    tokens = read_tokens(byte_pieces, "a\n\nb")
    assert [(token.text, token.word) for token in tokens] == [("a", 0), ("\n", 1), ("\n", 1), ("b", 1)]


def test_a_lone_space_without_a_place_shows_as_a_space():
    tokenizer = Tokenizer(models.BPE(vocab={"Ġ": 0, "a": 1}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokens = read_tokens(PreTrainedTokenizerFast(tokenizer_object=tokenizer), "a a")
    assert [(token.text, token.word) for token in tokens] == [(" ", 0), ("a", 0), (" ", 1), ("a", 1)]


def test_a_tokenizer_without_offsets_gives_one_word_per_token():
    tokens = read_tokens(ByT5Tokenizer(), "ab ")
    assert [(token.text, token.span, token.word) for token in tokens[:2]] == [("a", None, 0), ("b", None, 1)]
    assert tokens[-1].kind == "special"
    assert all(token.text for token in tokens)


def test_nothing_is_truncated_or_padded(minilm_tokenizer):
    assert len(read_tokens(minilm_tokenizer, "dog " * 700)) == 702
    assert len(read_tokens(minilm_tokenizer, "dog")) == 3


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000", "\x00\x07"])
def test_a_text_without_a_token_is_empty(minilm_tokenizer, text):
    with pytest.raises(EmptyText, match="empty"):
        read_tokens(minilm_tokenizer, text)


def test_half_a_character_is_refused(minilm_tokenizer):
    with pytest.raises(RequestError, match="not valid Unicode"):
        read_tokens(minilm_tokenizer, "a \ud83d b")


def test_words_of_no_tokens():
    assert list(word_numbers("", [])) == []
