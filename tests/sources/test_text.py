"""Tokens are slices of what was written, whatever was written and whatever cut it."""

import unicodedata
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast, RobertaConfig

import attnviz
from attnviz.errors import EmptyText, RequestError
from attnviz.model.tokenizer import is_unspaced
from attnviz.sources.huggingface.inputs.places import find_pieces, spelled_out
from attnviz.sources.huggingface.inputs.tokens import read_pair, read_tokens, word_numbers
from tests.sources.tiny_tokenizers import WITH_OFFSETS, WITHOUT_OFFSETS

ANY_TEXT = st.text(max_size=60).filter(str.strip)
# Of any text most is unknown to a small vocabulary; of this much is known.
WORDS = [
    "jumping",
    "Fox",
    "the",
    "Zoë",
    "日本",
    "ﬁne",
    "İ",
    "e\u0301",
    "☃",
    "1.",
    "isn't",
    " ",
    "\t\n",
    "\u0301",
    "ß",
]
MIXED_TEXT = (
    st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=9).map(" ".join).filter(str.strip)
)
_TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
MIXED = "Zoë isn't\tthere…  日本語 مرحبا 👩‍👩‍👧 [SEP] e\u0301\n\n再见 \u3000x"


@pytest.fixture(scope="module")
def minilm_tokenizer(minilm):
    return AutoTokenizer.from_pretrained(minilm)


@pytest.fixture(scope="module", params=WITH_OFFSETS)
def with_offsets(request):
    return WITH_OFFSETS[request.param]()


@pytest.fixture(scope="module", params=WITHOUT_OFFSETS)
def without_offsets(request, tmp_path_factory):
    return WITHOUT_OFFSETS[request.param](tmp_path_factory.mktemp("vocabulary"))


def assert_aligned(tokenizer, text):
    tokens = read_tokens(tokenizer, text)
    assert [token.id for token in tokens] == tokenizer(text)["input_ids"]
    assert all(token.span is None and token.word is None for token in tokens if token.is_special)
    written = [token for token in tokens if not token.is_special]
    assert_slices(text, written)
    return written


def assert_slices(text, written):
    placed = [token for token in written if token.span is not None]
    for token in placed:
        start, stop = token.span
        assert 0 <= start <= stop <= len(text)
        assert token.text == text[start:stop] or start == stop
    assert all(token.text for token in written)
    starts = [token.span[0] for token in placed]
    assert starts == sorted(starts)
    assert_words(text, written)


def assert_words(text, tokens):
    """Words follow each other without gaps, and are parted by whitespace or by a script without spaces."""
    words = [token.word for token in tokens]
    assert words[0] == 0
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(words))
    visible = [token for token in tokens if token.span is None or token.text.strip()]
    for earlier, later in pairwise(visible):
        assert (later.word != earlier.word) == is_parted(text, earlier, later)


def is_parted(text, earlier, later):
    if earlier.span is None or later.span is None:
        return True
    end, start = earlier.span[1], later.span[0]
    if any(map(str.isspace, text[end:start])):
        return True
    unspaced = is_unspaced(text[end - 1]) or is_unspaced(text[start])
    return start >= end and unspaced and not unicodedata.category(text[start]).startswith("M")


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


def test_bytes_find_their_characters_again():
    tokens = read_tokens(ByT5Tokenizer(), "é 日")
    assert [token.text for token in tokens] == ["é", "é", " ", "日", "日", "日", "</s>"]
    assert [token.word for token in tokens] == [0, 0, 1, 1, 1, 1, None]
    assert tokens[-1].kind == "special"


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


@given(text=ANY_TEXT | MIXED_TEXT)
@settings(max_examples=60)
def test_tokens_align_with_any_text_whatever_the_tokenizer(with_offsets, text):
    try:
        assert_aligned(with_offsets, text)
    except EmptyText:
        assert not any(part.isprintable() for part in text.split())


@given(text=ANY_TEXT | MIXED_TEXT)
@settings(max_examples=60)
def test_pieces_without_offsets_are_slices_where_they_have_a_place(without_offsets, text):
    try:
        assert_aligned(without_offsets, text)
    except EmptyText:
        assert not any(unicodedata.category(character)[0] in "LNPS" for character in text)


