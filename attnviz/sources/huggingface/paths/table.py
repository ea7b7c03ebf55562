"""The one place that touches transformers' table of attention functions, for the length of a `with` block.

Every modern model file asks that table for its attention function under the name its configuration gives
("sdpa", or "eager", which stands for the file's own function). Replacing the two entries and leaving the name
alone matters: mask builders and some model files branch on the name.
"""

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from attnviz.errors import UnsupportedModel
from attnviz.sources.huggingface.paths.call import Vectors, for_each_head
from attnviz.sources.huggingface.paths.masks import up_to_itself

AttentionFunction = Callable[..., tuple[Tensor, Tensor | None]]

PATH = "table"

# The end of the name of every model file's own attention function.
_PLAIN = "eager_attention_forward"

# How many rows of a block are looked at for a sink's share, and what of an output is no share but rounding.
_SAMPLE = 8
_ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-10}
_COARSE = 2e-2

# The table is one for the whole process. Reentrant, so that what takes a call may itself run a model.
_LOCK = threading.RLock()


@dataclass(frozen=True, eq=False)
class TableCall(Vectors):
    """One attention call, as the model made it.

    Attributes:
        options: all else that was passed.
        usual: the function the model would have called.
    """

    options: dict[str, object]
    usual: AttentionFunction

    path: ClassVar[str] = PATH

    @property
    def window(self) -> int | None:
        """The sliding window, as the model passes it on."""
        passed = self.options.get("sliding_window")
        return passed if isinstance(passed, int) else None

    @property
    def scale(self) -> float | None:
        """What the model passes on, or else what its function takes instead."""
        passed = self.options.get("scaling")
        if passed is None:
            return float(self.query.shape[-1] ** -0.5)
        one = isinstance(passed, int | float) or (isinstance(passed, Tensor) and passed.numel() == 1)
        return float(passed) if one else None  # type: ignore[arg-type] # as just asked

    def as_usual(self) -> Tensor:
        """Do what the model would have done: the output (batch, query, head, d_v)."""
        return self.usual(self.module, self.query, self.key, self.value, self.mask, **self.options)[0]

    def gated(self, gates: Tensor) -> Tensor:
        """Do it with each head's part multiplied by its gate: gates (head,) or (batch, head)."""
        output = self.as_usual()
        return output * gates.to(output)[..., None, :, None]

    def shifted(self, added: Tensor) -> Tensor:
        """Do it with numbers added to the weights: added (batch, head, query, key)."""
        return self.as_usual() + self.weighed(added).transpose(1, 2)

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Let the model's own plain function do some rows; softmax rows do not depend on each other.

        Returns:
            The output (batch, query, head, d_v) and the weights (batch, head, query, key).
        """
        # A position bias or sinks that differ by query come among the options, as (batch, head, query, any).
        options = {
            name: value[..., start:stop, :]
            if isinstance(value, Tensor) and value.ndim == 4 and value.shape[-2] == self.queries
            else value
            for name, value in self.options.items()
        }
        query = self.query[:, :, start:stop]
        mask = self._added_mask(start, stop)
        output, weights = _own_function(self.module)(
            self.module, query, self.key, self.value, mask, **options
        )
        if weights is None:
            raise UnsupportedModel(f"{type(self.module).__name__} does not give its attention weights")
        return output, self._less_sinks(weights, output)

    def rows_of(self, output: Tensor, start: int, stop: int) -> Tensor:
        """Cut some queries' rows out of an output (batch, query, head, d_v)."""
        return output[:, start:stop]

    def by_head(self, output: Tensor) -> Tensor:
        """Turn rows of output into (batch, head, query, d_v)."""
        return output.transpose(1, 2)

    def _less_sinks(self, weights: Tensor, output: Tensor) -> Tensor:
        """Take away what a sink took, where a model scales a row's output instead of its weights.

        A sink that is one more logit leaves each key of a row the same share of its weight (Xiao et al. 2024,
        Efficient Streaming Language Models with Attention Sinks), so some models give the weights without it
        and multiply the output with that share.

        Shape:
            weights: (batch, head, query, key).
            output: (batch, query, head, d_v).
        """
        sample = slice(None, None, max(1, weights.shape[2] // _SAMPLE))
        if self._is_whole(weights[:, :, sample], output[:, sample]):
            return weights
        if not torch.allclose(weights.sum(dim=-1).nan_to_num(1.0), weights.new_ones(()), atol=1e-3):
            return weights
        return weights * _shares(weights, self.value, output)

    def _is_whole(self, weights: Tensor, output: Tensor) -> bool:
        """Say whether weights times values make all of an output: nothing was taken from any row."""
        made = self.weighed(weights)
        apart = (made - output.transpose(1, 2)).abs().amax()
        return bool(apart <= _rounding(output) * made.abs().amax())

    def _added_mask(self, start: int, stop: int) -> Tensor | None:
        """The mask of some rows as numbers to add, which is what the model's own function takes."""
        if self.mask is not None:
            mask = _row_slice(self.mask, start, stop)
        elif self.hides_later:
            mask = up_to_itself(range(start, stop), self.keys, self.query.device)
        else:
            return None
        if mask.dtype != torch.bool:
            return mask
        added = torch.zeros(mask.shape, dtype=self.query.dtype, device=self.query.device)
        return added.masked_fill(~mask, _least(self.query.dtype))


@contextmanager
def intercepted(handle: Callable[[TableCall], Tensor]) -> Iterator[None]:
    """Hand every attention call of this thread to `handle`, and put the table back afterwards.

    Args:
        handle: takes a call, gives the output (batch, query, head, d_v).
    """
    with _LOCK:
        found = {name: ALL_ATTENTION_FUNCTIONS.get(name) for name in ("sdpa", "eager")}
        for name, function in found.items():
            usual = function.usual if isinstance(function, _Entry) else function
            AttentionInterface.register(name, _Entry(name, usual, handle, threading.get_ident()))
        try:
            yield
        finally:
            for name, function in found.items():
                _put_back(name, function)


@dataclass(frozen=True, eq=False)
class _Entry:
    """What stands in the table for a while.

    Attributes:
        name: the entry's name.
        usual: the function that stood there; None where the model file's own was called instead.
        handle: takes the calls.
        thread: whose calls it takes; models that other threads run meanwhile go on as usual.
    """

    name: str
    usual: AttentionFunction | None
    handle: Callable[[TableCall], Tensor]
    thread: int

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **options: object,
    ) -> tuple[Tensor, Tensor | None]:
        function = self.usual or _own_function(module)
        if threading.get_ident() != self.thread:
            return function(module, query, key, value, attention_mask, **options)
        # Without a mask the fused function hides later keys if it is told to; the plain one hides nothing.
        told = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if told is None else told
        hides = self.name == "sdpa" and attention_mask is None and bool(causal)
        hides = hides and (query.shape[2] > 1 or key.shape[2] == 1)  # one query of several is the last
        return self.handle(
            TableCall(module, query, key, value, attention_mask, hides, options, function)
        ), None


def _put_back(name: str, function: AttentionFunction | None) -> None:
    """Restore an entry; "eager" has none by default, and there is no public call that takes one out."""
    if function is None:
        AttentionInterface._global_mapping.pop(name, None)
    else:
        AttentionInterface.register(name, function)


def _own_function(module: nn.Module) -> AttentionFunction:
    """The plain attention function that the module's forward pass names.

    Each model file has its own, with its own soft cap, sinks or position bias, under one common name; a file
    with several kinds of attention puts a word before it.
    """
    forward = inspect.unwrap(type(module).forward)
    named = (name for name in (*forward.__code__.co_names, _PLAIN) if name.endswith(_PLAIN))
    found = next((name for name in named if name in forward.__globals__), None)
    if found is None:
        raise UnsupportedModel(
            f"{type(module).__name__} has no plain attention function to read weights from"
        )
    function: AttentionFunction = forward.__globals__[found]
    return function


def _shares(weights: Tensor, values: Tensor, output: Tensor) -> Tensor:
    """Say which share of weights times values each row of an output is: (batch, head, query, 1), 1 if all.

    Shape:
        weights: (batch, head, query, key).
        values: (batch, key head, key, d_v).
        output: (batch, query, head, d_v).
    """
    shared = for_each_head(values, weights.shape[1])
    made, given = weights.to(shared.dtype) @ shared, output.transpose(1, 2)
    share = (made * given).sum(dim=-1, keepdim=True) / made.square().sum(dim=-1, keepdim=True)
    least = _rounding(given) * made.abs().amax()
    whole = (made - given).abs().amax(dim=-1, keepdim=True) <= least
    scaled = (made * share - given).abs().amax(dim=-1, keepdim=True) <= least
    # Rounding is no share, and what is not in proportion is left for the checks to find.
    return torch.where(~whole & scaled & (share >= 0) & (share < 1), share, 1.0)


def _rounding(output: Tensor) -> float:
    """What of an output is no share of it but rounding, in parts of its largest number."""
    return _ROUNDING.get(output.dtype, _COARSE)


def _row_slice(added: Tensor, start: int, stop: int) -> Tensor:
    """Some rows of (..., query, key); one row that serves all queries stays."""
    return added if added.shape[-2] == 1 else added[..., start:stop, :]


def _least(dtype: torch.dtype) -> float:
    """What stands for minus infinity in a mask, as in the library: a row of it alone gives no NaN."""
    return torch.finfo(dtype).min
