"""`attnviz compare`: heads, texts, models and saved records against each other."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

import attnviz as package
from attnviz.analysis.comparing.contrast import contrast
from attnviz.analysis.comparing.headmap import head_map
from tests.cli.run import FOX, attnviz

CAT, DOG = "The cat sat on the mat.", "The dog sat on the mat."


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "cat.safetensors"
    assert attnviz("export", CAT, "-o", path).code == 0
    return path


def test_heads_of_one_model_come_with_a_map() -> None:
    done = attnviz("compare", FOX, "--layer", "all")
    assert done.code == 0
    assert "two dimensions keep" in done.out
    told = json.loads(attnviz("compare", FOX, "--layer", "all", "--json").out)
    compared = package.compare(package.load("builtin").attend(FOX))
    placed = head_map(compared)
    assert told["map"]["kept"] == pytest.approx(placed.kept, abs=1e-6)
    assert told["map"]["places"]["L1H3"] == pytest.approx(
        placed.places[placed.heads.index(package.HeadId(1, 3))].tolist(), abs=1e-6
    )
    assert told["order"] == [str(head) for head in compared.clustered.heads]
    assert told["pairs"][0]["spread"] == pytest.approx(compared.pairs[0].spread, abs=1e-6)


def test_two_texts_say_which_heads_changed_most() -> None:
    done = attnviz("compare", CAT, "--with-text", DOG)
    assert done.code == 0
    assert "replaced: cat→dog" in done.out
    assert done.err.count("all layers, 0-1") == 1
    source = package.load("builtin")
    found = contrast(source.attend(CAT), source.attend(DOG))
    first = found.ranked[0]
    assert re.search(rf"^{first.head}\s+{first.divergence.mean:.3f} ±", done.out, re.MULTILINE)
    assert f"{first.head}: second minus first" in done.out


def test_the_json_of_two_texts_agrees_with_python() -> None:
    told = json.loads(attnviz("compare", CAT, "--with-text", DOG, "--json").out)
    source = package.load("builtin")
    found = contrast(source.attend(CAT), source.attend(DOG))
    assert told["schema"] == "attnviz/contrast/1"
    assert [head["head"] for head in told["heads"]] == [str(change.head) for change in found.ranked]
    for head, change in zip(told["heads"], found.ranked, strict=True):
        assert head["divergence"] == pytest.approx(change.divergence.mean, abs=1e-7)
        assert head["spread"] == pytest.approx(change.divergence.spread, abs=1e-7)
    np.testing.assert_allclose(
        told["differences"][0]["weights"], found.differences[found.row(found.ranked[0].head)], atol=1e-6
    )


def test_heads_asked_for_are_mapped_and_others_left_out() -> None:
    told = json.loads(attnviz("compare", CAT, "--with-text", DOG, "--head", "L0H2,L1H3", "--json").out)
    assert {head["head"] for head in told["heads"]} == {"L0H2", "L1H3"}
    assert [head["head"] for head in told["differences"]] == ["L0H2", "L1H3"]
    many = json.loads(attnviz("compare", CAT, "--with-text", DOG, "--head", "all", "--json").out)
    assert [head["head"] for head in many["differences"]] == [head["head"] for head in many["heads"][:4]]


def test_top_says_how_many_are_listed() -> None:
    done = attnviz("compare", CAT, "--with-text", DOG, "--top", "3")
    assert len(re.findall(r"^L\dH\d +\d\.\d{3} ±", done.out, re.MULTILINE)) == 3
    pairs = attnviz("compare", CAT, "--top", "2")
    assert len(re.findall(r"^L1H\d L1H\d \d\.\d\d ±", pairs.out, re.MULTILINE)) == 2


def test_a_model_against_itself_has_not_changed(saved: Path) -> None:
    for against in (["--with-model", "builtin"], ["--with-text", CAT], ["--with-record", saved]):
        done = attnviz("compare", CAT, *against)
        assert done.code == 0
        assert "no head has changed" in done.out
        told = json.loads(attnviz("compare", CAT, *against, "--json").out)
        assert {head["divergence"] for head in told["heads"]} == {0.0}


def test_a_saved_record_against_another(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "dog.safetensors"
    assert attnviz("export", DOG, "-o", other).code == 0
    by_record = attnviz("compare", "--record", saved, "--with-record", other).out
    assert by_record == attnviz("compare", CAT, "--with-text", DOG).out


def test_a_layer_is_the_same_layer_on_both_sides() -> None:
    told = json.loads(attnviz("compare", CAT, "--with-text", DOG, "--layer", "-1", "--json").out)
    assert {head["layer"] for head in told["heads"]} == {1}
    assert all(head["against"] == head["head"] for head in told["heads"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--with-text", DOG, "--with-model", "builtin"], "got --with-text and --with-model"),
        (["--with-model", "nowhere/at/all"], "no such"),
        (["--with-text", "Dogs bark!"], "no word of one text has a match in the other"),
        (["--with-text", ""], "text"),
        (["--with-record", "missing.safetensors"], "missing.safetensors"),
        (["--with-text", DOG, "-o", "x.csv"], "allowed .txt .json .png .svg .pdf"),
        (["--with-text", DOG, "--head", "L7H0"], "no layer 7"),
        (["--with-text", DOG, "--top", "0"], "--top"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(arguments: list[str], said: str) -> None:
    done = attnviz("compare", CAT, *arguments)
    assert done.code in (2, 3)
    assert done.out == ""
    fault = [line for line in done.err.splitlines() if line.startswith("attnviz: ")]
    assert len(fault) == 1
    assert said in fault[0]


@pytest.mark.parametrize("option", [["--with-text", DOG], ["--with-model", "builtin"]])
def test_a_saved_record_is_not_read_anew(saved: Path, option: list[str]) -> None:
    done = attnviz("compare", "--record", saved, *option)
    assert done.code == 2
    assert f"got --record and {option[0]}, allowed --with-record" in done.err


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
@pytest.mark.parametrize("against", [[], ["--with-text", DOG]])
def test_a_picture_is_written_and_named(tmp_path: Path, suffix: str, against: list[str]) -> None:
    path = tmp_path / f"compared{suffix}"
    done = attnviz("compare", CAT, *against, "-o", path)
    assert (done.code, done.out.strip()) == (0, str(path))
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix])
    assert attnviz("compare", CAT, *against, "-o", path).code == 2
    assert attnviz("compare", CAT, *against, "-o", path, "--force", "--theme", "dark").code == 0


def test_a_picture_can_come_with_its_numbers(tmp_path: Path) -> None:
    done = attnviz("compare", CAT, "--with-text", DOG, "-o", tmp_path / "x.png", "--json")
    assert json.loads(done.out)["schema"] == "attnviz/contrast/1"
    assert (tmp_path / "x.png").exists()


def test_text_and_json_files(tmp_path: Path) -> None:
    assert attnviz("compare", CAT, "--with-text", DOG, "-o", tmp_path / "x.txt").code == 0
    assert "cat→dog" in (tmp_path / "x.txt").read_text(encoding="utf-8")
    assert attnviz("compare", CAT, "--with-text", DOG, "-o", tmp_path / "x.json").code == 0
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["schema"] == "attnviz/contrast/1"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize(
    "against", [[], ["--with-text", "漢字 and a hippopotomonstrosesquippedaliophobia 🦊"]]
)
def test_nothing_is_wider_than_asked(width: int, against: list[str]) -> None:
    text = "漢字 and a pneumonoultramicroscopicsilicovolcanoconiosis 🦊"
    done = attnviz("compare", text, *against, "--layer", "all", "--width", width)
    assert done.code == 0
    assert max(map(cell_len, done.out.splitlines())) <= width


def test_models_with_other_heads_and_tokens_are_compared_by_words(minilm: Path) -> None:
    done = attnviz("compare", CAT, "--with-model", minilm)
    assert done.code == 0
    assert "heads of other shapes" in done.out
    assert "only in the second: [CLS], [SEP], with" in done.out
    dropped = attnviz("compare", CAT, "--with-model", minilm, "--special", "drop")
    assert "[CLS]" not in dropped.out
    _, share = re.findall(r"they hold (\d+%) of the mass", dropped.err)
    assert f"{share} of the second's mass is on tokens not shown" in dropped.out
    told = json.loads(attnviz("compare", CAT, "--with-model", minilm, "--layer", "1", "--json").out)
    assert {head["layer"] for head in told["heads"]} == {1}
    # Any layer of the other model may hold the nearest head.
    assert len({head["against"][:2] for head in told["heads"]}) > 1


def test_a_model_and_a_copy_of_it_are_compared_head_by_head(minilm: Path, tmp_path: Path) -> None:
    shutil.copytree(minilm, tmp_path / "copy")
    told = json.loads(
        attnviz("compare", CAT, "--model", minilm, "--with-model", tmp_path / "copy", "--json").out
    )
    assert len(told["heads"]) == 72
    assert {head["divergence"] for head in told["heads"]} == {0.0}
    assert all(head["head"] == head["against"] for head in told["heads"])
