"""The table of README.md: of everything that was measured, what there is a target for.

It stands between two lines, `<!-- benchmarks -->` and `<!-- /benchmarks -->`.
"""

import re
from collections.abc import Iterable

from benchmarks import long
from benchmarks.results import Results, read

BLOCK = re.compile(r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->\n)", re.DOTALL)

_HEAD = """\
| what | against | measured | to reach |
|---|---|---|---|
"""


def filled(readme: str) -> str:
    """Put what was measured last into a text that has a place for it."""
    return BLOCK.sub(lambda found: found[1] + table(read()) + found[2], readme)


def table(results: Results) -> str:
    """Give what there is a target for as a Markdown table: ratios, and the memory of long inputs."""
    ratios = (
        (ratio.what, ratio.against, f"{ratio.ratio:.2f}", f"≤ {ratio.target:.3g}")
        for ratio in results.ratios
        if ratio.target is not None
    )
    return _HEAD + _rows(ratios) + _rows(long.figures(results.streaming))


def _rows(cells: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(each)} |\n" for each in cells)
