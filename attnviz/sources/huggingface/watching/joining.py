"""Heads that attend in modules of their own, side by side, are put together to one layer."""

import torch
from torch import Tensor

from attnviz.observe import Observer, RowBlock
from attnviz.sources.huggingface.watching.sites import Site


class JoinHeads:
    """Hands rows on to an observer once all heads of their layer have come."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._waiting: dict[int, list[Tensor]] = {}

    def update(self, site: Site, start: int, weights: Tensor) -> None:
        """Take rows of one call; the calls of one layer come in the order of its heads.

        Args:
            site: the place of the call.
            start: the position of the first row.
            weights: (head, query, key) of the heads of this call.
        """
        parts = self._waiting.pop(start, [])
        parts.append(weights)
        if site.first_head + len(weights) < site.heads:
            self._waiting[start] = parts
            return
        whole = parts[0] if len(parts) == 1 else torch.cat(parts)
        self._observer.update(RowBlock(site.layer, start, whole))
