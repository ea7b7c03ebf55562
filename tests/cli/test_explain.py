"""`attnviz explain`: what people type, what they get, and what they are told when it cannot be."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.run import FOX, attnviz


def test_the_default_tells_six_steps_of_the_last_layer() -> None:
    done = attnviz("explain", FOX)
    assert done.code == 0
    assert done.out.count("\nStep ") == 6
    assert "builtin: head L1H0 at" in done.out
    assert "head L1H0, the clearest of layer 1 here; --layer and --head for others: heads 0-7" in done.err
    assert "--query for another word or position" in done.err


@pytest.mark.parametrize(
    ("options", "head", "position"),
    [
        (["--head", "L0H3", "--query", "fox"], "L0H3", 3),
        (["--layer", "0", "--head", "2", "--query", "-1"], "L0H2", 9),
        (["--head", "5", "-q", "4"], "L1H5", 4),
        (["--layer", "-2", "--head", "-1", "--query", "LAZY"], "L0H7", 7),
    ],
)
def test_layer_head_and_query_are_those_asked_for(options: list[str], head: str, position: int) -> None:
    told = json.loads(attnviz("explain", FOX, *options, "--json").out)
    assert (told["schema"], told["head"], told["query"]["position"]) == ("attnviz/explain/1", head, position)


def test_a_word_that_stands_twice_is_told_of() -> None:
    done = attnviz("explain", "the cat and the dog", "--query", "the", "--head", "0")
    assert done.code == 0
    assert "'the' stands at 0, 3: position" in done.err


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--query", "cat"], 2, "no such query: got 'cat', allowed a place from 0 on or one of The, quick"),
        (["--query", "10"], 2, "no query 10: this text has queries 0-9"),
        (["--layer", "all"], 2, "too many layers: got 0, 1, allowed one with --layer"),
        (["--head", "0,1"], 2, "too many heads: got L1H0, L1H1, allowed one with --head"),
        (["--head", "L0H1,L1H1"], 2, "too many layers: got 0, 1, allowed one with --layer"),
        (["--layer", "7"], 2, "no layer 7: this model has layers 0-1"),
        (["--level", "expert"], 2, "'expert' is not one of 'beginner', 'practitioner', 'math'"),
        (["-o", "x.png"], 2, "no such format: got 'x.png', allowed .txt .md .json"),
        (["--model", "nowhere/at-all", "--offline"], 3, "nowhere/at-all"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(options: list[str], code: int, told: str) -> None:
    done = attnviz("explain", FOX, *options)
    assert done.code == code
    assert told in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_no_text_and_empty_text_are_refused() -> None:
    assert attnviz("explain").code == 2
    assert attnviz("explain", "   ").code == 2


def test_a_saved_record_has_no_vectors(tmp_path: Path) -> None:
    saved = tmp_path / "fox.safetensors"
    assert attnviz("export", FOX, "-o", saved).code == 0
    done = attnviz("explain", "--record", saved)
    assert done.code == 2
    assert "a saved record has no query, key and value vectors" in done.err
    assert "try: choose another --layer or --model; a saved record holds weights alone" in done.err


@pytest.mark.parametrize("level", ["beginner", "practitioner", "math"])
def test_files_are_what_their_suffix_says(level: str, tmp_path: Path) -> None:
    for suffix in (".txt", ".md", ".json"):
        path = tmp_path / f"fox{suffix}"
        done = attnviz("explain", FOX, "--level", level, "-o", path)
        assert (done.code, done.out.strip()) == (0, str(path))
        assert attnviz("explain", FOX, "-o", path).code == 2  # it is in the way
        assert attnviz("explain", FOX, "-o", path, "--force").code == 0
    assert (
        (tmp_path / "fox.md").read_text(encoding="utf-8").startswith("# Multi-head attention, step by step")
    )
    assert "Step 1 of 6" in (tmp_path / "fox.txt").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "fox.json").read_text(encoding="utf-8"))["model"] == "builtin"


def test_a_pretrained_model_is_explained_too(tiny_gpt2: Path) -> None:
    done = attnviz("explain", "The quick brown fox", "--model", tiny_gpt2, "--layer", "0")
    assert done.code == 0
    assert "hidden from this query" in done.out or "Mask: none here" in done.out
    assert done.out.count("\nStep ") == 6


def in_a_terminal(*keys: str) -> tuple[str, int]:
    """Run the command in a terminal, pressing keys as it waits; give what it shows, and its exit code."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    command = [sys.executable, "-m", "attnviz", "explain", FOX, "--level", "beginner"]
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(follower)
    shown, left, until = "", list(keys), time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                piece = os.read(leader, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        if left and shown.count("q: leave") == len(keys) - len(left) + 1:
            os.write(leader, left.pop(0).encode())
    process.wait(10)
    os.close(leader)
    return shown, process.returncode


def test_in_a_terminal_each_page_waits_for_enter() -> None:
    shown, code = in_a_terminal(*"\n\n\n\n\n\n")
    assert code == 0
    assert shown.count("Enter: next step") == 6
    assert "Step 6 of 6" in shown
    assert "not why the program answers" in shown.replace("\r\n", " ")


def test_q_leaves() -> None:
    shown, code = in_a_terminal("\n", "q\n")
    assert code == 0
    assert "Step 2 of 6" in shown
    assert "Step 3 of 6" not in shown
