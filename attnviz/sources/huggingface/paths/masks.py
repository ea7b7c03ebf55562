"""What a mask hides, in whatever form it comes."""

import torch
from torch import Tensor

# Numbers that are added to logits to hide a key are the type's least, minus infinity, or at mildest -10,000.
_HIDES = -9e3


def shown(mask: Tensor) -> Tensor:
    """Say where a mask lets a query look: it is bool, True for yes, or numbers added to the logits."""
    return mask if mask.dtype == torch.bool else mask > _HIDES


def seen_by_any_head(mask: Tensor, queries: int, keys: int) -> Tensor:
    """Say which keys any head lets each query see.

    Shape:
        mask: anything that spreads to (batch, head, query, key).
        result: bool (batch or 1, query, key).
    """
    spread = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
    return shown(spread).any(dim=1).expand(-1, queries, keys)


def up_to_itself(queries: range, keys: int, device: torch.device) -> Tensor:
    """Let queries at some positions see the keys up to their own: bool (1, query, key)."""
    positions = torch.arange(max(queries.stop, keys), device=device)
    return (positions[:keys] <= positions[queries.start : queries.stop, None])[None]
