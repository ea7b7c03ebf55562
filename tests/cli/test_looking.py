"""Heads chosen and ordered by what they do, and views of them, as a user asks for them."""

import json
from pathlib import Path

import numpy as np
import pytest

import attnviz as package
from attnviz.analysis.measures.table import measure
from attnviz.analysis.patterns.find import find_patterns, score_patterns
from attnviz.analysis.through.view import view
from attnviz.cli.options import ViewName
from attnviz.record import VIEWS
from attnviz.selection import TOGETHER, HeadId
from tests.cli.run import FOX, attnviz
from tests.sources.conftest import minilm

__all__ = ["minilm"]


@pytest.fixture(scope="module")
def record() -> package.Attention:
    return package.load().attend(FOX)


def told(*arguments: str | Path) -> dict:
    done = attnviz(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_views_offered_are_those_of_records() -> None:
    assert [name.value for name in ViewName] == list(VIEWS)


@pytest.mark.parametrize("lowest", [False, True])
def test_heads_are_ranked_by_a_measure_with_its_spread(record: package.Attention, lowest: bool) -> None:
    measured = measure(record, names=["entropy"])
    means = dict(
        zip(measured.heads, zip(measured.means[:, 0], measured.spreads[:, 0], strict=True), strict=True)
    )
    expected = sorted(means, key=lambda head: means[head][0], reverse=not lowest)
    found = told("focus", FOX, "--sort", "entropy", *(["--lowest"] if lowest else []))
    assert [head["head"] for head in found["heads"]] == [str(head) for head in expected]
    ranking = found["ranking"]
    assert (ranking["by"], ranking["unit"], ranking["lowest_first"]) == ("entropy", "bits", lowest)
    for entry in ranking["heads"]:
        mean, spread = means[HeadId.parse(entry["head"])]
        assert (entry["value"], entry["spread"]) == pytest.approx((mean, spread), rel=1e-6)


def test_the_table_shows_the_ranking_it_gives_to_programs() -> None:
    ranking = told("focus", FOX, "--sort", "breadth", "--top", "3")["ranking"]["heads"]
    shown = attnviz("focus", FOX, "--sort", "breadth", "--top", "3", "--width", "80")
    lines = [line for line in shown.out.splitlines() if "breadth " in line and line.startswith("L")]
    assert [line.split()[0] for line in lines] == [entry["head"] for entry in ranking]
    for line, entry in zip(lines, ranking, strict=True):
        assert f"breadth {entry['value']:.2f} ±{entry['spread']:.2f}" in line
    assert "ranked by breadth, highest first: " in " ".join(shown.out.split())
    assert "note: the first 3 of 16 heads by breadth; --top for more" in shown.err


def test_heads_of_a_pattern_come_by_their_margin_over_chance(record: package.Attention) -> None:
    named = [head for head, found in find_patterns(record).items() if found.label == "previous"]
    margin = {head: score_patterns(record, head)["previous"].over_chance for head in named}
    found = told("focus", FOX, "--pattern", "previous")
    assert [head["head"] for head in found["heads"]] == [
        str(head) for head in sorted(named, key=margin.__getitem__, reverse=True)
    ]
    assert {head["pattern"]["label"] for head in found["heads"]} == {"previous"}


def test_the_best_head_is_the_first_of_the_ranking() -> None:
    first = told("focus", FOX, "--sort", "previous", "--top", "1")["heads"][0]["head"]
    drawn = attnviz("heatmap", FOX, "--head", "best:previous", "--json")
    assert [head["head"] for head in json.loads(drawn.out)["heads"]] == [first]
    assert f"note: best:previous is {first} with " in drawn.err
    two = told("heatmap", FOX, "--head", "best:previous,best:entropy")["heads"]
    assert [head["head"] for head in two] == [
        first,
        told("focus", FOX, "--sort", "entropy")["heads"][0]["head"],
    ]


@pytest.mark.parametrize("kind", ["rollout", "flow"])
def test_a_view_through_the_layers_has_one_map_for_each(record: package.Attention, kind: str) -> None:
    expected = view(record, kind)
    found = told("heatmap", FOX, "--view", kind, "--layer", "all")
    assert [head["head"] for head in found["heads"]] == ["L0", "L1"]
    for layer, head in enumerate(found["heads"]):
        weights = np.array(head["weights"], dtype=np.float32)
        assert np.array_equal(weights, expected.head(HeadId(layer, TOGETHER)))
    alone = told("heatmap", FOX, "--view", kind)
    assert alone["heads"] == found["heads"][1:]


@pytest.mark.parametrize("kind", ["norms", "gradients", "relevance"])
def test_every_view_says_what_it_is(kind: str) -> None:
    shown = attnviz("heatmap", FOX, "--view", kind, "--width", "100")
    assert shown.code == 0
    assert f"{kind}: " in shown.out
    assert f"{kind}: " in attnviz("focus", FOX, "--view", kind).out


def test_a_view_is_saved_and_shown_again(tmp_path: Path) -> None:
    assert attnviz("export", FOX, "--view", "rollout", "-o", tmp_path / "r.safetensors").code == 0
    saved = package.read(tmp_path / "r.safetensors")
    assert (saved.view, saved.heads) == ("rollout", (TOGETHER,))
    again = attnviz("heatmap", "--record", tmp_path / "r.safetensors", "--width", "80")
    assert again.out == attnviz("heatmap", FOX, "--view", "rollout", "--width", "80").out


def test_an_answer_is_asked_about_at_a_word() -> None:
    by_text = attnviz("heatmap", FOX, "--view", "relevance", "--at", "fox", "--answer", "replaced")
    by_position = attnviz("heatmap", FOX, "--view", "relevance", "--at", "3", "--answer", "replaced")
    assert by_text.code == 0
    assert by_text.out == by_position.out
    assert "log2 p('replaced') at 'fox'" in " ".join(by_text.out.split())


def test_effects_stand_beside_the_weights() -> None:
    found = told("focus", FOX, "--effects", "--layer", "1")
    assert (found["effects"]["outlook"], found["effects"]["unit"]) == ("judgement", "bits")
    effects = {head["head"]: head["effect"]["effect"] for head in found["heads"]}
    ranked = told("focus", FOX, "--layer", "1", "--sort", "effect")
    assert [head["head"] for head in ranked["heads"]] == sorted(
        effects, key=effects.__getitem__, reverse=True
    )
    shown = attnviz("focus", FOX, "--effects", "--layer", "1", "--width", "80").out
    first = ranked["heads"][0]
    assert f"without it {first['effect']['effect']:.3f}" in shown


def test_every_measure_is_told_in_numbers(record: package.Attention) -> None:
    found = told("focus", FOX, "--measures", "--layer", "0")
    assert found["schema"] == "attnviz/measures/1"
    measured = measure(record, [HeadId(0, head) for head in range(8)])
    assert [one["name"] for one in found["measures"]] == list(measured.names)
    assert "relative" in attnviz("focus", FOX, "--measures").out


def test_states_have_no_gradient_but_an_effect(minilm: Path) -> None:
    done = attnviz("heatmap", FOX, "-m", minilm, "--view", "gradients")
    assert done.code == 3
    assert done.err.startswith("attnviz: the model has no head that answers")
    found = told("focus", FOX, "-m", minilm, "--layer", "5", "--head", "3,11", "--effects")
    assert found["effects"]["outlook"] == "states"


def test_the_best_heads_of_two_kinds_are_compared() -> None:
    found = told("compare", FOX, "--head", "best:previous,best:next")
    first = [
        told("heatmap", FOX, "--head", f"best:{name}")["heads"][0]["head"] for name in ("previous", "next")
    ]
    assert found["heads"] == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("focus", FOX, "--sort", "beauty"), "no such criterion: got 'beauty', allowed "),
        (("focus", FOX, "--pattern", "beauty"), "no such pattern: got 'beauty', allowed "),
        (("focus", FOX, "--pattern", "induction"), "no head has the pattern induction: "),
        (("heatmap", FOX, "--head", "best:beauty"), "no such criterion: got 'beauty', allowed "),
        (("heatmap", FOX, "--head", "best:next,L0H1"), "mixed heads: got --head best:next,L0H1, allowed "),
        (("heatmap", FOX, "--head", "best:next", "--top", "2"), "heads chosen twice: got --head best:next "),
        (("focus", FOX, "--measures", "--effects"), "--measures are told alone: got --effects too, "),
        (("ablate", FOX, "--head", "best:next"), "no head by name: got best:next, allowed "),
        (("heatmap", FOX, "--at", "fox"), "weights asks about no answer: got --at, allowed "),
        (("heatmap", FOX, "--view", "flow", "--answer", "x"), "flow asks about no answer: got --answer, "),
        (("heatmap", FOX, "--view", "rollout", "--head", "2"), "rollout has one map for each layer: got "),
        (("heatmap", FOX, "--view", "relevance", "--at", "wolf"), "no token to ask at: got 'wolf', "),
        (("heatmap", FOX, "--view", "gradients", "--answer", "wolf"), "no such answer: got 'wolf', "),
    ],
)
def test_what_cannot_be_asked_for(arguments: tuple[str, ...], said: str) -> None:
    done = attnviz(*arguments)
    assert done.code == 2
    assert f"attnviz: {said}" in done.err
    assert done.out == ""


def test_a_saved_record_cannot_be_run_again(tmp_path: Path) -> None:
    path = tmp_path / "fox.safetensors"
    assert attnviz("export", FOX, "-o", path).code == 0
    done = attnviz("focus", "--record", path, "--effects")
    assert done.code == 2
    assert "attnviz: a saved record cannot be run again: allowed its model, builtin" in done.err
