"""Measure everything in one run (`make bench`) and write the tables and the raw numbers beside this file.

`python -m benchmarks --only page startup` measures these, and keeps what was measured of the rest.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks import capture, grid, measures, page, startup
from benchmarks.pages import Pages, from_json, section
from benchmarks.ratio import Ratio, machine, report, table

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PARTS = {
    "startup": startup.measure,
    "grid": grid.measure,
    "capture": capture.measure,
    "measures": measures.measure,
}
HEAD = """# What attnviz costs

Every figure is a ratio: two things timed in turn (A B A B ...) in one run, after a round that is not
counted, and the median of the ratios of the pairs. Times are medians, for orientation only. `make bench`
measures anew and writes this table and the raw numbers, [results.json](results.json).

Measured on: {machine}.

"""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[*PARTS, "page"], help="keep what was measured of the rest"
    )
    only = parser.parse_args().only
    parts, (kept, kept_pages) = (only, read()) if only else ([*PARTS, "page"], ([], []))
    pages = list(page.measure()) if "page" in parts else kept_pages
    write(merged(kept, report(measured(parts, pages))), pages)


def measured(parts: list[str], pages: list[Pages]) -> Iterator[Ratio]:
    """Measure some parts, one after the other."""
    for part in parts:
        yield from page.ratios(pages) if part == "page" else PARTS[part]()


def merged(kept: Iterable[Ratio], fresh: Iterable[Ratio]) -> list[Ratio]:
    """Put fresh ratios in the place of those they measure again, and new ones at the end."""
    by_name = {(ratio.what, ratio.against): ratio for ratio in fresh}
    again = [by_name.pop((ratio.what, ratio.against), ratio) for ratio in kept]
    return [*again, *by_name.values()]


def read() -> tuple[list[Ratio], list[Pages]]:
    """Read what was measured last."""
    facts = json.loads(RESULTS.read_text(encoding="utf-8"))
    ratios = [Ratio(**{**ratio, "pairs": tuple(map(tuple, ratio["pairs"]))}) for ratio in facts["ratios"]]
    return ratios, [from_json(each) for each in facts.get("pages", [])]


def write(ratios: list[Ratio], pages: list[Pages]) -> None:
    """Write the tables and the raw numbers."""
    facts = {
        "machine": machine(),
        "ratios": [asdict(ratio) for ratio in ratios],
        "pages": [asdict(each) for each in pages],
    }
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    told = HEAD.format(machine=machine()) + table(ratios) + (section(pages, page.LIMIT) if pages else "")
    (HERE / "README.md").write_text(told, encoding="utf-8")


if __name__ == "__main__":
    main()
