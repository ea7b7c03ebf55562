"""What was made of a long input is shown again without the model, and what it lacks is said in a line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import attnviz as package
from attnviz.studies.digest import digest as digest_of_text
from tests.cli.run import attnviz
from tests.cli.test_long import TEXT, assert_alike

MEMORY = ["--max-memory", "4MB"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text, its digest, and both of its pooled maps alone."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "long.txt").write_text(TEXT)
    done = attnviz("export", "-f", folder / "long.txt", *MEMORY, "-o", folder / "digest.safetensors")
    assert done.code == 0
    saved = package.read_digest(folder / "digest.safetensors")
    package.save(saved.maxima, folder / "maximum.safetensors")
    package.save(saved.means, folder / "mean.safetensors")
    return folder


@pytest.fixture
def digest(folder: Path) -> list[str]:
    return ["--record", str(folder / "digest.safetensors")]


@pytest.fixture
def text(folder: Path) -> list[str]:
    return ["-f", str(folder / "long.txt"), *MEMORY]


@pytest.mark.parametrize(
    "verb",
    [
        ["focus", "-l", "all"],
        ["focus", "--measures"],
        ["focus", "--measures", "-H", "L0H3,L1H1"],
        ["focus", "-H", "L1H2"],
        ["focus", "--sort", "entropy", "--top", "16"],
        ["focus", "--sort", "pattern", "--top", "16"],
    ],
    ids=" ".join,
)
def test_it_says_what_was_said_of_the_text(verb: list[str], digest: list[str], text: list[str]) -> None:
    before, after = (attnviz(*verb, *given, "--json") for given in (text, digest))
    assert (before.code, after.code) == (0, 0)
    ours, theirs = json.loads(after.out), json.loads(before.out)
    if "-H" in verb and "together" in ours:
        assert ours.pop("together") is None
        theirs.pop("together")
    assert_alike(ours, theirs)


def test_what_all_heads_read_together_is_not_said_of_some(digest: list[str]) -> None:
    done = attnviz("focus", *digest)
    assert done.code == 0
    assert "note: what heads read together is known of all 16: --layer all" in done.err
    assert "together they link" not in done.out
    assert "together they link" in attnviz("focus", *digest, "-l", "all").out


def test_fewer_words_are_told_and_more_are_not_known(digest: list[str]) -> None:
    one, many = (json.loads(attnviz("focus", *digest, "--tell", n, "--json").out) for n in ("1", "9"))
    assert all(len(head["focus"]) <= 1 for head in one["heads"])
    assert max(len(head["focus"]) for head in many["heads"]) == 3
    assert "here at most 3" in attnviz("focus", *digest, "--tell", "9").err


@pytest.mark.parametrize("statistic", ["maximum", "mean"])
def test_its_cells_are_drawn(digest: list[str], folder: Path, statistic: str) -> None:
    done = attnviz("heatmap", *digest, "--cells", statistic, "-H", "L1H2", "--json")
    assert done.code == 0
    assert "note: pooled 405 x 405 to" in done.err
    assert f"{statistic} per cell" in done.err
    saved = package.read(folder / f"{statistic}.safetensors")
    found = json.loads(done.out)
    assert found["pooling"]["statistic"] == statistic
    weights = np.array(found["heads"][0]["weights"], dtype=float)
    np.testing.assert_allclose(weights, saved.head("L1H2"), atol=1e-5)


def test_a_pooled_record_alone_is_drawn_alike(digest: list[str], folder: Path) -> None:
    alone = attnviz("heatmap", "--record", folder / "maximum.safetensors", "--width", "80")
    assert alone.code == 0
    assert alone.out == attnviz("heatmap", *digest, "--width", "80").out


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
@pytest.mark.parametrize("name", ["digest", "maximum", "mean"])
def test_it_is_drawn_into_a_file(folder: Path, tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    done = attnviz("heatmap", "--record", folder / f"{name}.safetensors", "-H", "L1H2", "-o", path)
    assert (done.code, done.out.strip()) == (0, str(path))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".json", ".csv"])
@pytest.mark.parametrize("name", ["digest", "maximum"])
def test_it_is_exported_again(folder: Path, tmp_path: Path, name: str, suffix: str) -> None:
    path, given = tmp_path / f"x{suffix}", folder / f"{name}.safetensors"
    done = attnviz("export", "--record", given, "-o", path)
    assert (done.code, done.out.strip()) == (0, str(path))
    if suffix == ".safetensors":
        read = package.read_digest if name == "digest" else package.read
        assert read(path) == read(given)


def test_a_part_is_exported(digest: list[str], folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "part.safetensors"
    assert attnviz("export", *digest, "-l", "1", "-o", path).code == 0
    part, whole = package.read_digest(path), package.read_digest(folder / "digest.safetensors")
    np.testing.assert_array_equal(part.maxima.weights, whole.maxima.weights[1:])
    assert part.focus is not None
    assert whole.focus is not None
    assert part.focus.heads == whole.focus.heads[8:]


def test_a_folder_is_filled_from_it(digest: list[str], tmp_path: Path) -> None:
    done = attnviz("export", *digest, "-l", "0", "-o", tmp_path / "all")
    assert done.code == 0
    names = {path.name for path in (tmp_path / "all").iterdir()}
    tables = {f"{name}{suffix}" for name in ("focus", "measures") for suffix in (".txt", ".json")}
    assert names == {*(f"L0H{head}.png" for head in range(8)), "grid.png", "digest.safetensors", *tables}


def test_a_folder_lacks_what_the_digest_lacks(tmp_path: Path) -> None:
    digest = digest_of_text(package.load("builtin"), TEXT[:300], pool=8, tell=0)
    bare = package.save_digest(replace(digest, measured=None), tmp_path / "bare.safetensors")
    assert attnviz("export", "--record", bare, "-l", "0", "-o", tmp_path / "all").code == 0
    assert not list((tmp_path / "all").glob("*.txt"))
    for verb, lacking in ((["focus"], "what heads read"), (["focus", "--measures"], "measures")):
        done = attnviz(*verb, "--record", bare)
        assert done.code == 2
        assert f"got {lacking}" in done.err


@pytest.mark.parametrize("name", ["digest", "maximum"])
def test_a_page_is_written_of_it(folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.html"
    done = attnviz("page", "--record", folder / f"{name}.safetensors", "-o", path, "--json")
    assert done.code == 0
    assert path.stat().st_size == json.loads(done.out)["bytes"]


REFUSED_BY_DIGEST = [
    (["compare"], "got weights"),
    (["compare", "--with-text", "fox"], "a saved record cannot be read anew"),
    (["explain"], "got weights"),
    (["heatmap", "--view", "rollout"], "got --view rollout"),
    (["heatmap", "--words"], "got --words"),
    (["heatmap", "--special", "drop"], "got --special drop"),
    (["heatmap", "--from", "3", "--to", "9"], "got --from"),
    (["focus", "--to", "9"], "got --to"),
    (["focus", "--sort", "first"], "got every head's score for first"),
    (["focus", "--effects"], "cannot be run again"),
    (["export", "--view", "norms", "-o", "x.npz"], "got --view norms"),
    (["page", "--view", "rollout", "-o", "x.html"], "got --view rollout"),
    (["page", "--from", "3", "-o", "x.html"], "got --from"),
    (["page", "--effects", "-o", "x.html"], "cannot be run again"),
    (["heatmap", "-l", "7"], "no layer 7"),
    (["heatmap", "--block", "cross"], "no such block"),
    (["heatmap", "-m", "builtin2"], "no model is run for a record"),
    (["ablate"], "no model to remove heads from"),
]


@pytest.mark.parametrize(("verb", "said"), REFUSED_BY_DIGEST, ids=lambda told: " ".join(told))
def test_what_it_lacks_is_refused_in_a_line(
    verb: list[str], said: str, digest: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused([*verb, *digest], said)
    assert list(tmp_path.iterdir()) == []


REFUSED_BY_CELLS = [
    ["focus"],
    ["focus", "--measures"],
    ["focus", "--sort", "entropy"],
    ["heatmap", "--sort", "entropy"],
    ["heatmap", "--head", "best:previous"],
    ["compare"],
    ["heatmap", "--from", "3", "--to", "9"],
    ["heatmap", "--view", "rollout"],
    ["heatmap", "--words"],
    ["heatmap", "--special", "drop"],
]


@pytest.mark.parametrize("verb", REFUSED_BY_CELLS, ids=" ".join)
def test_what_needs_single_weights_refuses_cells(verb: list[str], folder: Path) -> None:
    assert_refused([*verb, "--record", str(folder / "maximum.safetensors")], "single weights are needed")


@pytest.mark.parametrize("name", ["digest", "maximum"])
def test_nothing_is_held_against_it(folder: Path, name: str) -> None:
    done = attnviz("compare", TEXT[:100], "--with-record", folder / f"{name}.safetensors")
    assert done.code == 2
    assert "single weights are needed" in done.err or "not in a digest: got weights" in done.err


def assert_refused(command: list[str], said: str) -> None:
    done = attnviz(*command)
    lines = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    assert done.code == 2
    assert said in lines[0]
    assert lines[0].startswith("attnviz: ")
    assert len(lines) <= 2
    assert not done.out
