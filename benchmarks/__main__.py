"""Measure everything in one run (`make bench`) and write the tables and the raw numbers beside this file.

`python -m benchmarks --only page startup` measures these, and keeps what was measured of the rest.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import capture, device, grid, measures, page, startup, streaming
from benchmarks.ratio import Ratio, machine, report
from benchmarks.results import Results, merged, read, write

PARTS = {
    "startup": startup.measure,
    "grid": grid.measure,
    "capture": capture.measure,
    "measures": measures.measure,
}
TABLES = ("streaming", "device", "page")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[*PARTS, *TABLES], help="keep what was measured of the rest"
    )
    only = parser.parse_args().only
    parts = only or [*PARTS, *TABLES]
    kept = read()
    results = tables(parts, kept)
    fresh = report(measured(parts, results))
    write(replace(results, machine=machine(), ratios=merged(kept.ratios if only else (), fresh)))


def tables(parts: list[str], kept: Results) -> Results:
    """Measure what has a table of its own, if it is asked for; a card that is not at hand keeps its last."""
    return replace(
        kept,
        pages=tuple(page.measure()) if "page" in parts else kept.pages,
        streaming=tuple(streaming.measure()) if "streaming" in parts else kept.streaming,
        device=(tuple(device.measure()) if "device" in parts else ()) or kept.device,
    )


def measured(parts: list[str], results: Results) -> Iterator[Ratio]:
    """Measure some parts, one after the other; ratios of what has a table of its own follow from it."""
    for part in parts:
        if part in PARTS:
            yield from PARTS[part]()
        elif part == "page":
            yield from page.ratios(list(results.pages))
        elif part == "streaming":
            yield from streaming.ratios(results.streaming)


if __name__ == "__main__":
    main()
