"""A page written in a process of its own, so that its memory is nobody else's.

Run as `python -m benchmarks.writing attnviz RECORD TARGET` by what is below; prints JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import attnviz
from attnviz.record import Attention
from benchmarks import bertviz

SMALL = Path(__file__).parent.parent / "samples" / "minilm.safetensors"


@dataclass(frozen=True)
class Writing:
    """A page written once: how long it took from the weights to the file, and what memory it took more."""

    seconds: float
    memory: int  # bytes at the highest, above what the process held when it began
    size: int  # bytes of the file


def written(maker: str, record: Path, target: Path) -> Writing:
    """Write a page of a saved record in a new process."""
    command = [sys.executable, "-m", "benchmarks.writing", maker, str(record), str(target)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return Writing(**json.loads(told))


def ours(record: Attention) -> Callable[[], str]:
    """Make ready to write our page."""
    from attnviz.render.page import page

    return partial(page, record)


MAKERS: dict[str, Callable[[Attention], Callable[[], str]]] = {
    "attnviz": ours,
    "bertviz `model_view`": partial(bertviz.view, "model_view"),
    "bertviz `head_view`": partial(bertviz.view, "head_view"),
}


def measured(maker: str, record: Path, target: Path) -> Writing:
    """Write it here, after a short text that is not counted: what has to be imported is then."""
    MAKERS[maker](only(SMALL))()
    write = MAKERS[maker](only(record))
    forget_highest()
    held, start = memory("VmRSS"), time.perf_counter()
    target.write_text(write(), encoding="utf-8")
    seconds = time.perf_counter() - start
    return Writing(seconds, memory("VmHWM") - held, target.stat().st_size)


def only(path: Path) -> Attention:
    """Read the record a file holds."""
    found: Attention = attnviz.read(path)
    return found


def memory(field: str) -> int:
    """Ask Linux what this process holds, or held at the highest, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return 1024 * int(line.split()[1])


def forget_highest() -> None:
    """Let the highest begin with what is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maker", choices=MAKERS)
    parser.add_argument("record", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    print(json.dumps(asdict(measured(given.maker, given.record, given.target))))
