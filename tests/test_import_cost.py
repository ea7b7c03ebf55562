"""What a command loads: default commands never pay for torch, nor the terminal for matplotlib."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import attnviz
from attnviz.cli.verbs import VERBS

HEAVY = ("torch", "transformers", "tokenizers")

# How many modules a command may import in all, Python's own too: what it took with the libraries that
# constraints.txt pins, and some room. A budget of seconds would tell of the machine.
BUDGETS = {
    "--help": 335,
    "--version": 170,
    "heatmap --help": 440,
    "heatmap --model nowhere --help": 440,
    "heatmap {fox}": 505,
    "heatmap {fox} --json": 495,
    "focus {fox}": 575,
    "heatmap {fox} -o fox.png": 860,
}

# What a verb alone needs, beside the file of its own name in the command line.
OF_OTHER_VERBS = {
    "heatmap": ("analysis.focus", "analysis.measures", "analysis.patterns", "analysis.comparing",
                "analysis.walkthrough", "render.machine", "render.page", "render.walkthrough",
                "render.terminal.focus", "studies", "model.training"),
    "focus": ("analysis.comparing", "analysis.walkthrough", "render.figure", "render.page",
              "render.walkthrough", "render.terminal.heatmap", "studies", "model.training"),
    "compare": ("analysis.walkthrough", "render.figure", "render.page",
                "render.walkthrough", "render.terminal.focus", "studies", "model.training"),
    "explain": ("analysis.comparing", "render.figure", "render.page",
                "render.terminal.focus", "studies", "model.training"),
    "info": ("analysis.comparing", "analysis.focus", "analysis.walkthrough", "render.figure", "render.page",
             "render.terminal.focus", "render.walkthrough", "studies", "model.training"),
    "export": ("analysis.comparing", "analysis.walkthrough", "render.page", "render.walkthrough",
               "model.training"),
}  # fmt: skip
FOX = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Ended:
    """A command that was run in a fresh process.

    Attributes:
        code: its exit code.
        loaded: every module it had loaded in the end, Python's own too.
        reported: every module that `python -X importtime` reported, as often as it did; those loaded by
            `importlib.import_module` are not among them.
    """

    code: int
    loaded: frozenset[str]
    reported: tuple[str, ...]


@cache
def ended(*command: str) -> Ended:
    """Run a command once, in a folder of its own, for all tests that ask what it loads."""
    program = (
        "import atexit, runpy, sys; atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr)); "
        "runpy.run_module('attnviz', run_name='__main__', alter_sys=True)"
    )
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", program, *command],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    lines = done.stderr.splitlines()
    told = [line for line in lines if line.startswith("loaded ")]
    assert len(told) == 1, done.stderr
    reported = tuple(line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:"))
    return Ended(done.returncode, frozenset(told[0].split()[1:]), reported)


def imported(arguments: list[str], *, code: int = 0) -> frozenset[str]:
    """Run a command in a fresh process and name every module it loaded, Python's own too."""
    done = ended(*arguments)
    assert done.code == code
    return done.loaded


def loaded(arguments: list[str]) -> set[str]:
    """Run a command in a fresh process and name the top-level packages it loaded."""
    return {name.split(".")[0] for name in imported(arguments)}


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
def test_terminal_commands_load_neither_torch_nor_matplotlib(arguments: list[str]) -> None:
    assert not loaded(arguments) & {*HEAVY, "matplotlib"}


@pytest.mark.parametrize(
    "arguments",
    [["heatmap", FOX, "-o", "fox.png"], ["export", FOX, "-o", "everything", "--layer", "-1"]],
    ids=" ".join,
)
def test_pictures_load_no_torch(arguments: list[str]) -> None:
    assert not loaded(arguments) & set(HEAVY)


@pytest.mark.parametrize(
    "verb", [["heatmap"], ["focus"], ["compare"], ["heatmap", "-o", "x.pdf"]], ids=" ".join
)
def test_a_saved_record_is_shown_without_torch(verb: list[str], saved: str) -> None:
    assert not loaded([*verb, "--record", saved]) & set(HEAVY)


@pytest.mark.parametrize("command", BUDGETS)
def test_a_command_imports_no_more_modules_than_its_budget(command: str) -> None:
    names = imported([part.format(fox=FOX) for part in command.split()])
    assert len(names) <= BUDGETS[command], f"{len(names)} modules, of them ours: {ours(names)}"


@pytest.mark.parametrize("command", BUDGETS)
def test_the_interpreter_itself_reports_no_more_imports(command: str) -> None:
    """Count what `python -X importtime` reports, which leaves out what is imported by name at run time."""
    done = ended(*(part.format(fox=FOX) for part in command.split()))
    reported = done.reported
    assert done.code == 0
    assert len(reported) > 100
    assert len(reported) <= BUDGETS[command]
    assert not {name.split(".")[0] for name in reported} & set(HEAVY)


@pytest.mark.parametrize("verb", OF_OTHER_VERBS)
def test_no_verb_loads_what_only_another_needs(verb: str) -> None:
    asked = ["info"] if verb == "info" else [verb, FOX, *(["-o", "fox.npz"] if verb == "export" else [])]
    names = ours(imported(asked))
    assert {name.removeprefix("cli.") for name in names} & VERBS.keys() == {verb}
    foreign = [name for name in names if name.startswith(OF_OTHER_VERBS[verb])]
    assert not foreign


def ours(names: set[str]) -> list[str]:
    """Give this package's own modules without its name."""
    return sorted(name.removeprefix("attnviz.") for name in names if name.startswith("attnviz."))


def test_help_reads_no_verb() -> None:
    names = ours(imported(["--help"]))
    assert not {name.removeprefix("cli.") for name in names} & VERBS.keys()
    assert "record" not in names


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (["", "--model", "{here}"], 2),
        ([" \n", "--model", "{here}"], 2),
        (["fox", "--model", "{here}", "--dtype", "int8"], 2),
        (["fox", "--model", "{here}", "--device", "tpu"], 2),
        (["fox", "--model", "{here}"], 3),
        (["fox", "--model", "nowhere/at/all"], 3),
    ],
    ids=["no text", "no word", "no such dtype", "no such device", "no model there", "no such folder"],
)
def test_what_can_be_refused_at_once_is(asked: list[str], code: int, tmp_path: Path) -> None:
    names = imported(["heatmap", *(part.format(here=tmp_path) for part in asked)], code=code)
    assert not {"torch", "transformers", "tokenizers"} & names


def test_this_test_can_fail(tmp_path: Path) -> None:
    program = "import sys, torch; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & set(HEAVY)
    assert "matplotlib" in loaded(["heatmap", FOX, "-o", "fox.png"])


def test_importing_attnviz_loads_no_library_at_all(tmp_path: Path) -> None:
    program = "import sys, attnviz; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {*HEAVY, "numpy", "matplotlib", "rich", "typer"}
