"""`attnviz sweep` as a user runs it, only small."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attnviz.render.machine.sweep import sweep_json
from tests.cli.run import attnviz
from tests.cli.test_train import conllu
from tests.model.training.treebank import texts
from tests.render.sample_sweep import sweep

ROOT = Path(__file__).parents[2]
SMALL = ("--heads", "1,2", "--width", "8", "--layers", "1", "--steps", "2", "--seeds", "2")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("\n".join(texts(120)))
    (tmp_path / "some.conllu").write_text(conllu(20))
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "sweep.json").write_text(sweep_json(sweep()))
    return tmp_path


def without_time(found):
    return [{**one, "seconds": None} for one in found["trainings"]]


def test_trains_and_shows_a_table_and_says_on_stderr_how_far_it_is(files):
    done = attnviz("sweep", "texts.txt", *SMALL)
    assert done.code == 0, done.err
    assert "h = 1" in done.out
    assert "4 trainings of a network of" in done.out
    assert "relations" not in done.out
    lines = done.err.splitlines()
    assert lines[0] == "1 of 4, h = 1, seed 0: training"
    assert lines[1].startswith("1 of 4, h = 1, seed 0: loss ")
    assert lines[1].endswith("min left")
    assert len(lines) == 8
    assert sorted(path.name for path in files.iterdir()) == [
        "empty.txt",
        "some.conllu",
        "sweep.json",
        "texts.txt",
    ]


def test_a_folder_gets_every_form_and_every_training(files):
    done = attnviz("sweep", "texts.txt", "--treebank", "some.conllu", *SMALL, "-o", "found")
    assert (done.code, done.out) == (0, "found\n"), done.err
    names = sorted(path.name for path in (files / "found").iterdir())
    trainings = [f"h0{heads}-seed{seed}.json" for heads in (1, 2) for seed in (0, 1)]
    assert names == [*trainings, "sweep.json", "sweep.png", "sweep.txt"]
    told = json.loads((files / "found" / "sweep.json").read_text())
    expected = "attnviz sweep texts.txt --treebank some.conllu --heads 1,2 --width 8 --layers 1 --steps 2"
    assert told["conditions"]["command"] == f"{expected} --seeds 2"
    assert told["relations"]

    again = attnviz("sweep", "texts.txt", "--treebank", "some.conllu", *SMALL, "-o", "found")
    assert again.code == 2
    assert "not empty" in again.err
    forced = attnviz("sweep", "texts.txt", *SMALL, "-o", "found", "--force")
    assert forced.code == 0
    assert not json.loads((files / "found" / "sweep.json").read_text())["relations"]


def test_resume_trains_only_what_is_not_there(files):
    assert attnviz("sweep", "texts.txt", *SMALL, "-o", "found").code == 0
    before = json.loads((files / "found" / "sweep.json").read_text())
    (files / "found" / "h02-seed1.json").unlink()
    done = attnviz("sweep", "texts.txt", *SMALL, "--resume", "found", "--json")
    assert done.code == 0, done.err
    assert done.err.count("done before") == 3
    assert done.err.count(": training") == 1
    after = json.loads(done.out)
    assert without_time(after) == without_time(before)
    assert json.loads((files / "found" / "sweep.json").read_text()) == after

    table = attnviz("sweep", "texts.txt", *SMALL, "--resume", "found", "-o", "table.txt")
    assert (table.code, table.out) == (0, "table.txt\n")
    assert (files / "table.txt").read_text() == (files / "found" / "sweep.txt").read_text()


def test_a_result_is_shown_again_in_every_form(files):
    shown = attnviz("sweep", "--show", "sweep.json")
    assert shown.code == 0, shown.err
    assert "more heads than 8 bring no further gain" in " ".join(shown.out.split())
    assert attnviz("sweep", "--show", "sweep.json", "--json").out == sweep_json(sweep()) + "\n"
    for name, first in (("x.png", b"\x89PNG"), ("x.svg", b"<?xml"), ("x.pdf", b"%PDF"), ("x.txt", b"15 tr")):
        done = attnviz("sweep", "--show", "sweep.json", "-o", name, "--theme", "dark", "--size", "page")
        assert (done.code, done.out) == (0, f"{name}\n"), done.err
        assert (files / name).read_bytes().startswith(first)
    assert attnviz("sweep", "--show", "sweep.json", "-o", "x.json").code == 0
    assert (files / "x.json").read_text() == sweep_json(sweep()) + "\n"
    assert attnviz("sweep", "--show", "sweep.json", "-o", "all").code == 0
    assert sorted(path.name for path in (files / "all").iterdir()) == ["sweep.json", "sweep.png", "sweep.txt"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "nothing to learn from"),
        (("missing.txt",), 3, "cannot read missing.txt"),
        (("empty.txt",), 2, "every line is blank"),
        (("texts.txt", "--heads", "1,3"), 2, "width: got 128, allowed a multiple of 3 heads"),
        (("texts.txt", "--heads", "two"), 2, "heads: got 'two', allowed numbers such as 1,2,4,8,16"),
        (("texts.txt", "--heads", "0,2"), 2, "heads: got 0"),
        (("texts.txt", "--seeds", "0"), 2, "seeds: got 0"),
        (("texts.txt", "--steps", "0"), 2, "steps: got 0"),
        (("texts.txt", "--treebank", "texts.txt"), 3, "line 1: got 1 columns"),
        (("texts.txt", "-o", "x.gif"), 2, "no such format: got 'x.gif'"),
        (("texts.txt", "-o", "sweep.json"), 2, "will not replace sweep.json"),
        (("texts.txt", "-o", "one", "--resume", "two"), 2, "two folders"),
        (("texts.txt", "--resume", "empty.txt"), 2, "not a folder"),
        (("texts.txt", "--size", "tiny"), 2, "not a size"),
        (("texts.txt", "--show", "sweep.json"), 2, "got both"),
        (("--show", "missing.json"), 3, "cannot read missing.json"),
        (("--show", "texts.txt"), 3, "texts.txt holds no sweep"),
        (("--show", "other.json"), 3, "got schema 'attnviz/focus/1', allowed 'attnviz/sweep/1'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(files, arguments, code, message):
    (files / "other.json").write_text('{"schema": "attnviz/focus/1"}')
    before = sorted(files.iterdir())
    done = attnviz("sweep", *arguments)
    assert done.code == code
    assert message in done.err.splitlines()[0]
    assert done.out == ""
    assert sorted(files.iterdir()) == before


def test_an_interruption_keeps_what_is_done_and_says_how_to_go_on(files):
    arguments = ("sweep", "texts.txt", *SMALL[:-4], "--steps", "30", "--seeds", "9")
    process = subprocess.Popen(
        [sys.executable, "-m", "attnviz", *arguments, "-o", "found"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(files.glob("found/h*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    kept = sorted(path.name for path in files.glob("found/*"))
    assert err.splitlines()[-2:] == [
        f"note: {len(kept)} of 18 trainings are kept: --resume found goes on",
        "attnviz: interrupted",
    ]
    assert 0 < len(kept) < 18

    refused = attnviz(*arguments, "-o", "found")
    assert refused.code == 2
    assert "an interrupted sweep is there (--resume found)" in refused.err
    resumed = attnviz(*arguments[:-1], "1", "--resume", "found", "-o", "table.json")
    assert resumed.code == 0, resumed.err
    assert resumed.err.count("done before") == min(2, len(kept))
    assert len(json.loads((files / "table.json").read_text())["trainings"]) == 2


def test_the_page_about_the_real_run_shows_the_numbers_of_its_json():
    page, stored = ROOT / "docs" / "sweep.md", ROOT / "samples" / "sweep.json"
    told = page.read_text(encoding="utf-8")
    shown = attnviz("sweep", "--show", stored)
    assert shown.code == 0, shown.err
    rows = [line.rstrip() for line in shown.out.splitlines() if re.search(r"[–\d]  +[–.\d]", line)]
    assert len(rows) > 30
    for row in rows:
        assert row in told
    assert json.loads(stored.read_text())["conditions"]["command"] in told
