"""`attnviz info` as a user runs it."""

import json
from pathlib import Path

import pytest
from transformers import AutoModel, MambaConfig, PreTrainedTokenizerFast

import attnviz as package
from attnviz.sources.huggingface.quiet import quiet
from tests.cli.run import attnviz
from tests.sources.conftest import byte_pieces, minilm
from tests.sources.tiny_pretrained import BYTE_PIECES

__all__ = ["byte_pieces", "minilm"]


@pytest.fixture
def mamba(tmp_path: Path, byte_pieces: PreTrainedTokenizerFast) -> Path:
    folder = tmp_path / "mamba"
    with quiet():
        config = MambaConfig(vocab_size=BYTE_PIECES, hidden_size=32, num_hidden_layers=2)
        AutoModel.from_config(config).save_pretrained(folder)
        byte_pieces.save_pretrained(folder)
    return folder


def test_it_tells_of_the_builtin_model_by_default() -> None:
    done = attnviz("info")
    assert (done.code, done.err) == (0, "")
    assert "builtin: Network (builtin), revision" in done.out
    assert "Its attention weights can be captured: 2 layers with 16 heads in all." in done.out


def test_a_model_is_named_either_way(minilm: Path) -> None:
    shown = attnviz("info", minilm)
    assert shown.code == 0
    assert "6 layers with 72 heads in all" in shown.out
    assert attnviz("info", "--model", minilm).out == shown.out
    twice = attnviz("info", minilm, "--model", minilm)
    assert twice.code == 2
    assert twice.err.startswith("attnviz: two models: got ")


def test_the_machine_form_says_the_same(tmp_path: Path) -> None:
    told = json.loads(attnviz("info", "--json").out)
    anatomy = package.load().anatomy()
    assert told["schema"] == "attnviz/info/1"
    assert (told["model"], told["captures"], told["parameters"]) == ("builtin", True, anatomy.parameters)
    assert sum(told["attention_parameters_by"].values()) == told["attention_parameters"]
    [block] = told["blocks"]
    assert [layer["layer"] for layer in block["layers"]] == [0, 1]
    first = block["layers"][0]
    assert (first["heads"], first["key_heads"], first["d_k"], first["d_v"]) == (8, 8, 16, 16)
    assert [matrix["makes"] for matrix in first["projections"]] == [["query"], ["key"], ["value"], ["output"]]
    assert [cost["tokens"] for cost in told["cost"]] == [128, 1024, 8192]
    assert all(c["multiply_adds"] == c["projections"] + c["scores"] + c["mixing"] for c in told["cost"])
    assert "no weight is negative" in [check["holds"] for check in told["checks"]]
    assert attnviz("info", "-o", tmp_path / "info.json").code == 0
    assert json.loads((tmp_path / "info.json").read_text()) == told
    assert attnviz("info", "-o", tmp_path / "info.txt").code == 0
    assert (tmp_path / "info.txt").read_text().startswith("builtin: ")


def test_a_model_in_which_nothing_attends_is_described_and_refused(mamba: Path, tmp_path: Path) -> None:
    done = attnviz("info", mamba)
    assert done.code == 3
    assert "It has no attention weights: nothing in it attends." in done.out
    assert done.err.startswith(f"attnviz: {mamba} has no attention weights: nothing in it attends\n")
    machine = attnviz("info", mamba, "--json")
    assert machine.code == 3
    assert json.loads(machine.out)["captures"] is False
    assert attnviz("info", mamba, "-o", tmp_path / "info.json").code == 3
    assert not (tmp_path / "info.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("/nowhere",), 3, "no such model folder: got '/nowhere'"),
        (("--device", "cuda"), 2, "no such device for builtin: got cuda, allowed auto, cpu"),
        (("--dtype", "int8"), 2, "no such dtype for builtin: got int8, allowed auto, float32"),
        (("-o", "info.png"), 2, "no such format: got 'info.png', allowed .txt .json"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = attnviz("info", *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.splitlines()[0] == f"attnviz: {said}"
    assert len(done.err.splitlines()) <= 2


def test_heads_on_paper_need_no_model() -> None:
    told = json.loads(attnviz("info", "--heads", "8", "--width", "512", "--key-heads", "2", "--json").out)
    assert told["schema"] == "attnviz/layouts/1"
    assert (told["d_model"], told["tokens"]) == (512, 1024)
    one, many, shared = told["ways"]
    assert one["multiply_adds"] == many["multiply_adds"] > shared["multiply_adds"]
    assert (many["d_q"], many["d_k"], many["d_v"]) == (64, 64, 64)
    assert shared["cache_bytes"] * 4 == many["cache_bytes"]
    shown = attnviz("info", "--heads", "8", "--width", "512", "--tokens", "100")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("one layer, 100 tokens")


def test_a_model_s_heads_are_held_against_one_of_full_width() -> None:
    told = json.loads(attnviz("info", "--json", "--tokens", "50").out)["layouts"]
    assert [way["heads"] for way in told["ways"]] == [1, 8]
    assert told["ways"][0]["multiply_adds"] == told["ways"][1]["multiply_adds"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--heads", "8"), "attnviz: on paper, heads have a width: got one of them"),
        (("--heads", "7", "--width", "512"), "attnviz: heads do not fit the width: got 7 heads in 512"),
        (("builtin", "--model", "builtin", "--key-heads", "2"), "attnviz: on paper, heads have a width"),
        (("elsewhere", "--heads", "2", "--width", "64"), "attnviz: a model and heads on paper: got both"),
    ],
)
def test_heads_on_paper_that_make_no_sense(arguments: tuple[str, ...], said: str) -> None:
    done = attnviz("info", *arguments)
    assert done.code == 2
    assert done.err.startswith(said)
    assert done.out == ""
