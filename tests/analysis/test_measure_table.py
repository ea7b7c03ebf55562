"""All measures of a record at once, held to one head and one query at a time."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

import attnviz
from attnviz import frame
from attnviz.analysis.measures.masses import over_chance
from attnviz.analysis.measures.table import MEASURES, applicable, measure
from attnviz.analysis.readers import counted_queries
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Token, from_arrays
from attnviz.selection import TOGETHER, HeadId
from tests.analysis.pretrained import minilm
from tests.analysis.records import records
from tests.analysis.weights import random_weights
from tests.render.sample_translation import translation
from tests.render.samples import fox, patched, windowed

# What one query's row is worth, in plain loops: row, position, tokens of the keys, the keys it sees.
SPECIAL = "special"


def naive(name: str, row: list[float], at: int, keys: tuple[Token, ...], seen: list[bool]) -> float:
    """One query's number for a measure, straight from its definition."""
    several = range(len(row))

    def equal(i: int, j: int) -> bool:
        one, other = keys[i], keys[j]
        return one.id == other.id if one.id is not None else one.text == other.text

    delimiters = [j for j in several if keys[j].kind == SPECIAL and j > 0]
    punctuation = [
        j
        for j in several
        if keys[j].kind in ("text", "generated")
        and keys[j].text.strip()
        and not any(c.isalnum() for c in keys[j].text)
    ]
    bits = -sum(w * math.log2(w) for w in row if w > 0)
    count, mass = sum(seen), sum(row)
    ascending = sorted(w for j, w in enumerate(row) if seen[j])
    return {
        "entropy": lambda: bits,
        "relative entropy": lambda: bits / math.log2(count) if count > 1 else math.nan,
        "breadth": lambda: 2**bits,
        "participation": lambda: mass**2 / sum(w * w for w in row) if mass else 0.0,
        "gini": lambda: (
            sum((2 * k - count - 1) * w for k, w in enumerate(ascending, 1)) / (count * mass) if mass else 0.0
        ),
        "confidence": lambda: max([0.0, *(w for j, w in enumerate(row) if j not in delimiters)]),
        "distance": lambda: sum(w * abs(at - j) for j, w in enumerate(row)) / mass if mass else 0.0,
        "self mass": lambda: row[at],
        "previous mass": lambda: row[at - 1] if at > 0 else 0.0,
        "next mass": lambda: row[at + 1] if at + 1 < len(row) else 0.0,
        "sink": lambda: row[0],
        "delimiter mass": lambda: sum(row[j] for j in delimiters),
        "punctuation mass": lambda: sum(row[j] for j in punctuation),
        "same token mass": lambda: sum(row[j] for j in range(at) if equal(at, j)),
        "induction mass": lambda: sum(row[j] for j in range(1, at + 1) if equal(at, j - 1)),
    }[name]()


def cells(name: str, record: Attention) -> np.ndarray:
    """Where a mass falls: the naive mass of rows with all their weight on one key, for each key."""
    start, seen = len(record.keys) - len(record.queries), [True] * len(record.keys)
    rows = np.eye(len(record.keys)).tolist()
    found = [
        [naive(name, row, start + i, record.keys, seen) for row in rows] for i in range(len(record.queries))
    ]
    return np.array(found) > 0


def by_hand(record: Attention, head: HeadId, name: str) -> list[float]:
    """A measure of every query that counts and has it."""
    start = len(record.keys) - len(record.queries)
    values = [
        naive(
            name,
            record.head(head)[i].astype(float).tolist(),
            start + i,
            record.keys,
            record.visible(head.layer)[i].tolist(),
        )
        for i in np.flatnonzero(counted_queries(record))
    ]
    return [value for value in values if not math.isnan(value)]


def repeating() -> Attention:
    """A causal text that repeats itself, between tokens the model added, seen through a window in layer 1."""
    words = ["<s>", "a", "dog", ",", "a", "dog", ".", "A", "dog", "</s>"]
    seen = np.stack([np.tri(10), np.tri(10) - np.tri(10, k=-4)]).astype(bool)
    weights = random_weights(3, 2, 2, 10, 10, causal=True) * seen[:, None] * 0.9
    record = from_arrays(weights, words, causal=True, visible=seen)
    tokens = tuple(replace(t, kind=SPECIAL) if t.text[0] == "<" else t for t in record.keys)
    return replace(record, queries=tokens, keys=tokens)


