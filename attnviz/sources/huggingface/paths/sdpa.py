"""Torch's fused attention, called by name: `torch.nn.functional.scaled_dot_product_attention`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attnviz.sources.huggingface.paths.call import Vectors
from attnviz.sources.huggingface.paths.masks import up_to_itself


@dataclass(frozen=True, eq=False)
class FusedCall(Vectors):
    """One call of the fused function; fewer or more dimensions than it came with stand before the head.

    Attributes:
        scale: what logits are multiplied with.
        usual: does what the model asked for.
        before: the dimensions it came with before those of queries and channels.
    """

    scale: float
    usual: Callable[[], Tensor]
    before: tuple[int, ...] = ()

    path: ClassVar[str] = "sdpa"

    @property
    def window(self) -> None:
        """No sliding window is named here: it is in the mask."""
        return

    def as_usual(self) -> Tensor:
        """Do what the model would have done: the output (..., query, d_v)."""
        return self.usual()

    def gated(self, gates: Tensor) -> Tensor:
        """Do it with each head's part multiplied by its gate: gates (head,) or (batch, head)."""
        output = self.as_usual()
        return (self.by_head(output) * gates.to(output)[..., None, None]).reshape(output.shape)

    def shifted(self, added: Tensor) -> Tensor:
        """Do it with numbers added to the weights: added (batch, head, query, key)."""
        output = self.as_usual()
        return output + self.weighed(added).reshape(output.shape)

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Do some rows by the formula the fused function stands for.

        Returns:
            The output (batch, head, query, d_v) and the weights (batch, head, query, key).
        """
        shared = self.heads // self.key.shape[1]
        key = self.key.repeat_interleave(shared, dim=1)
        value = self.value.repeat_interleave(self.heads // self.value.shape[1], dim=1)
        logits = (self.query[:, :, start:stop] * self.scale) @ key.transpose(-1, -2)
        weights = self._masked(logits, start, stop).softmax(dim=-1)
        return weights @ value, weights

    def rows_of(self, output: Tensor, start: int, stop: int) -> Tensor:
        """Cut some queries' rows out of an output (..., query, d_v)."""
        return output[..., start:stop, :]

    def by_head(self, output: Tensor) -> Tensor:
        """Turn rows of output into (batch, head, query, d_v)."""
        return output.reshape(self.batch, self.heads, *output.shape[-2:])

    def _masked(self, logits: Tensor, start: int, stop: int) -> Tensor:
        mask = self.mask
        if self.hides_later:
            mask = up_to_itself(range(start, stop), self.keys, logits.device)
        elif mask is not None and mask.ndim > 1 and mask.shape[-2] > 1:
            mask = mask[..., start:stop, :]
        if mask is None:
            return logits
        return logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask


def fused_call(
    function: Callable[..., Tensor], module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
) -> FusedCall:
    """Read the arguments of one call, by their places or names.

    Shape:
        query, key, value: (..., token, d): two dimensions are one head, three are heads, of more the last
            before the tokens are heads.
    """

    def read(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        _dropout_p: float = 0.0,
        is_causal: bool = False,
        *,
        scale: float | None = None,
        **_others: object,
    ) -> FusedCall:
        mask = attn_mask
        if mask is not None and mask.ndim > 4:
            mask = mask.expand(*query.shape[:-1], key.shape[-2])
        return FusedCall(
            module=module,
            query=_by_head(query),
            key=_by_head(key),
            value=_by_head(value),
            mask=None if mask is None else _by_head(mask) if mask.ndim > 2 else mask,
            hides_later=is_causal,
            scale=query.shape[-1] ** -0.5 if scale is None else scale,
            usual=lambda: function(*given, **named),
            before=tuple(query.shape[:-2]),
        )

    return read(*given, **named)


def _by_head(tensor: Tensor) -> Tensor:
    """Bring (..., head, token, d) to four dimensions."""
    if tensor.ndim < 4:
        return tensor.reshape((1,) * (4 - tensor.ndim) + tensor.shape)
    return tensor.reshape(-1, *tensor.shape[-3:])
