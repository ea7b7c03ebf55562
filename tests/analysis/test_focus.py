"""What a head reads: words beyond chance, links, and the account of what is left out."""

import numpy as np
import pytest
from hypothesis import given

import attnviz
from attnviz.analysis.focus import NOTABLE, NOTICED, TOLD_ALWAYS, TOLD_FROM, Link, focus
from attnviz.record import Attention, Prediction, Token, from_arrays
from attnviz.selection import HeadId
from tests.analysis.weights import random_weights, seeds

WORDS = ["the", "lazy", "dog", "sleeps"]
TO_THE_NOUN = np.array([[0, 0, 1, 0], [0, 0.1, 0.9, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
TO_THE_VERB = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.2, 0.8], [0, 0, 0.7, 0.3]])


def with_specials(weights: np.ndarray, taught: dict[HeadId, str] | None = None) -> Attention:
    words = [Token(word, word=i) for i, word in enumerate(WORDS)]
    tokens = (Token("[CLS]", kind="special"), *words, Token("[SEP]", kind="special"))
    shape = (1, *weights.shape[-3:]) if weights.ndim == 3 else (1, 1, *weights.shape)
    return Attention(
        queries=tokens,
        keys=tokens,
        weights=weights.reshape(shape),
        layers=(0,),
        heads=tuple(range(shape[1])),
        model="m",
        taught=taught or {},
    )


def test_the_classroom_sentence() -> None:
    told = focus(from_arrays(np.stack([TO_THE_NOUN, TO_THE_VERB]), WORDS))
    noun, verb = told.heads
    assert [word.token for word in noun.words] == ["dog"]
    assert [(link.source, link.target) for link in noun.links] == [("the", "dog"), ("lazy", "dog")]
    assert {(link.source, link.target) for link in verb.links} == {("dog", "sleeps"), ("sleeps", "dog")}
    assert told.together.covered == (0, 1, 2, 3)
    assert told.together.coverable == 4


def test_focus_is_what_is_received_beyond_evenly_spread_mass() -> None:
    [noun] = focus(from_arrays(TO_THE_NOUN, WORDS)).heads
    # Only the first two words look elsewhere, with mass 1 and .9; evenly spread, dog gets a third of each.
    assert noun.words[0].mass == pytest.approx(1.9 - 1.9 / 3)
    assert noun.self_mass.mean == pytest.approx((0 + 0.1 + 1 + 1) / 4)
    assert noun.special_mass.mean == 0


def test_special_tokens_are_left_out_and_accounted_for() -> None:
    weights = np.full((6, 6), 0.01)
    weights[:, 5] = 0.95
    [head] = focus(with_specials(weights)).heads
    assert head.words == head.links == ()
    assert head.special_mass.mean == pytest.approx(0.96)
    assert head.hidden_mass == pytest.approx(0.97)


@given(seeds)
def test_uniform_attention_focuses_on_nothing(seed: int) -> None:
    size = 3 + seed % 6
    [head] = focus(from_arrays(np.full((size, size), 1 / size), [f"w{i}" for i in range(size)])).heads
    assert head.words == head.links == ()
    assert head.breadth.mean == pytest.approx(size, rel=1e-5)


@given(seeds)
def test_a_naive_loop_finds_the_same_words(seed: int) -> None:
    record = with_specials(random_weights(seed, 6, 6))
    weights = record.head("L0H0")
    beyond = dict.fromkeys(range(1, 5), 0.0)
    for i in range(1, 5):
        others = [j for j in range(1, 5) if j != i]
        mass = sum(float(weights[i, j]) for j in others)
        for j in others:
            beyond[j] += float(weights[i, j]) - mass / len(others)
    [head] = focus(record, top=9).heads
    enough = max(NOTABLE * max(beyond.values()), NOTICED)
    assert {word.position: word.mass for word in head.words} == pytest.approx(
        {position: mass for position, mass in beyond.items() if mass >= enough}, abs=1e-6
    )


@given(seeds)
def test_every_link_told_is_in_the_weights_and_strong(seed: int) -> None:
    record = with_specials(random_weights(seed, 2, 6, 6))
    for head in focus(record, top=9).heads:
        for link in head.links:
            assert link.weight == record.head(head.head)[link.source_position, link.target_position]
            assert link.weight >= min(max(TOLD_FROM, 2 / 3), TOLD_ALWAYS)
            assert link.source_position != link.target_position
            assert not record.keys[link.target_position].is_special


@given(seeds)
def test_renaming_positions_renames_the_words_and_nothing_else(seed: int) -> None:
    weights = random_weights(seed, 4, 4)
    order = np.random.default_rng(seed).permutation(4)
    straight = focus(from_arrays(weights, WORDS), top=4).heads[0]
    turned = focus(from_arrays(weights[np.ix_(order, order)], [WORDS[k] for k in order]), top=4).heads[0]
    assert {word.token: word.mass for word in straight.words} == pytest.approx(
        {word.token: word.mass for word in turned.words}, abs=1e-6
    )
    assert straight.entropy.mean == pytest.approx(turned.entropy.mean, abs=1e-6)


