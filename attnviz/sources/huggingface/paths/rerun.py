"""Running a module again, as often as one likes, with other things coming out of its projections."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn


class RefusedError(Exception):
    """A module does not run with what comes out of its projections instead."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What one run of a module showed.

    Attributes:
        given: for each run of a projection, in order, what went in: (row, channel), or None if not so.
        made: likewise what came out, in the form in which it came.
        result: what the module gave: (row, channel), or None.
    """

    given: list[Tensor | None]
    made: list[Tensor]
    result: Tensor | None

    def at(self, place: int | None) -> Tensor | None:
        """Give what entered a projection, or the result where no place is named."""
        return self.result if place is None else self.given[place]


@dataclass(frozen=True, eq=False)
class Run:
    """One run of a module, which can be done again with other things coming out of its projections.

    Attributes:
        module: the module.
        given: its arguments.
        named: its named arguments.
        chance: the state of the generators of random numbers before it ran.
    """

    module: nn.Module
    given: tuple[Any, ...]
    named: dict[str, Any]
    chance: list[Tensor]

    def again(self, exchanged: Mapping[int, Tensor] | None = None) -> Seen:
        """Run again.

        Args:
            exchanged: by the number of a run of a projection what is to come out of it instead.

        Raises:
            RefusedError: the module does not run with it.
        """
        given: list[Tensor | None] = []
        made: list[Tensor] = []

        def look(_module: nn.Module, entered: tuple[Any, ...], left: Tensor) -> Tensor:
            instead = (exchanged or {}).get(len(made), left)
            given.append(as_rows(entered[0]) if entered else None)
            made.append(instead)
            return instead

        with ExitStack() as hooks:
            for projection in projections(self.module):
                hooks.enter_context(hooked(projection.register_forward_hook(look)))
            try:
                output = self._output()
            except Exception as error:  # what a module raises that meets strange numbers has no common class
                raise RefusedError from error
        return Seen(given, made, as_rows(_first(output)))

    def with_arrived(self, place: int | None, rows: Tensor) -> Any:  # noqa: ANN401 - as the module gives it
        """Run again with other numbers entering one run of a projection, or being the result.

        Args:
            place: the number of the run of a projection; None means the result.
            rows: the numbers, (row, channel).

        Returns:
            All the module gives.
        """
        if place is None:
            return _with_first(self._output(), rows)
        entered = count()

        def enter(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
            return (rows.reshape(given[0].shape), *given[1:]) if next(entered) == place else given

        with ExitStack() as hooks:
            for projection in projections(self.module):
                hooks.enter_context(hooked(projection.register_forward_pre_hook(enter)))
            return self._output()

    def _output(self) -> Any:  # noqa: ANN401
        set_chance(self.chance)
        # Called directly, so that the hooks upon the module itself do not see it.
        return self.module.forward(*copied(self.given), **copied(self.named))


@dataclass(frozen=True, eq=False)
class Trial:
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


def projections(module: nn.Module) -> list[nn.Module]:
    """A module's own parts that hold a matrix and nothing else."""
    return [
        part
        for part in module.children()
        if not any(part.children())
        and any(tensor.ndim > 1 for tensor in (*part.parameters(recurse=False), *part.buffers(recurse=False)))
    ]


def _first(output: Any) -> Any:  # noqa: ANN401 - modules give whatever they like
    """The first thing a module gave."""
    while isinstance(output, tuple | list | dict) and output:
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    return output


def _with_first(output: Any, rows: Tensor) -> Any:  # noqa: ANN401
    """Exchange the first thing a module gave."""
    if isinstance(output, Tensor):
        return rows.reshape(output.shape)
    if isinstance(output, dict):
        first = next(iter(output))
        output[first] = _with_first(output[first], rows)
        return output
    exchanged = (_with_first(output[0], rows), *output[1:])
    named = hasattr(output, "_fields")
    return type(output)(*exchanged) if named else type(output)(exchanged)


def as_rows(given: Any) -> Tensor | None:  # noqa: ANN401
    """See numbers as (row, channel), if they are those of one sequence and not of several heads."""
    if not isinstance(given, Tensor) or not given.is_floating_point() or given.ndim < 2 or not given.numel():
        return None
    return flat(given) if sum(size > 1 for size in given.shape[:-1]) <= 1 else None


def flat(numbers: Tensor) -> Tensor:
    """Lay a sequence out as (row, channel)."""
    return numbers.reshape(-1, numbers.shape[-1])


def random_like(like: Tensor) -> Tensor:
    """Give numbers of some shape, the same ones each time."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(0)).to(like)


def copied(given: Any) -> Any:  # noqa: ANN401
    """Keep arguments as they are now; what remembers earlier steps would be changed by running."""
    return copy.deepcopy(given, {id(t): t for t in _tensors(given)})


def _tensors(given: Any) -> Iterator[Tensor]:  # noqa: ANN401
    """Find the tensors among arguments, which are only read."""
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, tuple | list) else ()
    for part in parts:
        if isinstance(part, Tensor):
            yield part
        else:
            yield from _tensors(part)


def chance_state() -> list[Tensor]:
    """The states of the generators of random numbers: the processor's, and each accelerator's in use."""
    return [torch.random.get_rng_state(), *(torch.cuda.get_rng_state_all() if _on_cuda() else ())]


def set_chance(states: Sequence[Tensor]) -> None:
    """Bring the generators of random numbers back to such states."""
    torch.random.set_rng_state(states[0])
    if _on_cuda():
        torch.cuda.set_rng_state_all(states[1:])


def _on_cuda() -> bool:
    ready: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return ready


@contextmanager
def hooked(handle: Any) -> Iterator[None]:  # noqa: ANN401 - torch gives its handles no public class
    """Keep a hook for the length of a block."""
    try:
        yield
    finally:
        handle.remove()
