"""Every verb as a user runs it: what it prints, what it writes, what it says of a bad request."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import attnviz as package
from attnviz.selection import HeadId
from tests.cli.run import FOX, attnviz


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "fox.safetensors"
    assert attnviz("export", FOX, "-o", path).code == 0
    return path


@pytest.mark.parametrize("verb", ["heatmap", "focus", "compare"])
def test_a_verb_shows_the_last_layer_and_says_so(verb: str) -> None:
    done = attnviz(verb, FOX)
    assert done.code == 0
    assert "layer 1, the last of 0-1" in done.err
    assert "L1H0" in done.out
    assert "L0H0" not in done.out


@pytest.mark.parametrize("verb", ["heatmap", "focus", "compare"])
def test_a_saved_record_shows_what_the_model_showed(verb: str, saved: Path) -> None:
    assert attnviz(verb, FOX).out == attnviz(verb, "--record", saved).out


@pytest.mark.parametrize("verb", ["heatmap", "focus", "compare"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_wider_than_asked(verb: str, width: int) -> None:
    from rich.cells import cell_len

    done = attnviz(verb, "漢字 and a pneumonoultramicroscopicsilicovolcanoconiosis 🦊", "--width", width)
    assert done.code == 0
    assert max(map(cell_len, done.out.splitlines())) <= width


def test_text_comes_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text(FOX + "\n", encoding="utf-8")
    shown = attnviz("focus", FOX).out
    assert attnviz("focus", "-", stdin=FOX.encode() + b"\n").out == shown
    assert attnviz("focus", "--file", tmp_path / "fox.txt").out == shown


def test_json_agrees_with_the_python_names() -> None:
    record = package.load("builtin").attend(FOX)
    told = json.loads(attnviz("focus", FOX, "--json").out)
    assert told["schema"] == "attnviz/focus/1"
    assert [head["head"] for head in told["heads"]] == [f"L1H{k}" for k in range(8)]
    expected = package.focus(record, [HeadId(1, 0)]).heads[0]
    assert told["heads"][0]["entropy"] == pytest.approx(expected.entropy.mean)
    assert told["heads"][0]["focus"][0]["token"] == expected.words[0].token
    assert told["heads"][0]["taught"] is True
    compared = json.loads(attnviz("compare", FOX, "--head", "L1H0,L1H1", "--json").out)
    assert compared["schema"] == "attnviz/compare/1"
    drawn = json.loads(attnviz("heatmap", FOX, "--head", "L0H2", "--json").out)
    assert drawn["schema"] == "attnviz/heatmap/1"
    assert np.array_equal(np.array(drawn["heads"][0]["weights"], dtype=np.float32), record.head("L0H2"))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
@pytest.mark.parametrize("which", [[], ["--head", "L1H0"], ["--layer", "1"]], ids=["grid", "head", "layer"])
def test_pictures_are_of_the_kind_their_name_says(suffix: str, which: list[str], tmp_path: Path) -> None:
    path = tmp_path / f"fox{suffix}"
    done = attnviz("heatmap", FOX, *which, "-o", path)
    assert (done.code, done.out) == (0, f"{path}\n")
    signs = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(signs[suffix])


def test_focus_and_compare_write_text_and_json(tmp_path: Path) -> None:
    for verb in ("focus", "compare"):
        assert attnviz(verb, FOX, "-o", tmp_path / f"{verb}.txt").code == 0
        assert attnviz(verb, FOX, "-o", tmp_path / f"{verb}.json").code == 0
        assert "L1H0" in (tmp_path / f"{verb}.txt").read_text()
        assert (tmp_path / f"{verb}.json").read_text() == attnviz(verb, FOX, "--json").out


def test_a_folder_holds_everything_to_draw_again(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    assert attnviz("export", FOX, "--layer", "1", "-o", folder).code == 0
    told = {f"{name}.{form}" for name in ("focus", "measures") for form in ("txt", "json")}
    names = {f"L1H{k}.png" for k in range(8)} | {"grid.png", "record.safetensors"} | told
    assert {path.name for path in folder.iterdir()} == names
    assert attnviz("focus", "--record", folder / "record.safetensors").out == attnviz("focus", FOX).out
    assert attnviz("export", FOX, "-o", folder).code == 2
    assert attnviz("export", FOX, "-o", folder, "--force").code == 0
    assert len(list(folder.glob("L*.png"))) == 16


def test_a_table_of_weights_has_every_weight(tmp_path: Path) -> None:
    assert attnviz("export", FOX, "--head", "L1H0", "-o", tmp_path / "x.csv").code == 0
    with (tmp_path / "x.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 10 * 10


BAD = [
    (["heatmap"], 2, "no text: got nothing"),
    (["heatmap", ""], 2, "empty"),
    (["heatmap", " \t\n"], 2, "empty"),
    (["focus", FOX, "--layer", "12"], 2, "no layer 12: this model has layers 0-1"),
    (["focus", FOX, "--head", "99"], 2, "no head 99: this model has heads 0-7"),
    (["focus", FOX, "--head", "L7H0"], 2, "no layer 7"),
    (["focus", FOX, "--layer", "x"], 2, "not a layer: got 'x'"),
    (["focus", FOX, "--file", "x.txt"], 2, "two texts"),
    (["focus", FOX, "--record", "x.safetensors"], 2, "two inputs"),
    (["focus", "--record", "x.safetensors", "--model", "other"], 2, "no model is run for a record"),
    (["focus", "--file", "missing.txt"], 3, "missing.txt"),
    (["focus", "--record", "missing.safetensors"], 3, "missing.safetensors"),
    (["focus", FOX, "--model", "./missing"], 3, "missing"),
    (["compare", FOX, "--head", "L0H0"], 2, "one head"),
    (["heatmap", FOX, "-o", "x.gif"], 2, "x.gif"),
    (["export", FOX, "-o", "x.xlsx"], 2, "x.xlsx"),
    (["export", FOX], 2, "no output"),
    (["heatmap", FOX, "-o", "there.png"], 2, "there.png"),
    (["heatmap", FOX, "-o", "there.png/x.png"], 2, "there.png"),
    (["heatmap", FOX, "-o", "x.png", "--size", "huge"], 2, "huge"),
    (["heatmap", FOX, "--width", "3"], 2, "--width"),
    (["heatmap", FOX, "--theme", "neon"], 2, "neon"),
    (["heatmap", FOX, "--nonsense"], 2, "--nonsense"),
    (["paint", FOX], 2, "paint"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=lambda value: str(value)[:60])
def test_a_bad_request_is_one_line_one_advice_and_no_file(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").write_text("good")
    done = attnviz(*arguments)
    lines = done.err.splitlines()
    assert done.code == code, done.err
    assert done.out == ""
    assert lines[0].startswith("attnviz: ")
    assert message in lines[0]
    assert lines[1].startswith("try: ")
    assert len(lines) == 2
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]
    assert (tmp_path / "there.png").read_text() == "good"


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in attnviz("focus", FOX, "--layer", "12", "--debug").err


def test_a_fault_of_ours_is_one_line_and_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.analysis.focus.focus", lambda *_, **__: 1 / 0)
    done = attnviz("focus", FOX)
    assert done.code == 1
    assert "ZeroDivisionError" in done.err
    assert "Traceback" not in done.err


def test_damaged_and_foreign_files_are_said_to_be_so(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(saved.read_bytes()[:99])
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for arguments in (["--record", tmp_path / "cut.safetensors"], ["--file", tmp_path / "latin.txt"]):
        done = attnviz("focus", *arguments)
        assert (done.code, len(done.err.splitlines())) == (3, 2)


HOSTILE = [
    "[red]x[/red]",
    "\x1b[31mred\x1b[0m",
    "a\x00b\x07",
    "</script>",
    "$x^2$",
    "\u202eabc",
    "{0} %s",
    "[/]",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("verb", ["heatmap", "focus", "compare"])
def test_hostile_text_shows_as_text(verb: str, text: str) -> None:
    done = attnviz(verb, f"{text} and {text}", "--color", "never")
    assert done.code == 0, done.err
    assert not set(done.out) & {"\x1b", "\x00", "\x07", "\u202e"}


@pytest.mark.parametrize(
    "text",
    [" and ".join(HOSTILE), *(pytest.param(text, marks=pytest.mark.long) for text in HOSTILE)],
    ids=["all of it", *HOSTILE],
)
def test_hostile_text_shows_as_text_in_files(text: str, tmp_path: Path) -> None:
    for name in ("x.svg", "x.png", "x.pdf"):
        assert attnviz("heatmap", f"{text} and", "-l", "1", "-o", tmp_path / name).code == 0
    svg = (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert "</script>" not in svg
    assert "\x1b" not in svg


def test_what_was_typed_does_not_act_in_an_error() -> None:
    done = attnviz("focus", FOX, "--layer", "\x1b[31m\n")
    assert "\x1b" not in done.err
    assert len(done.err.splitlines()) == 2


@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(st.text(alphabet=st.characters(exclude_categories=()), min_size=1, max_size=30))
def test_any_text_is_shown_or_refused(text: str) -> None:
    # An argument that starts with a dash is an option: `--` says that what follows is the text.
    done = attnviz("focus", "--json", "--", text)
    assert done.code in (0, 2), done.err
    if done.code == 0 and text != "-":
        tokens = json.loads(done.out)["tokens"]
        assert all(text[slice(*token["span"])] == token["text"] for token in tokens)


def test_help_says_what_there_is() -> None:
    done = attnviz("--help")
    assert done.code == 0
    for verb in ("heatmap", "focus", "compare", "export", "train"):
        assert verb in done.out
        assert attnviz(verb, "--help").code == 0
    assert attnviz("--version").out.startswith("attnviz 0.")
