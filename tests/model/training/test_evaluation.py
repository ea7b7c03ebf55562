import json

import numpy as np
import pytest

from attnviz.model.network import Architecture, assemble, parameter_shapes
from attnviz.model.parameters import load_model
from attnviz.model.training.card import model_card
from attnviz.model.training.evaluation import (
    OFFSETS,
    PLACES,
    TESTS,
    Links,
    _auc,
    evaluate_detection,
    evaluate_links,
    evaluate_places,
    offset_name,
)
from attnviz.model.training.examples import Replacer
from attnviz.model.training.facts import as_json, best_followed, measure
from attnviz.model.training.material import Treebank, prepare
from attnviz.model.training.run import make_model
from attnviz.model.training.settings import Settings
from attnviz.model.training.teaching import LESSONS, Relation, sentences_of
from attnviz.relation import Followed
from attnviz.selection import HeadId
from tests.model.training.treebank import sentences, texts


@pytest.fixture(scope="module")
def material():
    return prepare(texts(120), sentences(40), vocabulary_size=60, endings=20)


@pytest.fixture(scope="module")
def judged():
    return sentences_of(sentences(30, seed=7), 1, 99)


def network_looking(ahead, rows):
    """A network whose first head looks so many words ahead and whose second looks so many back."""
    sizes = Architecture(rows=rows, layers=1, heads=2, width=8, d_k=4, d_v=4, inner=8, reach=5)
    arrays = {name: np.zeros(shape, dtype=np.float32) for name, shape in parameter_shapes(sizes).items()}
    arrays["embedding"][:] = np.random.default_rng(0).normal(size=(rows, 8))
    arrays["layers.0.attention.query.bias"][:] = 10
    arrays["layers.0.attention.distances"][0, sizes.reach + ahead] = 10
    arrays["layers.0.attention.distances"][1, sizes.reach - ahead] = 10
    return assemble(sizes, arrays)


def test_links_of_a_head_that_looks_ahead_are_those_of_the_offset(material, judged):
    treebank = Treebank.of(judged, material.vocabulary)
    links = evaluate_links(network_looking(1, material.vocabulary.rows), treebank, TESTS)
    np.testing.assert_array_equal(links.hits[0, 0], links.offset_hits[OFFSETS.index(1)])
    # No word stands before the first, which may be a dependent; it is never one that has dependents here.
    np.testing.assert_array_equal(links.hits[0, 1, 1::2], links.offset_hits[OFFSETS.index(-1), 1::2])


def test_links_are_counted_as_by_hand(material, judged):
    relation = Relation("object", frozenset({"obj"}), "down")
    treebank = Treebank.of(judged, material.vocabulary)
    links = evaluate_links(network_looking(2, material.vocabulary.rows), treebank, [relation])
    verbs = [
        (i, sentence.heads[i]) for sentence in judged for i, r in enumerate(sentence.relations) if r == "obj"
    ]
    assert links.rows[0] == len(verbs)
    assert links.hits[0, 0, 0] == sum(noun - verb == 2 for noun, verb in verbs)
    distances = [sum(noun - verb == offset for noun, verb in verbs) for offset in OFFSETS]
    assert links.best_offset[0] == pytest.approx(max(distances) / len(verbs))


def test_places_of_a_head_that_looks_ahead(material):
    shares = evaluate_places(network_looking(2, material.vocabulary.rows), material.held_out)
    lengths = material.held_out.lengths
    assert shares[0, 0, PLACES.index("2 words ahead")] >= np.maximum(0, lengths - 2).sum() / lengths.sum()
    assert (shares[..., :-1].sum(axis=-1) <= 1 + 1e-9).all()


def test_of_each_text_one_word_stands_before_the_last(material):
    shares = evaluate_places(network_looking(1, material.vocabulary.rows), material.held_out)
    lengths = material.held_out.lengths
    assert shares[0, 0, PLACES.index("last word or sign")] == pytest.approx(len(lengths) / lengths.sum())


def test_auc_against_every_pair():
    rng = np.random.default_rng(0)
    logits, truth = rng.integers(0, 8, size=60).astype(float), rng.random(60) < 0.3
    wins = [np.sign(p - n) / 2 + 0.5 for p in logits[truth] for n in logits[~truth]]
    assert _auc(logits, truth) == pytest.approx(np.mean(wins))
    assert _auc(logits, np.zeros(60, dtype=bool)) == 0.5


def test_a_network_that_knows_nothing_detects_nothing(material):
    sizes = Architecture(material.vocabulary.rows, layers=1, heads=1, width=4, d_k=4, d_v=4, inner=4)
    arrays = {name: np.zeros(shape, dtype=np.float32) for name, shape in parameter_shapes(sizes).items()}
    found = evaluate_detection(
        assemble(sizes, arrays), material.held_out, Replacer(material.texts, material.vocabulary)
    )
    assert found.loss == pytest.approx(np.log(2))
    assert found.auc == 0.5
    assert found.words == material.held_out.lengths.sum()


