"""A few rows of an attention call, as a call of their own: softmax rows do not depend on each other."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from attnviz.sources.huggingface.paths.call import Vectors
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import TableCall


def sampled(call: FusedCall | TableCall, rows: Tensor) -> FusedCall | TableCall:
    """Give the call a model would have made for some of its queries only.

    Shape:
        rows: (row,), the numbers of the queries.
    """
    query, mask = call.query[:, :, rows], _mask_of(call, rows)
    if isinstance(call, FusedCall):
        some = replace(call, query=query, mask=mask, hides_later=False)
        return replace(some, usual=lambda: _fused(some))
    options = {
        name: value[..., rows, :]
        if isinstance(value, Tensor) and value.ndim == 4 and value.shape[-2] == call.queries
        else value
        for name, value in call.options.items()
    }
    return replace(call, query=query, mask=mask, hides_later=False, options=options)


def _mask_of(call: Vectors, rows: Tensor) -> Tensor | None:
    """Write out what some queries see; without a mask a query may see as many keys as its position counts."""
    if call.mask is not None:
        several = call.mask.ndim > 1 and call.mask.shape[-2] > 1
        return call.mask[..., rows, :] if several else call.mask
    if not call.hides_later:
        return None
    places = torch.arange(call.keys, device=rows.device)
    return (places <= rows[:, None])[None, None]


def _fused(call: FusedCall) -> Tensor:
    """Let torch's own fused function do it."""
    grouped = call.key.shape[1] != call.heads
    return F.scaled_dot_product_attention(
        call.query, call.key, call.value, call.mask, scale=call.scale, enable_gqa=grouped
    )
