"""The table of README.md: of everything that was measured, what there is a target for.

It stands between two lines, `<!-- benchmarks -->` and `<!-- /benchmarks -->`.
"""

import re
from collections.abc import Iterable

from benchmarks.ratio import Ratio

BLOCK = re.compile(r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->\n)", re.DOTALL)

_HEAD = """\
| what | against | ratio | to reach |
|---|---|---|---|
"""


def filled(readme: str) -> str:
    """Put what was measured last into a text that has a place for it."""
    from benchmarks.results import read

    return BLOCK.sub(lambda found: found[1] + table(read().ratios) + found[2], readme)


def table(ratios: Iterable[Ratio]) -> str:
    """Give the ratios for which there is a target as a Markdown table."""
    return _HEAD + "".join(_row(ratio) for ratio in ratios if ratio.target is not None)


def _row(ratio: Ratio) -> str:
    return f"| {ratio.what} | {ratio.against} | {ratio.ratio:.2f} | ≤ {ratio.target:.2g} |\n"
