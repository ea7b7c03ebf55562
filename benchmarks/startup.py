"""The whole program, from the shell to the picture, against bare Typer and against `import torch`."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.ratio import Ratio, report, side_by_side

FOX = "The quick brown fox jumps over the lazy dog."

# As small as a Typer program with a verb, an argument and an option can be.
BARE = """
import typer
app = typer.Typer()
@app.command()
def hello(name: str, loud: bool = False) -> None:
    "Greet."
    print(name)
app()
"""


def measure() -> Iterator[Ratio]:
    """Time `--help`, and the default heatmap and focus."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        yield side_by_side(
            "`attnviz --help`",
            partial(_run, "-m", "attnviz", "--help"),
            "bare Typer `--help`",
            partial(_run, str(bare), "--help"),
            target=1.3,
            rounds=15,
        )
    for verb, target in (("heatmap", 0.35), ("focus", 0.4)):
        yield side_by_side(
            f"`attnviz {verb} TEXT`",
            partial(_run, "-m", "attnviz", verb, FOX),
            "`import torch`",
            partial(_run, "-c", "import torch"),
            target=target,
            rounds=9,
        )


def _run(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
    )


if __name__ == "__main__":
    report(measure())
