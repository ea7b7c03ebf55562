"""How heads differ, as JSON."""

import numpy as np

from attnviz.analysis.comparing.headmap import HeadMap, head_map
from attnviz.analysis.comparing.heads import Comparison, Pair, Row
from attnviz.render.machine.plain import Fields, as_text, names, plain, tokens

COMPARISON = "attnviz/compare/1"

# No more choices than this are written, which a text of 512 tokens and 256 heads has.
_MOST_CHOICES = 2**17


def comparison_json(comparison: Comparison) -> str:
    """Write how heads differ: pairs from the most alike on, groups, and the favourite key at each query.

    Every divergence is a Jensen-Shannon divergence in bits, 0 to 1; a `spread` is the standard deviation over
    the queries of one. `order` puts heads that read alike side by side. `map` gives each head's place in the
    plane, where distances are roots of bits, and the share of the heads' spread that is `kept` there. Of a
    long text and many heads `rows` are those at which these differ most, and `rows_left_out` the number of
    the others.
    """
    rows = _rows(comparison)
    left_out = len(comparison.positions) - len(rows)
    return as_text(
        {
            "schema": COMPARISON,
            "model": comparison.model,
            "text": comparison.text,
            "block": comparison.block,
            "tokens": tokens(comparison.queries),
            "heads": names(comparison.heads),
            "divergences": plain(comparison.divergences),
            "pairs": [_pair(pair) for pair in comparison.pairs],
            "groups": [names(group) for group in comparison.groups],
            "order": names(comparison.clustered.heads),
            "map": _map(head_map(comparison)),
            "rows": [_row(comparison, row) for row in rows],
            **({"rows_left_out": left_out} if left_out else {}),
        }
    )


def _rows(comparison: Comparison) -> tuple[Row, ...]:
    """Give the rows, or as many of those that differ most as may be written, in the order of the text."""
    most = _MOST_CHOICES // len(comparison.heads)
    if len(comparison.positions) <= most:
        return comparison.rows
    places = np.sort(np.argsort(-comparison.apart, kind="stable")[:most])
    return comparison.some_rows(places.tolist())


def _pair(pair: Pair) -> Fields:
    return {
        "heads": names((pair.first, pair.second)),
        "divergence": plain(pair.divergence),
        "spread": plain(pair.spread),
    }


def _map(placed: HeadMap) -> Fields:
    places = zip(placed.heads, plain(placed.places), strict=True)
    return {"kept": plain(placed.kept), "places": {str(head): place for head, place in places}}


def _row(comparison: Comparison, row: Row) -> Fields:
    return {
        "from": row.query,
        "from_position": row.position,
        "agrees": row.agrees,
        "divergence": plain(row.divergence),
        "choices": [
            {
                "head": str(head),
                "to": choice.token,
                "to_position": choice.position,
                "weight": plain(choice.weight),
            }
            for head, choice in zip(comparison.heads, row.choices, strict=True)
        ],
    }
