"""Which attention calls are a softmax of scaled products and nothing else, and what their queries see."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import TableCall

# What transformers' fused function adds to the logits, or takes keys from, if it is passed.
_ADDS = ("position_bias", "softcap", "cache")

# How many cells of a mask are looked at together.
_CELLS = 2**22


@dataclass(frozen=True, eq=False)
class Sight:
    """Which keys queries see, said without a square.

    Attributes:
        back: how many tokens before itself a query sees at most; None means all.
        ahead: how many tokens after itself a query sees at most; None means all.
        keys: bool (key,), False where no query sees the key; None means that each is seen.
    """

    back: int | None = None
    ahead: int | None = None
    keys: Tensor | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all queries see the same keys."""
        return self.back is None and self.ahead is None

    def reaches(self, step: int) -> bool:
        """Say whether a query sees the key so many tokens after it, if there is one that is seen at all."""
        least = -torch.inf if self.back is None else -self.back
        return least <= step <= (torch.inf if self.ahead is None else self.ahead)

    def bounds(self, queries: int, keys: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Give the first key of each query's reach and the one behind its last: (query,) twice."""
        own = torch.arange(queries, device=device)
        low = torch.zeros_like(own) if self.back is None else own - self.back
        high = torch.full_like(own, keys) if self.ahead is None else own + self.ahead + 1
        return low.clamp(0, keys), high.clamp(0, keys)

    def counts(self, queries: int, keys: int, device: torch.device) -> Tensor:
        """Say how many keys each query sees: (query,)."""
        low, high = self.bounds(queries, keys, device)
        if self.keys is None:
            return high - low
        before = torch.nn.functional.pad(self.keys.to(device).cumsum(0), (1, 0))
        return before[high] - before[low]

    def rows(self, start: int, stop: int, keys: int, device: torch.device) -> Tensor:
        """Write some rows of the square out: bool (query, key)."""
        low, high = (bound[start:] for bound in self.bounds(stop, keys, device))
        place = torch.arange(keys, device=device)
        within = (place >= low[:, None]) & (place < high[:, None])
        return within if self.keys is None else within & self.keys.to(device)


@dataclass(frozen=True, eq=False)
class Plain:
    """One call that is softmax(scale q k') over the keys that are seen.

    Attributes:
        query: (head, query, d_k).
        key: (key head, key, d_k).
        value: (key head, key, d_v).
        scale: what products are multiplied by.
        sight: which keys queries see.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    sight: Sight


def plain(call: Call) -> Plain | None:
    """Read a call as a plain softmax; None if it is something else, or this cannot be said of it.

    Added biases, soft caps, sinks, masks of numbers, masks that differ by head, and several squares at once
    are something else.
    """
    if not isinstance(call, FusedCall | TableCall) or call.batch != 1 or call.scale is None:
        return None
    if isinstance(call, TableCall) and not _only_multiplies(call):
        return None
    sight = _sight(call)
    if sight is None:
        return None
    return Plain(call.query[0], call.key[0], call.value[0], call.scale, sight)


def _only_multiplies(call: TableCall) -> bool:
    """Say whether a model leaves its attention to transformers' fused function, and adds nothing.

    What a model file's own function does is not known here.
    """
    return call.usual is sdpa_attention_forward and all(call.options.get(name) is None for name in _ADDS)


def _sight(call: FusedCall | TableCall) -> Sight | None:
    """Say what the queries of a call see; None if that is no band of keys."""
    if call.mask is None:
        if not call.hides_later:
            return Sight()
        return Sight(ahead=0) if call.queries == call.keys else None
    mask = call.mask.reshape((1,) * (4 - call.mask.ndim) + call.mask.shape)
    if mask.dtype != torch.bool or mask.shape[:2] != (1, 1):
        return None
    if mask.shape[2] == 1:
        return Sight(keys=mask[0, 0, 0].expand(call.keys))
    return band(mask[0, 0].expand(call.queries, call.keys))


def band(mask: Tensor) -> Sight | None:
    """Read a mask as keys that nobody sees, and a band about each query; None if it is something else.

    Shape:
        mask: bool (query, key), True where a query may look.
    """
    queries, keys = mask.shape
    back = ahead = 0
    anyone = mask.new_zeros(keys)
    for start, rows in _by_rows(mask):
        anyone |= rows.any(dim=0)
        own = torch.arange(start, start + len(rows), device=mask.device)
        looking = rows.any(dim=1)
        first, last = rows.int().argmax(dim=1), keys - 1 - rows.flip(1).int().argmax(dim=1)
        back = max(back, int((own - first).masked_fill(~looking, 0).max()))
        ahead = max(ahead, int((last - own).masked_fill(~looking, 0).max()))
    only = None if bool(anyone.all()) else anyone
    square = queries == keys
    reaches = [(None, None), (None, 0), (back, 0), (None, ahead), (back, None), (back, ahead)]
    found = (Sight(*reach, keys=only) for reach in (reaches if square else reaches[:1]))
    return next((sight for sight in found if _is(sight, mask)), None)


def _is(sight: Sight, mask: Tensor) -> bool:
    return all(
        torch.equal(rows, sight.rows(start, start + len(rows), mask.shape[1], mask.device))
        for start, rows in _by_rows(mask)
    )


def _by_rows(mask: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Give a mask in blocks of rows, each with the number of its first."""
    rows = max(1, _CELLS // mask.shape[1])
    return ((start, mask[start : start + rows]) for start in range(0, len(mask), rows))
