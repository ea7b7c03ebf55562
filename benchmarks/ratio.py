"""Two things timed in turn, A B A B ..., so that a machine that slows down slows both."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

_HEAD = """\
| what | against | time | time of the other | ratio | to reach |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Ratio:
    """One comparison: what is measured, against what, the medians in seconds and of the pairwise ratios."""

    what: str
    against: str
    seconds: float
    against_seconds: float
    ratio: float
    target: float | None
    pairs: tuple[tuple[float, float], ...]

    def row(self) -> str:
        """Give a row of a Markdown table."""
        target = "" if self.target is None else f"≤ {self.target:.3g}"
        times = f"{1000 * self.seconds:.1f} ms | {1000 * self.against_seconds:.1f} ms"
        return f"| {self.what} | {self.against} | {times} | **{self.ratio:.2f}** | {target} |"


def side_by_side(
    what: str,
    run: Callable[[], object],
    against: str,
    other: Callable[[], object],
    *,
    target: float | None = None,
    rounds: int = 7,
) -> Ratio:
    """Time two things in turn, after one round that is not counted."""
    run(), other()
    pairs = tuple((_seconds(run), _seconds(other)) for _ in range(rounds))
    return compared(what, against, pairs, target=target)


def compared(
    what: str, against: str, pairs: tuple[tuple[float, float], ...], *, target: float | None = None
) -> Ratio:
    """Sum up pairs that were timed in turn."""
    return Ratio(
        what,
        against,
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        statistics.median(first / second for first, second in pairs),
        target,
        pairs,
    )


def report(ratios: Iterable[Ratio], path: Path | None = None) -> list[Ratio]:
    """Print a table row by row as it is measured; write the raw numbers as JSON if a path is given."""
    print(f"\n{machine()}\n\n{_HEAD}", end="")
    measured = []
    for ratio in ratios:
        print(ratio.row(), flush=True)
        measured.append(ratio)
    if path is not None:
        facts = {"machine": machine(), "ratios": [asdict(ratio) for ratio in measured]}
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return measured


def table(ratios: Iterable[Ratio]) -> str:
    """Give measured ratios as a Markdown table."""
    return _HEAD + "".join(ratio.row() + "\n" for ratio in ratios)


def machine() -> str:
    """Describe where this was measured."""
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {sys.platform}"


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
