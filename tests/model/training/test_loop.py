"""Training for real, only small: a made-up language, a narrow network, a few steps."""

import numpy as np
import pytest
import torch

from attnviz.errors import Damaged, EmptyText, RequestError
from attnviz.model.network import assemble
from attnviz.model.training.evaluation import evaluate_links
from attnviz.model.training.loop import learning_rate, train
from attnviz.model.training.losses import detection_loss, overlap_loss, teaching_loss
from attnviz.model.training.material import Treebank, prepare
from attnviz.model.training.settings import Settings
from attnviz.model.training.teaching import sentences_of
from tests.model.training.treebank import sentences, texts

SMALL = Settings(steps=120, seed=3, layers=1, heads=4, width=32)


def material_of(treebank):
    return prepare(texts(600), treebank, vocabulary_size=60, endings=20)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """One training that teaches two heads, with all it reported."""
    reports = []
    material = material_of(sentences(200))
    trained = train(material, SMALL, tmp_path_factory.mktemp("taught"), reports.append)
    return material, trained, reports


def test_the_loss_falls(taught):
    _, _, reports = taught
    assert [report.step for report in reports] == list(range(1, 121))
    first, last = (np.mean([r.detection for r in part]) for part in (reports[:10], reports[-10:]))
    assert last < 0.8 * first
    assert reports[-1].teaching < 0.5 * reports[0].teaching
    assert all(report.words > 0 for report in reports)


def test_taught_heads_follow_grammar_they_were_not_shown(taught):
    material, trained, _ = taught
    unseen = Treebank.of(sentences_of(sentences(50, seed=9), 1, 99), material.vocabulary)
    network = assemble(SMALL.architecture(material.vocabulary.rows), trained.arrays)
    links = evaluate_links(network, unseen, trained.lessons)
    for head in range(2):
        assert links.accuracy[0, head, head] > 0.9
    assert links.accuracy[0, 0, 0] > links.best_offset[0]


def test_without_a_treebank_nothing_is_taught(tmp_path):
    reports = []
    trained = train(material_of([]), Settings(steps=3, layers=1, heads=2, width=8), tmp_path, reports.append)
    assert trained.lessons == ()
    assert all(report.teaching is None for report in reports)


class Interrupted(Exception):
    pass


def test_an_interrupted_training_ends_with_the_very_same_parameters(tmp_path, monkeypatch):
    monkeypatch.setattr("attnviz.model.training.loop._CHECKPOINT_EVERY", 3)
    settings, material = Settings(steps=9, layers=1, heads=4, width=8), material_of(sentences(60))
    whole = train(material, settings, tmp_path / "whole").arrays

    def interrupt(progress):
        if progress.step == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(material, settings, tmp_path / "cut", interrupt)
    steps = []
    resumed = train(material, settings, tmp_path / "cut", lambda progress: steps.append(progress.step)).arrays
    assert steps == [4, 5, 6, 7, 8, 9]
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


def test_another_seed_is_another_network_and_no_global_chance_is_used(tmp_path):
    material = material_of([])
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what must not matter
    before = (torch.get_rng_state(), np.random.get_state()[1].copy())  # noqa: NPY002
    arrays = [
        train(
            material, Settings(steps=2, seed=seed, layers=1, heads=2, width=8), tmp_path / str(place)
        ).arrays
        for place, seed in enumerate((0, 0, 1))
    ]
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    np.testing.assert_array_equal(arrays[0]["embedding"], arrays[1]["embedding"])
    assert not np.array_equal(arrays[0]["embedding"], arrays[2]["embedding"])


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("attnviz.model.training.loop._CHECKPOINT_EVERY", 1)
    material = material_of([])
    train(material, Settings(steps=1, layers=1, heads=2, width=8), tmp_path)
    with pytest.raises(RequestError, match="another training"):
        train(material, Settings(steps=1, seed=5, layers=1, heads=2, width=8), tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"cut off")
    with pytest.raises(Damaged, match="damaged"):
        train(material, Settings(steps=1, layers=1, heads=2, width=8), tmp_path)


@pytest.mark.parametrize(
    "choices", [{"steps": 0}, {"heads": 0}, {"seed": -1}, {"width": 100, "heads": 8}, {"d_k": 0}], ids=str
)
def test_impossible_settings_are_refused(choices):
    with pytest.raises(RequestError, match="allowed"):
        Settings(**choices)


def test_own_head_sizes_reach_the_network(tmp_path):
    settings = Settings(steps=1, layers=1, heads=3, width=8, d_k=2, d_v=5)
    arrays = train(material_of([]), settings, tmp_path).arrays
    assert arrays["layers.0.attention.query.weight"].shape == (8, 6)
    assert arrays["layers.0.attention.output.weight"].shape == (15, 8)


def test_too_little_text_is_refused():
    with pytest.raises(EmptyText, match="too little"):
        prepare(["a b"], [], 10, 10)


def test_the_rate_rises_and_falls():
    rates = [learning_rate(step, 1000) for step in range(1000)]
    assert np.argmax(rates) in range(95, 105)
    assert rates[0] < 1e-4
    assert rates[-1] == pytest.approx(6e-5, rel=0.01)


def test_losses_in_closed_form():
    present = torch.tensor([[True, True, False]])
    logits, replaced = torch.tensor([[0.0, 0.0, 99.0]]), torch.tensor([[True, False, False]])
    assert detection_loss(logits, replaced, present).item() == pytest.approx(np.log(2))

    uniform = torch.full((1, 2, 2, 2), 0.5)
    here = torch.ones(1, 2, dtype=torch.bool)
    pairs = torch.zeros(1, 2, 2, 2, dtype=torch.bool)
    pairs[0, :, 0, 1] = True
    assert teaching_loss(uniform, pairs, here).item() == pytest.approx(1.4 * np.log(2))
    assert overlap_loss(uniform, here).item() == pytest.approx(1.0)
    apart = torch.eye(2)[None, :, None, :].expand(1, 2, 2, 2)
    assert overlap_loss(apart, here).item() == pytest.approx(0.0)
