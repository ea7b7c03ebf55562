"""Which words of one text stand for which of another."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.comparing.matching import match
from attnviz.record import Token

words = st.lists(st.sampled_from(["the", "The", "cat", "dog", "sat", " sat", "", "."]), max_size=12)
kinds = st.sampled_from(["text", "special"])


def tokens(text: str) -> list[Token]:
    return [Token(word, kind="special" if word.startswith("[") else "text") for word in text.split()]


def pairs(first: str, second: str) -> list[tuple[str, str]]:
    one, other = tokens(first), tokens(second)
    return [(one[i].text, other[j].text) for i, j in match(one, other).pairs]


@given(st.lists(st.tuples(words, kinds)), words)
def test_every_token_is_matched_or_listed_and_the_order_is_kept(some, second):
    first = [Token(word, kind=kind) for run, kind in some for word in run]
    other = [Token(word) for word in second]
    found = match(first, other)
    assert sorted([*(i for i, _ in found.pairs), *found.first_only]) == list(range(len(first)))
    assert sorted([*(j for _, j in found.pairs), *found.second_only]) == list(range(len(other)))
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(found.pairs))
    assert all(first[i].is_special == other[j].is_special for i, j in found.pairs)


@given(words)
def test_a_text_matches_itself_whatever_its_case(some):
    found = match([Token(word) for word in some], [Token(word.upper()) for word in some])
    assert found.is_whole
    assert found.pairs == tuple((i, i) for i in range(len(some)))


def test_a_replaced_word_stands_for_the_one_in_its_place():
    assert pairs("the cat sat", "the dog sat") == [("the", "the"), ("cat", "dog"), ("sat", "sat")]


def test_an_inserted_word_is_listed():
    found = match(tokens("the cat sat"), tokens("the old cat sat"))
    assert found.pairs == ((0, 0), (1, 2), (2, 3))
    assert (found.first_only, found.second_only, found.is_whole) == ((), (1,), False)


def test_runs_of_different_length_are_not_matched():
    found = match(tokens("the cat sat"), tokens("the big dog sat"))
    assert (found.first_only, found.second_only) == ((1,), (1, 2))


def test_what_a_model_added_stands_for_no_word():
    assert pairs("[CLS] the cat [SEP]", "[CLS] the cat .") == [("[CLS]",) * 2, ("the",) * 2, ("cat",) * 2]


def test_frequent_words_of_a_long_text_are_matched_too():
    found = match(tokens("the " * 300 + "cat"), tokens("the " * 299 + "cat"))
    assert len(found.pairs) == 300
    assert len(found.first_only) == 1