@pytest.mark.parametrize("record", [fox(), windowed(), repeating()], ids=["fox", "windowed", "repeating"])
def test_every_mean_and_spread_is_that_of_a_naive_loop(record: Attention) -> None:
    measured = measure(record)
    assert measured.names == tuple(MEASURES)
    for place, head in enumerate(measured.heads):
        for column, name in enumerate(measured.names):
            values = by_hand(record, head, name)
            assert measured.means[place, column] == pytest.approx(np.mean(values), abs=1e-5), name
            assert measured.spreads[place, column] == pytest.approx(np.std(values), abs=1e-5), name


def test_every_mean_of_the_real_minilm_is_that_of_a_naive_loop() -> None:
    record = attnviz.load(str(minilm())).attend("The dog saw the cat, and the cat saw the dog.")
    heads = record.head_ids[::7]
    measured = measure(record, heads)
    for place, head in enumerate(heads):
        for column, name in enumerate(measured.names):
            expected = np.mean(by_hand(record, head, name))
            assert measured.means[place, column] == pytest.approx(expected, abs=1e-5), name


@given(records())
def test_any_record_has_finite_numbers_in_range_for_all_that_applies(record: Attention) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = measure(record)
    assert measured.names == applicable(record)
    choice = [name != "relative entropy" for name in measured.names]
    assert np.isfinite(measured.means[:, choice]).all()
    assert np.isfinite(measured.spreads[:, choice]).all()
    shares = [unit in ("share", "0 to 1") and one for unit, one in zip(measured.units, choice, strict=True)]
    within = measured.means[:, shares]
    assert ((within >= -1e-6) & (within <= 1 + 1e-6)).all()
    masses = [MEASURES[name].is_mass for name in measured.names]
    assert np.isfinite(measured.over_chance[:, masses]).all()
    assert np.isnan(measured.over_chance[:, ~np.array(masses)]).all()


@given(records())
def test_one_head_measures_as_among_all_and_one_measure_as_among_all(record: Attention) -> None:
    whole = measure(record)
    for place, head in enumerate(record.head_ids):
        alone = measure(record, [head])
        np.testing.assert_allclose(alone.means[0], whole.means[place], atol=1e-6)
    name = whole.names[-1]
    np.testing.assert_allclose(measure(record, names=[name]).means[:, 0], whole.means[:, -1], atol=1e-6)


@given(records())
def test_rows_of_one_head_are_what_is_averaged(record: Attention) -> None:
    measured, counted = measure(record), counted_queries(record)
    head = record.head_ids[-1]
    for column, name in enumerate(measured.names):
        rows = MEASURES[name].rows(record, head)[counted]
        kept = rows[~np.isnan(rows)]
        if kept.size:
            assert measured.means[-1, column] == pytest.approx(kept.mean(), abs=1e-6)


@settings(max_examples=50)
@given(records())
def test_what_a_mass_is_above_chance_is_the_mean_over_queries(record: Attention) -> None:
    measured, counted = measure(record), counted_queries(record)
    for place, head in enumerate(measured.heads):
        visible = record.visible(head.layer)
        for column, name in enumerate(measured.names):
            if MEASURES[name].is_mass:
                expected = over_chance(record.head(head), cells(name, record), visible)[counted].mean()
                assert measured.over_chance[place, column] == pytest.approx(expected, abs=1e-6)


def test_even_attention_is_at_chance_in_every_mass() -> None:
    for causal in (False, True):
        seen = np.tri(10) if causal else np.ones((10, 10))
        record = from_arrays(seen / seen.sum(-1, keepdims=True), [*"abcab.abca"], causal=causal)
        above = measure(record).over_chance
        np.testing.assert_allclose(above[~np.isnan(above)], 0, atol=1e-7)


def test_heads_come_in_the_order_they_were_asked_for() -> None:
    record = fox()
    backwards = record.head_ids[::-1]
    np.testing.assert_allclose(measure(record, backwards).means, measure(record).means[::-1])
    assert measure(record, backwards).heads == backwards


