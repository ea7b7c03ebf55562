"""Sums of rows the plain way: the whole square of weights, in float64."""

import numpy as np
import torch
from torch import Tensor, nn

from attnviz.observe import RowSums, Wanted
from attnviz.sources.huggingface.paths.sdpa import FusedCall

Sums = dict[str, np.ndarray]


def weights_of(query: Tensor, key: Tensor, visible: Tensor, scale: float) -> np.ndarray:
    """Softmax of the whole square: (head, query, key); rows that see nothing are 0."""
    key = key.repeat_interleave(len(query) // len(key), dim=0).double()
    logits = (scale * query.double() @ key.mT).masked_fill(~visible, -torch.inf)
    return logits.softmax(dim=-1).nan_to_num(0.0).numpy()


def sums_of(weights: np.ndarray, visible: np.ndarray, wanted: Wanted) -> Sums:
    """Add everything up, one plain formula after the other."""
    _, queries, keys = weights.shape
    i, j = np.arange(queries)[:, None], np.arange(keys)[None]
    bits = np.where(weights > 0, weights * np.log2(np.where(weights > 0, weights, 1)), 0)
    sums = {
        "mass": weights.sum(-1),
        "entropy": -bits.sum(-1),
        "squares": (weights**2).sum(-1),
        "seen": visible.sum(-1),
        "received": weights[:, wanted.counted].sum(1),
    }
    if wanted.first is not None:
        sums["distance"] = (weights * abs(i - j)).sum(-1)
        sums |= {f"beside {step}": (weights * (j - i == step)).sum(-1) for step in wanted.steps}
    return sums | {f"on {name}": weights[..., chosen].sum(-1) for name, chosen in wanted.keys.items()}


def told(sums: RowSums) -> Sums:
    """Name what sums hold as `sums_of` does."""
    named = {name: getattr(sums, name) for name in ("mass", "entropy", "squares", "seen", "received")}
    if sums.distance is not None:
        named["distance"] = sums.distance
        named |= {f"beside {step}": weights for step, weights in sums.beside.items()}
    named |= {f"on {name}": mass for name, mass in sums.on.items()}
    return {name: value.cpu().numpy() for name, value in named.items()}


def joined(parts: list[RowSums]) -> Sums:
    """Put heads together that came one chunk after the other."""
    named = [told(part) for part in parts]
    whole = {name: np.concatenate([each[name] for each in named]) for name in named[0] if name != "seen"}
    return {**whole, "seen": named[0]["seen"]}


def assert_alike(ours: Sums, theirs: Sums, tolerance: float) -> None:
    """Hold each sum against the plain one."""
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        np.testing.assert_allclose(ours[name], expected, rtol=tolerance, atol=tolerance, err_msg=name)


def as_call(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float = 0.5,
) -> FusedCall:
    """A call of torch's fused attention with these (head, token, d)."""
    share = len(query) // len(key)

    def usual() -> Tensor:
        shared = (given[None].repeat_interleave(share, dim=1) for given in (key, value))
        return nn.functional.scaled_dot_product_attention(
            query[None], *shared, attn_mask=mask, is_causal=causal, scale=scale
        )

    return FusedCall(nn.Identity(), query[None], key[None], value[None], mask, causal, scale, usual)
