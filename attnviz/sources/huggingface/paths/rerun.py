"""Running a module again, as often as one likes, with other things coming out of its projections."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


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
        """
        given: list[Tensor | None] = []
        made: list[Tensor] = []

        def look(_module: nn.Module, entered: tuple[Any, ...], left: Tensor) -> Tensor:
            instead = (exchanged or {}).get(len(made), left)
            given.append(as_rows(entered[0]) if entered else None)
            made.append(instead)
            return instead

        set_chance(self.chance)
        with ExitStack() as hooks:
            for projection in projections(self.module):
                hooks.enter_context(hooked(projection.register_forward_hook(look)))
            # Called directly, so that the hooks upon the module itself do not see it.
            output = self.module.forward(*copied(self.given), **copied(self.named))
        return Seen(given, made, as_rows(_first(output)))


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


def as_rows(given: Any) -> Tensor | None:  # noqa: ANN401
    """See numbers as (row, channel), if they are those of one sequence and not of several heads."""
    if not isinstance(given, Tensor) or not given.is_floating_point() or given.ndim < 2:
        return None
    return flat(given) if sum(size > 1 for size in given.shape[:-1]) <= 1 else None


def flat(numbers: Tensor) -> Tensor:
    """Lay a sequence out as (row, channel)."""
    return numbers.reshape(-1, numbers.shape[-1])


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
