"""Measure everything in one run (`make bench`) and write the table and the raw numbers beside this file."""

from itertools import chain
from pathlib import Path

from benchmarks import capture, grid, measures, startup
from benchmarks.ratio import machine, report, table

HERE = Path(__file__).parent
HEAD = """# What attnviz costs

Every figure is a ratio: two things timed in turn (A B A B ...) in one run, after a round that is not
counted, and the median of the ratios of the pairs. Times are medians, for orientation only. `make bench`
measures anew and writes this table and the raw numbers, [results.json](results.json).

Measured on: {machine}.

"""


def main() -> None:
    """Measure, print and write."""
    ratios = report(
        chain(startup.measure(), grid.measure(), capture.measure(), measures.measure()), HERE / "results.json"
    )
    (HERE / "README.md").write_text(HEAD.format(machine=machine()) + table(ratios), encoding="utf-8")


if __name__ == "__main__":
    main()
