"""Patterns are scores with a margin over chance; each pure head has its name, and noise has none."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings

from attnviz.analysis.patterns.cells import GRID_PATTERNS, OF_PICTURES, OF_TEXT, PATTERNS, WINDOW
from attnviz.analysis.patterns.content import CONTENT, Wording
from attnviz.analysis.patterns.find import (
    CLEAR,
    NO_PATTERN,
    WIDE,
    find_pattern,
    find_patterns,
    score_patterns,
)
from attnviz.analysis.patterns.score import FEWEST, Chances, Score, Tally
from attnviz.analysis.patterns.shapes import mask_of
from attnviz.errors import OutOfRange
from attnviz.record import Attention, Token, from_arrays
from attnviz.selection import HeadId
from tests.analysis.weights import random_weights, seeds

WORDS = ["the", "dog", ",", "the", "fox", "and", "a", "cat"]
SIZE = len(WORDS)
HEAD = HeadId(0, 0)

# Two sentences, in which most words stand twice.
TEXT = [
    *("the", "old", "dog", "saw", "a", "fox", ",", "a", "red", "fox", "."),
    *("the", "fox", "saw", "the", "dog", ",", "the", "old", "dog", ",", "ran", "."),
]


def pattern_of(weights: np.ndarray, words: Sequence[str] = WORDS, *, causal: bool = False):
    return find_pattern(from_arrays(weights, words, causal=causal), HEAD)


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


def columns(*keys: int, size: int = SIZE) -> np.ndarray:
    weights = np.zeros((size, size))
    weights[:, keys] = 1 / len(keys)
    return weights


def even(cells: np.ndarray) -> np.ndarray:
    """Spread every row over its cells; a row without any rests on itself."""
    cells = np.where(cells.any(axis=-1, keepdims=True), cells, np.eye(*cells.shape))
    return cells / cells.sum(axis=-1, keepdims=True)


def text_cells(name: str) -> np.ndarray:
    """The cells of a pattern in TEXT, by plain loops."""
    cells = np.zeros((len(TEXT), len(TEXT)), dtype=bool)
    ends = TEXT.index(".")
    for i, word in enumerate(TEXT):
        for j, other in enumerate(TEXT):
            cells[i, j] = (
                i != j
                and {
                    "previous": j == i - 1,
                    "next": j == i + 1,
                    "local": abs(i - j) <= WINDOW,
                    "first": j == 0,
                    "special": False,
                    "punctuation": other in ",.",
                    "same word": word == other,
                    "induction": 0 < j <= i and TEXT[j - 1] == word,
                    "block": (i <= ends) == (j <= ends),
                    "in order": False,
                }[name]
            )
    return cells


FIXED = (*OF_TEXT, *CONTENT)


def cells_of(record: Attention, name: str) -> np.ndarray:
    """A pattern's cells as True and False: (query, key)."""
    cells = CONTENT[name](Wording.of(record)) if name in CONTENT else OF_TEXT[name](record)
    return mask_of(cells, np.arange(len(record.queries)), len(record.keys))


def score_of(weights: np.ndarray, cells: np.ndarray, reachable: np.ndarray) -> Score:
    """What one head's rows give the cells of one shape."""
    ground = Chances.of(
        (cells & reachable).sum(axis=-1)[None], reachable.sum(axis=-1), np.zeros(1, dtype=bool)
    )
    on, mass, squares = (weights * cells).sum(axis=-1), weights.sum(axis=-1), (weights**2).sum(axis=-1)
    return Tally.of(on[None, None], mass[None], squares[None], ground).scores()[0][0]


@pytest.mark.parametrize("name", FIXED)
def test_a_naive_loop_finds_the_same_cells(name: str) -> None:
    record = from_arrays(np.eye(len(TEXT)), TEXT)
    cells = cells_of(record, name) & ~np.eye(len(TEXT), dtype=bool)
    np.testing.assert_array_equal(cells, text_cells(name))


