"""Which modules of a model are running: a stack, kept by hooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class _Run:
    """One run of a module.

    Attributes:
        module: the module.
        number: of its run.
        given: the first tensor it was given.
    """

    module: nn.Module
    number: int
    given: Tensor | None


@dataclass(frozen=True, eq=False)
class Branch:
    """What a module was called by, and with. It keeps what was given, so that its memory is not used again.

    Attributes:
        caller: the number of the run that called.
        given: the first tensor that was given.
        version: how often that had been changed in its place.
    """

    caller: int
    given: Tensor
    version: int

    def is_beside(self, other: "Branch | None") -> bool:
        """Say whether two modules run side by side: called by the same run, given the same."""
        if other is None or (self.caller, self.version) != (other.caller, other.version):
            return False
        return same(self.given, other.given)


def same(one: Tensor, other: Tensor) -> bool:
    """Say whether two tensors that both are kept are the same numbers in memory."""
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape and one.stride() == other.stride()


class Running:
    """The modules that run at a moment, the outermost first."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
        self._stack: list[_Run] = []
        self._begun = 0

    @property
    def innermost(self) -> nn.Module:
        """The module whose forward pass has begun last."""
        return self._stack[-1].module if self._stack else self._model

    def run_of(self, module: nn.Module) -> int:
        """Number the run of a module that is going on, from 1; each run has another number. 0 if none is."""
        return next((run.number for run in reversed(self._stack) if run.module is module), 0)

    def branch_of(self, module: nn.Module) -> "Branch | None":
        """Tell what a running module was called by and given; None if by nobody, or no tensor."""
        place = next((place for place, run in enumerate(self._stack) if run.module is module), 0)
        given = self._stack[place].given if place else None
        return None if given is None else Branch(self._stack[place - 1].number, given, given._version)

    def name_of(self, module: nn.Module) -> str:
        """Name a running module by the way that led to it.

        A module that stands in several places has one name of its own; where it runs as a part of another
        place, that place's name is told: `layers.5.shared.attention`, though it was made in `layers.2`.
        """
        found = ""
        for running in (run.module for run in self._stack):
            own = self._names.get(running)
            if own is None:
                continue
            within = own.startswith(f"{found}.") or not found
            found = own if within else f"{found}.{own.rpartition('.')[2]}"
            if running is module:
                return found
        return self._names.get(module, found)

    @contextmanager
    def watched(self) -> Iterator["Running"]:
        """Keep the stack up to date."""
        hooks = []
        for module in self._model.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # its forward pass runs outside Python, where nothing is seen anyway
            hooks.append(module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True))
            hooks.append(module.register_forward_hook(self._leave, always_call=True))
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()
            self._stack.clear()

    def _enter(self, module: nn.Module, given: tuple[object, ...], named: dict[str, object]) -> None:
        self._begun += 1
        first = next((value for value in (*given, *named.values()) if isinstance(value, Tensor)), None)
        self._stack.append(_Run(module, self._begun, first))

    def _leave(self, module: nn.Module, _given: object, _output: object) -> None:
        while self._stack and self._stack.pop().module is not module:
            pass
