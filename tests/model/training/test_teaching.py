import numpy as np
import pytest

from attnviz.model.training.teaching import (
    LESSONS,
    Relation,
    gold_pairs,
    heads_taught,
    lessons_for,
    sentences_of,
    with_joined_negations,
)
from tests.model.training.treebank import Parse

FOX = Parse(("The", "quick", "fox", "jumps"), heads=(2, 2, 3, -1), relations=("det", "amod", "nsubj", "root"))
NEGATED = Parse(("Foxes", "do", "n't", "bark"), (3, 3, 3, -1), ("nsubj", "aux", "advmod", "root"))


@pytest.mark.parametrize(
    ("direction", "links"),
    [("up", [(0, 2), (1, 2)]), ("down", [(2, 0), (2, 1)]), ("both", [(0, 2), (1, 2), (2, 0), (2, 1)])],
)
def test_marks_whom_each_word_should_look_at(direction, links):
    relation = Relation("modifiers", frozenset({"det", "amod"}), direction)
    pairs = gold_pairs(sentences_of([FOX], 1, 9), relation, length=6)
    assert pairs.shape == (1, 6, 6)
    assert sorted(zip(*np.nonzero(pairs[0]), strict=True)) == links


def test_joins_what_our_tokenizer_does_not_split():
    joined = with_joined_negations(NEGATED)
    assert joined.words == ("Foxes", "don't", "bark")
    assert joined.heads == (2, 2, -1)
    assert joined.relations == ("nsubj", "aux", "root")


def test_a_word_that_depends_on_a_joined_one_depends_on_the_whole():
    inside = Parse(("Never", "ca", "n't"), (2, -1, 1), ("advmod", "root", "advmod"))
    assert with_joined_negations(inside).heads == (1, -1)


def test_keeps_sentences_of_the_right_length():
    assert len(sentences_of([FOX, NEGATED], 4, 9)) == 1
    assert len(sentences_of([FOX, NEGATED], 1, 3)) == 1


@pytest.mark.parametrize(("heads", "taught"), [(1, 0), (2, 0), (4, 2), (8, 6), (16, 6)])
def test_two_heads_are_always_left_free(heads, taught):
    assert len(lessons_for(heads)) == taught


def test_lessons_go_to_the_first_heads_of_the_last_layer():
    taught = heads_taught(LESSONS[:2], layers=3)
    assert [(str(head), name) for head, name in taught.items()] == [
        ("L2H0", "modifier -> noun"),
        ("L2H1", "noun -> modifier"),
    ]