def test_an_added_space_is_shown_as_one_and_stands_nowhere():
    tokens = read_tokens(WITH_OFFSETS["unigram"](), "The fox")
    assert (tokens[0].text, tokens[0].span, tokens[0].word) == (" ", (0, 0), 0)
    assert "".join(token.text for token in tokens[1:-1]) == "Thefox"


def test_unknown_words_stand_where_nothing_else_can(tmp_path):
    tokens = read_tokens(WITHOUT_OFFSETS["word pieces"](tmp_path), "Fox ☃ jumping  ☃ ☃")
    assert [(token.text, token.span) for token in tokens[1:-1]] == [
        ("Fox", (0, 3)),
        ("☃", (4, 5)),
        ("jump", (6, 10)),
        ("ing", (10, 13)),
        ("[UNK]", None),
        ("[UNK]", None),
    ]
    assert [token.word for token in tokens[1:-1]] == [0, 1, 2, 2, 3, 4]


def placements(text, pieces):
    """Every way to lay pieces along a text; an unknown piece is one character or more."""
    if not pieces:
        return [[]] if not text else []
    lengths = range(1, len(text) + 1) if pieces[0] is None else [len(pieces[0])] * text.startswith(pieces[0])
    return [[length, *rest] for length in lengths for rest in placements(text[length:], pieces[1:])]


@given(st.text("ab", max_size=7), st.lists(st.sampled_from(["a", "b", "ab", None]), max_size=5))
def test_pieces_have_a_place_if_it_is_the_only_one(text, pieces):
    alone = [piece for k, piece in enumerate(pieces) if piece or k == 0 or pieces[k - 1] is not None]
    possible = [
        [(sum(lengths[:k]), sum(lengths[: k + 1])) for k in range(len(alone))]
        for lengths in placements(text, alone)
    ]
    only = [
        options.pop() if len(options := set(spans)) == 1 else None for spans in zip(*possible, strict=True)
    ]
    assert find_pieces(text, alone) == (only or [None] * len(alone))


def test_pieces_that_share_one_character_share_its_place():
    assert find_pieces("a日b", ["a", None, None, None, "b"]) == [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]
    assert find_pieces("a日本b", ["a", None, None, "b"]) == [(0, 1), None, None, (3, 4)]


def test_pieces_of_something_else_have_no_place():
    assert find_pieces("fox", ["dog"]) == [None]
    assert find_pieces("fox", ["fo"]) == [None]
    assert find_pieces("", []) == []
    assert spelled_out("fox", ["f", "o"]) is None
    assert spelled_out("日", ["日", "x"]) is None


@given(ANY_TEXT)
def test_bytes_and_characters_spell_any_text(text):
    characters = spelled_out(text, list(text))
    assert characters == [(place, place + 1) for place in range(len(text))]
    spans = spelled_out(text, [chr(byte) for byte in text.encode()])
    assert [text[start:stop] for start, stop in spans] == [char for char in text for _ in char.encode()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("狐狸跳过", [0, 1, 2, 3]),
        ("きつねが", [0, 1, 2, 3]),
        ("สวัสดี", [0, 1, 1, 2, 3, 3]),
        ("iPhoneを", [0] * 6 + [1]),
        ("2024年。", [0] * 4 + [1, 2]),
        ("여우가", [0, 0, 0]),
    ],
)
def test_in_scripts_without_spaces_every_token_is_a_word_but_marks(text, words):
    assert list(word_numbers(text, [(place, place + 1) for place in range(len(text))])) == words


