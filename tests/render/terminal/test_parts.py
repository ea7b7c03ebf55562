"""What parts read of each other, as a terminal shows it at any width, and as JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from attnviz.analysis.parts import between_parts
from attnviz.record import Attention, Token, from_arrays
from attnviz.render.machine.parts import parts_json
from attnviz.render.terminal.parts import PartsTable
from tests.render.samples import records
from tests.render.terminal.console import shown


def pair():
    """Two heads over a pair of texts: the first stays within each, the second crosses."""
    special = Token("[SEP]", kind="special")
    tokens = (*(Token(word, part="A") for word in "ab"), special, *(Token(word, part="B") for word in "cde"))
    within = [[0.4, 0.4, 0.2, 0, 0, 0]] * 3 + [[0, 0, 0.1, 0.3, 0.3, 0.3]] * 3
    across = [[0, 0, 0.1, 0.3, 0.3, 0.3]] * 3 + [[0.25, 0.25, 0.2, 0.1, 0.1, 0.1]] * 3
    weights = np.array([[within, across]])
    return Attention(tokens, tokens, weights, (5,), (0, 1), "tiny")


def table(record, width, colors=None):
    return shown(PartsTable(between_parts(record)), width, colors)


def test_a_wide_terminal_shows_a_line_for_each_head():
    lines = [line.split() for line in table(pair(), 200).splitlines()]
    assert lines[0] == ["tiny;", "tokens:", "A", "2,", "B", "3,", "special", "1"]
    assert " ".join(lines[1]) == "L5H1 looks across most: A → B .90 (+.40 over chance)"
    assert " ".join(lines[3]) == "head A → A A → B A → special B → A B → B B → special"
    assert lines[4][:7] == ["L5H0", ".80", "+.47", "·", "-.50", ".20", "+.03"]
    assert lines[5][0] == "L5H1"
    assert lines[6][:3] == ["mean", ".40", "+.07"]


def test_a_narrow_terminal_shows_a_line_for_each_part_that_looks():
    lines = [line.split() for line in table(pair(), 60).splitlines()]
    assert lines[3] == ["head", "from", "to", "A", "to", "B", "to", "special"]
    assert lines[4][:4] == ["L5H0", "A", ".80", "+.47"]
    assert lines[5][:4] == ["B", "·", "-.33", ".90"]
    assert [line[0] for line in lines[4:10]] == ["L5H0", "B", "L5H1", "B", "mean", "B"]
    assert "What added tokens look at is left out." in " ".join(table(pair(), 60).split())


def test_the_narrowest_terminal_shows_as_many_shares_to_a_line_as_fit():
    text = table(pair(), 30)
    assert "L5H0  A  → A .80 +.47" in text
    assert "→ special .20 +.03" in text
    assert "…" not in text


def test_added_tokens_are_told_of_where_nothing_else_is():
    tokens = (Token("[CLS]", kind="special"),)
    record = Attention(tokens, tokens, np.ones((1, 1, 1, 1)), (0,), (0,), "m")
    assert "special → special" in table(record, 80)


def test_what_goes_to_no_key_has_a_column_of_its_own():
    lost = replace(pair(), weights=pair().weights * 0.5)
    assert "to no key" in table(lost, 64)
    assert "A → no key" in table(lost, 200)
    assert "no key" not in table(pair(), 200)


def test_only_notable_shares_stand_out():
    coloured = table(pair(), 60, "truecolor")
    assert "\x1b[1m.80\x1b[0m" in coloured
    assert "\x1b[1m.20\x1b[0m" not in coloured


def test_one_head_has_no_mean_and_heads_that_stay_within_do_not_cross():
    record = pair()
    parts = between_parts(record, record.head_ids[:1])
    text = shown(PartsTable(parts), 80)
    assert "mean " not in text
    assert "looks across" not in text


def test_the_parts_of_both_sides_are_counted_in_cross_attention():
    record = from_arrays(np.full((2, 3), 1 / 3), ["ein", "Hund"], ["a", "dog", "here"])
    keys = tuple(replace(token, kind="patch") for token in record.keys)
    text = table(replace(record, keys=keys), 80)
    assert text.splitlines()[0].rstrip() == "arrays, cross attention; tokens: text 2, patch 3"


@settings(max_examples=60)
@given(records(), st.integers(50, 200))
def test_every_line_fits_and_nothing_acts_on_the_terminal(record, width):
    named = tuple(replace(token, part=token.text[:3] or None) for token in record.queries[:3])
    queries = (*named, *record.queries[3:])
    keys = record.keys if record.block == "cross" else queries
    text = table(replace(record, queries=queries, keys=keys), width)
    assert all(cell_len(line) <= width for line in text.split("\n"))
    assert "\x1b" not in text


def test_json_says_the_same():
    parts = between_parts(pair())
    written = json.loads(parts_json(parts))
    assert written["schema"] == "attnviz/parts/1"
    assert written["from"] == [
        {"part": name, "tokens": n} for name, n in (("A", 2), ("B", 3), ("special", 1))
    ]
    assert written["to"] == written["from"]
    [first, second] = written["heads"]
    assert (first["head"], second["layer"], second["index"]) == ("L5H0", 5, 1)
    assert second["mass"] == pytest.approx(parts.heads[1].mass)
    assert written["together"]["chance"] == pytest.approx(parts.together.chance)
    assert written["together"]["lost"] == pytest.approx([0, 0, 0], abs=1e-6)
