"""Long inputs: pooled cells, windows, and tables that stay within a screen."""

import json
from dataclasses import replace

import numpy as np
import pytest

from attnviz.render.machine.comparison import comparison_json
from attnviz.render.machine.focus import focus_json
from attnviz.render.machine.heatmap import heatmap_json
from attnviz.render.terminal.comparison import ComparisonView
from attnviz.render.terminal.focus import FocusTable
from attnviz.render.terminal.heatmap import Heatmap
from attnviz.render.theme import THEMES
from attnviz.sources.windowed import cut
from attnviz.window import Window
from tests.render.longer import KINDS, compared, focused, part_of, pooled
from tests.render.samples import fox
from tests.render.terminal.console import shown

DARK = THEMES["dark"]


def view(record, count=1, width=80):
    return shown(Heatmap(record, record.head_ids[:count], DARK), width)


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("statistic", ["maximum", "mean"])
@pytest.mark.parametrize("count", [1, 2, len(KINDS)])
def test_no_line_is_wider_than_the_terminal(width, statistic, count):
    assert max(map(len, view(pooled(statistic), count, width).splitlines())) <= width


def test_columns_are_marked_where_they_begin():
    lines = view(pooled(), width=120).splitlines()
    ruler = next(line for line in lines if "╷" in line)
    marks = {mark.split()[0]: ruler.index(f"╷{mark}") for mark in ruler.split("╷")[1:]}
    columns = {position: at - marks["0"] for position, at in marks.items()}
    # 64 columns, 16 tokens each, one cell wide.
    assert columns == {"0": 0, "128": 8, "256": 16, "384": 24, "512": 32, "640": 40, "768": 48, "896": 56}


def test_a_thin_band_is_on_every_line_however_small():
    text = view(pooled(kinds=("previous token",), tokens=1024, cells=256), width=60)
    rows = [line for line in text.splitlines() if "…" in line]
    assert len(rows) == 37
    assert all("█" in row for row in rows)


def test_pooled_cells_tell_of_no_sink_and_no_lost_mass():
    text = view(pooled(sink=True), 6, 160)
    assert "sink" not in text
    assert "rows hold" not in text
    assert "no key" not in text


def test_a_window_of_a_model_s_record_counts_in_the_whole():
    part = cut(fox(), Window(range(3, 7), range(3, 7)))
    assert "query and key positions 3 to 6 of the whole input" in view(part)
    assert [token.run for token in part.keys] == [(3, 3), (4, 4), (5, 5), (6, 6)]


def test_the_machine_form_says_what_was_pooled():
    told = json.loads(heatmap_json(pooled("mean", sink=True), pooled().head_ids[:1]))
    assert told["pooling"] == {"statistic": "mean", "queries": 1024, "keys": 1024}
    assert told["keys"][1]["run"] == [16, 31]
    assert "sink" not in told["heads"][0]
    assert "pooling" not in json.loads(heatmap_json(fox(), fox().head_ids))
    assert json.loads(heatmap_json(part_of(fox(), 9), fox().head_ids))["queries"][2]["run"] == [11, 11]


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize(
    "made", [lambda: ComparisonView(compared(2), DARK), lambda: FocusTable(focused(4))], ids=["two", "focus"]
)
def test_a_table_of_a_long_text_stays_within_a_screen(made, width):
    assert len(shown(made(), width).splitlines()) < 60


def test_the_rows_told_are_those_that_differ_most():
    text = shown(ComparisonView(compared(2), DARK), 120)
    most = np.sort(np.argsort(-compared(2).apart)[:32])
    places = [line.split(" at ")[1].split()[0] for line in text.splitlines() if line.count(" at ") == 3]
    assert places == [f"{place:,}" for place in most]
    assert "at 8,192 of 16,384 words" in text


def test_a_text_of_a_few_tokens_more_still_tells_each_row():
    text = shown(ComparisonView(compared(2, 128), DARK), 120)
    assert len(text.splitlines()) > 128
    assert " at " not in text.split("\n\n")[1]


@pytest.mark.long
def test_the_machine_form_of_many_heads_tells_how_many_rows_it_leaves_out():
    found = compared(12)
    told = json.loads(comparison_json(found))
    assert len(told["rows"]) == 2**17 // 12
    assert len(told["rows"]) + told["rows_left_out"] == 16384
    least = min(row["divergence"] for row in told["rows"])
    assert sum(apart > least for apart in found.apart.astype(np.float32)) <= len(told["rows"])


def test_the_machine_form_of_two_heads_has_every_row():
    told = json.loads(comparison_json(compared(2, 1000)))
    assert len(told["rows"]) == 1000
    assert "rows_left_out" not in told


def test_the_machine_form_of_a_long_focus_is_whole():
    told = json.loads(focus_json(focused(2)))
    assert (len(told["tokens"]), len(told["together"]["links"])) == (16384, 16383)


def test_coverage_of_a_long_text_is_readable():
    assert "together they link 5,462 of 16,384 words" in shown(FocusTable(focused(4)), 160)
    few = replace(focused(4), together=replace(focused(4).together, covered=tuple(range(12))))
    assert "together they link 12 of 16,384 words" in shown(FocusTable(few), 160)