@pytest.mark.parametrize("name", sorted({*FIXED} - {"special", "in order"}))
def test_each_pattern_is_found_in_its_pure_form(name: str) -> None:
    found = pattern_of(even(text_cells(name)), TEXT)
    assert (found.label, found.nearest) == (name, name)
    assert found.score == pytest.approx(1)
    assert found.over_chance >= CLEAR
    assert found.certain


@pytest.mark.parametrize("name", sorted({*FIXED} - {"special", "in order"}))
def test_a_pattern_with_some_noise_is_found(name: str) -> None:
    noise = random_weights(3, len(TEXT), len(TEXT))
    found = pattern_of(0.8 * even(text_cells(name)) + 0.2 * noise, TEXT)
    assert found.label == name


@pytest.mark.parametrize(
    ("label", "weights"),
    [
        ("self", np.eye(len(TEXT)) * 0.92 + 0.08 / len(TEXT)),
        ("vertical", columns(4, size=len(TEXT))),
        ("broad", np.full((len(TEXT), len(TEXT)), 1 / len(TEXT))),
        (NO_PATTERN, np.random.default_rng(0).dirichlet(np.ones(len(TEXT)), len(TEXT))),
    ],
)
def test_what_is_no_fixed_cells_is_found_too(label: str, weights: np.ndarray) -> None:
    assert pattern_of(weights, TEXT).label == label


def test_of_random_rows_hardly_any_has_a_clear_pattern() -> None:
    """Of heads without any preference, sharp or flat, one in 200 has a name at most."""
    named = []
    for seed in range(600):
        generator = np.random.default_rng(seed)
        size, sharpness = int(generator.integers(1, 31)), generator.choice([0.05, 0.3, 1.0])
        words = generator.choice(["the", "dog", ",", "fox", "saw", "."], size).tolist()
        record = from_arrays(generator.dirichlet(np.full(size, sharpness), (4, size)), words)
        named += [found.label != NO_PATTERN for found in find_patterns(record).values()]
    assert np.mean(named) <= 1 / 200


def test_every_pattern_has_words_that_tell_it() -> None:
    record = from_arrays(np.eye(SIZE), WORDS)
    assert set(score_patterns(record, HEAD)) == set(PATTERNS)
    assert set(GRID_PATTERNS) == {*OF_PICTURES, "self", "broad", "one patch"}


# Score, margin, error, noise


def test_a_closed_form_of_score_margin_and_error() -> None:
    words = [*"abcdef"]
    weights = np.full((6, 6), 0.05) + 0.7 * np.eye(6)[[0, 0, 1, 2, 3, 4]]
    found = pattern_of(weights, words)
    # Off the diagonal row 0 has .25, the others .95; five rows hold .75 on the previous token, of 5 others.
    assert found.label == "previous"
    assert (found.queries, found.certain) == (5, True)
    assert found.score == pytest.approx(5 * 0.75 / 5.0, abs=1e-6)
    margin = (3.75 - 5 * 0.95 / 5) / 5.0
    assert found.over_chance == pytest.approx(margin, abs=1e-6)
    off = [0.75 - 0.19 - margin * 0.95] * 5 + [-margin * 0.25]
    assert found.error == pytest.approx(np.sqrt(6 / 5 * np.square(off).sum()) / 5.0, abs=1e-6)


@settings(max_examples=50)
@given(seeds)
def test_naive_loops_score_the_same(seed: int) -> None:
    record = from_arrays(random_weights(seed, len(TEXT), len(TEXT)), TEXT)
    scored = score_patterns(record, HEAD)
    for name in FIXED:
        cells, rows = text_cells(name), []
        for i in range(len(TEXT)):
            others = [j for j in range(len(TEXT)) if j != i]
            if name in ("same word", "induction") and not any(cells[i, j] for j in others):
                continue
            mass = sum(float(record.weights[0, 0, i, j]) for j in others)
            on = sum(float(record.weights[0, 0, i, j]) for j in others if cells[i, j])
            rows.append((mass, on, on - mass * sum(cells[i, j] for j in others) / len(others)))
        total = sum(mass for mass, _, _ in rows)
        margin = sum(beyond for _, _, beyond in rows) / total
        squares = sum((beyond - margin * mass) ** 2 for mass, _, beyond in rows)
        error = np.sqrt(len(rows) / (len(rows) - 1) * squares) / total
        found = scored[name]
        assert found.score == pytest.approx(sum(on for _, on, _ in rows) / total, abs=1e-6)
        assert found.over_chance == pytest.approx(margin, abs=1e-6)
        assert found.error == pytest.approx(error, abs=1e-6)
        assert found.queries == sum(row.any() for row in cells)


