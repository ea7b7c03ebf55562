"""How heads differ, as JSON."""

from attnviz.analysis.comparing.heads import Comparison, Pair, Row
from attnviz.render.machine.plain import Fields, as_text, names, plain, tokens

COMPARISON = "attnviz/compare/1"


def comparison_json(comparison: Comparison) -> str:
    """Write how heads differ: pairs from the most alike on, groups, and the favourite key at each query.

    Every divergence is a Jensen-Shannon divergence in bits, 0 to 1.
    """
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
            "rows": [_row(comparison, row) for row in comparison.rows],
        }
    )


def _pair(pair: Pair) -> Fields:
    return {"heads": names((pair.first, pair.second)), "divergence": plain(pair.divergence)}


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
