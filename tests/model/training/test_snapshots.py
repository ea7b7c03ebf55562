"""What heads do while they learn: kept at every step that was planned, through interruptions too."""

import numpy as np
import pytest

from attnviz.errors import Damaged, EmptyText, RequestError
from attnviz.history import read_history
from attnviz.model.training.material import prepare
from attnviz.model.training.run import make_model
from attnviz.model.training.sentence import SENTENCE, check_sentence
from attnviz.model.training.settings import Settings
from attnviz.model.training.snapshots import TIMES, Snapshots, looked_at
from attnviz.prompt import Prompt
from attnviz.record import MASS_TOLERANCE
from attnviz.selection import HeadId
from attnviz.sources.builtin import BuiltinSource
from tests.model.training.treebank import sentences, texts

SMALL = Settings(steps=9, seed=3, layers=2, heads=4, width=8)


def make(folder, settings=SMALL, treebank=(), **asked):
    make_model(folder, settings, texts(80), treebank, **asked)
    return read_history(folder / "history.safetensors")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "model"
    shown, reports = [], []
    history = make(folder, treebank=sentences(60), show=shown.append, report=reports.append)
    return folder, history, shown, reports


def test_heads_are_kept_before_the_first_step_and_after_the_last(made):
    _, history, _, reports = made
    assert history.steps == tuple(range(10))
    assert history.planned == 9
    assert history.losses == (None, *(report.detection for report in reports))
    assert history.text == SENTENCE
    assert [token.text for token in history.tokens][:4] == ["The", "quick", "brown", "fox"]
    assert history.taught == {HeadId(1, 0): "modifier -> noun", HeadId(1, 1): "noun -> modifier"}


def test_the_last_snapshot_is_what_the_finished_model_does(made):
    folder, history, _, _ = made
    model = BuiltinSource(folder)
    record = model.read(Prompt(SENTENCE)).record()
    assert history.tokens == record.keys
    assert dict(history.taught) == dict(record.taught)
    # The model's parameters are stored in half precision, as the history's weights are.
    np.testing.assert_allclose(history.record(-1).weights, record.weights, atol=1e-3)
    assert np.abs(history.record(0).weights - record.weights).max() > 1e-2


def test_snapshots_are_shown_as_they_are_kept(made):
    _, history, shown, _ = made
    assert [(seen.step, seen.planned, seen.loss) for seen in shown] == [
        (step, 9, loss) for step, loss in zip(history.steps, history.losses, strict=True)
    ]
    for place, seen in enumerate(shown):
        assert seen.record == history.record(place)


def test_watching_changes_nothing(tmp_path, made):
    folder, *_ = made
    make(tmp_path / "again", treebank=sentences(60), watched="A hen sees a cow.")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("interrupted_at", [2, 5])
def test_a_history_goes_on_as_if_nothing_had_happened(tmp_path, made, interrupted_at):
    _, whole, _, _ = made
    folder = tmp_path / "cut" / "model"

    def stop(progress):
        if progress.step == interrupted_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(folder, treebank=sentences(60), report=stop)
    assert read_history(folder / "history.safetensors").steps == tuple(range(interrupted_at + 1))
    shown = []
    history = make(folder, treebank=sentences(60), show=shown.append)
    assert [seen.step for seen in shown] == list(range(interrupted_at + 1, 10))
    assert (history.steps, history.losses) == (whole.steps, whole.losses)
    np.testing.assert_array_equal(history.weights, whole.weights)


def test_what_came_after_the_checkpoint_is_seen_again(tmp_path):
    material = prepare(texts(80), [], 60, 20)
    arrays = {name: np.asarray(array) for name, array in parameters(material).items()}
    first = Snapshots(tmp_path, SMALL, material)
    first.begin(0, arrays)
    for step in range(1, 5):
        first.see(step, 1.0, arrays)
    first.keep()
    second = Snapshots(tmp_path, SMALL, material)
    second.begin(2, arrays)
    second.see(3, 0.5, arrays)
    second.keep()
    kept = read_history(tmp_path / "history.safetensors")
    assert (kept.steps, kept.losses) == ((0, 1, 2, 3), (None, 1.0, 1.0, 0.5))


def test_a_training_that_goes_on_without_its_history_keeps_the_rest(tmp_path):
    material = prepare(texts(80), [], 60, 20)
    snapshots = Snapshots(tmp_path, SMALL, material)
    snapshots.begin(4, parameters(material))
    snapshots.keep()
    assert not (tmp_path / "history.safetensors").exists()
    snapshots.see(5, 1.0, parameters(material))
    snapshots.keep()
    assert read_history(tmp_path / "history.safetensors").steps == (5,)


def test_a_history_of_another_sentence_or_a_damaged_one_is_refused(tmp_path):
    material = prepare(texts(80), [], 60, 20)
    first = Snapshots(tmp_path, SMALL, material)
    first.begin(0, parameters(material))
    first.keep()
    with pytest.raises(RequestError, match="another sentence"):
        Snapshots(tmp_path, SMALL, material, "A hen sees a cow.").begin(2, parameters(material))
    (tmp_path / "history.safetensors").write_bytes(b"cut off")
    with pytest.raises(Damaged):
        Snapshots(tmp_path, SMALL, material).begin(2, parameters(material))


def test_only_planned_steps_are_looked_at():
    for steps in (1, 2, 59, 60, 600, 2200, 10**6):
        planned = looked_at(steps)
        assert planned[0] == 0
        assert planned[-1] == steps
        assert len(planned) <= min(steps, TIMES) + 1
        gaps = np.diff(planned)
        assert gaps.min() > 0
        # Rounding may make a gap one shorter than the one before.
        assert (np.diff(gaps) >= -1).all()
    assert len(looked_at(10**6)) == TIMES + 1


def test_a_half_precision_row_is_still_a_row():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(48, 0.05), size=5000).astype(np.float16).astype(np.float64)
    assert np.abs(rows.sum(axis=-1) - 1).max() < MASS_TOLERANCE


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_sentence_is_refused(text):
    with pytest.raises(EmptyText, match="to watch"):
        check_sentence(text)


def test_a_sentence_is_short():
    assert check_sentence("fox " * 48)
    with pytest.raises(RequestError, match="got 49 words, allowed 48"):
        check_sentence("fox " * 49)


def parameters(material):
    from attnviz.model.training.loop import first_parameters

    first = first_parameters(SMALL.architecture(material.vocabulary.rows), seed=0)
    return {name: tensor.detach().numpy() for name, tensor in first.items()}
