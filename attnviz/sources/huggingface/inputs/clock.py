"""How much of a sound each position of a model stands for, found by trying: no list of models says it.

A model that reads sounds of any length has one more position for each so many more samples. One that fills
every sound up to one length has its positions spread over that length, in time alone or in time and
frequency; a small change of what it is given, stronger towards one end, tells where each position looks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnviz.sources.huggingface.inputs.probe import Enter, reaches, slope, strengths
from attnviz.sources.huggingface.paths import intercepted
from attnviz.sources.huggingface.paths.call import Call

# How many times positions are tried for where they look.
_TRIALS = 4

# How far, as a share of an axis, a position may seem to be from where it is.
_ROUGHLY = 0.1

# Lines reach over this much of an axis at least.
_ACROSS = 0.6

Count = Callable[[int], int]


class _EnoughError(Exception):
    """Ends a run once its first attention was seen."""


def count_positions(model: nn.Module, arguments: Mapping[str, Any]) -> int:
    """Run a model up to its first attention and count the queries there; 0 where it does not get so far."""
    seen: list[int] = []

    def note(call: Call) -> Tensor:
        seen.append(call.batch * call.queries)
        raise _EnoughError

    try:
        with intercepted(model, note), torch.no_grad(), torch.random.fork_rng(devices=[]):
            model(**arguments)
    except Exception:  # whatever a model raises that cannot read so short or so long an input
        return seen[0] if seen else 0
    return 0


def step_of(count: Count, low: int, high: int) -> float | None:
    """Measure how many more samples it takes for one more position: a whole number of them.

    Each position counts from a certain number of samples on. The first and the last such number between two
    lengths are found by halving, no closer than tells the whole number: positions between are evenly apart.

    Args:
        count: gives the number of positions for a number of samples.
        low: a number of samples.
        high: a larger one.

    Returns:
        Samples for each position; None where there are not at least two more positions for `high` than for
        `low`, as of a model that fills up what it reads.

    >>> step_of(lambda samples: (samples - 400) // 320 + 1, 1300, 6500)
    320.0
    """
    fewest, most = count(low), count(high)
    if not fewest or most < fewest + 2:
        return None
    apart = most - fewest - 1
    near = 3 * (high - low) // (2 * (most - fewest))
    enough = max(1, apart // 3)
    beyond = low + near if count(low + near) > fewest else high
    before = high - near if count(high - near) < most else low
    first = _least(count, fewest + 1, low, beyond, enough)
    last = _least(count, most, before, high, enough)
    return float(round((last - first) / apart))


def _least(count: Count, wanted: int, low: int, high: int, enough: int = 1) -> int:
    """Find the least number of samples, above `low` and up to `high`, that has so many positions.

    Returns:
        That number, or up to one less than `enough` above it.
    """
    while high - low > enough:
        middle = (low + high) // 2
        low, high = (low, middle) if count(middle) >= wanted else (middle, high)
    return high


def least_samples(count: Count, low: int, high: int) -> int:
    """Find the least number of samples of which a model has any position at all."""
    return _least(count, 1, low, high)


def lively(features: NDArray[np.floating], axis: int) -> int:
    """Count the places along an axis up to where all are alike to the end: what is behind them is filling.

    >>> lively(np.array([[3.0, 1.0, 0.0, 0.0]]), axis=1)
    2
    """
    lines = np.moveaxis(features, axis, 0).reshape(features.shape[axis], -1)
    unlike = np.flatnonzero((lines != lines[-1]).any(axis=1))
    return int(unlike[-1]) + 1 if len(unlike) else 0


@dataclass(frozen=True, eq=False)
class Spread:
    """Where in what a model is given its positions look.

    Attributes:
        reached: (position,), whether what it is given reaches it; a position that is not is the model's own.
        along: (reached position, axis), where along each axis it looks, as a share of that axis.
    """

    reached: NDArray[np.bool_]
    along: NDArray[np.float64]


def spread(enter: Enter, like: Tensor, axes: Sequence[int]) -> Spread | None:
    """Find where along some axes of what a model is given its positions look.

    It is given noise, with a little more noise on top that grows along an axis. The answer of a position to
    what grows is its answer to what does not, times how far along the axis it looks; noise, since a position
    may be blind to what is the same everywhere. The mean of a few such trials is taken.

    Args:
        enter: gives what enters the first attention, (position, d), for numbers like `like`.
        like: what the model is given; only its shape, its mean and its deviation count.
        axes: of `like`.

    Returns:
        None where what enters could not be seen.
    """
    chance = torch.Generator().manual_seed(0)
    found = []
    for _ in range(_TRIALS):
        base, more = (torch.randn(like.shape, generator=chance).to(like) * like.std() for _ in range(2))
        base = base + like.mean()
        even = slope(enter, base, more)
        ramps = [slope(enter, base, more * _ramp(like, axis)) for axis in axes]
        if even is None or any(answer is None for answer in ramps):
            return None
        reached = reaches(even)
        found.append([strengths(answer, even)[reached] for answer in ramps if answer is not None])
    return Spread(reached, np.mean(found, axis=0).T) if reached.any() else None


@contextmanager
def exactly(model: nn.Module) -> Iterator[None]:
    """Let the modules of a model that run compute in float32: a small change is lost in half precision.

    Only what runs is converted, so that looking at what enters the first attention takes little memory.
    """
    held: list[tuple[Tensor, Tensor]] = []

    def convert(module: nn.Module, _given: object) -> None:
        for part in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if part.dtype in (torch.float16, torch.bfloat16):
                held.append((part, part.data))
                part.data = part.data.float()

    hooks = [module.register_forward_pre_hook(convert) for module in model.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for part, data in held:
            part.data = data


def is_even(along: NDArray[np.float64]) -> bool:
    """Say whether positions follow each other along an axis, evenly from one end to the other.

    Shape:
        along: (position,), shares of the axis, roughly.

    >>> is_even(np.array([0.24, 0.76])), is_even(np.array([0.24, 0.76, 0.26, 0.74]))
    (True, False)
    """
    expected = (np.arange(len(along)) + 0.5) / len(along)
    return bool(np.abs(along - expected).max() < _ROUGHLY)


@dataclass(frozen=True, eq=False)
class Lines:
    """Positions on evenly spaced lines, as in a grid.

    Attributes:
        numbers: (position,), the number of each position's line, from 0.
        first: where along the axis the first line is, in places.
        apart: how many places neighbouring lines lie apart.
    """

    numbers: NDArray[np.intp]
    first: float
    apart: float

    @property
    def count(self) -> int:
        """How many lines there are."""
        return int(self.numbers.max()) + 1

    @property
    def centres(self) -> NDArray[np.float64]:
        """Where each position is, in places: (position,)."""
        return self.first + self.numbers.astype(np.float64) * self.apart


def lines(along: NDArray[np.float64], places: int) -> Lines:
    """Find the lines on which positions stand, each of which holds as many of them.

    They stand a whole number of places apart, and begin in the middle of a place or between two.

    Shape:
        along: (position,), shares of the axis, roughly.

    Args:
        along: where each position is.
        places: how many places the axis has.

    Returns:
        The largest number of lines into which the positions fall apart evenly; one line if into no more.

    >>> lines(np.array([0.24, 0.76, 0.26, 0.74]), 8)
    Lines(numbers=array([0, 1, 0, 1]), first=2.0, apart=4.0)
    """
    count = len(along)
    order = np.argsort(along, kind="stable")
    for number in (number for number in range(count, 1, -1) if count % number == 0):
        groups = along[order].reshape(number, -1)
        gaps = np.diff(groups.mean(axis=1))
        even = gaps.min() > 0.5 * gaps.mean() and gaps.max() < 1.5 * gaps.mean()
        across = number * gaps.mean() > _ACROSS
        if even and across and np.ptp(groups, axis=1).max() < gaps.min():
            numbers = np.empty(count, dtype=np.intp)
            numbers[order] = np.repeat(np.arange(number), count // number)
            apart = float(np.rint(gaps.mean() * places))
            first = (groups.mean() * places) - apart * (number - 1) / 2
            return Lines(numbers, float(np.rint(2 * first)) / 2, apart)
    return Lines(np.zeros(count, dtype=np.intp), places / 2, float(places))


def _ramp(like: Tensor, axis: int) -> Tensor:
    """Give numbers that grow along one axis: how far along it the middle of each place is, as a share."""
    count = like.shape[axis]
    shape = [1] * like.ndim
    shape[axis] = count
    return ((torch.arange(count) + 0.5) / count).reshape(shape).to(like)
