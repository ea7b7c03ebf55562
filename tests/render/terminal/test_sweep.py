"""The table of a sweep: how it looks, and that it tells the numbers of its own JSON."""

import json
import re

import pytest
from rich.cells import cell_len

from attnviz.analysis.headcount.quantities import quantities_of, quantity
from attnviz.analysis.headcount.sweep import RULE
from attnviz.render.machine.sweep import sweep_json
from attnviz.render.terminal.sweep import SweepTable
from tests.render.sample_sweep import COUNTS, RELATIONS, sweep
from tests.render.terminal.console import hold_to_golden, shown

VIEWS = {"sweep": sweep, "sweep_one_seed": lambda: sweep((1, 4), 1)}
CELL = re.compile(r"(–|-?\d*\.\d+|-?\d+)(?: ±(\d*\.\d+))?")


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    hold_to_golden(name, SweepTable(VIEWS[name]()), width, colors)


def rows(text, name):
    """All cells of a row, through all tables it was split into."""
    lines = [line for line in text.splitlines() if line.startswith(f"{name}  ")]
    return [cell for line in lines for cell in CELL.findall(line.removeprefix(name))]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_table_tells_the_numbers_of_its_json(width):
    text, told = shown(SweepTable(sweep()), width), json.loads(sweep_json(sweep()))
    for name in (one["name"] for one in told["quantities"]):
        meant = quantity(name)
        # Where a row of meanings begins like a row of numbers, it comes after all of those.
        cells = rows(text, meant.title)[: len(COUNTS)]
        assert len(cells) == len(COUNTS), name
        for (mean, spread), count in zip(cells, told["counts"], strict=True):
            value, half = count["quantities"][name], 0.51 * 10**-meant.digits
            if value is None:
                assert (mean, spread) == ("–", "")
                continue
            assert float(mean) == pytest.approx(value["mean"], abs=half)
            assert float(spread) == pytest.approx(value["spread"], abs=half)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_each_relation_has_its_line_with_the_offset_to_beat_first(width):
    text, told = shown(SweepTable(sweep()), width), json.loads(sweep_json(sweep()))
    assert [relation["relation"] for relation in told["relations"]] == [*RELATIONS]
    for relation in told["relations"]:
        (fixed, _), *cells = rows(text, relation["relation"].replace("dependent", "dep."))
        assert float(fixed) == pytest.approx(relation["fixed_offset"], abs=0.0051)
        for (mean, spread), heads in zip(cells, COUNTS, strict=True):
            value = relation["by_heads"][str(heads)]
            assert float(mean) == pytest.approx(value["mean"], abs=0.0051)
            assert float(spread) == pytest.approx(value["spread"], abs=0.0051)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_nothing_is_wider_than_the_terminal(width):
    text = shown(SweepTable(sweep()), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert text.count("\nheads  ") == {40: 3, 80: 1, 120: 1, 200: 1}[width]


def test_says_what_may_be_concluded_and_by_what_rule():
    text = " ".join(shown(SweepTable(sweep()), 80).split())
    assert f"{RULE}. By it, more heads than 8 bring no further gain in loss." in text
    assert "no gain" in text
    one = " ".join(shown(SweepTable(sweep((1, 4), 1)), 80).split())
    assert "A single seed has no spread" in one
    assert "±" not in one.replace("among heads ±", "")


def test_every_row_is_explained():
    text = shown(SweepTable(sweep()), 200)
    for one in quantities_of(sweep()):
        assert one.says in text
    assert "(nats per word)" in text


def test_what_one_head_lacks_is_a_dash_and_null():
    told = json.loads(sweep_json(sweep()))
    assert told["counts"][0]["quantities"]["divergence"] is None
    assert told["counts"][0]["random_subspaces"] is None
    assert told["counts"][1]["random_subspaces"] == 0.5
    assert rows(shown(SweepTable(sweep()), 200), "heads differ by")[0] == ("–", "")


def test_the_json_tells_everything_there_is():
    told = json.loads(sweep_json(sweep()))
    assert told["schema"] == "attnviz/sweep/1"
    assert told["seeds"] == [0, 1, 2]
    assert told["enough"] == 8
    assert [count["against_fewer"] for count in told["counts"]] == [None, "gain", "gain", "gain", "no gain"]
    assert [count["d_k"] for count in told["counts"]] == [128, 64, 32, 16, 8]
    assert len(told["trainings"]) == 15
    assert told["counts"][2]["quantities"]["loss"]["values"] == [one.loss for one in sweep().of(4)]
