"""Layers whose heads may give mass to a learned sink, found from a few rows."""

from collections.abc import Iterable

import torch
from torch import nn

from attnviz.record import MASS_TOLERANCE, Block
from attnviz.sources.huggingface.capturing.sight import RowSight
from attnviz.sources.huggingface.watching.sites import Site, evaluating

# So many rows from either end are looked at: the first ones see so few keys that a sink takes most of them.
_ROWS = 8


def leaking_layers(model: nn.Module, sites: Iterable[Site]) -> frozenset[tuple[Block, int]]:
    """Name the layers in which some row's mass is below 1, by more than rounding, though its query saw keys.

    Args:
        model: the network.
        sites: its attention calls; those that were not kept say nothing.
    """
    with torch.no_grad(), evaluating(model):
        return frozenset((site.block, site.layer) for site in sites if site.block and _leaks(site))


def _leaks(site: Site) -> bool:
    if site.kept is None or not site.kept.is_whole or site.seen.windows is not None:
        return False
    call = site.kept.call
    for start, stop in {(0, min(_ROWS, call.queries)), (max(0, call.queries - _ROWS), call.queries)}:
        mass = call.rows(start, stop)[1][0].sum(dim=-1, dtype=torch.float32)
        seen = RowSight(site, call).of_call(start, stop)
        looking = mass if seen is None else mass[:, seen.any(dim=-1)]
        if bool((looking < 1 - MASS_TOLERANCE).any()):
            return True
    return False
