"""A whole sweep, only small; what is measured is held against plain loops."""

import json
from dataclasses import asdict, replace
from itertools import combinations

import numpy as np
import pytest

from attnviz.analysis.headcount.subspaces import subspace_distance
from attnviz.errors import Damaged, RequestError
from attnviz.model.network import assemble, read
from attnviz.model.training.evaluation import evaluate_detection
from attnviz.model.training.facts import measure
from attnviz.model.training.material import prepare
from attnviz.model.training.plan import Plan
from attnviz.model.training.sweep import grow
from attnviz.studies.headcount import Ground, kept_in, measure_grown, sweep
from tests.model.training.treebank import sentences, texts

PLAN = Plan(heads=(1, 2, 4), width=16, layers=2, steps=5, seeds=2, threads=1)


@pytest.fixture(scope="module")
def ground():
    return Ground.of(prepare(texts(600), (), vocabulary_size=60, endings=20), sentences(30, seed=4))


@pytest.fixture(scope="module")
def grown(ground):
    return grow(ground.material, replace(PLAN.runs[2], steps=30))


@pytest.fixture(scope="module")
def trial(grown, ground):
    return measure_grown(grown, ground, seed=0)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished sweep, its folder, and all it reported."""
    folder, told = tmp_path_factory.mktemp("sweep"), []
    found = sweep(texts(300), PLAN, folder, sentences(20), command="typed", report=told.append)
    return found, folder, told


def without_time(found):
    return [replace(one, seconds=1.0) for one in found.trials]


def bits(shares):
    return -sum(share * np.log2(share) for share in shares if share > 0)


def test_rows_are_compared_word_by_word(grown, ground, trial):
    """Divergences and entropies as plain loops over texts one by one, without padding, find them."""
    network = assemble(grown.architecture, grown.arrays)
    apart = {(layer, *pair): [] for layer in range(2) for pair in combinations(range(4), 2)}
    wide = []
    held_out = ground.looked_at
    for end, length in zip(held_out.ends, held_out.lengths, strict=True):
        rows = {}
        read(network, held_out.features[end - length : end], lambda at, _, w, rows=rows: rows.update({at: w}))
        for layer, weights in rows.items():
            for head in weights:
                wide += [bits(row) / np.log2(length) for row in head]
            for one, other in combinations(range(4), 2):
                for p, q in zip(weights[one], weights[other], strict=True):
                    apart[layer, one, other].append(bits((p + q) / 2) - (bits(p) + bits(q)) / 2)
    means = [np.mean(found) for found in apart.values()]
    assert trial.divergence == pytest.approx(np.mean(means), abs=1e-4)
    assert trial.closest == pytest.approx(min(means), abs=1e-4)
    assert trial.entropy == pytest.approx(np.mean(wide), abs=1e-4)


def test_every_head_is_removed_once(grown, ground, trial):
    assert len(trial.removal) == 2 * 4
    whole = evaluate_detection(assemble(grown.architecture, grown.arrays), ground.looked_at, ground.replacer)
    for place in (0, 3, 6):
        layer, index = divmod(place, 4)
        name = f"layers.{layer}.attention.output.weight"
        cut = {**grown.arrays, name: grown.arrays[name].copy()}
        cut[name][4 * index : 4 * index + 4] = 0
        lost = evaluate_detection(assemble(grown.architecture, cut), ground.looked_at, ground.replacer).loss
        assert trial.removal[place] == pytest.approx(lost - whole.loss, abs=1e-12)
    assert any(trial.removal)


def test_subspaces_are_those_of_queries_and_of_keys(grown, trial):
    distances = [
        subspace_distance(weight[:, 4 * one : 4 * one + 4], weight[:, 4 * other : 4 * other + 4])
        for layer in range(2)
        for side in ("query", "key")
        for weight in [grown.arrays[f"layers.{layer}.attention.{side}.weight"]]
        for one, other in combinations(range(4), 2)
    ]
    assert trial.subspace == pytest.approx(np.mean(distances))


def test_loss_and_relations_are_those_of_a_model_card(grown, ground, trial):
    facts = measure(assemble(grown.architecture, grown.arrays), ground.material, (), ground.judged)
    assert (trial.loss, trial.auc) == (facts.detection.loss, facts.detection.auc)
    assert [asdict(one) for one in trial.relations] == [asdict(one) for one in facts.relations]
    assert trial.relations


def test_heads_are_looked_at_on_some_texts_spread_over_all(monkeypatch):
    monkeypatch.setattr("attnviz.studies.headcount._MOST_LOOKED_AT", 5)
    material = prepare(texts(600), (), vocabulary_size=60, endings=20)
    some = Ground.of(material, ()).looked_at
    held_out = material.held_out
    assert len(some.ends) == 5
    np.testing.assert_array_equal(some.features[: some.ends[0]], held_out.features[: held_out.ends[0]])
    last = held_out.features[held_out.ends[-2] :]
    np.testing.assert_array_equal(some.features[some.ends[-2] :], last)


def test_every_training_is_done_told_and_kept(done):
    found, folder, told = done
    assert [(one.seed, one.heads) for one in found.trials] == [(run.seed, run.heads) for run in PLAN.runs]
    assert [path.name for path in kept_in(folder)] == [
        f"h{heads:02}-seed{seed}.json" for heads in (1, 2, 4) for seed in (0, 1)
    ]
    assert len(list(folder.iterdir())) == 6  # and no checkpoint
    assert [stand.trial for stand in told if stand.trial] == list(found.trials)
    assert [stand.progress.step for stand in told if stand.progress and stand.number == 4] == [1, 2, 3, 4, 5]
    assert (found.conditions.width, found.conditions.judged, found.conditions.command) == (16, 20, "typed")
    assert found.trials[0].divergence is None
    assert found.trials[0].subspace is None


def test_the_same_plan_gives_the_same_numbers(done, tmp_path):
    assert without_time(sweep(texts(300), PLAN, tmp_path, sentences(20))) == without_time(done[0])


def test_an_interruption_costs_one_training_at_most(done, tmp_path):
    def interrupt(stand):
        if stand.number == 2 and stand.progress and stand.progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(texts(300), PLAN, tmp_path, sentences(20), report=interrupt)
    assert [path.name for path in kept_in(tmp_path)] == ["h01-seed0.json", "h02-seed0.json"]
    trained, kept = set(), set()

    def note(stand):
        if stand.trial:
            (kept if stand.kept else trained).add(stand.number)

    resumed = sweep(texts(300), PLAN, tmp_path, sentences(20), report=note)
    assert (kept, trained) == ({0, 1}, {2, 3, 4, 5})
    assert without_time(resumed) == without_time(done[0])


def test_more_seeds_and_heads_go_on_from_fewer(done):
    _, folder, _ = done
    told = []
    found = sweep(texts(300), replace(PLAN, heads=(1, 2, 4)), folder, sentences(20), report=told.append)
    assert all(stand.kept for stand in told)
    assert found.trials == done[0].trials


@pytest.mark.parametrize("change", ["texts", "judged", "steps"])
def test_trainings_of_another_sweep_are_refused(done, change):
    _, folder, _ = done
    given = texts(299 if change == "texts" else 300)
    judged = sentences(19 if change == "judged" else 20)
    plan = replace(PLAN, steps=6) if change == "steps" else PLAN
    with pytest.raises(RequestError, match=r"h01-seed0.json is of another sweep"):
        sweep(given, plan, folder, judged)


@pytest.mark.parametrize("content", ["", "{}", '{"trial": {}, "purpose": ""}', '{"trial": [], "purpose": 1}'])
def test_a_damaged_training_is_named(tmp_path, content):
    (tmp_path / "h01-seed0.json").write_text(content)
    with pytest.raises(Damaged, match=r"h01-seed0.json is damaged"):
        sweep(texts(300), PLAN, tmp_path)


def test_what_is_kept_is_plain_json(done):
    found, folder, _ = done
    stored = json.loads((folder / "h04-seed1.json").read_text())
    assert stored["schema"] == "attnviz/trial/1"
    assert stored["trial"]["loss"] == found.trials[-1].loss
