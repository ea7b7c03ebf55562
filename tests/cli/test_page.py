"""`attnviz page` from outside: one file, whole or not at all."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import attnviz as package
from tests.cli.run import FOX, attnviz


def facts(path: Path) -> dict:
    """Read what a page says of itself."""
    found = re.search(
        r'<script type="application/json" id="facts">(.*?)</script>', path.read_text("utf-8"), re.DOTALL
    )
    assert found
    return json.loads(found[1])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    weights = np.random.default_rng(0).dirichlet(np.ones(40), size=(2, 3, 40))
    words = [f"word{place}" for place in range(40)]
    return package.save(package.from_arrays(weights, words, model="ours"), tmp_path / "saved.safetensors")


def test_a_page_is_written_and_its_path_printed(tmp_path: Path) -> None:
    path = tmp_path / "fox.html"
    done = attnviz("page", FOX, "-o", path)
    assert (done.code, done.out) == (0, f"{path}\n")
    assert re.search(r"about \d+ kB: [\d,]+ weights", done.err)  # said before it is written
    assert path.read_text("utf-8").startswith("<!doctype html>")


def test_it_holds_every_head_and_the_views_that_cost_little(tmp_path: Path) -> None:
    attnviz("page", FOX, "-o", tmp_path / "fox.html")
    held = facts(tmp_path / "fox.html")
    record = package.load("builtin").attend(FOX)
    assert [one["id"] for one in held["maps"]] == ["self", "self.rollout", "self.norms"]
    assert held["maps"][0]["layers"] == list(record.layers)
    assert held["maps"][0]["heads"] == list(record.heads)
    assert held["maps"][0]["vectors"] is not None
    assert held["text"] == FOX


def test_views_vectors_and_effects_are_there_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "fox.html"
    done = attnviz("page", FOX, "--view", "gradients", "--at", "fox", "--no-vectors", "--effects", "-o", path)
    assert done.code == 0, done.err
    held = facts(path)
    assert [one["id"] for one in held["maps"]] == ["self", "self.gradients"]
    assert held["maps"][0]["vectors"] is None
    assert held["effects"]
    assert all("effect" in head for head in held["maps"][0]["focus"])


def test_the_view_weights_means_nothing_beside_them(tmp_path: Path) -> None:
    attnviz("page", FOX, "--view", "weights", "-o", tmp_path / "fox.html")
    assert [one["id"] for one in facts(tmp_path / "fox.html")["maps"]] == ["self"]


def test_a_saved_record_needs_no_model(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "saved.html"
    done = attnviz("page", "--record", saved, "--head", "L1H2", "-o", path)
    assert done.code == 0, done.err
    (held,) = facts(path)["maps"]
    assert (held["layers"], held["heads"]) == ([1], [2])


def test_it_opens_as_it_was_asked_to(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "saved.html"
    attnviz("page", "--record", saved, "--words", "--special", "drop", "--theme", "dark", "-o", path)
    assert facts(path)["opening"] == {"words": True, "special": False, "theme": "dark"}


@pytest.mark.parametrize("size", ["much", "-3MB", "0", "", "3 XB"])
def test_a_size_that_is_none_is_refused(saved: Path, tmp_path: Path, size: str) -> None:
    done = attnviz("page", "--record", saved, f"--max-size={size}", "-o", tmp_path / "x.html")
    assert (done.code, done.out) == (2, "")
    assert "--max-size" in done.err
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize("view", [(), ("--view", "rollout")])
def test_an_answer_that_no_view_looks_at_is_refused(tmp_path: Path, view: tuple[str, ...]) -> None:
    done = attnviz("page", FOX, *view, "--at", "fox", "-o", tmp_path / "x.html")
    assert done.code == 2
    assert "--at" in done.err
    assert not (tmp_path / "x.html").exists()


def test_a_page_past_its_size_is_refused_with_the_figure(saved: Path, tmp_path: Path) -> None:
    done = attnviz("page", "--record", saved, "--max-size", "5kB", "-o", tmp_path / "x.html")
    assert done.code == 4
    assert "5 kB" in done.err
    assert "--pool" in done.err
    assert list(tmp_path.glob("*.html")) == []


def test_no_output_another_suffix_and_a_file_in_the_way_are_refused(saved: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.html"
    there.write_text("mine")
    for arguments in ((), ("-o", tmp_path / "x.png"), ("-o", there)):
        assert attnviz("page", "--record", saved, *arguments).code == 2
    assert there.read_text() == "mine"
    assert attnviz("page", "--record", saved, "-o", there, "--force").code == 0
    assert there.read_text("utf-8").startswith("<!doctype html>")


def test_json_says_what_was_written(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "saved.html"
    done = attnviz("page", "--record", saved, "--view", "rollout", "-o", path, "--json")
    told = json.loads(done.out)
    assert told["schema"] == "attnviz/written/1"
    assert (told["path"], told["bytes"]) == (str(path), path.stat().st_size)
    assert [one["id"] for one in told["maps"]] == [one["id"] for one in facts(path)["maps"]]
    assert told["weights"] == 2 * 3 * 40 * 40 + 2 * 40 * 40
    assert told["pooled"] is None