def test_heads_measured_a_few_at_a_time_are_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    record = from_arrays(random_weights(5, 2, 7, 6, 6), [*"abcabd"])
    whole = measure(record)
    for at_once in (1, 3, 7):
        monkeypatch.setattr(frame, "_CELLS", at_once * 36)
        parts = measure(record)
        np.testing.assert_allclose(parts.means, whole.means, atol=1e-6)
        np.testing.assert_allclose(parts.over_chance, whole.over_chance, atol=1e-6)
    monkeypatch.setattr(frame, "_CELLS", 0)
    np.testing.assert_allclose(measure(record).means, whole.means, atol=1e-6)


def test_a_map_of_all_heads_of_a_layer_is_measured_like_a_head() -> None:
    record = fox()
    mean = record.weights.mean(axis=1, keepdims=True)
    through = replace(record, weights=mean, heads=(TOGETHER,), view="rollout", taught={})
    measured = measure(through, [HeadId(1, TOGETHER)])
    assert (str(measured.heads[0]), measured.view) == ("L1", "rollout")
    entropy = measured.means[0, measured.names.index("entropy")]
    assert entropy == pytest.approx(np.mean(by_hand(through, HeadId(1, TOGETHER), "entropy")), abs=1e-5)


def test_the_last_queries_of_a_text_measure_as_in_the_whole() -> None:
    whole = from_arrays(random_weights(6, 7, 7, causal=True), [*"abcabab"], causal=True)
    last = replace(whole, queries=whole.queries[3:], weights=whole.weights[:, :, 3:])
    assert applicable(last) == applicable(whole)
    for name in applicable(last):
        rows = MEASURES[name].rows(whole, HeadId(0, 0))[3:]
        assert MEASURES[name].rows(last, HeadId(0, 0)) == pytest.approx(rows, abs=1e-6), name


def test_only_queries_that_were_written_count() -> None:
    measured = measure(repeating())
    assert (measured.counted, len(measured.queries)) == (8, 10)


def test_a_sink_is_the_share_of_heads_that_rest_on_the_first_key() -> None:
    to_first = np.eye(4)[[0] * 4]
    record = from_arrays(np.stack([to_first, np.eye(4), np.eye(4), np.eye(4)]), [*"abcd"])
    assert measure(record).sink_rate == pytest.approx(0.25)
    assert measure(record, record.head_ids[:1]).sink_rate == 1.0


def test_between_two_texts_there_are_no_offsets() -> None:
    missing = {"distance", "self mass", "previous mass", "next mass", "same token mass", "induction mass"}
    assert set(MEASURES) - set(applicable(translation())) == missing


def test_a_picture_has_distances_in_patches_and_no_text() -> None:
    measured = measure(patched())
    assert dict(zip(measured.names, measured.units, strict=True))["distance"] == "patches"
    missing = {"previous mass", "next mass", "punctuation mass", "same token mass", "induction mass"}
    assert set(MEASURES) - set(measured.names) == missing


def test_a_sound_has_neighbours_unless_it_is_cut_into_bands() -> None:
    frames = tuple(Token(f"{i}", kind="frame", place=(i, i + 1)) for i in range(4))
    record = from_arrays(np.full((4, 4), 0.25), [*"abcd"])
    heard = replace(record, queries=frames, keys=frames)
    assert set(MEASURES) - set(applicable(heard)) == {
        "punctuation mass",
        "same token mass",
        "induction mass",
    }
    bands = tuple(replace(frame, part="b0") for frame in frames)
    assert "previous mass" not in applicable(replace(record, queries=bands, keys=bands))


def test_a_text_of_one_token_has_no_relative_entropy() -> None:
    measured = measure(from_arrays([[1.0]], ["a"]))
    assert [name for name, mean in zip(measured.names, measured.means[0], strict=True) if np.isnan(mean)] == [
        "relative entropy"
    ]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(RequestError, match="no such measure of this record: got 'size', allowed entropy, "):
        measure(fox(), names=["size"])
    with pytest.raises(RequestError, match="got 'next mass', allowed entropy"):
        measure(translation(), names=["next mass"])
    with pytest.raises(OutOfRange, match="no head L9H0"):
        measure(fox(), [HeadId(9, 0)])
    with pytest.raises(RequestError, match="got no head"):
        measure(fox(), [])


def test_measured_once_a_record_is_not_changed() -> None:
    record = fox()
    before = record.weights.copy()
    measure(record)
    np.testing.assert_array_equal(record.weights, before)
