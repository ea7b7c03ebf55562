"""What a question means in an outcome."""

import numpy as np
import pytest
import torch

from attnviz.errors import NoAnswer, OutOfRange, RequestError
from attnviz.outcome import Outcome, Question
from attnviz.record import Token
from attnviz.sources.question import settle

WORDS = (" the", "the", "fox", "", "dog", " dog", "a")
TOKENS = tuple(
    Token(text, kind="special" if text.startswith("[") else "text")
    for text in ("[CLS]", "The", " fox", "met", "a", " fox", "[SEP]")
)


def outcome(rows=None, tokens=TOKENS, outlook="next token"):
    if rows is None:
        rows = np.random.default_rng(0).normal(size=(len(tokens), len(WORDS)))
    return Outcome(outlook, rows, tokens, naming=WORDS.__getitem__)


def test_with_nothing_said_the_likeliest_answer_at_the_last_token_of_the_input_is_meant():
    found = outcome()
    assert settle(found, Question()) == (5, found.rows[5].argmax())


@pytest.mark.parametrize(
    ("row", "meant"), [(0, 0), (3, 3), (-1, 6), (-7, 0), ("The", 1), ("fox", 5), (" fox", 5), ("[SEP]", 6)]
)
def test_a_row_is_counted_from_either_end_or_called_by_its_last_token(row, meant):
    assert settle(outcome(), Question(row))[0] == meant


@pytest.mark.parametrize("row", [7, -8])
def test_a_row_that_is_not_there_is_refused(row):
    with pytest.raises(OutOfRange, match=rf"no row {row} to ask at: the answers have rows 0-6"):
        settle(outcome(), Question(row))


def test_a_token_that_is_not_there_is_refused():
    with pytest.raises(RequestError, match=r"got 'cat', allowed '\[CLS\]', 'The', .* or 2 more"):
        settle(outcome(), Question("cat"))
    with pytest.raises(RequestError, match="got '  fox'"):
        settle(outcome(), Question("  fox"))


@pytest.mark.parametrize(
    ("wanted", "first", "second", "meant"),
    [
        ("the", 0, 1, 0),  # both are called so, but for a blank: the likelier one
        ("the", 1, 0, 1),
        (" the", 1, 0, 0),  # with its blank one only
        (" dog", 4, 5, 5),
        ("fox", 0, 1, 2),
        ("", 0, 1, 3),
    ],
)
def test_an_answer_is_called_by_its_name(wanted, first, second, meant):
    rows = np.zeros((1, len(WORDS)))
    rows[0, [first, second]] = 2.0, 1.0
    assert settle(outcome(rows, TOKENS[1:2]), Question(answer=wanted)) == (0, meant)


def test_an_answer_that_is_not_there_is_refused_with_the_likeliest_ones():
    rows = np.arange(7.0)[None]
    with pytest.raises(RequestError, match="got 'cat', allowed 'a', ' dog', 'dog', '', 'fox' or 2 more"):
        settle(outcome(rows, TOKENS[1:2]), Question(answer="cat"))


def test_states_have_no_answers():
    with pytest.raises(NoAnswer, match="states"):
        settle(outcome(outlook="states"), Question())


def test_special_tokens_count_only_among_themselves():
    assert outcome().counted_rows == [1, 2, 3, 4, 5]
    whole = outcome(np.zeros((1, 7)), (Token("[WHOLE]", kind="special"),), "class")
    assert whole.counted_rows == [0]
    assert settle(whole, Question()) == (0, 0)


def test_tensors_that_want_gradients_are_asked_too():
    rows = np.random.default_rng(1).normal(size=(7, 7))
    tensor = torch.from_numpy(rows).requires_grad_()
    for question in (Question(), Question("fox", "dog"), Question(-2, "the")):
        found = settle(outcome(tensor), question)
        assert found == settle(outcome(rows), question)
        assert {type(number) for number in found} == {int}
