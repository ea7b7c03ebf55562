"""Inputs whose square does not fit, and parts of any input, on the command line."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from transformers import GPT2Config, PreTrainedTokenizerFast

import attnviz as package
from attnviz.studies.digest_files import read_digest
from tests.cli.run import attnviz
from tests.sources.conftest import SaveModel

# 400 words, whose weights take 5.1 MB for the built-in model's last layer and 10.2 MB for both.
TEXT = "The quick brown fox jumps over the lazy dog, which does not mind. " * 27
MEMORY = ["--max-memory", "2MB"]
POOLED = "note: pooled 405 x 405 to 128 x 128, maximum per cell"


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "long.txt"
    path.write_text(TEXT)
    return str(path)


def test_the_text_is_as_long_as_it_is_said_to_be() -> None:
    record = package.load("builtin").attend(TEXT)
    assert record.weights.shape == (2, 8, 405, 405)


def test_a_heatmap_is_pooled_and_says_so(text: str) -> None:
    done = attnviz("heatmap", "-f", text, *MEMORY)
    assert done.code == 0
    assert POOLED in done.err.splitlines()
    assert "maximum per cell" in done.out
    whole = attnviz("heatmap", "-f", text)
    assert "pooled" not in whole.err + whole.out


@pytest.mark.parametrize("statistic", ["maximum", "mean"])
def test_cells_are_what_they_are_said_to_be(text: str, statistic: str) -> None:
    options = ["--max-memory", "300kB", "--cells", statistic, "--json", "-H", "L1H2"]
    done = attnviz("heatmap", "-f", text, *options)
    found = json.loads(done.out)
    assert found["pooling"] == {"statistic": statistic, "queries": 405, "keys": 405}
    record = package.load("builtin").attend(TEXT)
    cells = np.array(found["heads"][0]["weights"], dtype=float)
    edges = np.arange(len(cells)) * 405 // len(cells)
    one = record.head("L1H2")[edges[5] : edges[6], edges[9] : edges[10]]
    assert cells[5, 9] == pytest.approx(one.max() if statistic == "maximum" else one.mean(), abs=1e-5)


@pytest.mark.parametrize(
    "verb", [["focus"], ["focus", "--sort", "distance", "--top", "3"], ["focus", "--head", "best:previous"]]
)
def test_what_heads_read_is_the_same_whatever_the_memory(text: str, verb: list[str]) -> None:
    whole, streamed = (attnviz(*verb, "-f", text, "--json", *memory) for memory in ([], MEMORY))
    assert streamed.code == 0
    assert_alike(json.loads(streamed.out), json.loads(whole.out))


def test_measures_and_comparisons_are_too(text: str) -> None:
    for verb in (["focus", "--measures", "-l", "all"], ["compare", "-l", "0-1"]):
        whole, streamed = (attnviz(*verb, "-f", text, "--json", *memory) for memory in ([], MEMORY))
        assert streamed.code == 0
        assert_alike(json.loads(streamed.out), json.loads(whole.out))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".json", ".csv"])
def test_a_digest_is_exported(text: str, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"long{suffix}"
    done = attnviz("export", "-f", text, "--max-memory", "4MB", "-o", str(path))
    assert (done.code, done.out.strip()) == (0, str(path))
    if suffix == ".safetensors":
        digest = read_digest(path)
        measured = package.measure(package.load("builtin").attend(TEXT))
        assert digest.measured is not None
        np.testing.assert_allclose(digest.measured.means, measured.means, atol=1e-5)


def test_a_folder_holds_pictures_tables_and_the_digest(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "everything"
    done = attnviz("export", "-f", text, "-l", "0", "--max-memory", "3MB", "-o", str(folder))
    assert done.code == 0
    names = {path.name for path in folder.iterdir()}
    tables = {f"{name}{suffix}" for name in ("focus", "measures") for suffix in (".txt", ".json")}
    assert names == {*(f"L0H{head}.png" for head in range(8)), "grid.png", "digest.safetensors", *tables}


def test_a_page_holds_a_digest(text: str, tmp_path: Path) -> None:
    path = tmp_path / "long.html"
    done = attnviz("page", "-f", text, "--max-memory", "4MB", "-o", str(path), "--json")
    assert done.code == 0
    assert path.stat().st_size == json.loads(done.out)["bytes"]


def test_heads_are_removed_whatever_the_memory(text: str) -> None:
    whole, small = (
        attnviz("ablate", "-f", text, "--head", "L1H2", "--no-importance", "--json", *memory)
        for memory in ([], ["--max-memory", "20MB"])
    )
    assert small.code == 0
    assert_alike(json.loads(small.out), json.loads(whole.out))


@pytest.mark.parametrize(
    "against",
    [["--with-text", TEXT.replace("lazy", "very lazy", 3)], ["--with-text", TEXT, "-H", "L1H2,L0H3"]],
    ids=["another text", "heads of the same"],
)
def test_texts_are_compared_whatever_the_memory(text: str, against: list[str]) -> None:
    whole, streamed = (attnviz("compare", "-f", text, *against, "--json", *memory) for memory in ([], MEMORY))
    assert (streamed.code, streamed.err) == (0, whole.err)  # 405 rows need not be pooled
    assert_alike(json.loads(streamed.out), json.loads(whole.out))


def test_a_long_difference_map_is_pooled_and_says_so(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text(TEXT * 2)
    second.write_text((TEXT * 2).replace("lazy", "sleepy"))
    other = ["--with-text", second.read_text(), "--max-memory", "2MB"]
    done = attnviz("compare", "-f", str(first), *other)
    assert done.code == 0
    told = [line for line in done.err.splitlines() if "pooled" in line]
    assert told == ["note: pooled 810 x 810 to 512 x 512, largest difference per cell"]
    assert "each cell: the largest of several differences" in done.out
    picture = tmp_path / "x.png"
    assert attnviz("compare", "-f", str(first), *other, "-o", str(picture)).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_saved_record_is_compared_whatever_the_memory(text: str, tmp_path: Path) -> None:
    path = package.save(
        package.load("builtin").attend(TEXT.replace("fox", "dog")), tmp_path / "dog.safetensors"
    )
    for command in (
        ["-f", text, "--with-record", str(path)],
        ["--record", str(path), "--with-record", str(path)],
    ):
        whole, streamed = (attnviz("compare", *command, "--json", *memory) for memory in ([], MEMORY))
        assert streamed.code == 0
        assert_alike(json.loads(streamed.out), json.loads(whole.out))


def test_parts_of_long_texts_are_compared_exactly(text: str) -> None:
    other = ["--with-text", TEXT.replace("fox", "dog"), "--from", "10", "--to", "40"]
    whole, small = (attnviz("compare", "-f", text, *other, "--json", *memory) for memory in ([], MEMORY))
    assert (small.code, small.out) == (0, whole.out)
    assert "pooled" not in small.err


@pytest.mark.parametrize("option", [["--words"], ["--special", "drop"]])
def test_tokens_of_long_texts_that_are_compared_stay_as_they_are(text: str, option: list[str]) -> None:
    done = attnviz("compare", "-f", text, "--with-text", "The fox.", *option, *MEMORY)
    assert done.code == 2
    assert f"got {' '.join(option)}, allowed with a part of it" in done.err


WINDOWS = [("100", "140", range(100, 141), range(100, 141)), ("7-9", "0-404", range(7, 10), range(405))]


@pytest.mark.parametrize("memory", [[], MEMORY], ids=["all fits", "little fits"])
@pytest.mark.parametrize(("start", "stop", "queries", "keys"), WINDOWS)
def test_a_window_is_exact(
    text: str, tmp_path: Path, memory: list[str], start: str, stop: str, queries: range, keys: range
) -> None:
    path = tmp_path / "part.safetensors"
    done = attnviz("export", "-f", text, "--from", start, "--to", stop, "-o", str(path), *memory)
    assert done.code == 0
    part, record = package.read(path), package.load("builtin").attend(TEXT)
    np.testing.assert_allclose(part.weights, record.weights[:, :, queries][..., keys], atol=1e-6)
    assert [token.text for token in part.queries] == [record.queries[place].text for place in queries]
    assert f"{queries.start} to {queries.stop - 1} of 405" in done.err


@pytest.mark.parametrize("verb", ["heatmap", "focus", "compare"])
def test_a_window_is_shown_by_every_verb(text: str, verb: str) -> None:
    done = attnviz(verb, "-f", text, "--from", "100", "--to", "120")
    assert done.code == 0
    assert "note: tokens 100 to 120 of 405" in done.err
    assert attnviz(verb, "-f", text, "--from", "100", "--to", "120", "--words", "--special", "drop").code == 0


def test_a_window_of_a_view_is_cut_out_of_it(text: str, tmp_path: Path) -> None:
    path, window = tmp_path / "part.safetensors", ["--from", "3", "--to", "9"]
    done = attnviz("export", "-f", text, "--view", "rollout", "-l", "1", *window, "-o", str(path))
    assert done.code == 0
    assert package.read(path).weights.shape == (1, 1, 7, 7)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--max-memory", "much"], 2, "no size: got --max-memory much"),
        (["--max-memory", "0"], 2, "no size"),
        (["--from", "fox"], 2, "no window: got --from fox"),
        (["--from", "405"], 2, "no such position: got --from 405, allowed 0 to 404"),
        (["--from", "9", "--to", "3"], 2, "an empty window"),
        (["--from", "3-5", "--to", "3"], 2, "no window"),
        (["--max-memory", "1kB"], 4, "do not fit even if pooled to 32 x 32: they take"),
        (["--view", "rollout", *MEMORY], 4, "rollout needs all weights of 405 x 405 tokens at once"),
        (["--words", *MEMORY], 2, "got --words, allowed with a part of it"),
        (["--special", "drop", *MEMORY], 2, "got --special drop"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(text: str, options: list[str], code: int, said: str) -> None:
    done = attnviz("heatmap", "-f", text, *options)
    assert done.code == code
    assert said in done.err
    assert done.err.count("\nattnviz:") + done.err.startswith("attnviz:") == 1
    assert not done.out


def test_what_is_refused_leaves_no_file(text: str, tmp_path: Path) -> None:
    for name in ("x.png", "x.html", "x.npz", "folder"):
        verb = {"x.png": "heatmap", "x.html": "page"}.get(name, "export")
        assert attnviz(verb, "-f", text, "--max-memory", "1kB", "-o", str(tmp_path / name)).code == 4
        assert not (tmp_path / name).exists()


def test_a_limit_ends_with_its_command(text: str) -> None:
    assert POOLED in attnviz("heatmap", "-f", text, *MEMORY).err
    assert "pooled" not in attnviz("heatmap", "-f", text).err


def assert_alike(ours: object, theirs: object) -> None:
    """Compare JSON, numbers up to rounding."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict)
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            assert_alike(ours[name], value)
    elif isinstance(theirs, list):
        assert isinstance(ours, list)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
    elif isinstance(theirs, float):
        assert isinstance(ours, float)
        assert math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=2e-4), (ours, theirs)
    else:
        assert ours == theirs


def test_heads_of_a_pretrained_model_are_compared_whatever_the_memory(
    save_model: SaveModel, byte_pieces: PreTrainedTokenizerFast
) -> None:
    config = GPT2Config(vocab_size=len(byte_pieces), n_embd=16, n_layer=2, n_head=4, n_positions=512)
    model = ["-m", save_model(config, byte_pieces), TEXT[:400], "-l", "all", "--json"]
    whole = attnviz("compare", *model)
    tokens = len(json.loads(whole.out)["tokens"])
    small = attnviz("compare", *model, "--max-memory", 2 * 4 * tokens**2 * 4 - 1)
    assert small.code == 0, small.err
    assert_alike(json.loads(small.out), json.loads(whole.out))
