"""What a command loads: default commands never pay for torch, nor the terminal for matplotlib."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import attnviz

HEAVY = ("torch", "transformers", "tokenizers")
FOX = "The quick brown fox jumps over the lazy dog."


def loaded(arguments: list[str], folder: Path) -> set[str]:
    """Run a command in a fresh process and name the top-level packages it loaded."""
    program = (
        "import sys; from attnviz.cli import main; code = main(sys.argv[1:]); "
        "print('loaded', *{name.split('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture
def saved(tmp_path: Path) -> str:
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 2, 3))
    return str(attnviz.save(attnviz.from_arrays(weights, ["a", "b", "c"]), tmp_path / "saved.safetensors"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["heatmap", "--help"],
        ["heatmap", FOX],
        ["focus", FOX],
        ["focus", FOX, "--sort", "entropy"],
        ["heatmap", FOX, "--view", "rollout"],
        ["compare", FOX],
        ["explain", FOX],
        ["info"],
        ["heatmap", FOX, "--json"],
        ["export", FOX, "-o", "fox.safetensors"],
    ],
    ids=" ".join,
)
def test_terminal_commands_load_neither_torch_nor_matplotlib(arguments: list[str], tmp_path: Path) -> None:
    assert not loaded(arguments, tmp_path) & {*HEAVY, "matplotlib"}


@pytest.mark.parametrize(
    "arguments",
    [["heatmap", FOX, "-o", "fox.png"], ["export", FOX, "-o", "everything", "--layer", "-1"]],
    ids=" ".join,
)
def test_pictures_load_no_torch(arguments: list[str], tmp_path: Path) -> None:
    assert not loaded(arguments, tmp_path) & set(HEAVY)


@pytest.mark.parametrize(
    "verb", [["heatmap"], ["focus"], ["compare"], ["heatmap", "-o", "x.pdf"]], ids=" ".join
)
def test_a_saved_record_is_shown_without_torch(verb: list[str], saved: str, tmp_path: Path) -> None:
    assert not loaded([*verb, "--record", saved], tmp_path) & set(HEAVY)


def test_this_test_can_fail(tmp_path: Path) -> None:
    program = "import sys, torch; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & set(HEAVY)
    assert "matplotlib" in loaded(["heatmap", FOX, "-o", "fox.png"], tmp_path)


def test_importing_attnviz_loads_no_library_at_all(tmp_path: Path) -> None:
    program = "import sys, attnviz; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {*HEAVY, "numpy", "matplotlib", "rich", "typer"}
