"""What the queries of each layer could see."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnviz.record import Mask
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.watching.sites import Site


class Sight:
    """Keeps what the queries of each layer could see, where that is less than all."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._masks: dict[int, Mask] = {}

    def take(self, site: Site, call: Call) -> None:
        """Note what one call's queries could see; the pieces of a layer are joined."""
        mask = _seen_of_all(site, call)
        if mask is not None:
            own = self._cut.mask(mask.cpu().numpy())
            self._masks[site.layer] = self._masks[site.layer] | own if site.layer in self._masks else own

    def beyond(self, *, causal: bool) -> dict[int, Mask]:
        """Give the masks that say more than the record itself; layers that see alike share one."""
        rows, columns = len(self._cut.rows), len(self._cut.columns)
        usual = (
            np.tri(rows, columns, columns - rows, dtype=bool)
            if causal
            else np.ones((rows, columns), dtype=bool)
        )
        different: list[Mask] = []
        found: dict[int, Mask] = {}
        for layer, mask in self._masks.items():
            if np.array_equal(mask, usual):
                continue
            same = next((known for known in different if np.array_equal(known, mask)), None)
            if same is None:
                different.append(mask)
            found[layer] = mask if same is None else same
        return found

    def looking(self, layer: int) -> NDArray[np.bool_]:
        """Say which queries of a layer saw any key at all: (query,)."""
        mask = self._masks.get(layer)
        return np.ones(len(self._cut.rows), dtype=bool) if mask is None else np.asarray(mask.any(axis=1))


def _seen_of_all(site: Site, call: Call) -> Tensor | None:
    """Say which keys of the whole layer a call's queries could see: bool (query, key); None means all."""
    if site.seen.windows is not None:
        return site.seen.windows.mask
    visible = call.visible()
    queries, keys = call.queries, call.keys
    if (queries, keys) == site.extent:
        return None if visible is None else visible[0]
    mask = torch.zeros(site.extent, dtype=torch.bool)
    rows = slice(site.start, site.start + queries)
    mask[rows, site.first_key : site.first_key + keys] = True if visible is None else visible[0].cpu()
    return mask
