import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.run import attnviz
from tests.model.training.treebank import sentences, texts

SMALL = ("--layers", "1", "--heads", "4", "--width", "8")


def conllu(number):
    blocks = []
    for parse in sentences(number):
        rows = zip(parse.words, parse.heads, parse.relations, strict=True)
        blocks.append(
            "\n".join(
                f"{place}\t{word}\t_\t_\t_\t_\t{head + 1}\t{relation}\t_\t_"
                for place, (word, head, relation) in enumerate(rows, 1)
            )
        )
    return "\n\n".join(blocks) + "\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(texts(120)))
    (tmp_path / "taught.conllu").write_text(conllu(60))
    (tmp_path / "about.md").write_text("Made by a test.\n")
    return tmp_path


def test_trains_a_model_that_can_be_read_with(files):
    model = files / "model"
    extras = ("--treebank", files / "taught.conllu", "--about", files / "about.md")
    done = attnviz("train", files / "texts.txt", *extras, "-o", model, "--steps", "3", *SMALL)
    assert (done.code, done.out) == (0, f"{model}\n"), done.err
    assert "step 3/3  loss" in done.err
    card = (model / "card.md").read_text()
    assert "Made by a test." in card
    assert "--steps 3 --layers 1 --heads 4 --width 8" in card
    read = attnviz("focus", "the quick fox sees the dog", "--model", model)
    assert read.code == 0, read.err
    assert "modifier -> noun" in read.out


def test_reads_texts_from_standard_input(files):
    done = attnviz(
        "train", "-", "-o", files / "model", "--steps", "1", *SMALL, stdin="\n".join(texts(60)).encode()
    )
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.txt"], 3, "cannot read"),
        (["empty.txt"], 2, "every line is blank"),
        (["texts.txt", "--treebank", "texts.txt"], 3, "line 1: got 1 columns"),
        (["texts.txt", "--heads", "3"], 2, "width: got 8"),
        (["texts.txt", "--steps", "0"], 2, "steps: got 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(files, monkeypatch, arguments, code, message):
    monkeypatch.chdir(files)
    (files / "empty.txt").write_text("\n \n")
    done = attnviz("train", *arguments[:1], "-o", "model", "--width", "8", *arguments[1:])
    assert done.code == code
    assert message in done.err.splitlines()[0]
    assert not (files / "model").exists()


def test_a_model_that_is_there_is_replaced_only_when_told(files):
    arguments = ("train", files / "texts.txt", "-o", files / "model", "--steps", "1", *SMALL)
    assert attnviz(*arguments).code == 0
    assert attnviz(*arguments).code == 2
    assert attnviz(*arguments, "--force").code == 0


def test_goes_on_after_an_interruption(files):
    model = files / "model"
    arguments = ["train", files / "texts.txt", "-o", model, "--steps", "200", *SMALL]
    process = subprocess.Popen(
        [sys.executable, "-m", "attnviz", *arguments], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not (model / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "attnviz: interrupted"
    assert sorted(path.name for path in model.iterdir()) == ["checkpoint.safetensors", "history.safetensors"]

    assert "interrupted training is there" in attnviz(*arguments).err
    resumed = attnviz(*arguments, "--resume")
    assert resumed.code == 0, resumed.err
    assert (model / "model.json").exists()
    assert not (model / "checkpoint.safetensors").exists()