def test_taught_heads_are_told_apart() -> None:
    record = with_specials(random_weights(0, 2, 6, 6), {HeadId(0, 1): "modifier -> noun"})
    assert [head.taught for head in focus(record).heads] == [None, "modifier -> noun"]


def test_only_the_heads_asked_for_are_told() -> None:
    record = with_specials(random_weights(0, 3, 6, 6))
    assert [str(head.head) for head in focus(record, [HeadId(0, 2), HeadId(0, 0)]).heads] == ["L0H2", "L0H0"]


def test_cross_attention_has_no_self_and_covers_the_keys() -> None:
    record = from_arrays([[0.9, 0.1, 0.0], [0.1, 0.1, 0.8]], ["Hund", "schläft"], ["dog", "is", "asleep"])
    told = focus(record)
    assert [(link.source, link.target) for link in told.heads[0].links] == [
        ("Hund", "dog"),
        ("schläft", "asleep"),
    ]
    assert told.heads[0].self_mass.mean == 0
    assert told.together.covered == (0, 2)


def translation() -> Attention:
    """Three words said behind a start token, of three words before an end token; the order is another."""
    queries = (
        Token("<s>", kind="special"),
        *(Token(word, kind="generated", word=i) for i, word in enumerate(["heute", "schläft", "Hund"])),
    )
    keys = (
        *(Token(word, word=i) for i, word in enumerate(["dog", "sleeps", "today"])),
        Token("</s>", kind="special"),
    )
    weights = np.array(
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.1, 0.9, 0.0], [0.0, 0.7, 0.1, 0.2], [0.83, 0.05, 0.02, 0.1]]
    )
    predictions = tuple(
        Prediction(text, share)
        for text, share in [("heute", 0.6), ("schläft", 0.5), ("Hund", 0.7), ("</s>", 0.9)]
    )
    return Attention(
        queries=queries,
        keys=keys,
        weights=weights[None, None],
        layers=(2,),
        heads=(1,),
        model="m",
        block="cross",
        predictions=predictions,
    )


def test_a_translation_is_told_from_the_decoders_words_to_the_sources() -> None:
    told = focus(translation())
    [head] = told.heads
    assert [(link.source, link.target, round(link.weight, 2)) for link in head.links] == [
        ("heute", "today", 0.9),
        ("Hund", "dog", 0.83),
        ("schläft", "sleeps", 0.7),
    ]
    assert [(link.source_position, link.target_position) for link in head.links] == [(1, 2), (3, 0), (2, 1)]
    assert [token.text for token in told.queries] == ["<s>", "heute", "schläft", "Hund"]
    assert [token.text for token in told.tokens] == ["dog", "sleeps", "today", "</s>"]
    assert (told.together.covered, told.together.coverable) == ((0, 1, 2), 3)
    assert head.special_mass.mean == pytest.approx((0 + 0.2 + 0.1) / 3)


def test_predictions_are_handed_on() -> None:
    assert focus(translation()).predictions == translation().predictions
    assert focus(from_arrays(TO_THE_NOUN, WORDS)).predictions == ()


def test_a_row_that_was_said_counts_like_one_that_was_read() -> None:
    words = [Token("the", word=0), Token("dog", word=1), Token("sleeps", kind="generated", word=2)]
    weights = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    record = Attention(tuple(words), tuple(words), weights[None, None], (0,), (0,), "m", causal=True)
    assert record.border == 2
    [head] = focus(record).heads
    assert head.links[0] == Link(HeadId(0, 0), "sleeps", 2, "dog", 1, pytest.approx(0.9))


@pytest.mark.parametrize("words", [["one"], ["two", "words"]])
def test_very_short_texts_have_something_to_say(words: list[str]) -> None:
    weights = np.eye(len(words))[::-1]
    told = attnviz.focus(from_arrays(weights, words))
    assert len(told.heads[0].links) == (0 if len(words) == 1 else 2)


def test_averages_are_over_what_the_user_wrote() -> None:
    weights = np.eye(6)
    weights[0] = weights[5] = 1 / 6
    [head] = focus(with_specials(weights)).heads
    assert head.entropy.mean == pytest.approx(0)
    assert head.breadth.mean == pytest.approx(1)
    assert head.distance.mean == pytest.approx(0)


def test_a_head_that_reads_the_same_everywhere_does_not_have_the_last_word() -> None:
    everywhere = np.eye(4)[[3, 3, 3, 3]]
    told = focus(from_arrays(np.stack([everywhere, 0.9 * TO_THE_NOUN + 0.1 * np.eye(4)]), WORDS))
    assert [(link.source, link.target) for link in told.together.links] == [
        ("the", "dog"),
        ("lazy", "dog"),
        ("dog", "sleeps"),
    ]
