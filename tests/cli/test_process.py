"""What only a whole process shows: pipes that close, Ctrl-C, colours, the module form."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.run import FOX

ATTNVIZ = [sys.executable, "-m", "attnviz"]


@pytest.mark.parametrize("form", [["--json"], ["--width", "400"], ["--width", "400", "--color", "always"]])
def test_a_closed_pipe_ends_quietly(form: list[str]) -> None:
    # More than a pipe holds, so that writing fails while the reader is gone.
    process = subprocess.Popen(
        [*ATTNVIZ, "heatmap", FOX * 12, *form], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 0
    assert "Traceback" not in errors
    assert "Broken" not in errors


def test_a_reader_that_wants_nothing_is_no_fault() -> None:
    done = subprocess.run(
        f"set -o pipefail; {' '.join(ATTNVIZ)} focus '{FOX}' | true",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_interrupted_ends_with_130_and_leaves_no_file(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, attnviz.store as store\n"
        "def stop(record, path):\n"
        "    path.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "store.WRITERS['.json'] = stop\n"
        "from attnviz.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "export", FOX, "-o", "x.json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "attnviz: interrupted"
    assert list(tmp_path.iterdir()) == []
    assert signal.SIGINT == 2


def environment(**changes: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
    }
    return {**kept, "TERM": "xterm-256color", **changes}


def shown(*options: str, **changes: str) -> str:
    return subprocess.run(
        [*ATTNVIZ, "heatmap", FOX, *options],
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_colours_are_for_terminals_unless_asked_for() -> None:
    assert "\x1b[" not in shown()
    assert "\x1b[" in shown("--color", "always")
    assert "\x1b[" in shown("--color", "always", NO_COLOR="1")
    assert "\x1b[" not in shown("--color", "never")
    assert "\x1b[" not in shown("--color", "auto", NO_COLOR="1")


def test_the_width_of_the_environment_is_kept() -> None:
    assert max(map(len, shown(COLUMNS="60").splitlines())) <= 60
