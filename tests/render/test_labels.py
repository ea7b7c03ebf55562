import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.render.labels import clusters, is_right_to_left, printable, printable_sentence
from tests.render.samples import tokens

JOINERS = "\u200c\u200d\ufe0e\ufe0f"


@given(st.text() | tokens)
def test_nothing_shown_acts(text):
    shown = printable(text)
    shown.encode("utf-8")
    for char in shown:
        acts = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs")
        assert not acts or char in JOINERS


@given(st.text() | tokens)
def test_showing_again_changes_nothing(text):
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("狐狸", "狐狸"),
        ("الكلب", "الكلب"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\U0001faee", "\U0001faee"),
        ("\U0001fae9", "\U0001fae9"),
        ("[red]", "[red]"),
        ("\u0301", "◌\u0301"),
        ("\ufe0f", "◌\ufe0f"),
        ("a\u200db", "a\\u200db"),
        ("é\u200d", "é\\u200d"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("\U0001ffff", "\\U0001ffff"),
        ("\U0001fbff", "\\U0001fbff"),
        ("\x85", "\\x85"),
        (" the\n", "␣the↵"),
    ],
)
def test_known_tokens(text, shown):
    assert printable(text) == shown


@given(st.text() | tokens)
def test_clusters_are_the_text(text):
    assert "".join(clusters(text)) == text


@given(st.text(min_size=1) | tokens.filter(bool))
def test_no_mark_begins_a_cluster(text):
    for cluster in clusters(printable(text)):
        assert unicodedata.category(cluster[0])[0] != "M"
        assert cluster[0] not in JOINERS


@pytest.mark.parametrize(
    "character", ["e\u0301", "👩\u200d🚀", "👍🏽", "🇫🇷", "1\ufe0f\u20e3", "\u1112\u1161\u11ab", "कि"]
)
def test_what_a_reader_sees_as_one_is_one_cluster(character):
    assert clusters(f"a{character}b") == ["a", character, "b"]


def test_two_flags_are_two():
    assert clusters("🇫🇷🇩🇪") == ["🇫🇷", "🇩🇪"]


def test_right_to_left_scripts_are_told_apart():
    assert is_right_to_left("الكلب")
    assert is_right_to_left("a כלב")
    assert not is_right_to_left("狐狸 fox 12")


def test_sentences_keep_their_spaces():
    assert printable_sentence("modifier -> noun\x1b") == "modifier -> noun\\x1b"
