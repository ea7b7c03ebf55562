"""Heads in order: by each measure, each pattern and by effects, held to their own numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

import attnviz
from attnviz.analysis.measures.table import MEASURES, applicable, measure
from attnviz.analysis.patterns.find import find_pattern, score_patterns
from attnviz.analysis.ranking import criteria, rank
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, from_arrays
from attnviz.selection import HeadId
from tests.analysis.pretrained import minilm
from tests.analysis.records import records
from tests.render.sample_translation import translation
from tests.render.samples import fox

SHARP, EVEN, PREVIOUS = np.eye(5), np.full((5, 5), 0.2), np.eye(5, k=-1) + np.diag([1, 0, 0, 0, 0])


def three() -> Attention:
    return from_arrays(np.stack([EVEN, SHARP, PREVIOUS]), [*"abcde"])


def names(record: Attention, by: str, *, lowest: bool = False) -> list[str]:
    return [str(entry.head) for entry in rank(record, by=by, lowest=lowest).entries]


def test_the_largest_comes_first_and_equal_heads_stay_in_order() -> None:
    assert names(three(), "entropy") == ["L0H0", "L0H1", "L0H2"]
    assert names(three(), "entropy", lowest=True) == ["L0H1", "L0H2", "L0H0"]
    assert names(three(), "confidence") == ["L0H1", "L0H2", "L0H0"]
    assert names(three(), "previous mass") == ["L0H2", "L0H0", "L0H1"]


def test_equal_heads_stay_in_the_order_they_were_given() -> None:
    same = from_arrays(np.stack([EVEN] * 3), [*"abcde"])
    for lowest in (False, True):
        ranking = rank(same, same.head_ids[::-1], "entropy", lowest=lowest)
        assert [entry.head for entry in ranking.entries] == list(same.head_ids[::-1])


def test_a_pattern_ranks_by_its_margin_over_chance() -> None:
    ranking = rank(three(), by="previous")
    assert ranking.entries[0].head == HeadId(0, 2)
    for entry in ranking.entries:
        assert entry.value == score_patterns(three(), entry.head)["previous"].over_chance
        assert entry.spread is None
    assert (ranking.unit, ranking.criterion) == ("over chance", "previous")


def test_the_nearest_pattern_ranks_by_its_own_margin() -> None:
    for entry in rank(fox(), by="pattern").entries:
        assert entry.value == find_pattern(fox(), entry.head).over_chance


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_ranks_by_its_mean_and_tells_its_spread(name: str) -> None:
    ranking, measured = rank(fox(), by=name), measure(fox(), names=[name])
    told = {entry.head: (entry.value, entry.spread) for entry in ranking.entries}
    for place, head in enumerate(measured.heads):
        assert told[head] == (measured.means[place, 0], measured.spreads[place, 0])
    assert (ranking.unit, ranking.says) == (measured.units[0], MEASURES[name].says)


def test_effects_rank_by_what_they_are() -> None:
    effects = {HeadId(0, 0): 0.1, HeadId(0, 1): 0.7, HeadId(0, 2): 0.3}
    ranking = rank(three(), by="effect", effects=effects)
    assert [(str(entry.head), entry.value) for entry in ranking.entries] == [
        ("L0H1", 0.7),
        ("L0H2", 0.3),
        ("L0H0", 0.1),
    ]


def test_effects_that_are_not_known_are_named() -> None:
    with pytest.raises(RequestError, match="no effect is known of L0H0"):
        rank(three(), by="effect")
    with pytest.raises(RequestError, match="no effect is known of L0H2"):
        rank(three(), by="effect", effects={HeadId(0, 0): 0.1, HeadId(0, 1): 0.7})


def test_a_hyphen_may_stand_for_a_space() -> None:
    assert rank(fox(), by="relative-entropy") == rank(fox(), by="relative entropy")
    assert rank(fox(), by="previous-mass").criterion == "previous mass"


def test_what_there_is_to_rank_by_is_listed_and_named_in_the_error() -> None:
    listed = criteria(three())
    assert listed[0] == "pattern"
    assert {*score_patterns(three(), HeadId(0, 0)), *MEASURES} <= set(listed)
    assert len(set(listed)) == len(listed)
    with pytest.raises(RequestError, match=r"no such criterion: got 'beauty', allowed pattern, .*, effect$"):
        rank(three(), by="beauty")
    assert set(criteria(translation())) & set(MEASURES) == set(applicable(translation()))


def test_a_head_without_a_value_comes_last() -> None:
    alone = np.tri(3, dtype=bool) & ~np.tri(3, k=-1, dtype=bool)
    seen = np.stack([alone, np.ones((3, 3), dtype=bool)])
    weights = np.stack([np.eye(3), np.full((3, 3), 1 / 3)])[:, None]
    record = from_arrays(weights, [*"abc"], visible=seen)
    for lowest in (False, True):
        assert names(record, "relative entropy", lowest=lowest) == ["L1H0", "L0H0"]
        assert np.isnan(rank(record, by="relative entropy", lowest=lowest).entries[-1].value)


def test_a_head_that_is_not_there() -> None:
    for by in ("entropy", "previous", "pattern"):
        with pytest.raises(OutOfRange, match="no head L9H9"):
            rank(three(), [HeadId(9, 9)], by)


@settings(max_examples=10)
@given(records())
def test_every_criterion_ranks_every_head_once_in_order(record: Attention) -> None:
    record = replace(record, dropped=0.0)
    for criterion in criteria(record):
        for lowest in (False, True):
            ranking = rank(record, by=criterion, lowest=lowest)
            assert sorted(entry.head for entry in ranking.entries) == sorted(record.head_ids)
            values = [entry.value for entry in ranking.entries if not np.isnan(entry.value)]
            assert values == sorted(values, reverse=not lowest)


@pytest.mark.parametrize(
    ("by", "steps"), [("previous mass", -1), ("next mass", 1), ("previous", -1), ("next", 1)]
)
def test_the_heads_of_minilm_that_read_a_neighbour_are_those_of_a_naive_count(by: str, steps: int) -> None:
    record = attnviz.load(str(minilm())).attend("The quick brown fox jumps over the lazy dog.")
    best = rank(record, by=by).entries[0].head

    def count(head: HeadId) -> int:
        """How many written words read their neighbour most."""
        written = [i for i, token in enumerate(record.queries) if not token.is_special]
        return sum(int(np.argmax(record.head(head)[i])) == i + steps for i in written)

    counts = {head: count(head) for head in record.head_ids}
    assert counts[best] == max(counts.values()) > 6
