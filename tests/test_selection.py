"""Names of heads and the language that picks several."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attnviz.errors import AttnvizError, OutOfRange, RequestError
from attnviz.selection import TOGETHER, HeadId, Selection, numbers_as_ranges


def names(layers: str | None, heads: str | None) -> list[str]:
    return [str(head) for head in Selection(layers, heads).resolve(range(6), range(4))]


def test_nothing_asked_for_means_every_head() -> None:
    assert len(names(None, None)) == 24
    assert names("all", "ALL") == names(None, None)


@pytest.mark.parametrize(
    ("layers", "heads", "expected"),
    [
        ("0", "0,2-3", ["L0H0", "L0H2", "L0H3"]),
        ("-1", "-1", ["L5H3"]),
        ("4--1", "0", ["L4H0", "L5H0"]),
        ("3,0", "1,1", ["L3H1", "L0H1"]),
        (None, "L5H0, l0h3,L5H0", ["L5H0", "L0H3"]),
        (None, "L-1H-1", ["L5H3"]),
    ],
)
def test_lists_ranges_negatives_and_names(layers: str | None, heads: str, expected: list[str]) -> None:
    assert names(layers, heads) == expected


@pytest.mark.parametrize(
    ("layers", "heads", "kind", "message"),
    [
        ("12", None, OutOfRange, "no layer 12: this model has layers 0-5"),
        (None, "-5", OutOfRange, "no head -5: this model has heads 0-3"),
        (None, "L9H0", OutOfRange, "no layer 9"),
        ("2-1", None, RequestError, "empty layer range: got 2-1"),
        ("two", None, RequestError, "not a layer: got 'two'"),
        ("0,,1", None, RequestError, "not a layer: got ''"),
        (None, "L0H0,3", RequestError, "not a head: got '3'"),
        ("1", "L0H0", RequestError, "layer given twice"),
    ],
)
def test_what_cannot_be_read_or_is_not_there(
    layers: str | None, heads: str | None, kind: type[AttnvizError], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        names(layers, heads)


def test_gaps_in_the_numbers_are_the_models_own() -> None:
    assert [head.layer for head in Selection("3-11", "0").resolve([3, 7, 11], [0])] == [3, 7, 11]
    with pytest.raises(OutOfRange, match=re.escape("no layer 4: this model has layers 3,7,11")):
        Selection("4").resolve([3, 7, 11], [0])


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_picks_heads_or_is_refused(layers: str, heads: str) -> None:
    try:
        picked = Selection(layers, heads).resolve(range(6), range(4))
    except RequestError:
        return
    assert set(picked) <= {HeadId(layer, head) for layer in range(6) for head in range(4)}
    assert len(set(picked)) == len(picked)


@given(st.integers(-99, 99), st.integers(-99, 99))
@example(-1, TOGETHER)
def test_a_name_reads_back(layer: int, index: int) -> None:
    assert HeadId.parse(str(HeadId(layer, index))) == HeadId(layer, index)


@given(st.sets(st.integers(0, 40), min_size=1))
def test_ranges_name_exactly_their_numbers(numbers: set[int]) -> None:
    spec = numbers_as_ranges(sorted(numbers))
    assert {head.layer for head in Selection(spec).resolve(range(41), [0])} == numbers
