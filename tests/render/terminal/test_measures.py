"""The table of measures: how it looks, and that it tells the numbers of its own JSON."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from rich.cells import cell_len

from attnviz.analysis.measures.table import MEASURES, measure
from attnviz.record import from_arrays
from attnviz.render.machine.measures import measures_json
from attnviz.render.terminal.measures import MeasuresTable
from tests.render.sample_translation import translation
from tests.render.samples import fox, long, patched, rare_records, sinking
from tests.render.terminal.console import hold_to_golden, shown

VIEWS = {
    "measures": lambda: MeasuresTable(measure(fox())),
    "measures_across": lambda: MeasuresTable(measure(translation())),
    "measures_of_patches": lambda: MeasuresTable(measure(patched(heads=2)), "rollout through all layers"),
}

# "L0H2  .62 ±.10 +.50  3.42 ±0.44"
CELL = re.compile(r"(-?[\d.]+|–)(?: +±([\d.]+))?(?: +([+-][\d.]+))?(?:  |$)")


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    hold_to_golden(name, VIEWS[name](), width, colors)


def cells(text):
    """For each head its cells in order, through all tables."""
    told = {}
    for line in text.splitlines():
        if found := re.match(r"(L\d+(?:H\d+)?) +(.*)", line):
            told.setdefault(found[1], []).extend(CELL.findall(found[2].rstrip()))
    return told


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 200, 400])
@pytest.mark.parametrize("record", [fox(), translation(), patched(heads=2), sinking(), long(30, heads=3)])
def test_the_table_tells_the_numbers_of_its_json(record, width):
    measured = measure(record)
    told = cells(shown(MeasuresTable(measured), width))
    heads = json.loads(measures_json(measured))["heads"]
    assert list(told) == [head["head"] for head in heads]
    for head in heads:
        assert len(told[head["head"]]) == len(head["measures"])
        for (mean, spread, above), value in zip(told[head["head"]], head["measures"].values(), strict=True):
            half = 0.051 if len(mean.partition(".")[2]) == 1 else 0.0051
            assert float(mean) == pytest.approx(value["mean"], abs=half)
            assert float(spread) == pytest.approx(value["spread"], abs=half)
            assert (above != "") == ("over_chance" in value)
            if above:
                assert float(above) == pytest.approx(value["over_chance"], abs=0.0051)


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_columns_stand_in_as_few_tables_as_fit(width):
    text = shown(MeasuresTable(measure(fox())), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert text.count("\nhead") == {30: 12, 40: 7, 80: 3, 200: 2}[width]


def test_says_which_queries_count_and_how_many_heads_have_a_sink():
    text = " ".join(shown(MeasuresTable(measure(fox())), 80).split())
    assert "Means are over all 10 queries. Nothing is renormalised." in text
    assert "Sink rate: 0 of 6 heads give the first key over .30, on average over all queries." in text
    record = fox()
    tokens = (replace(record.queries[0], kind="special"), *record.queries[1:])
    opened = " ".join(shown(MeasuresTable(measure(replace(record, queries=tokens, keys=tokens))), 80).split())
    assert "Means are over 9 of 10 queries; the others are tokens the model added." in opened
    to_first = from_arrays(np.stack([np.eye(4)[[0] * 4], np.eye(4)]), [*"abcd"])
    assert "Sink rate: 1 of 2 heads" in " ".join(shown(MeasuresTable(measure(to_first)), 80).split())


def test_says_what_each_measure_is_and_what_it_counts():
    text = shown(MeasuresTable(measure(patched())), 100)
    for name in measure(patched()).names:
        assert f"{name} " in text
        assert MEASURES[name].says in text
    assert "patches" in text


def test_only_what_was_measured_is_told():
    text = shown(MeasuresTable(measure(fox(), fox().head_ids[:1], ["entropy"])), 80)
    assert "L0H0" in text
    for other in ("L0H1", "breadth", "Sink rate", "+.50"):
        assert other not in text


def test_what_no_query_has_is_a_dash_and_null():
    measured = measure(from_arrays([[1.0]], ["a"]), names=["relative entropy", "entropy"])
    assert "L0H0  –" in shown(MeasuresTable(measured), 80)
    told = json.loads(measures_json(measured))["heads"][0]["measures"]
    assert told["relative entropy"] == {"mean": None, "spread": None}
    assert told["entropy"] == {"mean": 0.0, "spread": 0.0}


def test_the_json_tells_everything_there_is():
    measured = measure(fox())
    told = json.loads(measures_json(measured))
    assert told["schema"] == "attnviz/measures/1"
    assert (told["model"], told["text"], told["block"]) == (measured.model, measured.text, "self")
    assert [token["text"] for token in told["tokens"]] == [token.text for token in measured.queries]
    assert (told["counted"], told["sink_rate"], told["sink_above"]) == (10, 0.0, 0.3)
    assert [(one["name"], one["unit"]) for one in told["measures"]] == [
        *zip(measured.names, measured.units, strict=True)
    ]
    assert told["heads"][3]["head"] == "L1H0"
    assert "view" not in told
    assert json.loads(measures_json(replace(measured, view="norms")))["view"] == "norms"
    for row, head in enumerate(told["heads"]):
        for column, name in enumerate(measured.names):
            value = head["measures"][name]
            assert value["mean"] == pytest.approx(measured.means[row, column], rel=1e-6, abs=1e-6)
            assert value["spread"] == pytest.approx(measured.spreads[row, column], rel=1e-6, abs=1e-6)
            if MEASURES[name].is_mass:
                assert value["over_chance"] == pytest.approx(measured.over_chance[row, column], abs=1e-6)


@settings(max_examples=30)
@given(rare_records())
def test_any_record_can_be_told(record):
    measured = measure(record)
    assert json.loads(measures_json(measured).encode("utf-8"))
    for width in (40, 80):
        for line in shown(MeasuresTable(measured), width).splitlines():
            assert cell_len(line) <= width
