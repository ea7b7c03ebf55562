"""`attnviz play`: a history in a pipe, on a terminal, as a picture, as JSON."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from attnviz.analysis.emergence import rises
from attnviz.history import save_history
from tests.cli.run import attnviz
from tests.cli.terminal import Terminal
from tests.histories import learning


def played(*arguments):
    return attnviz("play", *arguments)


@pytest.fixture
def folder(tmp_path):
    save_history(learning(7), tmp_path / "model" / "history.safetensors")
    return tmp_path / "model"


def test_heatmap_plays_a_history_too(folder, tmp_path):
    history = folder / "history.safetensors"
    assert attnviz("heatmap", "--record", history, "--width", "80").out == played(folder, "--width", "80").out
    picture = tmp_path / "head.gif"
    assert attnviz("heatmap", "--record", history, "--head", "L1H0", "-o", picture).code == 0
    assert played(folder, "--head", "L1H0", "-o", tmp_path / "same.gif").code == 0
    assert picture.read_bytes() == (tmp_path / "same.gif").read_bytes()
    refused = attnviz("heatmap", "--record", history, "--view", "rollout")
    assert refused.code == 2
    assert "attnviz: history.safetensors is only played: got other options" in refused.err


def test_a_pipe_gets_three_steps_and_what_became_of_each_head(folder):
    done = played(folder, "--width", "80")
    assert done.code == 0, done.err
    heads = [line for line in done.out.splitlines() if line.startswith("step ")]
    assert heads == [
        "step 0 of 70 · before training",
        "step 30 of 70 · loss 0.700",
        "step 60 of 70 · loss 0.400",
    ]
    assert "L1H0* previous 1.0" in done.out
    assert "L0H0" not in done.out  # the last layer, unless told
    assert any(line.startswith("L1H0  previous ") for line in done.out.splitlines())
    assert "\x1b" not in done.out


def test_a_file_is_as_good_as_its_folder(folder):
    assert played(folder).out == played(folder / "history.safetensors").out


def test_heads_and_frames_are_chosen(folder):
    done = played(folder, "--head", "L0H1", "--frames", "2")
    assert len([line for line in done.out.splitlines() if line.startswith("step ")]) == 2
    assert "L0H1" in done.out
    assert "L1" not in done.out


def test_fewer_frames_do_not_change_since_when_a_head_is_clear(folder):
    whole, thin = (played(folder, "--width", "80", *extra).out for extra in ((), ("--frames", "1")))
    line = next(line for line in whole.splitlines() if line.startswith("L1H0  previous"))
    assert line in thin.splitlines()


def test_json_tells_every_step(folder):
    told = json.loads(played(folder, "--json", "--layer", "all").out)
    history = learning(7)
    assert told["schema"] == "attnviz/play/1"
    assert (told["steps"], told["planned"], told["text"]) == (list(history.steps), 70, history.text)
    assert told["losses"] == list(history.losses)
    for found, rise in zip(told["heads"], rises(history), strict=True):
        assert (found["head"], found["pattern"], found["since"]) == (str(rise.head), rise.pattern, rise.since)
        assert found["scores"] == list(rise.scores)
        assert found["names"] == list(rise.names)
        assert found["taught"] == rise.lesson


@pytest.mark.parametrize(
    ("name", "kind"), [("x.gif", "GIF"), ("x.png", "PNG"), ("x.apng", "PNG"), ("x.GIF", "GIF")]
)
def test_a_picture_that_moves(folder, tmp_path, name, kind):
    target = tmp_path / name
    done = played(folder, "-o", target, "--frames", "3", "--fps", "5", "--size", "column", "--dpi", "50")
    assert (done.code, done.out) == (0, f"{target}\n"), done.err
    with Image.open(target) as picture:
        assert (picture.format, picture.n_frames, picture.width) == (kind, 3, 165)
        assert picture.info["duration"] == 200
    assert played(folder, "-o", target).code == 2
    assert "already there" in played(folder, "-o", target).err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 3, "no such history"),
        (["empty"], 3, "no such history"),
        (["texts.txt"], 3, "damaged history"),
        (["model", "--fps", "0"], 2, "frames a second: got 0"),
        (["model", "--fps", "fast"], 2, "fps"),
        (["model", "--frames", "0"], 2, "frames"),
        (["model", "--layer", "2"], 2, "no layer 2"),
        (["model", "--head", "L1H9"], 2, "no head 9"),
        (["model", "-o", "x.svg"], 2, "no such format"),
        (["model", "-o", "x.gif", "--size", "huge"], 2, "not a size"),
        (["model", "-o", "x.gif", "--dpi", "5000"], 2, "dpi"),
        ([], 2, "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(folder, monkeypatch, arguments, code, message):
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    Path("texts.txt").write_text("The fox.")
    done = played(*arguments)
    assert done.code == code
    assert message in done.err.splitlines()[0]
    assert not list(Path().glob("x.*"))


def test_it_plays_in_place_on_a_terminal(folder):
    with Terminal([sys.executable, "-m", "attnviz", "play", str(folder), "--fps", "20"], 80, 30) as terminal:
        assert terminal.wait() == 0
    text = terminal.text
    # A screen of its own, left again; every step from the upper left corner.
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    inside = text[text.index("\x1b[?1049h") : text.index("\x1b[?1049l")]
    for step in learning(7).steps:
        assert f"step {step} of 70" in inside
    assert inside.count("\x1b[H") >= 7
    after = text[text.index("\x1b[?1049l") :]
    assert "step 60 of 70" in after
    assert "previous" in after


def test_ctrl_c_gives_the_terminal_back(folder):
    save_history(replace(learning(7)), folder / "history.safetensors", force=True)
    with Terminal([sys.executable, "-m", "attnviz", "play", str(folder), "--fps", "0.5"], 80, 30) as terminal:
        terminal.until("step 0 of 70")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert terminal.text.count("\x1b[?1049l") == 1
    assert "\x1b[?25h" in terminal.text[terminal.text.index("\x1b[?1049l") - 20 :]
    assert "attnviz: interrupted" in terminal.text
