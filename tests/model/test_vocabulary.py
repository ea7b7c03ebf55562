from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnviz.model import vocabulary as columns
from attnviz.model.vocabulary import FEATURES, Vocabulary

COUNTS = Counter({"the": 9, "fox": 5, "jump": 4, "make": 3, "fly": 3, "stop": 3, "singing": 2, "rare": 1})
KNOWN = Vocabulary.of_counts(COUNTS, words=7, endings=20)


def row(word):
    return KNOWN.ids([word])[0]


def features(word):
    return KNOWN.features([word])[0]


def test_keeps_the_most_frequent_words_and_breaks_ties_by_the_alphabet():
    assert KNOWN.words == ("the", "fox", "jump", "fly", "make", "stop", "singing")
    assert row("rare") is None


def test_every_spelling_of_a_word_is_that_word():
    assert row("FOX") == row("Fox") == row("fox") is not None
    assert [features(word)[columns.SHAPE] for word in ("fox", "Fox", "FOX", "42", "?")] == [
        columns.LOWER,
        columns.CAPITAL,
        columns.CAPITALS,
        columns.DIGITS,
        columns.SIGN,
    ]


def test_a_form_reads_as_its_stem():
    forms = {
        "jumps": "jump",
        "jumped": "jump",
        "making": "make",
        "flies": "fly",
        "stopped": "stop",
        "foxes": "fox",
    }
    for form, stem in forms.items():
        assert features(form)[columns.WORD] == columns.UNKNOWN_WORD
        assert features(form)[columns.STEM] == row(stem)


def test_unknown_words_still_differ_by_their_endings():
    assert KNOWN.endings[:3] == ("g", "ng", "ing") or "ing" in KNOWN.endings
    ending, other = features("wugging"), features("wuggox")
    assert not np.array_equal(ending, other)
    assert ending[columns.WORD] == other[columns.WORD] == columns.UNKNOWN_WORD


@given(st.lists(st.text(min_size=1)))
def test_any_word_has_rows_inside_the_table(words):
    rows = KNOWN.features(words)
    assert rows.shape == (len(words), FEATURES)
    assert rows.size == 0 or (rows.min() >= 0 and rows.max() < KNOWN.rows)


def test_features_by_row_are_the_words_own():
    table = KNOWN.features_by_row()
    for word in KNOWN.words:
        np.testing.assert_array_equal(table[row(word)], features(word))