def test_noise_is_how_far_shuffled_rows_are_off_chance() -> None:
    generator = np.random.default_rng(5)
    reachable = np.tri(9, dtype=bool)
    cells = (generator.random((9, 9)) < 0.3) & reachable
    weights = generator.dirichlet(np.full(9, 0.5), 9) * reachable

    def shuffled() -> np.ndarray:
        rows = weights.copy()
        for i in range(9):
            rows[i, : i + 1] = generator.permutation(rows[i, : i + 1])
        return rows

    margins = [score_of(shuffled(), cells, reachable).over_chance for _ in range(6000)]
    assert np.mean(margins) == pytest.approx(0, abs=0.005)
    assert score_of(weights, cells, reachable).noise == pytest.approx(np.std(margins), rel=0.05)


def test_the_error_is_how_far_samples_of_queries_are_off() -> None:
    """The standard error over few queries is the deviation of the margin among draws of so many queries."""
    generator = np.random.default_rng(6)
    every, drawn = 400, 40
    weights = generator.dirichlet(np.full(12, 0.5), every) * generator.random((every, 1))
    cells, reachable = generator.random((every, 12)) < 0.3, np.ones((every, 12), dtype=bool)

    def score(rows: np.ndarray) -> Score:
        return score_of(weights[rows], cells[rows], reachable[rows])

    draws = [score(generator.choice(every, drawn)) for _ in range(1500)]
    spread = np.std([draw.over_chance for draw in draws])
    assert np.mean([draw.error for draw in draws]) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("causal", [False, True])
def test_uniform_attention_has_no_margin_for_any_pattern(causal: bool) -> None:
    visible = np.tri(SIZE) if causal else np.ones((SIZE, SIZE))
    record = from_arrays(visible / visible.sum(axis=-1, keepdims=True), WORDS, causal=causal)
    for found in score_patterns(record, HEAD).values():
        assert found.over_chance == pytest.approx(0, abs=1e-6)
    broad = find_pattern(record, HEAD)
    assert (broad.label, broad.score, broad.evidence) == ("broad", pytest.approx(1, abs=1e-6), ())


def test_broad_is_what_is_read_of_all_that_is_seen() -> None:
    half = np.full((8, 8), 1 / 4) * (np.arange(8) % 2)
    record = from_arrays(np.stack([half, np.full((8, 8), 1 / 8)]), [*"abcdefgh"])
    scored = [score_patterns(record, head)["broad"] for head in record.head_ids]
    assert [found.score for found in scored] == pytest.approx([0.5, 1.0])
    assert [found.over_chance for found in scored] == pytest.approx([-0.5, 0.0])
    assert [found.certain for found in scored] == [False, True]
    assert 0.5 < WIDE < 1


# When a pattern is named


def test_few_queries_are_never_certain() -> None:
    shifted = [pattern_of(np.eye(n)[[0, *range(n - 1)]], [f"w{i}" for i in range(n)]) for n in range(2, 12)]
    named = [found.label == "previous" for found in shifted]
    assert named == [n - 1 >= FEWEST for n in range(2, 12)]
    assert all(found.nearest == "previous" for found in shifted[3:])


def test_a_head_that_rests_on_itself_is_judged_by_what_it_does_elsewhere() -> None:
    resting = 0.8 * np.eye(SIZE) + 0.2 * np.eye(SIZE)[[0, *range(SIZE - 1)]]
    assert pattern_of(resting).label == "previous"
    assert pattern_of(0.8 * np.eye(SIZE) + 0.2 / SIZE).label == NO_PATTERN


