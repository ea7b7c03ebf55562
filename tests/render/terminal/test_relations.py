"""The table of grammatical relations: how it looks, and that it tells the numbers of its own JSON."""

import json
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from attnviz.analysis.links import Relations, is_clear
from attnviz.relation import Followed
from attnviz.render.machine.relations import relations_json
from attnviz.render.terminal.relations import RelationsTable
from attnviz.selection import HeadId
from tests.render.terminal.console import hold_to_golden, shown

UP, DOWN = "dependent -> head", "head -> dependent"


def found() -> Relations:
    relations = (
        Followed(HeadId(7, 9), "obj", DOWN, 0.868, 0.4, 2, 250),
        Followed(HeadId(7, 10), "det", UP, 0.943, 0.517, 1, 1234),
        Followed(HeadId(11, 3), "verb <-> object", "both", 0.7, 0.4, -2, 77),
        Followed(HeadId(3, 1), "nmod:poss", UP, 0.6, 0.3, -1, 60),
        Followed(HeadId(0, 2), "conj", DOWN, 0.32, 0.31, 2, 90),
        Followed(HeadId(0, 2), "obj", UP, 0.38, 0.4, -2, 250),
    )
    return Relations(
        model="some/model",
        block="self",
        heads=tuple(HeadId(layer, head) for layer in range(12) for head in range(12)),
        sentences=1000,
        skipped=11,
        choosing=495,
        reporting=494,
        relations=relations,
        by_head={one.head: one for one in relations[:4]},
    )


def nothing_found() -> Relations:
    return replace(
        found(), heads=(HeadId(0, 2),), relations=found().relations[4:], by_head={}, skipped=0, choosing=1
    )


VIEWS = {"relations": found, "relations_none": nothing_found}


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    text = hold_to_golden(name, RelationsTable(VIEWS[name]()), width, colors)
    if colors is None:
        assert all(cell_len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_tells_the_numbers_of_its_json(width):
    lines = [
        line for line in shown(RelationsTable(found()), width).splitlines() if re.search(r" L\d+H\d+ ", line)
    ]
    clear = [one for one in json.loads(relations_json(found()))["relations"] if one["found"]]
    assert len(lines) == len(clear) == 4
    for line, one in zip(lines, clear, strict=True):
        assert f" {one['head']} " in line
        assert line.startswith(("governor → its " if one["direction"] == DOWN else "") + one["relation"])
        told = [float(number) for number in re.findall(r"(?<= )\.\d\d", line)]
        assert told == pytest.approx([one["accuracy"], one["best_offset"]], abs=0.0051)
        if width >= 80:
            assert ("governor" in line) == (one["direction"] != "both")
            way = "ahead" if one["offset"] > 0 else "back"
            assert re.search(rf" {abs(one['offset'])} {way} +{one['words']}$", line)


def test_what_no_head_follows_is_said():
    text = shown(RelationsTable(found()), 200)
    assert "no head clearly follows: conj\n" in text  # a head follows obj the other way
    assert "No head clearly follows a relation." not in text
    assert "No head clearly follows a relation." in shown(RelationsTable(nothing_found()), 80)


def test_says_what_was_counted():
    text = " ".join(shown(RelationsTable(found()), 80).split())
    assert "some/model: 144 heads" in text
    assert "chosen on 495 sentences and scored on 494 others; 11 did not fit the model's tokens" in text
    few = " ".join(shown(RelationsTable(nothing_found()), 80).split())
    assert "some/model: 1 head " in few
    assert "on 1 sentence and" in few
    assert "did not fit" not in few
    assert "encoder attention" in shown(RelationsTable(replace(found(), block="encoder")), 80)


def test_the_json_tells_everything_there_is():
    told = json.loads(relations_json(found()))
    assert told["schema"] == "attnviz/relations/1"
    counts = ("sentences", "skipped", "choosing", "reporting")
    assert [told[name] for name in counts] == [getattr(found(), name) for name in counts]
    assert (told["model"], told["block"], len(told["heads"])) == ("some/model", "self", 144)
    for entry, one in zip(told["relations"], found().relations, strict=True):
        assert (entry["head"], entry["layer"], entry["index"]) == (
            str(one.head),
            one.head.layer,
            one.head.index,
        )
        for name in ("relation", "direction", "offset", "words"):
            assert entry[name] == getattr(one, name)
        assert entry["accuracy"] == pytest.approx(one.accuracy)
        assert entry["best_offset"] == pytest.approx(one.best_offset)
        assert entry["found"] == is_clear(one)
    assert [entry["head"] for entry in told["by_head"]] == [str(head) for head in found().by_head]


def test_odd_names_do_no_harm():
    odd = replace(found().relations[0], relation="\x1b[31mobj\n" + "x" * 90)
    text = shown(RelationsTable(replace(found(), model="\x1b[2J", relations=(odd,))), 40)
    assert "\x1b" not in text
    assert all(cell_len(line) <= 40 for line in text.splitlines())