class TestPairs:
    def test_each_text_is_a_part_and_what_is_added_is_none(self, minilm_tokenizer):
        passage = read_pair(minilm_tokenizer, "Zoë jumps.", "Why isn't she here?")
        told = [(token.text, token.part, token.word) for token in passage.tokens]
        assert told[:6] == [
            ("[CLS]", None, None),
            ("Zoë", "A", 0),
            ("jumps", "A", 1),
            (".", "A", 1),
            ("[SEP]", None, None),
            ("Why", "B", 2),
        ]
        assert told[-1] == ("[SEP]", None, None)
        assert passage.segments == (0,) * 5 + (1,) * (len(told) - 5)
        assert passage.text == "Zoë jumps.\nWhy isn't she here?"

    @given(first=ANY_TEXT | MIXED_TEXT, second=ANY_TEXT | MIXED_TEXT)
    @settings(max_examples=60)
    def test_tokens_are_slices_of_both_texts(self, minilm_tokenizer, first, second):
        try:
            passage = read_pair(minilm_tokenizer, first, second)
        except EmptyText:
            assert 2 in (len(minilm_tokenizer(text)["input_ids"]) for text in (first, second))
            return
        assert [token.id for token in passage.tokens] == minilm_tokenizer(first, second)["input_ids"]
        written = [token for token in passage.tokens if not token.is_special]
        assert_slices(passage.text, written)
        for token in written:
            border = len(first) + 1
            assert (token.part == "A") == (token.span[1] < border)
            assert (token.part == "B") == (token.span[0] >= border)

    @pytest.mark.parametrize("kind", ["subwords and bytes", "unigram", "bytes with a space put before"])
    def test_any_tokenizer_that_parts_two_texts_reads_pairs(self, kind):
        passage = read_pair(WITH_OFFSETS[kind](), "The fox", "jumps over")
        assert_slices(passage.text, [token for token in passage.tokens if not token.is_special])
        parts = [token.part for token in passage.tokens]
        between = parts[parts.index("B") - 1]
        assert between is None

    @pytest.mark.parametrize("kind", ["word pieces", "letters", "bytes", "named bytes", "characters"])
    def test_tokenizers_without_offsets_read_pairs_too(self, kind, tmp_path):
        passage = read_pair(WITHOUT_OFFSETS[kind](tmp_path), "MKV a", "LAG é")
        assert [token.part for token in passage.tokens if token.text == "L"] == ["B"]
        assert "".join(token.text for token in passage.tokens if token.part == "A")[:3] == "MKV"
        for token in passage.tokens:
            if token.span is not None:
                assert passage.text[slice(*token.span)] == token.text

    @pytest.mark.parametrize("kind", ["whole words", "characters"])
    def test_a_tokenizer_that_puts_nothing_between_two_texts_is_refused(self, kind):
        with pytest.raises(RequestError, match="puts nothing between two texts"):
            read_pair(WITH_OFFSETS[kind](), "The fox", "jumps over")

    @pytest.mark.parametrize(("first", "second", "name"), [("", "a", "the text"), ("a", " ", "second text")])
    def test_both_texts_must_hold_something(self, minilm_tokenizer, first, second, name):
        with pytest.raises(EmptyText, match=name):
            read_pair(minilm_tokenizer, first, second)
        with pytest.raises(EmptyText, match=f"{name} is empty for this model"):
            read_pair(minilm_tokenizer, first or "\x07", second.strip() or "\x07")

    def test_the_model_is_told_of_the_segments(self, minilm, minilm_tokenizer):
        texts = "The fox jumps.", "What does it do?"
        record = attnviz.load(str(minilm)).attend(texts[0], pair=texts[1])
        assert {token.part for token in record.queries} == {None, "A", "B"}
        assert_slices(record.text, [token for token in record.keys if not token.is_special])
        with torch.no_grad():
            model = AutoModel.from_pretrained(minilm, attn_implementation="eager", dtype=torch.float32).eval()
            given = minilm_tokenizer(*texts, return_tensors="pt")
            usual = model(**given, output_attentions=True).attentions
        assert given["token_type_ids"].max() == 1
        assert record.weights == pytest.approx(torch.stack(usual)[:, 0].numpy(), abs=1e-5)


def test_a_model_that_knows_one_segment_is_told_of_none(save_model, minilm_tokenizer):
    config = RobertaConfig(**{**_TINY, "vocab_size": len(minilm_tokenizer), "type_vocab_size": 1})
    record = attnviz.load(str(save_model(config, minilm_tokenizer))).attend("The fox", pair="jumps")
    assert [token.part for token in record.keys] == [None, "A", "A", None, "B", None]


def test_pairs_are_refused_beside_a_chat_and_by_tokenizers_that_make_none(tiny_gpt2):
    source = attnviz.load(str(tiny_gpt2))
    with pytest.raises(RequestError, match="puts nothing between two texts"):
        source.attend("The fox", pair="jumps")
    with pytest.raises(RequestError, match="got pair and chat"):
        source.attend("The fox", pair="jumps", chat=True)