def test_a_head_that_rests_on_special_tokens_is_found() -> None:
    found = find_pattern(special_ends(columns(0, SIZE - 1)), HEAD)
    assert found.label == "special"
    assert found.score == pytest.approx(1.0)
    assert found.over_chance == pytest.approx(1 - 2 / (SIZE - 1))  # two of the seven other keys are special
    assert [(link.query, link.key, link.key_position) for link in found.evidence] == [
        (None, "[CLS]", 0),
        (None, "[SEP]", SIZE - 1),
    ]


def test_the_first_key_goes_before_all_special_ones() -> None:
    assert find_pattern(special_ends(columns(0)), HEAD).label == "first"
    assert find_pattern(special_ends(columns(SIZE - 1)), HEAD).label == "special"
    assert pattern_of(columns(0)).label == "first"


def test_the_narrower_shape_is_named_as_long_as_it_holds_most() -> None:
    near = np.zeros((20, 20))
    for i in range(20):
        for step, weight in ((-1, 0.8), (-2, 0.1), (2, 0.1)):
            if 0 <= i + step < 20:
                near[i, i + step] = weight
    words = [f"w{i}" for i in range(20)]
    assert pattern_of(near, words).label == "previous"
    window = even(np.abs(np.subtract.outer(np.arange(20), np.arange(20))) <= WINDOW)
    assert pattern_of(0.5 * near + 0.5 * window, words).label == "local"


def test_one_sign_may_be_read_for_its_place() -> None:
    """The full stop is the last token too; nothing in one short sentence tells which of them is meant."""
    words = ["the", "dog", "saw", "a", "fox", "run", "off", "."]
    found = pattern_of(columns(7), words)
    assert (found.label, found.evidence[0].key, found.evidence[0].query) == ("vertical", ".", None)
    scored = score_patterns(from_arrays(columns(7), words), HEAD)["punctuation"]
    assert scored.score == 1.0
    assert not scored.certain


def test_a_head_that_looks_near_is_no_block() -> None:
    size = 40
    words = [("." if i % 10 == 9 else f"w{i}") for i in range(size)]
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    near = np.exp(-apart / 4) * (apart > 0)
    scored = score_patterns(from_arrays(near / near.sum(axis=-1, keepdims=True), words), HEAD)
    assert scored["block"].over_chance > CLEAR
    assert not scored["block"].certain
    inside = np.arange(size) // 10
    within = even(np.equal.outer(inside, inside) & (apart > 0))
    assert pattern_of(within, words).label == "block"


@pytest.mark.parametrize("parts", [("A", "B"), ("user", "assistant")])
def test_blocks_are_parts_where_an_input_has_several(parts: tuple[str, str]) -> None:
    tokens = tuple(Token(f"w{i}", part=parts[i >= 6]) for i in range(12))
    inside = np.arange(12) >= 6
    weights = even(np.equal.outer(inside, inside) & ~np.eye(12, dtype=bool))
    record = Attention(tokens, tokens, weights[None, None], (0,), (0,), "m")
    assert find_pattern(record, HEAD).label == "block"
    one = tuple(Token(f"w{i}") for i in range(12))
    assert not cells_of(Attention(one, one, weights[None, None], (0,), (0,), "m"), "block").any()


@pytest.mark.parametrize(
    ("words", "blocks"),
    [
        ("a b . c d .", [0, 0, 0, 1, 1, 1]),
        ("a b ! ? c d", [0, 0, 0, 0, 1, 1]),
        ("a b . ” c d", [0, 0, 0, 0, 1, 1]),
        ("a U.S. b … c d", [0, 0, 0, 0, 1, 1]),
        ("狐 跳 。 犬 眠 。", [0, 0, 0, 1, 1, 1]),
        ("a b , c d .", None),
        ("a b c d . e", None),
    ],
)
def test_sentences_end_with_their_marks(words: str, blocks: list[int] | None) -> None:
    size = len(words.split())
    cells = cells_of(from_arrays(np.eye(size), words.split()), "block")
    expected = np.equal.outer(blocks, blocks) if blocks else np.zeros((size, size), dtype=bool)
    np.testing.assert_array_equal(cells, expected)


