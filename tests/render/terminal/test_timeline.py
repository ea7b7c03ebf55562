"""Words with their times on one axis, at any width."""

from dataclasses import replace
from itertools import pairwise

import pytest
from rich.cells import cell_len

from attnviz.analysis.alignment import align
from attnviz.record import Prediction
from attnviz.render.terminal.timeline import Timeline
from attnviz.selection import HeadId
from tests.render.terminal.console import shown
from tests.spoken import spoken

NAMED = (HeadId(2, 0), HeadId(3, 2))


def told(width, *, shares=False, aligning=NAMED):
    record = spoken(aligning=aligning)
    if shares:
        record = replace(record, predictions=(Prediction("", 0.42),) * len(record.queries))
    return shown(Timeline(align(record)), width)


def rows(text):
    """The word's lines, by the word."""
    return {line.split()[0]: line for line in text.splitlines() if line.split()[:1]}


def test_every_word_has_its_times():
    lines = rows(told(80))
    assert lines["quick"].split()[1:3] == ["0.28", "0.60"]
    assert lines["jumps"].split()[1:3] == ["1.30", "1.84"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_bars_follow_each_other_without_a_gap(width):
    lines = rows(told(width))
    bars = [lines[word] for word in ("The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog.")]
    for before, after in pairwise(bars):
        ends, starts = len(before.rstrip()), min(after.find(sign) for sign in "█▐" if sign in after)
        assert starts in (ends, ends - 1)


@pytest.mark.parametrize("width", [20, 30, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(cell_len(line) for line in told(width, shares=True).splitlines()) <= width


def test_a_narrow_terminal_keeps_the_times_and_leaves_the_bars_out():
    text = told(24)
    assert "█" not in text
    assert rows(text)["fox"].split() == ["fox", "0.96", "1.30"]


def test_marks_stand_at_round_seconds():
    axis = next(line for line in told(80).splitlines() if line.startswith("word"))
    assert [mark.strip() for mark in axis.split("╷")[1:]] == ["0", "0.5", "1", "1.5", "2", "2.5", "3"]


def test_probabilities_are_told_where_there_are_any():
    assert rows(told(80, shares=True))["fox"].split()[3] == ".42"
    assert "probability" in told(80, shares=True)
    assert "probability" not in told(80)


def test_it_says_which_heads_and_why():
    assert "L2H0, L3H2" in told(200)
    assert "named for this by the model's authors" in told(200)
    assert "12 heads of layers 2-3" in told(200, aligning=())
    assert "No head is named for this" in told(200, aligning=())
