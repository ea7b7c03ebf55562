"""`attnviz train --watch`: lines in a pipe, a window on a terminal, and nothing lost to Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from attnviz.history import read_history
from tests.cli.run import attnviz
from tests.cli.terminal import Terminal
from tests.cli.test_train import SMALL, conllu
from tests.model.training.treebank import texts

LINE = re.compile(r"step (\d+) of (\d+) · (before training|loss \d\.\d{3})  (L\dH0 .+)")
PROGRAM = [sys.executable, "-m", "attnviz"]


@pytest.fixture
def files(tmp_path):
    return filled(tmp_path)


def filled(folder):
    (folder / "texts.txt").write_text("\n".join(texts(120)))
    (folder / "taught.conllu").write_text(conllu(60))
    return folder


def training(files, *extra):
    return ["train", str(files / "texts.txt"), "-o", str(files / "model"), *SMALL, *extra]


def watched(err):
    return [LINE.fullmatch(line) for line in err.splitlines() if LINE.fullmatch(line)]


def test_a_pipe_gets_a_line_at_each_snapshot(files):
    done = attnviz(*training(files, "--steps", "4", "--watch", "--treebank", str(files / "taught.conllu")))
    assert done.code == 0, done.err
    lines = watched(done.err)
    assert [(line[1], line[2]) for line in lines] == [(str(step), "4") for step in range(5)]
    assert lines[0][3] == "before training"
    history = read_history(files / "model" / "history.safetensors")
    assert [line[3] for line in lines[1:]] == [f"loss {loss:.3f}" for loss in history.losses[1:]]
    for line in lines:
        heads = re.findall(r"(L\dH\d) ([a-z ]+\??) (\d?\.\d+|·)", line[4])
        assert [head for head, _, _ in heads] == [str(head) for head in history.head_ids]
    assert "step 4/4  loss" in done.err


def test_without_watch_the_history_is_kept_all_the_same(files):
    done = attnviz(*training(files, "--steps", "3", "--watch-text", "A hen sees a cow."))
    assert done.code == 0, done.err
    assert watched(done.err) == []
    history = read_history(files / "model" / "history.safetensors")
    assert [token.text for token in history.tokens] == ["A", "hen", "sees", "a", "cow", "."]
    assert history.steps == (0, 1, 2, 3)
    assert "--watch-text 'A hen sees a cow.'" in (files / "model" / "card.md").read_text()


@pytest.mark.parametrize(("asked", "shown"), [("0", 0), ("-1", 1), ("-2", 0)])
def test_the_layer_is_chosen(files, asked, shown):
    extra = ("--layers", "2", "--steps", "1", "--watch", "--watch-layer", asked)
    done = attnviz(*training(files, *extra))
    assert done.code == 0, done.err
    assert all(line[4].startswith(f"L{shown}H0") for line in watched(done.err))
    assert "--watch" not in (files / "model" / "card.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--watch", "--watch-text", " "], "empty text to watch"),
        (["--watch-text", "fox " * 49], "got 49 words, allowed 48"),
        (["--watch", "--watch-layer", "1"], "no layer 1"),
        (["--watch", "--watch-layer", "last"], "watch-layer"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_before_anything_is_read(files, arguments, message):
    done = attnviz("train", files / "missing.txt", "-o", files / "model", *SMALL, *arguments)
    assert done.code == 2
    assert message in done.err.splitlines()[0]
    assert not (files / "model").exists()


def test_another_sentence_does_not_go_on_with_a_history(interrupted):
    _, files, _ = interrupted
    done = attnviz(*training(files, "--steps", "120", "--resume", "--watch-text", "A hen."))
    assert done.code == 2
    assert "another sentence" in done.err


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """What an interrupted training leaves, a copy of it elsewhere, and what it said."""
    files = filled(tmp_path_factory.mktemp("interrupted"))
    said = interrupt(files)
    return files, shutil.copytree(files, tmp_path_factory.mktemp("copied") / "files"), said


def interrupt(files):
    """Press Ctrl-C somewhere in the middle of a training in a pipe; give what it said."""
    command = [*PROGRAM, *training(files, "--steps", "120", "--watch")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("step 24 "):
            os.kill(process.pid, signal.SIGINT)
            break
    said += process.stderr.read()
    assert process.wait() == 130
    return said


def test_ctrl_c_keeps_every_step_and_resume_ends_alike(interrupted):
    files, _, said = interrupted
    assert said.splitlines()[-1] == "attnviz: interrupted"
    kept = int(re.search(r"note: (\d+) of 120 steps are kept: --resume goes on", said)[1])
    assert kept >= 24
    last = read_history(files / "model" / "history.safetensors").steps[-1]
    assert 24 <= last <= kept

    resumed = attnviz(*training(files, "--steps", "120", "--watch", "--resume"))
    assert resumed.code == 0, resumed.err
    assert int(watched(resumed.err)[0][1]) > kept
    history = read_history(files / "model" / "history.safetensors")
    whole = attnviz("train", files / "texts.txt", "-o", files / "whole", *SMALL, "--steps", "120")
    assert whole.code == 0
    expected = read_history(files / "whole" / "history.safetensors")
    assert (history.steps, history.losses) == (expected.steps, expected.losses)
    np.testing.assert_array_equal(history.weights, expected.weights)
    names = ("model.safetensors", "vocabulary.json")
    assert all((files / "model" / n).read_bytes() == (files / "whole" / n).read_bytes() for n in names)


def test_ctrl_c_does_not_wait_where_no_step_is_being_done(files):
    """The first text is still to come."""
    os.mkfifo(files / "pipe")
    command = [*PROGRAM, "train", str(files / "pipe"), "-o", str(files / "model"), *SMALL]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with (files / "pipe").open("w"):  # waits until it is read from
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "attnviz: interrupted"
    assert "are kept" not in said
    assert not (files / "model").exists()


def test_ctrl_c_works_as_before_when_it_is_done(files):
    before = signal.getsignal(signal.SIGINT)
    assert attnviz(*training(files, "--steps", "1")).code == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_a_window_is_drawn_in_place_and_survives_a_change_of_its_size(files):
    command = [*PROGRAM, *training(files, "--steps", "100000", "--watch")]
    with Terminal(command, 80, 24) as terminal:
        start = terminal.until("step 0 of 100000 · before training")
        start = terminal.until("· loss ", start)
        terminal.resize(40, 12)
        start = terminal.until("\x1b[H", start)
        small = terminal.until("\x1b[H", start)
        terminal.resize(120, 40)
        terminal.until("from ↓", small)
        terminal.interrupt()
        assert terminal.wait() == 130
    frame = terminal.text[start:small].split("\x1b[H")[0]
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 40
    after = terminal.text[terminal.text.index("\x1b[?1049l") :]
    assert "L0H0" in after
    assert "steps are kept: --resume goes on" in after
    assert "attnviz: interrupted" in after
    assert read_history(files / "model" / "history.safetensors").steps[0] == 0
