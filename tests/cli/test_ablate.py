"""`attnviz ablate` as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.cells import cell_len
from transformers import AutoModelForCausalLM

from attnviz.sources import load
from attnviz.sources.huggingface.quiet import quiet
from attnviz.studies.ablation import ablate
from tests.cli.run import FOX, attnviz
from tests.sources.tiny_pretrained import DECODERS


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("mode", ["each", "together", "alone", "layers"])
def test_nothing_is_wider_than_asked(mode: str, width: int) -> None:
    done = attnviz("ablate", "漢字 and a pneumonoultramicroscopicsilicovolcanoconiosis 🦊", "--mode", mode,
                   "--width", width)  # fmt: skip
    assert done.code == 0, done.err
    assert max(map(cell_len, done.out.splitlines())) <= width
    assert "other heads may take" in " ".join(done.out.split())


def test_every_head_is_removed_unless_told_otherwise() -> None:
    done = attnviz("ablate", FOX)
    assert "each of 16 heads removed, one at a time" in done.out
    assert done.err == (
        "note: 16 heads of layers 0-1: the model is run 18 times; --layer, --head for fewer\n"
    )
    assert attnviz("ablate", FOX, "-l", "1").err == ""


def test_the_table_tells_the_numbers_of_its_json() -> None:
    told = json.loads(attnviz("ablate", FOX, "--json").out)
    assert told["schema"] == "attnviz/ablate/1"
    lines = attnviz("ablate", FOX, "--top", "16", "--width", "120").out.splitlines()
    rows = [line.split() for line in lines if line.startswith("L") and "±" in line]
    assert [row[0] for row in rows] == [one["head"] for one in told["removals"]]
    for row, one in zip(rows, told["removals"], strict=True):
        mean, spread = row[1], row[2].removeprefix("±")
        assert told_as(mean) == pytest.approx(one["effect"], abs=0.00051)
        assert told_as(spread) == pytest.approx(one["spread"], abs=0.00051)
        rest = [part for part in row[3:] if set(part) - set("━╸")]
        assert rest[0] == f"{one['changed']:.0%}"
        assert float(rest[1]) == pytest.approx(one["loss"], abs=0.00051)
        assert float(rest[2]) == pytest.approx(one["importance"]["share"], abs=0.0051)
        assert rest[3] == f"#{one['importance']['rank']}"


def told_as(text: str) -> float:
    return 0.0 if text.startswith("<") else float(text)


def test_json_agrees_with_python() -> None:
    told = json.loads(attnviz("ablate", FOX, "-H", "L0H5,L1H1", "--json").out)
    found = ablate(load("builtin"), FOX, ["L0H5", "L1H1"])
    assert [one["head"] for one in told["removals"]] == [entry.name for entry in found.ranked]
    for one, entry in zip(told["removals"], found.ranked, strict=True):
        assert one["effect"] == pytest.approx(entry.mean, rel=1e-6)
        assert one["rows"] == pytest.approx(entry.rows, rel=1e-6)
        assert one["losses"] == pytest.approx(entry.losses, rel=1e-5)
        assert one["removed"] == [entry.name]
    assert len(told["importance"]) == 16
    assert told["measured"]["cost"] == pytest.approx(found.effects.cost, rel=1e-6)
    assert [token["text"] for token in told["measured"]["tokens"]] == [*FOX[:-1].split(), "."]


def test_modes_are_said() -> None:
    assert "L0H1, L0H2" in attnviz("ablate", FOX, "-H", "L0H1,L0H2", "--mode", "together").out
    assert "left alone in its layer" in attnviz("ablate", FOX, "-l", "0", "--mode", "alone").out
    done = attnviz("ablate", FOX, "--mode", "layers", "--json")
    told = json.loads(done.out)["removals"]
    assert {one["head"] for one in told} == {"L0", "L1"}
    assert all(len(one["removed"]) == 8 for one in told)
    assert "importance" not in told[0]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".txt", ".json"])
def test_files_are_of_the_kind_their_name_says(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"fox{suffix}"
    done = attnviz("ablate", FOX, "-l", "0", "-o", path)
    assert (done.code, done.out) == (0, f"{path}\n")
    signs = {
        ".png": b"\x89PNG",
        ".svg": b"<?xml",
        ".pdf": b"%PDF",
        ".txt": b"builtin\n",
        ".json": b'{"schema"',
    }
    assert path.read_bytes().startswith(signs[suffix])


BAD = [
    (["ablate"], 2, "no text: got nothing"),
    (["ablate", ""], 2, "empty"),
    (["ablate", FOX, "--layer", "12"], 2, "no layer 12: this model has layers 0-1"),
    (["ablate", FOX, "--head", "L0H9"], 2, "no head 9: this model has heads 0-7"),
    (["ablate", FOX, "--head", "99"], 2, "no head 99"),
    (["ablate", FOX, "--mode", "some"], 2, "some"),
    (["ablate", FOX, "--mode", "layers", "--head", "0"], 2, "layers are removed whole: got --head 0"),
    (["ablate", FOX, "--block", "cross"], 2, "no such block: got cross, allowed self"),
    (["ablate", FOX, "--top", "0"], 2, "--top"),
    (["ablate", FOX, "--words"], 2, "--words"),
    (["ablate", FOX, "-o", "x.gif"], 2, "x.gif"),
    (["ablate", FOX, "-o", "there.png"], 2, "there.png"),
    (["ablate", FOX, "-o", "x.png", "--size", "8x6"], 2, "no height: got --size 8x6"),
    (["ablate", "--record", "x.safetensors"], 2, "no model to remove heads from: got --record"),
    (["ablate", FOX, "--model", "./missing"], 3, "missing"),
    (["ablate", "--file", "missing.txt"], 3, "missing.txt"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=lambda value: str(value)[:60])
def test_a_bad_request_is_one_line_one_advice_and_no_file(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").write_text("good")
    done = attnviz(*arguments)
    said = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    assert done.code == code, done.err
    assert done.out == ""
    assert message in said[0]
    assert said[1].startswith("try: ")
    assert len(said) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]


def test_an_interrupt_ends_with_130_and_leaves_no_file(tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text(" ".join([FOX] * 200))
    program = "import sys; from attnviz.cli import main; sys.exit(main())"
    arguments = ["ablate", "-f", text, "-o", tmp_path / "out.json"]
    running = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
    )
    assert running.stderr is not None
    assert "the model is run 18 times" in running.stderr.readline()
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    assert running.stderr.read() == "attnviz: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]


def test_a_language_model_loses_what_it_expects(tmp_path: Path, byte_pieces: object) -> None:
    folder = tmp_path / "model"
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(DECODERS["gpt2"]).save_pretrained(folder)  # type: ignore[no-untyped-call]
        byte_pieces.save_pretrained(folder)  # type: ignore[attr-defined]
    done = attnviz("ablate", FOX, "-m", folder, "--width", "200")
    assert done.code == 0, done.err
    assert "KL divergence, in bits" in done.out
    assert "the token that follows" in done.out
    assert "importance" in done.out


def test_a_model_without_an_answer_says_so(minilm: Path) -> None:
    done = attnviz("ablate", FOX, "-m", minilm, "-H", "L0H0,L5H11", "--width", "100")
    assert done.code == 0, done.err
    assert "1 - cos" in done.out
    assert "No importance: the model has no head that answers" in " ".join(done.out.split())
    assert "surprisal" not in done.out
