"""Torch's own functions, seen as they are called: fused and multi-head attention, softmax and product."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.overrides import TorchFunctionMode

from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.multihead import multihead_call
from attnviz.sources.huggingface.paths.running import Running
from attnviz.sources.huggingface.paths.sdpa import fused_call
from attnviz.sources.huggingface.paths.softmax import SOFTMAX, Followed

PATHS = ("sdpa", "multihead", "softmax")

Handle = Callable[[Call], Tensor]


class Guard:
    """Lets one call be handled at a time: what happens within it is a part of it, not a call of its own."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.busy = False

    def __call__(self, call: Call) -> Tensor:
        """Hand a call on."""
        if self.busy:
            return call.as_usual()
        with self.closed():
            return self._handle(call)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Handle nothing for the length of a block."""
        self.busy = True
        try:
            yield
        finally:
            self.busy = False


@contextmanager
def intercepted(model: nn.Module, guard: Guard, paths: Collection[str]) -> Iterator[None]:
    """Hand the calls of torch's functions to a guarded handle.

    The functions of a mode are slower to call, and torch leaves its own shortcuts for whole encoder layers,
    which show nothing, while one is on.

    Args:
        model: the network that will run.
        guard: takes the calls.
        paths: which functions to watch.
    """
    with Running(model).watched() as running, _Mode(guard, running, paths):
        yield


class _Mode(TorchFunctionMode):
    def __init__(self, guard: Guard, running: Running, paths: Collection[str]) -> None:
        super().__init__()
        self._guard = guard
        self._running = running
        self._paths = paths
        self._followed = Followed()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        _types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        named = kwargs or {}
        if self._guard.busy:
            return func(*args, **named)
        if func is F.scaled_dot_product_attention and "sdpa" in self._paths:
            return self._guard(fused_call(func, self._running.innermost, args, named))
        if func is F.multi_head_attention_forward and "multihead" in self._paths:
            call = multihead_call(self._running.innermost, args, named)
            return call.finished(self._guard(call))
        if "softmax" in self._paths:
            return self._follow(func, args, named)
        return func(*args, **named)

    def _follow(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:  # noqa: ANN401
        call = self._followed.product(self._running.innermost, func, args)
        if call:
            return self._guard(call)
        result = func(*args, **named)
        if func in SOFTMAX:
            self._followed.softmax(args, named, result)
        else:
            self._followed.onward(func, args, result)
        return result
