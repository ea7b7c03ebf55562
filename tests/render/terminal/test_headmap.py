"""Heads as points drawn with characters."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from attnviz.analysis.comparing.headmap import HeadMap, head_map
from attnviz.analysis.comparing.heads import compare
from attnviz.record import from_arrays
from attnviz.render.groups import signs
from attnviz.render.terminal.headmap import HeadMapView
from attnviz.selection import HeadId
from tests.render.samples import fox, soft
from tests.render.terminal.console import hold_to_golden, shown, styled_lines


def placed(places, groups=None, kept=1.0):
    heads = tuple(HeadId(0, at) for at in range(len(places)))
    return HeadMap(heads, np.array(places, dtype=float), kept, groups or tuple((head,) for head in heads))


def many(layers, heads):
    words = [f"w{at}" for at in range(6)]
    return head_map(compare(from_arrays(soft(6, 6, layers, heads), words)))


VIEWS = {
    "headmap_16": lambda: many(2, 8),
    "headmap_72": lambda: many(6, 12),
    "headmap_144": lambda: many(12, 12),
    "headmap_groups": lambda: head_map(compare(fox())),
}


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width):
    hold_to_golden(name, HeadMapView(VIEWS[name]()), width)


def canvas(text):
    return text.partition("\n\nthe nearer")[0]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_every_head_is_named_once_on_the_map_or_below_it(name, width):
    found = VIEWS[name]()
    text = shown(HeadMapView(found), width)
    drawn, _, below = text.partition("\n\nthe nearer")
    below = below.partition("left:")[2]
    names = re.findall(r"L\d+H\d+(?!\d|\+)", drawn) + re.findall(r"L\d+H\d+", below)
    assert sorted(names) == sorted(map(str, found.heads))
    assert max(map(cell_len, text.splitlines())) <= width


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=40), st.integers(20, 200))
def test_no_name_covers_another(places, width):
    found = placed(places)
    drawn = canvas(shown(HeadMapView(found), width))
    # A name that was covered would not be read whole.
    assert all(name in {str(head) for head in found.heads} for name in re.findall(r"L0H\d+", drawn))
    heads_below = re.findall(r"L0H\d+", shown(HeadMapView(found), width).partition("left:")[2])
    on_the_map = re.findall(r"L0H\d+(?!\d|\+)", drawn)
    assert sorted(on_the_map + heads_below) == sorted(map(str, found.heads))


def test_heads_stand_where_the_map_puts_them():
    drawn = canvas(shown(HeadMapView(placed([[-1, 1], [1, 1], [-1, -1], [1, -1]])), 80)).splitlines()
    top, bottom = drawn[0], drawn[-1]
    assert top.index("L0H0") < top.index("L0H1")
    assert bottom.index("L0H2") < bottom.index("L0H3")
    assert top.index("·") == bottom.index("·")
    # A line is as high as two columns are wide.
    across = top.rindex("·") - top.index("·")
    assert abs(across - 2 * (len(drawn) - 1)) <= 2


def test_heads_at_one_place_are_counted_there_and_listed_below():
    text = shown(HeadMapView(placed([[0, 0], [0, 0], [1, 0]])), 80)
    assert "L0H0+1" in text
    assert "without a name, line by line from the left:   L0H0+L0H1" in text


def test_groups_are_told_apart_without_colours():
    heads = [HeadId(0, at) for at in range(5)]
    groups = ((heads[0], heads[1]), (heads[2], heads[3]), (heads[4],))
    text = shown(HeadMapView(placed([[0, 0], [0.2, 1], [5, 0], [5.2, 1], [9, 2]], groups)), 80)
    assert {match[0] for match in re.findall("[■▲·]L0H[0-4]", text)} == set("■▲·")
    assert "■L0H0" in text
    assert "▲L0H3" in text
    assert "· like no other" in text


def test_groups_have_colours_where_there_are_any():
    heads = [HeadId(0, at) for at in range(2)]
    lines = styled_lines(HeadMapView(placed([[0, 0], [1, 1]], ((heads[0], heads[1]),))), 80)
    (style,) = {segment.style for line in lines for segment in line if segment.text == "■"}
    assert style.color.name == "#0072b2"


def test_what_two_dimensions_keep_is_said():
    assert "two dimensions keep 46% of the spread" in shown(
        HeadMapView(placed([[0, 0], [1, 1]], kept=0.461)), 80
    )


def test_the_ruler_is_as_long_as_its_bits_stand_apart():
    text = shown(HeadMapView(placed([[0, 0], [1, 0], [0.5, 0]])), 80)
    bits, ruler = re.search("├─*┤ ([0-9.]+) bits", text)[1], re.search("├─*┤", text)[0]
    first = canvas(text)
    apart = first.rindex("·") - first.index("·")
    assert len(ruler) == pytest.approx(apart * float(bits) ** 0.5, abs=1)


def test_more_groups_than_shapes_get_letters():
    pairs = [(HeadId(0, 2 * at), HeadId(0, 2 * at + 1)) for at in range(8)]
    found = signs(pairs)
    assert len({found[first] for first, _ in pairs}) == 8
    assert found[HeadId(0, 12)] == "a"
