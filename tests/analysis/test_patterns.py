"""Patterns are scores with a margin over chance; uniform attention has none of them."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given

from attnviz.analysis.patterns.cells import PATTERNS
from attnviz.analysis.patterns.find import CLEAR, NO_PATTERN, find_pattern
from attnviz.record import Attention, Token, from_arrays
from attnviz.selection import HeadId
from tests.analysis.weights import random_weights, seeds

WORDS = ["the", "dog", ",", "the", "fox", "and", "a", "cat"]
SIZE = len(WORDS)


def pattern_of(weights: np.ndarray, words: Sequence[str] = WORDS, *, causal: bool = False):
    record = from_arrays(weights, words, causal=causal)
    return find_pattern(record, HeadId(0, 0))


def special_ends(weights: np.ndarray) -> Attention:
    tokens = [Token("[CLS]", kind="special"), *map(Token, WORDS[:-2]), Token("[SEP]", kind="special")]
    return Attention(
        queries=tuple(tokens),
        keys=tuple(tokens),
        weights=weights[None, None],
        layers=(0,),
        heads=(0,),
        model="m",
    )


def columns(*keys: int) -> np.ndarray:
    weights = np.zeros((SIZE, SIZE))
    weights[:, keys] = 1 / len(keys)
    return weights


SAME = np.eye(SIZE)
SAME[[0, 3]] = SAME[[3, 0]]


@pytest.mark.parametrize(
    ("label", "weights"),
    [
        ("previous", np.eye(SIZE)[[0, *range(SIZE - 1)]]),
        ("next", np.eye(SIZE)[[*range(1, SIZE), SIZE - 1]]),
        ("first", columns(0)),
        ("punctuation", columns(2)),
        ("self", np.eye(SIZE) * 0.9 + 0.1 / SIZE),
        ("same word", SAME),
        (NO_PATTERN, np.full((SIZE, SIZE), 1 / SIZE)),
        (NO_PATTERN, columns(4)),
    ],
)
def test_each_pattern_is_found_in_its_pure_form(label: str, weights: np.ndarray) -> None:
    found = pattern_of(weights)
    assert found.label == label
    assert (found.over_chance >= CLEAR) == (label != NO_PATTERN)


def test_a_head_that_rests_on_special_tokens_is_found() -> None:
    record = special_ends(columns(0, SIZE - 1))
    found = find_pattern(record, HeadId(0, 0))
    assert found.label == "special"
    assert found.score == pytest.approx(1.0)
    assert found.over_chance == pytest.approx(1 - 2 / (SIZE - 1))  # two of the seven other keys are special


def test_a_head_that_rests_on_itself_is_judged_by_what_it_does_elsewhere() -> None:
    resting = 0.8 * np.eye(SIZE) + 0.2 * np.eye(SIZE)[[0, *range(SIZE - 1)]]
    assert pattern_of(resting).label == "previous"
    assert pattern_of(0.8 * np.eye(SIZE) + 0.2 / SIZE).label == NO_PATTERN


@pytest.mark.parametrize("causal", [False, True])
def test_uniform_attention_has_no_margin_for_any_pattern(causal: bool) -> None:
    visible = np.tri(SIZE) if causal else np.ones((SIZE, SIZE))
    found = pattern_of(visible / visible.sum(axis=-1, keepdims=True), causal=causal)
    assert found.label == NO_PATTERN
    assert found.over_chance == pytest.approx(0, abs=1e-6)


def test_a_closed_form_of_score_and_margin() -> None:
    weights = np.full((4, 4), 0.1) + 0.6 * np.eye(4)[[0, 0, 1, 2]]
    found = pattern_of(weights, ["a", "b", "c", "d"])
    # Off the diagonal each row has .3 (row 0) or .9; three rows hold .7 on the previous token.
    assert found.label == "previous"
    assert found.score == pytest.approx(3 * 0.7 / 3.0, abs=1e-6)
    assert found.over_chance == pytest.approx((2.1 - 3 * 0.9 / 3) / 3.0, abs=1e-6)


@given(seeds)
def test_a_naive_loop_finds_the_same(seed: int) -> None:
    weights = random_weights(seed, SIZE, SIZE)
    record = from_arrays(weights, WORDS)
    shares = {}
    for name, cells in PATTERNS.items():
        on, chance, total = 0.0, 0.0, 0.0
        for i in range(SIZE):
            others = [j for j in range(SIZE) if j != i]
            mass = sum(float(record.weights[0, 0, i, j]) for j in others)
            total += mass
            on += sum(float(record.weights[0, 0, i, j]) for j in others if cells(record)[i, j])
            chance += mass * sum(cells(record)[i, j] for j in others) / len(others)
        shares[name] = (on / total, (on - chance) / total)
    found = find_pattern(record, HeadId(0, 0))
    if found.nearest != "self":
        best = max(shares, key=lambda name: shares[name][1])
        assert found.nearest == best
        assert (found.score, found.over_chance) == pytest.approx(shares[best], abs=1e-6)


@given(seeds)
def test_shuffled_words_show_no_content_pattern(seed: int) -> None:
    """The order of the words is drawn apart from the weights: what a label says of them would be chance."""
    weights = np.mean(random_weights(seed, 60, SIZE, SIZE), axis=0)
    words = np.random.default_rng(seed).permutation(WORDS).tolist()
    assert pattern_of(weights, words).label == NO_PATTERN


def test_one_word_alone_has_no_pattern() -> None:
    assert pattern_of(np.ones((1, 1)), ["word"]).label == NO_PATTERN


def across(weights: np.ndarray) -> Attention:
    """A translation, between a start token and an end token."""
    queries, keys = weights.shape
    return Attention(
        queries=(
            Token("<s>", kind="special"),
            *(Token(f"q{i}", kind="generated") for i in range(1, queries)),
        ),
        keys=(*(Token(f"k{i}") for i in range(keys - 1)), Token("</s>", kind="special")),
        weights=weights[None, None],
        layers=(0,),
        heads=(0,),
        model="m",
        block="cross",
    )


def test_a_translation_in_order_is_a_diagonal_between_what_was_written() -> None:
    weights = np.eye(5)[[4, 0, 1, 2, 3]]
    found = find_pattern(across(weights), HeadId(0, 0))
    assert (found.label, found.score) == ("in order", 1.0)
    assert found.over_chance == pytest.approx(1 - 1 / 5)
    turned = find_pattern(across(weights[[0, 4, 3, 2, 1]]), HeadId(0, 0))
    assert turned.label == NO_PATTERN


def test_in_order_widens_where_one_side_is_longer() -> None:
    cells = PATTERNS["in order"](across(np.eye(3, 9)))
    assert np.argwhere(cells).tolist() == [[i, j] for i in (1, 2) for j in range(4 * i - 4, 4 * i)]


@given(seeds)
def test_a_naive_loop_finds_the_same_cells_in_order(seed: int) -> None:
    queries, keys = 2 + seed % 5, 2 + seed % 7
    record = across(random_weights(seed, queries, keys))
    long, wide = queries - 1, keys - 1
    expected = [
        [i, j]
        for i in range(1, queries)
        for j in range(wide)
        if abs((2 * i - 1) * wide - (2 * j + 1) * long) <= max(long, wide)
    ]
    assert np.argwhere(PATTERNS["in order"](record)).tolist() == expected


def test_neighbours_are_of_one_text() -> None:
    record = across(np.eye(4))
    assert not any(PATTERNS[name](record).any() for name in ("previous", "next"))
    assert not PATTERNS["in order"](special_ends(np.eye(SIZE))).any()
