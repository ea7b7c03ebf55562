"""Torch's own module: `torch.nn.MultiheadAttention`, and the function below it."""

import inspect
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from attnviz.errors import UnsupportedModel
from attnviz.sources.huggingface.paths.masks import shown

_SIGNATURE = inspect.signature(F.multi_head_attention_forward)


@dataclass(eq=False)
class MultiheadCall:
    """One call of `multi_head_attention_forward`.

    The function mixes the heads before it returns. Here it is run with a projection that changes nothing, and
    the model's own one is applied by `finished`, so that what each head gives can be seen.

    Attributes:
        module: the module that calls.
        arguments: what was passed, by name.
        asked: the weights the caller asked for, once `as_usual` was called.
    """

    module: nn.Module
    arguments: dict[str, Any]
    asked: Tensor | None = field(default=None, init=False)

    path: ClassVar[str] = "multihead"

    @property
    def batch(self) -> int:
        """How many squares come at once."""
        return self._query.shape[1] if self._query.ndim == 3 else 1

    @property
    def heads(self) -> int:
        """The number of heads."""
        return int(self.arguments["num_heads"])

    @property
    def queries(self) -> int:
        """The number of rows."""
        return self._query.shape[0]

    @property
    def keys(self) -> int:
        """The number of columns; keys the module adds itself are no columns, they take mass away."""
        return int(self.arguments["key"].shape[0])

    @property
    def window(self) -> None:
        """No sliding window is named here: it is in the mask."""
        return

    @cached_property
    def vectors(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Queries, keys and values, each (batch, head, token, d); None if the module adds keys of its own."""
        if any(self.arguments[name] is not None for name in ("bias_k", "static_k", "static_v")):
            return None
        return self._projected(0), self._projected(1), self._projected(2)

    @property
    def scale(self) -> float:
        """Torch's function knows one scale: the root of the length of a head's queries."""
        return float((self._query.shape[-1] // self.heads) ** -0.5)

    def visible(self) -> Tensor | None:
        """Say which keys any head let each query see: bool (batch or 1, query, key); None means all."""
        looks = padded = None
        if (mask := self.arguments["attn_mask"]) is not None:
            looks = ~mask if mask.dtype == torch.bool else shown(mask)
            # Either every head sees alike, (query, key), or each its own, (batch x head, query, key).
            looks = looks[None] if looks.ndim == 2 else looks.unflatten(0, (self.batch, -1)).any(dim=1)
        if (mask := self.arguments["key_padding_mask"]) is not None:
            padded = ~mask if mask.dtype == torch.bool else shown(mask)
            padded = padded.reshape(self.batch, 1, self.keys).expand(-1, self.queries, -1)
        if looks is None or padded is None:
            return padded if looks is None else looks
        return looks & padded

    def as_usual(self) -> Tensor:
        """Do what the model would have done, up to where heads are mixed: (query, [batch,] head x d_v)."""
        output, self.asked = self._run()
        return output

    def gated(self, gates: Tensor) -> Tensor:
        """Do it with each head's part multiplied by its gate: gates (head,) or (batch, head)."""
        output = self.as_usual()
        apart = output.reshape(len(output), self.batch, self.heads, -1)
        return (apart * gates.to(output)[..., None]).reshape(output.shape)

    def shifted(self, added: Tensor) -> Tensor:
        """Do it with numbers added to the weights: added (batch, head, query, key).

        Keys the module adds itself have values of their own, which stay as they are.
        """
        if self.arguments["static_v"] is not None:
            raise UnsupportedModel(f"{type(self.module).__name__} is given its values already made")
        output, values = self.as_usual(), self._projected(2)
        return output + (added.to(values) @ values).permute(2, 0, 1, 3).reshape(output.shape)

    def finished(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mix the heads, and give what the caller asked for."""
        weight, bias = self.arguments["out_proj_weight"], self.arguments["out_proj_bias"]
        return F.linear(output, weight, bias), self.asked

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Let the function itself do some rows and tell its weights.

        Returns:
            The output (query, [batch,] head x d_v) and the weights (batch, head, query, key).
        """
        mask = self.arguments["attn_mask"]
        output, weights = self._run(
            query=self._query[start:stop],
            attn_mask=None if mask is None else mask[..., start:stop, :],
            need_weights=True,
            average_attn_weights=False,
            is_causal=False,
        )
        every = weights.reshape(self.batch, self.heads, stop - start, -1)
        return output, every[..., : self.keys]

    def rows_of(self, output: Tensor, start: int, stop: int) -> Tensor:
        """Cut some queries' rows out of an output (query, ...)."""
        return output[start:stop]

    def by_head(self, output: Tensor) -> Tensor:
        """Turn rows of output into (batch, head, query, d_v)."""
        return self._split(output)

    @property
    def _query(self) -> Tensor:
        query: Tensor = self.arguments["query"]
        return query

    def _run(self, **changed: object) -> tuple[Tensor, Any]:
        identity = torch.eye(self._query.shape[-1], dtype=self._query.dtype, device=self._query.device)
        unmixed = {"out_proj_weight": identity, "out_proj_bias": None}
        done: tuple[Tensor, Any] = F.multi_head_attention_forward(**{**self.arguments, **unmixed, **changed})
        return done

    def _projected(self, place: int) -> Tensor:
        """Make the queries (place 0), keys (1) or values (2) of what came in: (batch, head, token, d)."""
        given = self.arguments
        if given["use_separate_proj_weight"]:
            weight = given[f"{'qkv'[place]}_proj_weight"]
        else:
            weight = given["in_proj_weight"].chunk(3)[place]
        bias = None if given["in_proj_bias"] is None else given["in_proj_bias"].chunk(3)[place]
        return self._split(F.linear(given[("query", "key", "value")[place]], weight, bias))

    def _split(self, tensor: Tensor) -> Tensor:
        """Bring (token, [batch,] head x d) to (batch, head, token, d)."""
        return tensor.reshape(len(tensor), self.batch, self.heads, -1).permute(1, 2, 0, 3)


def multihead_call(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> MultiheadCall:
    """Read the arguments of one call."""
    bound = _SIGNATURE.bind(*given, **named)
    bound.apply_defaults()
    return MultiheadCall(module, dict(bound.arguments))
