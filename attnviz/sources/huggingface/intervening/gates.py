"""Heads closed, wholly or in part, whatever kind of model they are in."""

from collections.abc import Container, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from attnviz.outcome import Gates
from attnviz.outline import Outline
from attnviz.record import Block
from attnviz.sources.gating import gates_by_layer
from attnviz.sources.huggingface.intervening.outcomes import Change
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.watching.sites import Site

# For layers, by block and number, what each head's part of its output is multiplied by: (head,).
LayerGates = Mapping[tuple[Block, int], Tensor]


def layer_gates(gates: Gates, outlines: Mapping[Block, Outline]) -> dict[tuple[Block, int], Tensor]:
    """Give the gates of every layer in which one is named; heads not named have 1.

    Raises:
        RequestError: there is no such block.
        OutOfRange: there is no such layer or head.
    """
    return {
        (block, layer): torch.from_numpy(of_heads)
        for block, of_layers in gates_by_layer(gates, outlines).items()
        for layer, of_heads in of_layers.items()
    }


def gating(gates: LayerGates, sites: Iterable[Site]) -> Change:
    """Give what answers attention calls with each head's part multiplied by its gate.

    Args:
        gates: of the layers that are not as usual; they may want gradients.
        sites: every attention call of such a pass, in order.
    """
    weighing = weighing_sites(sites)

    def change(site: Site, call: Call) -> Tensor:
        own = weighing.get(site)
        gate = None if own is None or own.block is None else gates.get((own.block, own.layer))
        return call.as_usual() if own is None or gate is None else call.gated(_of_call(gate, own, call))

    return change


def concerned(layers: Container[tuple[Block, int]], sites: Sequence[Site]) -> list[Site]:
    """Give the calls of the modules that some layers are made of: the others need not be watched."""
    modules = {site.seen.module for site in sites if site.block and (site.block, site.layer) in layers}
    return [site for site in sites if site.seen.module in modules]


def weighing_sites(sites: Iterable[Site]) -> dict[Site, Site]:
    """Say for each call that is a layer's whose weights it uses: its own, or those of the call before.

    Some layers give the same weights values twice, such as those of positions beside those of the keys: both
    products are parts of what a head gives.
    """
    found: dict[Site, Site] = {}
    before: Site | None = None
    for site in sites:
        if site.block is not None:
            before = site
        elif before is None or not site.seen.again or site.seen.run != before.seen.run:
            before = None
        if before is not None:
            found[site] = before
    return found


def _of_call(gates: Tensor, site: Site, call: Call) -> Tensor:
    """Cut a call's gates out of its layer's: (head,), or (batch, head) where a head is in several squares."""
    heads = site.seen.shape[1]
    own = gates[site.first_head : site.first_head + heads]
    if call.heads == heads:
        return own
    return own.repeat(call.batch * call.heads // heads).reshape(call.batch, call.heads)
