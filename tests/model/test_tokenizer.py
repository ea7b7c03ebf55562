import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.model.tokenizer import fold, words

ANY_TEXT = st.text() | st.text(st.sampled_from("aé'’.,-1 \u0301\u200d\u200b狐👩🇩🇪ก\x1b\n\ud800"))


def texts_of(text):
    return [word.text for word in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick brown fox.", ["The", "quick", "brown", "fox", "."]),
        (
            "John's dog doesn't bark; I'll go.",
            ["John", "'s", "dog", "doesn't", "bark", ";", "I", "'ll", "go", "."],
        ),
        ("don’t o'clock ’tis", ["don’t", "o'clock", "’", "tis"]),
        ("well-known -- yes...", ["well", "-", "known", "--", "yes", "..."]),
        ("1,000.5 at 10:30", ["1,000.5", "at", "10", ":", "30"]),
        ("café cafe\u0301 naïve", ["café", "cafe\u0301", "naïve"]),
        ("我爱狐狸", ["我", "爱", "狐", "狸"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("👩\u200d👩\u200d👧 👍🏽 🇩🇪🇫🇷", ["👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "🇫🇷"]),
        ("a\x00b\x1b[31mc", ["a", "b", "[", "31", "mc"]),
        ("a_b #tag @me", ["a", "_", "b", "#", "tag", "@", "me"]),
        (" \t\n\u200b\x07", []),
    ],
)
def test_cuts_where_a_reader_would(text, expected):
    assert texts_of(text) == expected


@given(ANY_TEXT)
def test_every_word_is_the_slice_it_says_and_words_follow_each_other(text):
    end = 0
    for word in words(text):
        assert word.text == text[word.start : word.end] != ""
        assert word.start >= end
        end = word.end


@given(ANY_TEXT)
def test_nothing_that_can_be_seen_is_left_out(text):
    covered = {place for word in words(text) for place in range(word.start, word.end)}
    left_out = [text[place] for place in range(len(text)) if place not in covered]
    assert all(unicodedata.category(character)[0] in "ZC" for character in left_out)
    assert not any(unicodedata.category(text[place]) == "Cc" for place in covered)


@given(ANY_TEXT)
def test_folding_twice_changes_nothing_more(text):
    assert all(fold(fold(word.text)) == fold(word.text) for word in words(text))
