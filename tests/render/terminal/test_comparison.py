import re

import numpy as np
import pytest

import attnviz
from attnviz.record import from_arrays
from attnviz.render.terminal.comparison import ComparisonView
from attnviz.render.theme import THEMES
from tests.render.samples import fox, long
from tests.render.terminal.console import shown

LIGHT = THEMES["light"]
OPPOSED = from_arrays([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]], ["lazy", "dog"])


def view(record, width, *heads, colors=None):
    return shown(ComparisonView(attnviz.compare(record, *heads), LIGHT), width, colors)


def row(text, query):
    return next(line for line in text.splitlines() if line.strip().startswith(f"{query} "))


def test_rows_say_what_each_head_reads_and_whether_they_agree():
    text = view(OPPOSED, 80)
    assert row(text, "lazy").split() == ["lazy", "lazy", "1.0", "dog", "1.0", "≠", "1.00", "━" * 10]
    assert row(text, "dog").split() == ["dog", "lazy", ".50", "lazy", ".50", "=", "0.00"]


def test_the_summary_counts_agreement_and_gives_the_mean_divergence():
    text = view(OPPOSED, 100)
    assert "L0H0 and L0H1 read the same word most at 1 of 2 words; they differ by 0.50 ±0.50 bits." in text
    assert "Jensen-Shannon" in text


def test_narrow_views_leave_the_bars_out():
    assert "━" not in view(OPPOSED, 40)


def test_bars_are_exact_to_half_a_cell():
    weights = [[[1.0, 0.0]], [[0.5, 0.5]]]
    record = from_arrays(np.array(weights).reshape(1, 2, 1, 2), ["a"], ["lazy", "dog"])
    expected = float(attnviz.compare(record).pairs[0].divergence)
    halves = row(view(record, 80), "a").count("━") * 2 + row(view(record, 80), "a").count("╸")
    assert halves == round(expected * 20)


def test_two_heads_are_neither_ranked_nor_grouped():
    text = view(OPPOSED, 80)
    assert "most alike" not in text
    assert "groups" not in text


@pytest.mark.parametrize("colors", [None, "truecolor"])
def test_many_heads_are_ranked_and_grouped(colors):
    text = view(fox(), 80, colors=colors)
    pairs = attnviz.compare(fox()).pairs
    assert f"{pairs[0].first} {pairs[0].second} {pairs[0].divergence:.2f}" in text
    spread = f"±{pairs[0].spread:.2f}".replace("0.", ".")
    assert f"{pairs[0].divergence:.2f} {spread}" in re.sub("\x1b\\[[0-9;]*m", "", text)
    assert f"{pairs[-1].first} {pairs[-1].second} {pairs[-1].divergence:.2f}" in text
    assert "closer than 0.25 bits" in text
    assert "like no other" in text
    assert ".74" in text


def test_heads_that_all_read_alike_are_one_group():
    text = view(long(3, heads=6), 80)
    assert "L0H0 L0H1 L0H2 L0H3 L0H4 L0H5" in text
    assert "like no other" not in text


def test_so_many_pairs_are_listed_as_asked_for():
    text = shown(ComparisonView(attnviz.compare(fox()), LIGHT, told=2), 80)
    assert text.count("±") == 4 + 1  # two of the most alike, two of the most different, and the explanation


def test_the_matrix_puts_heads_that_read_alike_side_by_side():
    found = attnviz.compare(fox())
    names = [str(head) for head in found.clustered.heads]
    lines = [line.split() for line in view(fox(), 80).splitlines()]
    assert names in lines
    header = lines.index(names)
    assert [line[0] for line in lines[header + 1 : header + 1 + len(names)]] == names


@pytest.mark.parametrize(("heads", "width", "fits"), [(20, 80, True), (20, 40, False), (40, 400, False)])
def test_the_matrix_is_left_out_where_it_does_not_fit(heads, width, fits):
    lines = view(long(3, heads=heads), width).splitlines()
    assert any(line.split()[:2] == ["19", "L0H19"] for line in lines) == fits
