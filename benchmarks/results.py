"""Everything that was measured: results.json, and the README.md made of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import device, long, page, pages, streaming
from benchmarks.device import Sums
from benchmarks.pages import Pages
from benchmarks.ratio import Ratio, table
from benchmarks.streaming import Pass

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
HEAD = """# What attnviz costs

Every figure is a ratio: two things timed in turn (A B A B ...) in one run, after a round that is not
counted, and the median of the ratios of the pairs. Times are medians, for orientation only. `make bench`
measures anew and writes this table and the raw numbers, [results.json](results.json).

Measured on: {machine}.

"""


@dataclass(frozen=True)
class Results:
    """What was measured.

    Attributes:
        machine: where.
        ratios: times held against each other.
        pages: of pages, ours and bertviz's.
        streaming: passes over long inputs.
        device: sums on a graphics card; none where no card was at hand.
    """

    machine: str
    ratios: tuple[Ratio, ...] = ()
    pages: tuple[Pages, ...] = ()
    streaming: tuple[Pass, ...] = ()
    device: tuple[Sums, ...] = ()


def read(path: Path = RESULTS) -> Results:
    """Read what was measured last."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Results(
        facts["machine"],
        tuple(Ratio(**{**ratio, "pairs": tuple(map(tuple, ratio["pairs"]))}) for ratio in facts["ratios"]),
        tuple(map(pages.from_json, facts.get("pages", []))),
        tuple(map(streaming.from_json, facts.get("streaming", []))),
        tuple(map(device.from_json, facts.get("device", []))),
    )


def merged(kept: Iterable[Ratio], fresh: Iterable[Ratio]) -> tuple[Ratio, ...]:
    """Put fresh ratios in the place of those they measure again, and new ones at the end."""
    by_name = {(ratio.what, ratio.against): ratio for ratio in fresh}
    again = [by_name.pop((ratio.what, ratio.against), ratio) for ratio in kept]
    return (*again, *by_name.values())


def write(results: Results, folder: Path = HERE) -> None:
    """Write the raw numbers and the tables."""
    (folder / RESULTS.name).write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(told(results), encoding="utf-8")


def told(results: Results) -> str:
    """Give README.md."""
    parts = (
        HEAD.format(machine=results.machine) + table(results.ratios),
        long.section(results.streaming) if results.streaming else "",
        device.section(results.device),
        pages.section(list(results.pages), page.LIMIT) if results.pages else "",
    )
    return "".join(parts)
