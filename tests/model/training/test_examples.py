from itertools import islice

import numpy as np
import pytest

from attnviz.model import vocabulary as columns
from attnviz.model.training.examples import (
    Batch,
    Replacer,
    Texts,
    batches,
    in_order,
    lowered,
    with_unknown_words,
)
from attnviz.model.training.material import LONGEST, prepare
from tests.model.training.treebank import sentences, texts


@pytest.fixture(scope="module")
def material():
    return prepare(texts(300), sentences(20), vocabulary_size=50, endings=20)


def test_a_batch_holds_the_texts_and_nothing_else():
    lots = Texts.of([np.full((length, 6), length, dtype=np.int32) for length in (3, 1, 2)])
    batch = lots.batch(np.array([2, 0]))
    np.testing.assert_array_equal(batch.features[..., 0], [[2, 2, 0], [3, 3, 3]])
    np.testing.assert_array_equal(batch.present, [[True, True, False], [True, True, True]])
    assert batch.visible.shape == (2, 1, 1, 3)


def test_every_text_comes_once_before_any_comes_again():
    lengths = np.random.default_rng(0).integers(3, 30, size=100)
    dealt, seen = batches(lengths, 90, (1, 2)), []
    while len(seen) < 100:
        seen += list(next(dealt))
    assert sorted(seen) == list(range(100))


def test_batches_keep_to_their_size_and_follow_from_the_seed():
    lengths = np.random.default_rng(0).integers(3, 30, size=100)
    first, again, other = (list(islice(batches(lengths, 90, seed), 30)) for seed in ((1,), (1,), (2,)))
    assert all(len(batch) * lengths[batch].max() <= 90 + lengths.max() for batch in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_in_order_gives_each_text_once():
    lengths = np.array([5, 1, 9, 2, 2])
    given = in_order(lengths, 10)
    assert sorted(np.concatenate(given)) == [0, 1, 2, 3, 4]
    assert in_order(np.zeros(0, dtype=np.int64), 10) == []


def test_a_fifth_of_the_words_is_replaced_by_other_words(material):
    batch = material.texts.batch(np.arange(200))
    replacer = Replacer(material.texts, material.vocabulary)
    features, replaced = replacer.replace(batch, np.random.default_rng(0))
    changed = features[..., columns.WORD] != batch.features[..., columns.WORD]
    np.testing.assert_array_equal(changed, replaced)
    assert not replaced[~batch.present].any()
    assert 0.1 < replaced[batch.present].mean() < 0.2
    assert features[replaced][:, columns.WORD].min() >= columns.FIRST_WORD
    np.testing.assert_array_equal(features[~replaced], batch.features[~replaced])


def test_some_replacements_fit_between_their_neighbours():
    twins = [f"left{i:03} {middle}{i:03} right{i:03}" for i in range(100) for middle in ("one", "other")]
    spelled = [text.translate(str.maketrans("0123456789", "abcdefghij")) for text in twins]
    material = prepare(spelled * 3, [], 1000, 20)
    batch = material.texts.batch(np.arange(len(material.texts.ends)))
    replacer = Replacer(material.texts, material.vocabulary)
    features, replaced = replacer.replace(batch, np.random.default_rng(0))
    middles = replaced[:, 1]
    rows = features[middles, 1, columns.WORD], batch.features[middles, 1, columns.WORD]
    new, old = (np.array(material.vocabulary.words)[row - columns.FIRST_WORD] for row in rows)
    fitting = np.mean([one[-3:] == other[-3:] for one, other in zip(new, old, strict=True)])
    assert fitting > 0.05, "by chance it would be 1 in 400"


def test_capitals_do_not_betray_a_replaced_word(material):
    features = material.vocabulary.features(["The", "fox", "SEES", "."])[None]
    batch = Batch(np.repeat(features, 400, axis=0), np.ones((400, 4), dtype=bool))
    replacer = Replacer(material.texts, material.vocabulary)
    new, replaced = replacer.replace(batch, np.random.default_rng(0))
    shapes = new[:, 0, columns.SHAPE][replaced[:, 0]]
    assert set(shapes) <= {columns.CAPITAL, columns.SIGN}


def test_lowering_and_forgetting_leave_the_rest_alone(material):
    features = material.vocabulary.features(["The", "fox", "SEES", "42"])[None].repeat(300, axis=0)
    low = lowered(features, np.random.default_rng(0))
    assert 0.05 < (low[:, 0, columns.SHAPE] == columns.LOWER).mean() < 0.2
    assert (low[:, 3, columns.SHAPE] == columns.DIGITS).all()
    forgotten = with_unknown_words(features, 0.5, np.random.default_rng(0))
    assert 0.4 < (forgotten[..., columns.WORD] == columns.UNKNOWN_WORD).mean() < 0.75
    np.testing.assert_array_equal(forgotten[..., 1:], features[..., 1:])


def test_long_texts_are_cut_short_ones_left_out_and_some_set_aside():
    material = prepare(["word " * (LONGEST + 5), "too short", *texts(100)], [], 50, 20)
    assert material.texts.lengths.max() <= LONGEST
    assert len(material.texts.ends) + len(material.held_out.ends) == 102
    assert len(material.held_out.ends) == 3
