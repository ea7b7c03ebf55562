"""What benchmarks/ says follows from what was measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import device, long, streaming
from benchmarks.ratio import compared
from benchmarks.results import HERE, Results, merged, read, told, write
from benchmarks.streaming import Pass
from benchmarks.told import filled, table

MB = 10**6


def passes() -> list[Pass]:
    """Two rounds at each of four lengths: statistics take 1.5 times as long, and 20 kB more a token."""
    found = []
    for tokens in (512, 2048, 8192, 16384):
        plain = Pass("plain", tokens, tokens / 1000, 0.0, 500 * MB, 600 * MB, 610 * MB)
        ours = replace(
            plain, way="statistics", seconds=1.5 * plain.seconds, peak=plain.peak + 20_000 * tokens
        )
        layer = replace(ours, way="layer 5", seconds=1.05 * plain.seconds)
        ways = [plain, ours, *([layer] if tokens == 2048 else [])]
        found += 2 * ways
    return found


def test_ratios_of_passes() -> None:
    ratios = list(streaming.ratios(passes()))
    by_target = [(round(ratio.ratio, 6), ratio.target) for ratio in ratios]
    assert by_target == [(1.5, None), (1.5, 1.5), (1.05, 1.08), (1.5, 1.5), (1.5, 1.5)]
    assert [len(ratio.pairs) for ratio in ratios] == [2] * 5


def test_memory_and_its_growth() -> None:
    assert long.above(passes(), 16384) == 20_000 * 16384
    text = long.section(passes())
    assert "| 16,384 | 16.38 s | 24.58 s | **1.50** | 0.00 s | 100 MB | 428 MB | **328 MB** |" in text
    linear = [replace(one, held=one.held + 100 * MB) for one in passes()]
    assert long.growth(linear) == pytest.approx(1)
    assert "**n^1.00**" in long.section(linear)
    assert "**0.61 GB** at the highest" in text


def test_growth_is_told_of_squares_too() -> None:
    squares = [replace(one, peak=one.peak + 8 * one.tokens**2 * (one.way != "plain")) for one in passes()]
    assert long.exponent([(n, long.above(squares, n)) for n in (2048, 8192, 16384)]) > 1.5


def test_a_table_without_a_card_is_open_and_says_so() -> None:
    assert "Open: no graphics card was at hand" in device.section([])
    [one] = device.measure([64], 1, "cpu", kinds=("float32",))
    assert "| cpu | 64 | float32 |" in device.section([one])
    assert device.from_json(json.loads(json.dumps(one.__dict__))) == one


def test_what_is_written_is_what_was_measured(tmp_path: Path) -> None:
    results = replace(read(), streaming=tuple(passes()))
    write(results, tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == told(results)
    assert read(tmp_path / "results.json") == results
    assert "## Long inputs" in told(results)
    assert "## Long inputs" not in told(Results("here"))


def test_the_published_tables_are_those_of_the_published_numbers() -> None:
    assert (HERE / "README.md").read_text(encoding="utf-8") == told(read())


def test_only_what_was_measured_again_is_exchanged() -> None:
    kept = [compared("a", "b", ((1.0, 2.0),)), compared("c", "d", ((1.0, 1.0),))]
    fresh = [compared("a", "b", ((1.0, 4.0),)), compared("e", "f", ((1.0, 1.0),))]
    assert [(one.what, one.ratio) for one in merged(kept, fresh)] == [("a", 0.25), ("c", 1.0), ("e", 1.0)]


def test_the_readme_shows_what_has_a_target() -> None:
    ratios = [compared("a", "b", ((1.0, 2.0),), target=0.6), compared("c", "d", ((1.0, 1.0),))]
    shown = table(Results("here", tuple(ratios), streaming=tuple(passes()))).splitlines()[2:]
    assert shown == [
        "| a | b | 0.50 | ≤ 0.6 |",
        "| memory of statistics, 16,384 tokens | a pass without weights | 328 MB more | ≤ 300 MB more |",
        "| memory of statistics, 16,384 tokens | the whole process | 0.61 GB | ≤ 2 GB |",
        f"| memory of statistics, by the number n of tokens |  | n^{long.growth(passes()):.2f} | n^1 |",
    ]
    text = filled("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    assert text == f"before\n<!-- benchmarks -->\n{table(read())}<!-- /benchmarks -->\nafter\n"
    assert filled("nothing here") == "nothing here"


@pytest.mark.long
def test_passes_in_processes_of_their_own() -> None:
    found = list(streaming.measure({1100: 1}, quick=True))
    assert [one.way for one in found] == ["plain", "statistics", "layer 5"]
    assert all(one.seconds > 0 and one.highest >= one.peak >= one.held > 0 for one in found)
    assert len(list(streaming.ratios(found))) == 2
