"""What the parts of an input read of each other, as JSON."""

from attnviz.analysis.parts import HeadParts, Part, Parts
from attnviz.render.machine.plain import Fields, as_text, identity, plain

PARTS = "attnviz/parts/1"


def parts_json(parts: Parts) -> str:
    """Write what the parts of an input read of each other, for each head and in the mean of all of them.

    `mass` and `chance` have a row for each part of `from` and a column for each of `to`: the share of its
    attention that a token of the one gives the other, the mean over its tokens, and what evenly spread
    attention would give. `lost`, one for each of `from`, is what goes to no key.
    """
    return as_text(
        {
            "schema": PARTS,
            "model": parts.model,
            "text": parts.text,
            "block": parts.block,
            **parts_fields(parts),
        }
    )


def parts_fields(parts: Parts) -> Fields:
    """Give the parts, and what heads read between them."""
    return {
        "from": [_part(part) for part in parts.queries],
        "to": [_part(part) for part in parts.keys],
        "heads": [{**identity(head.head), **_sums(head)} for head in parts.heads if head.head],
        "together": _sums(parts.together),
    }


def _part(part: Part) -> Fields:
    return {"part": part.name, "tokens": part.tokens}


def _sums(head: HeadParts) -> Fields:
    return {"mass": plain(head.mass), "chance": plain(head.chance), "lost": plain(head.lost)}
