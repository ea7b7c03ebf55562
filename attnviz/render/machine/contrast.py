"""How two records differ, head by head, as JSON."""

from collections.abc import Sequence

import numpy as np

from attnviz.analysis.comparing.contrast import Change, Contrast, Match, Side
from attnviz.render.machine.plain import Fields, as_text, identity, plain, tokens
from attnviz.selection import HeadId

CONTRAST = "attnviz/contrast/1"


def contrast_json(contrast: Contrast, heads: Sequence[HeadId]) -> str:
    """Write how two records differ: what was matched, heads from the most changed on, and difference maps.

    `divergence` and its `spread` over the rows are in bits, 0 to 1. `weights` of a difference are the
    second's minus the first's, a row for each of `queries` and a column for each of `keys`; `elsewhere`, one
    for each query, is the same of the mass on keys without a match, of which `mass` is a side's mean share.
    Of long inputs a cell of `weights` is the difference of largest magnitude of a run of queries and a run
    of keys, and `elsewhere` that of a run of queries: `pooling` tells how many there were, which are cut as
    evenly as can be.
    `dropped` is the share on tokens taken out before, where some were.

    Args:
        contrast: what to write.
        heads: whose difference maps to write.

    Raises:
        OutOfRange: one of the heads was not compared.
    """
    return as_text(
        {
            "schema": CONTRAST,
            "first": _side(contrast.first),
            "second": _side(contrast.second),
            "block": contrast.block,
            **({"view": contrast.view} if contrast.view != "weights" else {}),
            "matched_by": "words" if contrast.by_words else "tokens",
            "queries": [{**_match(query), "counted": query.counted} for query in contrast.queries],
            "keys": [_match(key) for key in contrast.keys],
            "heads": [_change(contrast, change) for change in contrast.ranked],
            "differences": [_difference(contrast, head) for head in heads],
        }
    )


def _side(side: Side) -> Fields:
    alone = {"queries": tokens(side.queries), "keys": tokens(side.keys), "mass": plain(side.elsewhere)}
    dropped = {"dropped": plain(side.dropped), "renormalized": side.renormalized} if side.dropped else {}
    return {"model": side.model, "text": side.text, "unmatched": alone, **dropped}


def _match(match: Match) -> Fields:
    return {"first": match.first.facts(), "second": match.second.facts(), "replaced": match.is_replaced}


def _change(contrast: Contrast, change: Change) -> Fields:
    largest = contrast.largest(change.head)
    return {
        **identity(change.head),
        "against": str(change.against),
        "divergence": plain(change.divergence.mean),
        "spread": plain(change.divergence.spread),
        "largest": {"query": largest.query, "key": largest.key, "difference": plain(largest.weight)},
    }


def _difference(contrast: Contrast, head: HeadId) -> Fields:
    place = contrast.row(head)
    named = {**identity(head), "against": str(contrast.changes[place].against)}
    if contrast.pooled is None:
        cells, elsewhere = contrast.differences[place], contrast.elsewhere[place]
        return {**named, "weights": plain(cells), "elsewhere": plain(elsewhere)}
    maps, at = contrast.pooled, contrast.pooled.heads.index(head)
    pooling = {"statistic": "largest", "queries": maps.queries.count, "keys": maps.keys.count}
    return {
        **named,
        **({"pooling": pooling} if maps.has_runs else {}),
        "weights": plain(np.nan_to_num(maps.cells[at])),
        "elsewhere": plain(maps.elsewhere[at]),
    }