# Evidence


def test_evidence_is_the_strongest_links() -> None:
    weights = 0.9 * np.eye(SIZE)[[0, *range(SIZE - 1)]] + 0.1 / SIZE
    weights[5] = np.roll(np.eye(SIZE)[0], 4)
    found = pattern_of(weights)
    assert found.label == "previous"
    assert len(found.evidence) == 3
    strongest = found.evidence[0]
    assert (strongest.query, strongest.query_position, strongest.key, strongest.key_position) == (
        "and", 5, "fox", 4,
    )  # fmt: skip
    assert [link.weight for link in found.evidence] == pytest.approx([1, 0.9125, 0.9125])


@settings(max_examples=50)
@given(seeds)
def test_evidence_lies_on_the_pattern_and_is_in_order(seed: int) -> None:
    record = from_arrays(random_weights(seed, len(TEXT), len(TEXT)), TEXT)
    weights = record.head(HEAD)
    scored = score_patterns(record, HEAD)
    for name in FIXED:
        told = [link.weight for link in scored[name].evidence]
        assert told == sorted(told, reverse=True)
        for link in scored[name].evidence:
            assert TEXT[link.key_position] == link.key
            if link.query_position is None:
                assert text_cells(name)[:, link.key_position].any()
            else:
                assert text_cells(name)[link.query_position, link.key_position]
                assert link.weight == weights[link.query_position, link.key_position]


# Many heads


@settings(max_examples=50)
@given(seeds)
def test_many_heads_are_found_as_each_alone(seed: int) -> None:
    weights = random_weights(seed, 2, 3, SIZE, SIZE, causal=True)
    mask = np.tri(SIZE, dtype=bool)
    record = from_arrays(weights, WORDS, visible=np.stack([mask, mask & np.tri(SIZE, k=3, dtype=bool)]))
    assert str(find_patterns(record)) == str({h: find_pattern(record, h) for h in record.head_ids})


def test_what_layers_do_not_see_is_not_chance() -> None:
    """One layer sees its neighbours alone: there reading the previous token is half of all it could do."""
    window = np.abs(np.subtract.outer(np.arange(9), np.arange(9))) <= 1
    weights = np.broadcast_to(np.eye(9)[[0, *range(8)]], (2, 1, 9, 9))
    record = from_arrays(weights, [*"abcdefghi"], visible=np.stack([np.ones((9, 9), dtype=bool), window]))
    wide, narrow = (find_patterns(record)[HeadId(layer, 0)] for layer in (0, 1))
    assert wide.over_chance == pytest.approx(1 - 1 / 8)
    assert narrow.over_chance == pytest.approx(1 - (7 / 2 + 1) / 8)


def test_a_head_that_is_not_there_is_refused() -> None:
    record = from_arrays(np.eye(SIZE), WORDS)
    for ask in (find_pattern, score_patterns):
        with pytest.raises(OutOfRange):
            ask(record, HeadId(3, 0))


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
    weights = np.eye(8)[[7, 0, 1, 2, 3, 4, 5, 6]]
    found = find_pattern(across(weights), HEAD)
    assert (found.label, found.score) == ("in order", 1.0)
    assert found.over_chance == pytest.approx(1 - 1 / 8)
    turned = find_pattern(across(weights[[0, 7, 6, 5, 4, 3, 2, 1]]), HEAD)
    assert turned.label == NO_PATTERN


def test_in_order_widens_where_one_side_is_longer() -> None:
    cells = cells_of(across(np.eye(3, 9)), "in order")
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
    assert np.argwhere(cells_of(record, "in order")).tolist() == expected


def test_neighbours_are_of_one_text() -> None:
    record = across(np.eye(4))
    assert not any(cells_of(record, name).any() for name in ("previous", "next"))
    assert not cells_of(special_ends(np.eye(SIZE)), "in order").any()
