"""What the queries of each layer could see."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnviz.record import Mask
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.paths.call import Call, Vectors
from attnviz.sources.huggingface.paths.masks import seen_by_any_head, up_to_itself
from attnviz.sources.huggingface.watching.sites import Site

# How many rows of a mask are looked at once.
_ROWS = 512


class RowSight:
    """What the queries of one call could see, some rows at a time: of a long text no square is ever made."""

    def __init__(self, site: Site, call: Call) -> None:
        self._site = site
        self._call = call

    def rows(self, start: int, stop: int, first_key: int = 0, last_key: int | None = None) -> Tensor | None:
        """Say which keys any head let some queries see.

        Args:
            start: the position of the first query in the layer.
            stop: behind the last.
            first_key: the position of the first key.
            last_key: behind the last; None means the end.

        Returns:
            bool (query, key); None means all.
        """
        keys = slice(first_key, self._site.extent[1] if last_key is None else last_key)
        if self._site.seen.windows is not None:
            return self._windows[start:stop, keys]
        if (self._call.queries, self._call.keys) == self._site.extent:
            return self.of_call(start, stop, keys)
        return self._of_piece(start, stop)[:, keys]

    def of_call(self, start: int, stop: int, keys: slice | None = None) -> Tensor | None:
        """Say the same of queries and keys as the call itself counts them; see `rows`."""
        call = self._call
        keys = keys or slice(0, call.keys)
        if not isinstance(call, Vectors):
            return None if self._square is None else self._square[start:stop, keys]
        if call.mask is not None:
            mask = call.mask
            if mask.ndim > 1 and mask.shape[-2] > 1:
                mask = mask[..., start:stop, :]
            if mask.shape[-1] > 1:
                mask = mask[..., keys]
            return seen_by_any_head(mask, stop - start, keys.stop - keys.start)[0]
        if not call.hides_later:
            return None
        return up_to_itself(range(start, stop), keys.stop, call.query.device)[0, :, keys.start :]

    def _of_piece(self, start: int, stop: int) -> Tensor:
        """Put what the queries of a piece of a layer see among all keys of the layer."""
        site, call = self._site, self._call
        mask = torch.zeros(stop - start, site.extent[1], dtype=torch.bool)
        first, last = max(start, site.start), min(stop, site.start + call.queries)
        if first < last:
            own = self.of_call(first - site.start, last - site.start, slice(0, call.keys))
            part = mask[first - start : last - start, site.first_key : site.first_key + call.keys]
            part[:] = True if own is None else own.cpu()
        return mask

    @cached_property
    def _square(self) -> Tensor | None:
        """What a call says of all its rows at once, where no other way is left."""
        visible = self._call.visible()
        return None if visible is None else visible[0]

    @cached_property
    def _windows(self) -> Tensor:
        assert self._site.seen.windows is not None
        return self._site.seen.windows.mask


class Sight:
    """Keeps what the queries of each layer could see of the keys of a record, where that is less than all."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._masks: dict[int, Mask] = {}

    def take(self, site: Site, call: Call) -> None:
        """Note what one call's queries could see; the pieces of a layer are joined."""
        own = self._own_of(RowSight(site, call))
        if own is not None:
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

    def _own_of(self, sight: RowSight) -> Mask | None:
        """Cut what a record holds out of a call's sight, a few rows at a time."""
        rows, columns = self._cut.rows, self._cut.columns
        own: Mask = np.ones((len(rows), len(columns)), dtype=bool)
        for first in range(0, len(rows), _ROWS):
            some = rows[first : first + _ROWS]
            seen = sight.rows(int(some[0]), int(some[-1]) + 1)
            if seen is None:
                return None
            own[first : first + _ROWS] = seen.cpu().numpy()[np.ix_(some - some[0], columns)]
        return own
