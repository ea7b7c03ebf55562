"""Attention whose weights no call shows, read off what it does to its values.

With queries and keys fixed, what attention makes is linear in the values, whatever band, block or bucket it
looks through. So the weights can be read exactly: the module runs again with unit vectors in place of its
values, d_v keys at a time, and what comes out are columns of the weights.

Nothing is known of a module beforehand. Its projections are those of its parts that hold a matrix. Values are
what changes the result in proportion, heads are the channels that change alike, and where only the diagonal
changes, or each channel otherwise, nothing attends.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attnviz.errors import CaptureFailed
from attnviz.sources.huggingface.paths.rerun import (
    Run,
    Seen,
    as_rows,
    chance_state,
    copied,
    flat,
    hooked,
    projections,
    set_chance,
)
from attnviz.sources.keep import refuse_too_large

# How far a change may be from proportional, and the channels of a head from each other, as a share of it; by
# the precision the model computes in.
_ALIKE = {torch.float32: 1e-3, torch.float64: 1e-6}
_ALIKE_COARSELY = 5e-2

# A change below this share of what changes is rounding.
_NOTHING = 1e-5


@dataclass(frozen=True, eq=False)
class ValuesCall:
    """One run of a module that attends.

    Attributes:
        module: the module.
        reading: how its weights are read.
        queries: the number of rows.
        keys: the number of columns.
    """

    module: nn.Module
    reading: "_Reading"
    queries: int
    keys: int

    path: ClassVar[str] = "values"
    batch: ClassVar[int] = 1
    vectors: ClassVar[None] = None
    window: ClassVar[None] = None

    @property
    def heads(self) -> int:
        """The number of heads."""
        return self.reading.heads

    def cut(self, queries: int, keys: int) -> "ValuesCall":
        """Leave out the last queries and keys: padding, or streams that predict beside the main one."""
        return replace(self, queries=queries, keys=keys)

    def visible(self) -> Tensor | None:
        """Say which keys each query sees, bool (1, query, key), if no query sees a later one; else None."""
        if not self.reading.looks_back(self.queries, self.keys):
            return None
        square = torch.ones(1, self.queries, self.keys, dtype=torch.bool, device=self.as_usual().device)
        return square.tril(self.keys - self.queries)

    def as_usual(self) -> Tensor:
        """Give what the module made of its values: (query, channel)."""
        return self.reading.trial.usual

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Give some rows of weights times values, and the weights (1, head, query, key)."""
        weights = self.reading.weights[:, start:stop]
        if _any(weights[..., self.keys :]):
            raise CaptureFailed(f"{type(self.module).__name__} gives weight to what is no part of the input")
        return self.reading.made(start, stop), weights[None, ..., : self.keys]

    def rows_of(self, output: Tensor, start: int, stop: int) -> Tensor:
        """Cut some queries' rows out of what `as_usual` gave."""
        return output[start:stop]

    def by_head(self, output: Tensor) -> Tensor:
        """Turn rows (query, channel) into (1, head, query, d_v)."""
        return _by_head(output, self.heads)[None]


