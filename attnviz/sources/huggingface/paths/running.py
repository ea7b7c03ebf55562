"""Which modules of a model are running: a stack, kept by hooks."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Running:
    """The modules that run at a moment, the outermost first."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
        self._stack: list[tuple[nn.Module, int]] = []
        self._begun = 0

    @property
    def innermost(self) -> nn.Module:
        """The module whose forward pass has begun last."""
        return self._stack[-1][0] if self._stack else self._model

    def run_of(self, module: nn.Module) -> int:
        """Number the run of a module that is going on; each time a module runs, the number is another."""
        return next((number for running, number in reversed(self._stack) if running is module), 0)

    def name_of(self, module: nn.Module) -> str:
        """Name a running module by the way that led to it.

        A module that stands in several places has one name of its own; where it runs as a part of another
        place, that place's name is told: `layers.5.shared.attention`, though it was made in `layers.2`.
        """
        found = ""
        for running, _ in self._stack:
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
            hooks.append(module.register_forward_pre_hook(self._enter, prepend=True))
            hooks.append(module.register_forward_hook(self._leave, always_call=True))
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()
            self._stack.clear()

    def _enter(self, module: nn.Module, _given: object) -> None:
        self._begun += 1
        self._stack.append((module, self._begun))

    def _leave(self, module: nn.Module, _given: object, _output: object) -> None:
        while self._stack and self._stack.pop()[0] is not module:
            pass