def test_heads_are_named_by_what_was_measured(material, judged):
    facts = measure(network_looking(1, material.vocabulary.rows), material, LESSONS[:1], judged)
    taught, free = facts.heads
    assert (taught.head, taught.taught, taught.pattern) == ("L0H0", True, "modifier -> noun")
    assert (free.head, free.taught, free.pattern, free.fixed_offset) == ("L0H1", False, "previous word", None)
    assert facts.choosing_sentences == facts.reporting_sentences == 15
    names = [relation.relation for relation in facts.relations]
    assert "nsubj: dependent -> head" in names
    assert "case: dependent -> head" not in names, "the made-up language has no prepositions"


def test_what_a_head_follows_is_told_with_what_a_distance_would_reach(material, judged):
    relation = Relation("obj: head -> dependent", frozenset({"obj"}), "down")
    treebank = Treebank.of(judged, material.vocabulary)
    links = evaluate_links(network_looking(2, material.vocabulary.rows), treebank, [relation])
    distances = [
        noun - sentence.heads[noun]
        for sentence in judged
        for noun, label in enumerate(sentence.relations)
        if label == "obj"
    ]
    commonest = max(set(distances), key=distances.count)
    assert links.followed(HeadId(0, 0), 0) == Followed(
        HeadId(0, 0),
        "obj",
        "head -> dependent",
        accuracy=distances.count(2) / len(distances),
        best_offset=distances.count(commonest) / len(distances),
        offset=commonest,
        words=len(distances),
    )


def links(hits, offset_hits, rows=(10, 10, 0)):
    """Links of a layer of heads: for each, how many of ten words it gets right of each relation."""
    tests = (*LESSONS[:1], *TESTS[:2])
    offsets = np.zeros((len(OFFSETS), 3), dtype=int)
    offsets[3] = offset_hits
    return Links(tests, np.array([hits]), offsets, np.array(rows))


def test_a_head_follows_what_it_is_furthest_above_a_distance_in():
    choosing = links([[9, 3, 0], [5, 6, 0], [3, 1, 0]], [4, 1, 0])
    reporting = links([[8, 2, 0], [9, 5, 0], [9, 9, 0]], [4, 2, 0])
    follows = {found.head.index: found for found in best_followed(choosing, reporting, lessons=0)}
    lesson, subject, _ = choosing.tests
    assert follows.keys() == {0, 1}, "the third is above a distance in none where heads were chosen"
    assert (follows[0].relation, follows[0].accuracy, follows[0].best_offset) == (lesson.name, 0.8, 0.4)
    assert (follows[1].relation, follows[1].direction) == ("nsubj", "dependent -> head")
    assert subject.name == "nsubj: dependent -> head"
    assert (follows[1].accuracy, follows[1].best_offset, follows[1].offset) == (0.5, 0.2, OFFSETS[3])


def test_a_taught_head_follows_its_lesson():
    choosing = links([[2, 9, 0], [9, 1, 0]], [4, 1, 0])
    (taught, free) = best_followed(choosing, choosing, lessons=1)
    assert (taught.relation, taught.gain) == (LESSONS[0].name, pytest.approx(-0.2))
    assert free.relation == LESSONS[0].name
    never = links([[0, 9, 0], [0, 1, 0]], [0, 2, 0], rows=(0, 10, 0))
    assert best_followed(never, never, lessons=1) == ()


@pytest.mark.parametrize(("offset", "name"), [(1, "next word"), (-1, "previous word"), (-3, "3 words back")])
def test_distances_have_names(offset, name):
    assert offset_name(offset) == name


@pytest.mark.parametrize("treebank", [sentences(60), []], ids=["taught", "untaught"])
def test_a_made_model_can_be_loaded_and_its_card_says_what_was_measured(tmp_path, treebank):
    settings = Settings(steps=2, layers=1, heads=4, width=8)
    told = {"command": "attnviz train x", "words_of_its_makers": "Licence: free."}
    make_model(tmp_path, settings, texts(60), treebank, **told)
    model = load_model(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "card.md",
        "history.safetensors",
        "model.json",
        "model.safetensors",
        "vocabulary.json",
    ]
    assert list(model.taught) == ([HeadId(0, 0), HeadId(0, 1)] if treebank else [])
    assert set(model.taught) <= set(model.followed)
    assert all(model.followed[head].relation == lesson for head, lesson in model.taught.items())
    assert all(followed.head == head for head, followed in model.followed.items())
    assert bool(model.followed) == bool(treebank)
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert card == model_card(model.facts, "Licence: free.")
    assert "    attnviz train x" in card
    assert f"{model.facts['facts']['detection']['auc']:.3f}" in card
    assert card.count("| taught |") == len(model.taught)
    assert ("No head was taught" in card) == (not treebank)
    assert ("## How well heads follow grammar" in card) == bool(treebank)


def test_facts_are_plain_json(material, judged):
    facts = measure(network_looking(1, material.vocabulary.rows), material, LESSONS[:1], judged)
    plain = json.loads(json.dumps(as_json(facts)))
    assert plain["heads"][0]["pattern"] == "modifier -> noun"
    assert plain["followed"][0]["head"] == "L0H0"
    assert len(plain["followed"]) == len(facts.followed) > 0