@contextmanager
def intercepted(
    model: nn.Module, handle: Callable[[ValuesCall], Tensor], only: Collection[nn.Module] | None = None
) -> Iterator[None]:
    """Hand every run of a module that attends to `handle`, once it is done; the model goes on as usual.

    Each run is tried out again several times, so this is for models whose attention is not seen otherwise.

    Args:
        model: the network that will run.
        handle: takes the calls.
        only: the modules to try out; None means all that may attend.
    """
    config = getattr(model, "config", None)
    expected = getattr(config, "num_attention_heads", None)
    begun: list[Run] = []
    trying = False

    def before(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if not trying:
            begun.append(Run(module, copied(given), copied(named), chance_state()))

    def after(module: nn.Module, _given: object, _output: object) -> None:
        nonlocal trying
        if trying:
            return
        run, left, trying = begun.pop(), chance_state(), True
        try:
            reading = _understood(run, expected if isinstance(expected, int) else None)
            if reading is not None:
                handle(ValuesCall(module, reading, len(reading.trial.usual), reading.trial.keys))
        finally:
            trying = False
            set_chance(left)

    with ExitStack() as hooks:
        for module in model.modules() if only is None else only:
            if len(projections(module)) > 1:
                hooks.enter_context(hooked(module.register_forward_pre_hook(before, with_kwargs=True)))
                hooks.enter_context(hooked(module.register_forward_hook(after)))
        yield


@dataclass(frozen=True, eq=False)
class _Trial:
    """A run in whose projections values were found.

    Attributes:
        run: the run.
        sources: the numbers of the projections' runs that gave the keys' values, and what they gave.
        others: those that gave values of what is no key, such as summaries of several.
        sink: where what is made of the values arrives: before which projection's run, or at the end.
        usual: what arrives there: (query, channel).
    """

    run: Run
    sources: Mapping[int, Tensor]
    others: Mapping[int, Tensor]
    sink: int | None
    usual: Tensor

    @property
    def keys(self) -> int:
        """The number of keys."""
        return len(flat(next(iter(self.sources.values()))))

    @property
    def width(self) -> int:
        """The number of channels of a key's values."""
        return next(iter(self.sources.values())).shape[-1]

    @cached_property
    def numbers(self) -> Tensor:
        """A number for each key, no two alike and none near 0: (key, 1)."""
        chance = torch.Generator().manual_seed(0)
        return torch.rand(self.keys, 1, generator=chance).to(self.usual) + 0.5

    @cached_property
    def rest(self) -> Tensor:
        """What arrives if the keys' values are nothing: (query, channel)."""
        return self._arrives({number: torch.zeros_like(value) for number, value in self.sources.items()})

    def answer(self, vectors: Tensor, only: int | None = None) -> Tensor:
        """Say what a vector for each key, in place of its value in every head, adds to what arrives.

        Shape:
            vectors: (key, d_v), or (key, 1) for the same number in every channel.
            result: (query, channel).

        Args:
            vectors: the vectors.
            only: the one source that gives them; the others then give nothing.
        """
        put = {number: torch.zeros_like(value) for number, value in self.sources.items()}
        for number in self.sources if only is None else [only]:
            spread = vectors.repeat(1, self.width // vectors.shape[-1])
            put[number] = spread.reshape(self.sources[number].shape)
        return self._arrives(put) - self.rest

    def _arrives(self, put: Mapping[int, Tensor]) -> Tensor:
        found = self.run.again(put).at(self.sink)
        assert found is not None  # its form does not depend on the values
        return found


@dataclass(frozen=True, eq=False)
class _Reading:
    """How the weights of one run of a module are read.

    Attributes:
        trial: the run and its values.
        heads: the number of heads.
        source_of: which of the sources each query reads, as its place among them: (query,).
    """

    trial: _Trial
    heads: int
    source_of: Tensor

    @property
    def d_v(self) -> int:
        """The number of channels of a head."""
        return self.trial.usual.shape[-1] // self.heads

    @cached_property
    def weights(self) -> Tensor:
        """The weights, (head, query, key): whole, since each run gives some columns of all rows.

        Raises:
            BudgetError: they would take more than half of this machine's memory.
        """
        usual, keys, d_v = self.trial.usual, self.trial.keys, self.d_v
        refuse_too_large((1, self.heads, len(usual), keys))
        weights = usual.new_empty(self.heads, len(usual), keys)
        for start in range(0, keys, d_v):
            width = min(d_v, keys - start)
            unit = usual.new_zeros(keys, d_v)
            unit[start : start + width, :width] = torch.eye(width)
            columns = _by_head(self.trial.answer(unit), self.heads)
            weights[:, :, start : start + width] = columns[..., :width]
        return weights

    def looks_back(self, queries: int, keys: int) -> bool:
        """Say whether none of the first queries seems to see a later one of the first keys.

        The queries are the last of the keys. Each channel's values are nothing up to some key; a query before
        that key must then get nothing. There are as many such keys as channels, which tells looking back from
        looking both ways; the capture checks every weight.
        """
        if queries > keys:
            return False
        positions = torch.arange(self.trial.keys, device=self.source_of.device)
        firsts = torch.linspace(1, max(1, keys - 1), self.d_v, device=positions.device).long()
        later = (positions[:, None] >= firsts) & (positions[:, None] < keys)
        felt = _by_head(self.trial.answer(self.trial.numbers * later)[:queries], self.heads)
        before = positions[keys - queries : keys, None] < firsts
        return not _any(felt[:, before])

    def made(self, start: int, stop: int) -> Tensor:
        """Multiply some rows of the weights with the values, and add the rest: (query, channel)."""
        weights, made = self.weights[:, start:stop], []
        for values in self.trial.sources.values():
            own = _by_head(flat(values), self.trial.width // self.d_v)
            shared = own.repeat_interleave(self.heads // len(own), dim=0)
            made.append((weights @ shared).transpose(0, 1).flatten(1))
        picked = torch.stack(made)[self.source_of[start:stop], torch.arange(stop - start)]
        return picked + self.trial.rest[start:stop]


def _understood(run: Run, expected: int | None) -> _Reading | None:
    """Find out how a module attends, if it does."""
    seen = run.again()
    moved = {number: found for number in range(len(seen.made)) if (found := _moved(run, seen, number))}
    for sink in dict.fromkeys(found.sink for found in moved.values()):
        here = {number: found for number, found in moved.items() if found.sink == sink}
        values = [number for number, found in here.items() if found.in_proportion]
        usual = seen.at(sink)
        # Something must decide what is looked at: what has values alone is a matrix, or a sum.
        if usual is not None and values and len(values) < len(here):
            reading = _read(_Trial(run, *_keys_and_others(seen, values), sink, usual), expected)
            if reading is not None:
                return reading
    return None


@dataclass(frozen=True)
class _Moved:
    """What follows when what comes out of a projection is doubled.

    Attributes:
        sink: where it is first felt: before which projection's run, or at the end.
        in_proportion: whether what changes there does so in proportion.
    """

    sink: int | None
    in_proportion: bool


def _moved(run: Run, seen: Seen, number: int) -> _Moved | None:
    """Double what comes out of a projection, and take it away, and see what follows; None if nothing does."""
    made = seen.made[number]
    if as_rows(made) is None:
        return None
    double, without = run.again({number: 2 * made}), run.again({number: torch.zeros_like(made)})
    for sink in (*range(number + 1, len(seen.given)), None):
        usual, more, less = seen.at(sink), double.at(sink), without.at(sink)
        if usual is None or more is None or less is None:
            continue
        change = float((more - usual).abs().max())
        if change > _NOTHING * float(usual.abs().max()):
            bent = float((more - 2 * usual + less).abs().max())
            return _Moved(sink, bent <= _alike(usual) * change)
    return None


def _keys_and_others(seen: Seen, values: Sequence[int]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Tell the values of the keys from those of summaries of them, which are fewer.

    Longformer's tokens with a global view have another projection for as many keys; transient-global LongT5
    uses one projection for the keys and for summaries of blocks of them.
    """
    counts = {number: len(flat(seen.made[number])) for number in values}
    keys = {number: seen.made[number] for number in values if counts[number] == max(counts.values())}
    return keys, {number: seen.made[number] for number in values if number not in keys}


def _read(trial: _Trial, expected: int | None) -> _Reading | None:
    """Find the heads, if what arrives is made of the values as attention makes it."""
    usual, keys = trial.usual, trial.keys
    if len({value.shape[-1] for value in trial.sources.values()}) > 1:
        return None
    numbers = trial.numbers
    felt = trial.answer(numbers)
    d_v = _alike_channels(felt, expected)
    if d_v is None or trial.width % d_v or usual.shape[-1] % trial.width:
        return None
    odd = torch.arange(keys, device=usual.device)[:, None] % 2
    if len(usual) == keys and not _any(trial.answer(numbers * odd)[::2]):
        return None  # no position feels its neighbours: this is a layer applied to each by itself
    each = torch.stack([trial.answer(numbers, only).abs().amax(dim=-1) for only in trial.sources])
    if bool(((each > _NOTHING).sum(dim=0) > 1).any()):
        return None  # a query that reads the values of two sources has two weights for each key
    return _Reading(trial, usual.shape[-1] // d_v, each.argmax(dim=0))


def _alike_channels(felt: Tensor, expected: int | None) -> int | None:
    """Find d_v: how many channels in a row change alike when every channel's values do.

    Shape:
        felt: (query, channel).

    Args:
        felt: what arrived.
        expected: the number of heads the model's configuration names: it tells heads apart that weigh alike.

    Returns:
        None if nothing changed, or no two channels alike.
    """
    channels = felt.shape[-1]
    apart = (felt[:, 1:] - felt[:, :-1]).abs().amax(dim=0)
    borders = (apart > _alike(felt) * float(felt.abs().max())).nonzero()[:, 0] + 1
    d_v = math.gcd(channels, *borders.tolist())
    if expected and channels % expected == 0 and d_v % (channels // expected) == 0:
        d_v = channels // expected
    return d_v if d_v > 1 and _any(felt) else None


def _by_head(numbers: Tensor, heads: int) -> Tensor:
    """Take (row, channel) apart into (head, row, channel)."""
    return numbers.reshape(len(numbers), heads, -1).transpose(0, 1)


def _alike(numbers: Tensor) -> float:
    return _ALIKE.get(numbers.dtype, _ALIKE_COARSELY)


def _any(felt: Tensor) -> bool:
    """Say whether anything arrived, but for rounding."""
    return bool((felt.abs() > _NOTHING).any())
