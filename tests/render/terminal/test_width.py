"""No view is ever wider than it was told, whatever the tokens are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import attnviz
from attnviz.render.terminal.comparison import ComparisonView
from attnviz.render.terminal.focus import FocusTable
from attnviz.render.terminal.heatmap import Heatmap
from attnviz.render.theme import THEMES
from tests.render.samples import (
    continued,
    crossed,
    fox,
    long,
    odd,
    paired,
    patched,
    rare_records,
    records,
    seen_and_said,
    sinking,
    windowed,
)
from tests.render.terminal.console import shown, styled_lines

LIGHT = THEMES["light"]

VIEWS = {
    "one head": lambda record: Heatmap(record, record.head_ids[:1], LIGHT),
    "all heads": lambda record: Heatmap(record, record.head_ids, LIGHT),
    "focus": lambda record: FocusTable(attnviz.focus(record)),
    "comparison": lambda record: ComparisonView(attnviz.compare(record), LIGHT),
}


def assert_fits(view, width):
    text = shown(view, width)
    text.encode("utf-8")
    for line in text.splitlines():
        assert cell_len(line) <= width
    for line in styled_lines(view, width):
        assert sum(segment.cell_length for segment in line) <= width


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=40)
@given(record=records(), width=st.integers(20, 400))
def test_no_line_is_wider_than_the_width(name, record, width):
    if name == "comparison" and len(record.head_ids) < 2:
        return
    assert_fits(VIEWS[name](record), width)


@pytest.mark.parametrize("name", ["one head", "all heads"])
@settings(max_examples=50)
@given(record=rare_records(), width=st.integers(20, 200))
def test_what_few_records_have_fits_every_width(name, record, width):
    assert_fits(VIEWS[name](record), width)


@pytest.mark.parametrize("width", [20, 33, 80, 200])
@pytest.mark.parametrize(
    "make",
    [
        windowed,
        sinking,
        continued,
        paired,
        seen_and_said,
        patched,
        lambda: crossed(7, 500),
        lambda: crossed(500, 7),
        lambda: crossed(100, 7, 12),
        lambda: crossed(7, 100, 12),
    ],
)
def test_records_of_every_kind_fit_every_width(make, width):
    for name in ("one head", "all heads"):
        assert_fits(VIEWS[name](make()), width)


@pytest.mark.parametrize(
    "width",
    [20, 21, 80, 200, 400, *(pytest.param(width, marks=pytest.mark.long) for width in (40, 79, 119, 120))],
)
@pytest.mark.parametrize(
    "make", [fox, odd, lambda: long(1), lambda: long(60, heads=3), lambda: long(200, causal=True)]
)
def test_known_records_fit_every_width(make, width):
    record = make()
    for name in ("one head", "all heads", "focus"):
        assert_fits(VIEWS[name](record), width)


def test_squares_side_by_side_fit_every_width():
    for width in range(20, 150, 3):
        assert_fits(Heatmap(fox(), fox().head_ids[:4], LIGHT), width)


def test_width_comes_from_the_options_not_from_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    assert max(map(len, shown(VIEWS["one head"](fox()), 120).splitlines())) > 60
