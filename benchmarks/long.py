"""What was measured of long inputs, and how benchmarks/README.md tells it."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.streaming import Pass, Way

MOST_ABOVE = 300e6  # bytes above a plain pass, at any length
MOST_HIGHEST, AT_TOKENS = 2e9, 16384  # bytes of the whole process

_HEAD = """
## Long inputs

All measures of all 144 heads of a random GPT-2 small whose positions reach far enough, taken while it runs,
against a plain pass of the same model (transformers' "sdpa", no cache, no language-model head). Each pass in
a process of its own, in turn, after 64 tokens that are not counted. Medians; memory is resident memory at its
highest, above what the process held before (libraries and parameters), but for the whole process. Statistics
hold all it takes from the tokens to the table; **watched** is what of it goes by before the first weight is
made: the model is watched on the beginning of a long text, and on all of a short one. Layers behind the last
that is asked for do not run, so one layer alone may cost less than a plain pass; to reach is that it costs
at most a sixth of what all layers do above one.

"""

_COLUMNS = (
    "tokens",
    "a pass",
    "statistics",
    "ratio",
    "watched",
    "memory of the pass",
    "memory of statistics",
    "above the pass",
    "to reach",
    "whole process",
    "rounds",
)


def section(passes: Sequence[Pass]) -> str:
    """Give the section on long inputs, in Markdown."""
    rows = "".join(f"| {' | '.join(_cells(passes, tokens))} |\n" for tokens in _sizes(passes))
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n"
    return _HEAD + head + rows + _growth(passes) + _whole(passes)


def above(passes: Sequence[Pass], tokens: int) -> float:
    """Say how many bytes statistics take above a plain pass: the difference of the medians."""
    return _memory(passes, tokens, "statistics") - _memory(passes, tokens, "plain")


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Fit y = c x^k by least squares of the logarithms, and give k.

    >>> round(exponent([(1, 3), (2, 6), (4, 12)]), 6)
    1.0
    """
    xs, ys = ([math.log(value) for value in values] for values in zip(*points, strict=True))
    return statistics.linear_regression(xs, ys).slope


def growth(passes: Sequence[Pass]) -> float:
    """Say with which power of the number of tokens the memory of statistics grows."""
    return exponent([(tokens, _memory(passes, tokens, "statistics")) for tokens in _sizes(passes)])


def figures(passes: Sequence[Pass]) -> Iterator[tuple[str, str, str, str]]:
    """Give what README.md tells of memory: what, against what, the figure, and what is to be reached."""
    if AT_TOKENS not in _sizes(passes):
        return
    what = f"memory of statistics, {AT_TOKENS:,} tokens"
    more = above(passes, AT_TOKENS) / 1e6
    told = f"{more:.0f} MB more" if more >= 0 else f"{-more:.0f} MB less"
    yield what, "a pass without weights", told, "≤ 300 MB more"
    yield what, "the whole process", f"{_highest(passes) / 1e9:.2f} GB", "≤ 2 GB"
    yield "memory of statistics, by the number n of tokens", "", f"n^{growth(passes):.2f}", "n^1"


def _cells(passes: Sequence[Pass], tokens: int) -> tuple[str, ...]:
    plain, ours = _of(passes, tokens, "plain"), _of(passes, tokens, "statistics")
    pairs = zip(ours, plain, strict=True)
    return (
        f"{tokens:,}",
        f"{_median(each.seconds for each in plain):.2f} s",
        f"{_median(each.seconds for each in ours):.2f} s",
        f"**{_median(mine.seconds / other.seconds for mine, other in pairs):.2f}**",
        f"{_median(each.watched for each in ours):.2f} s",
        f"{_memory(passes, tokens, 'plain') / 1e6:.0f} MB",
        f"{_memory(passes, tokens, 'statistics') / 1e6:.0f} MB",
        f"**{above(passes, tokens) / 1e6:.0f} MB**",
        f"≤ {MOST_ABOVE / 1e6:.0f} MB",
        f"{_median(each.highest for each in ours) / 1e9:.2f} GB",
        str(len(ours)),
    )


def _growth(passes: Sequence[Pass]) -> str:
    """Say how memory grows, if there is enough to say it of."""
    if len(sizes := _sizes(passes)) < 2:
        return ""
    return (
        f"\nMemory of statistics grows with **n^{growth(passes):.2f}** in the number n of tokens: least "
        f"squares of the logarithms over {len(sizes)} lengths, where squares of weights would grow with n^2; "
        "to reach: n^1.\n"
    )


def _whole(passes: Sequence[Pass]) -> str:
    """Say what a process takes in all at the length for which there is a target."""
    if AT_TOKENS not in _sizes(passes):
        return ""
    return (
        f"\n{AT_TOKENS:,} tokens through 12 layers of 12 heads in one process: "
        f"**{_highest(passes) / 1e9:.2f} GB** at the highest, parameters and libraries among them; to reach: "
        f"{MOST_HIGHEST / 1e9:.0f} GB.\n"
    )


def _sizes(passes: Sequence[Pass]) -> list[int]:
    return sorted({each.tokens for each in passes})


def _highest(passes: Sequence[Pass]) -> float:
    return max(each.highest for each in _of(passes, AT_TOKENS, "statistics"))


def _memory(passes: Sequence[Pass], tokens: int, way: Way) -> float:
    return _median(each.memory for each in _of(passes, tokens, way))


def _of(passes: Sequence[Pass], tokens: int, way: Way) -> list[Pass]:
    return [each for each in passes if each.tokens == tokens and each.way == way]


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)
