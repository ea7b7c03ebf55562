"""Attention whose weights no call shows, read off what it does to its values.

With queries and keys fixed, what attention makes is linear in the values, whatever band, block or bucket it
looks through. So the weights can be read exactly: the module runs again with unit vectors in place of its
values, d_v keys at a time, and what comes out are columns of the weights.

Nothing is known of a module beforehand. Its projections are those of its parts that hold a matrix. Values are
what changes the result in proportion, heads are the channels that change alike, and where only the diagonal
changes, or each channel otherwise, nothing attends.
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attnviz.errors import CaptureFailed, UnsupportedModel
from attnviz.sources.huggingface.paths.functions import Guard
from attnviz.sources.huggingface.paths.rerun import (
    RefusedError,
    Run,
    Seen,
    Trial,
    as_rows,
    chance_state,
    copied,
    flat,
    hooked,
    projections,
    random_like,
    set_chance,
)
from attnviz.sources.keep import refuse_too_large

# How far a change may be from proportional, and the channels of a head from each other, as a share of it; by
# the precision the model computes in.
_ALIKE = {torch.float32: 1e-3, torch.float64: 1e-6}
_ALIKE_COARSELY = 5e-2

# What tells the layers of one stack apart.
_NUMBER = re.compile(r"\d+")

# A change below this share of what changes is rounding.
_NOTHING = 1e-5

# How large numbers are that are put in the place of a projection's own.
_LARGE = 100.0


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
    scale: ClassVar[None] = None

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
        return square.tril()

    def as_usual(self) -> Tensor:
        """Give what the module made of its values: (query, channel)."""
        return self.reading.trial.usual

    def gated(self, gates: Tensor) -> Tensor:
        """Give it with each head's part multiplied by its gate, gates (head,), for the module to go on with.

        The module runs anew for it, since trying it out kept no gradients.
        """
        trial = self.reading.trial
        made = trial.run.again().at(trial.sink)
        assert made is not None  # it was there when the module was tried out
        apart = made.reshape(len(made), self.heads, -1)
        return (apart * gates.to(made)[:, None]).reshape(made.shape)

    def shifted(self, added: Tensor) -> Tensor:
        """Give it with numbers added to the weights, added (1, head, query, key); see `gated`."""
        trial = self.reading.trial
        seen = trial.run.again()
        made = seen.at(trial.sink)
        assert made is not None  # as above
        sources = [seen.made[number] for number in trial.sources]
        return made + self.reading.weighed(added.to(made)[0], sources, self.reading.source_of)

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
def intercepted(model: nn.Module, guard: Guard, only: Collection[nn.Module] | None = None) -> Iterator[None]:
    """Hand every run of a module that attends to a guarded handle, once it is done.

    The model goes on with what the module gave, unless the handle answers with something else than what
    the module made of its values.

    Each run is tried out again several times, so this is for models whose attention is not seen otherwise.

    Args:
        model: the network that will run.
        guard: takes the calls.
        only: the modules to try out; None means all that may attend.

    Raises:
        UnsupportedModel: of the modules of one stack of layers only some are seen to attend.
    """
    names = {module: name for name, module in model.named_modules()}
    expected = getattr(getattr(model, "config", None), "num_attention_heads", None)
    begun: list[Run] = []
    attends: dict[bool, set[str]] = {True: set(), False: set()}

    def before(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if not guard.busy:
            begun.append(Run(module, copied(given), copied(named), chance_state()))

    def after(module: nn.Module, _given: object, _output: object) -> Any:  # noqa: ANN401
        if guard.busy:
            return None
        run, left, reading = begun.pop(), chance_state(), None
        try:
            with guard.closed(), suppress(RefusedError), torch.no_grad():
                reading = _understood(run, expected if isinstance(expected, int) else None)
            attends[reading is not None].add(_NUMBER.sub("*", names[module]))
            return None if reading is None else _answered(guard, module, reading)
        finally:
            set_chance(left)

    with ExitStack() as hooks:
        for module in names if only is None else only:
            if len(projections(module)) > 1:
                hooks.enter_context(hooked(module.register_forward_pre_hook(before, with_kwargs=True)))
                hooks.enter_context(hooked(module.register_forward_hook(after)))
        yield
    for stack in attends[True] & attends[False]:
        raise UnsupportedModel(f"only some layers of {stack} attend in a way that can be read")


def _answered(guard: Guard, module: nn.Module, reading: "_Reading") -> Any:  # noqa: ANN401
    """Hand a run on, and say what the module gives with the answer; None if that is what it gave."""
    trial = reading.trial
    answer = guard(ValuesCall(module, reading, len(trial.usual), trial.keys))
    if answer is trial.usual:
        return None
    with guard.closed():
        return trial.run.with_arrived(trial.sink, answer)


@dataclass(frozen=True, eq=False)
class _Reading:
    """How the weights of one run of a module are read.

    Attributes:
        trial: the run and its values.
        heads: the number of heads.
        source_of: which of the sources each query reads, as its place among them: (query,).
    """

    trial: Trial
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
            unit[start : start + width, :width] = torch.eye(width, device=unit.device)
            columns = _by_head(self.trial.answer(unit), self.heads)
            weights[:, :, start : start + width] = columns[..., :width]
        return weights

    def looks_back(self, queries: int, keys: int) -> bool:
        """Say whether none of the first queries seems to see a later one of the first keys.

        Each channel's values are nothing up to some key; a query before that key must then get nothing. There
        are as many such keys as channels, which tells looking back from looking both ways; the capture checks
        every weight. In cross-attention no key is later than a query.
        """
        if queries != keys:
            return False
        positions = torch.arange(self.trial.keys, device=self.source_of.device)
        firsts = torch.linspace(1, max(1, keys - 1), self.d_v, device=positions.device).long()
        later = (positions[:, None] >= firsts) & (positions[:, None] < keys)
        felt = _by_head(self.trial.answer(self.trial.numbers * later)[:queries], self.heads)
        return not bool(felt[:, positions[:keys, None] < firsts].any())

    def made(self, start: int, stop: int) -> Tensor:
        """Multiply some rows of the weights with the values, and add the rest: (query, channel)."""
        sources = list(self.trial.sources.values())
        made = self.weighed(self.weights[:, start:stop], sources, self.source_of[start:stop])
        return made + self.trial.rest[start:stop]

    def weighed(self, weights: Tensor, sources: Sequence[Tensor], source_of: Tensor) -> Tensor:
        """Multiply weights with the values each query reads.

        Shape:
            weights: (head, query, key).
            sources: values as the projections give them.
            source_of: (query,), the place among the sources.
            result: (query, channel).
        """
        made = []
        for values in sources:
            own = _by_head(flat(values), self.trial.width // self.d_v)
            shared = own.repeat_interleave(self.heads // len(own), dim=0)
            made.append((weights @ shared).transpose(0, 1).flatten(1))
        return torch.stack(made)[source_of, torch.arange(len(source_of), device=weights.device)]


def _understood(run: Run, expected: int | None) -> _Reading | None:
    """Find out how a module attends, if it does."""
    seen = run.again()
    moved = {number: found for number in range(len(seen.made)) if (found := _moved(run, seen, number))}
    for sink in dict.fromkeys(found.sink for found in moved.values()):
        values = [number for number, found in moved.items() if found == _Moved(sink, in_proportion=True)]
        usual = seen.at(sink)
        if usual is not None and values:
            trial = Trial(run, *_keys_and_others(seen, values), sink, usual)
            reading = _read(trial, expected) if _is_decided(trial, seen) else None
            if reading is not None:
                return reading
    return None


@dataclass(frozen=True)
class _Moved:
    """What follows when other numbers come out of a projection.

    Attributes:
        sink: where it is first felt: before which projection's run, or at the end.
        in_proportion: whether what changes there does so in proportion.
    """

    sink: int | None
    in_proportion: bool


def _moved(run: Run, seen: Seen, number: int) -> _Moved | None:
    """Let some numbers, their doubles, and nothing come out of a projection; None if all are felt alike.

    The numbers are large, so that what is bent at all is bent visibly: small logits move a softmax in
    proportion.
    """
    made = seen.made[number]
    if as_rows(made) is None:
        return None
    numbers = _LARGE * random_like(made)
    once, twice = run.again({number: numbers}), run.again({number: 2 * numbers})
    without = run.again({number: torch.zeros_like(made)})
    for sink in (*range(number + 1, len(seen.given)), None):
        one, two, none = once.at(sink), twice.at(sink), without.at(sink)
        if one is None or two is None or none is None:
            continue
        change = float(torch.maximum((two - one).abs(), (one - none).abs()).max())
        if not change <= _NOTHING * float(none.abs().max()):
            bent = float((two - 2 * one + none).abs().max())
            return _Moved(sink, bent <= _alike(one) * change)
    return None


def _is_decided(trial: Trial, seen: Seen) -> bool:
    """Say whether something beside the values decides what is made of them: else it is a matrix, or a sum."""
    values = {number: random_like(value) for number, value in {**trial.sources, **trial.others}.items()}
    usual = trial.run.again(values).at(trial.sink)
    for number, made in enumerate(seen.made):
        if number in values or as_rows(made) is None or (trial.sink is not None and number >= trial.sink):
            continue
        other = trial.run.again({**values, number: _LARGE * random_like(made)}).at(trial.sink)
        if usual is not None and other is not None and not torch.allclose(usual, other, atol=_NOTHING):
            return True
    return False


def _keys_and_others(seen: Seen, values: Sequence[int]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Tell the values of the keys from those of summaries of them, which are fewer.

    Longformer's tokens with a global view have another projection for as many keys; transient-global LongT5
    uses one projection for the keys and for summaries of blocks of them.
    """
    counts = {number: len(flat(seen.made[number])) for number in values}
    keys = {number: seen.made[number] for number in values if counts[number] == max(counts.values())}
    return keys, {number: seen.made[number] for number in values if number not in keys}


def _read(trial: Trial, expected: int | None) -> _Reading | None:
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
    from_odd, from_even = trial.answer(numbers * odd), trial.answer(numbers * (1 - odd))
    if len(usual) == keys and not _any(from_odd[::2]) and not _any(from_even[1::2]):
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
