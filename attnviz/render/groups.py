"""Signs by which groups of heads are told apart, not only by their colour."""

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

from attnviz.render.theme import CATEGORIES
from attnviz.selection import HeadId

# Of the largest groups each has a shape, the others a letter.
SIGNS = "■▲◆●▼★" + ascii_lowercase + ascii_uppercase

# A head like no other, and several groups at one place.
ALONE, MIXED = "·", "+"


def signs(groups: Sequence[Sequence[HeadId]]) -> dict[HeadId, str]:
    """Give the sign of each head: that of its group, or a dot for one like no other.

    >>> signs([(HeadId(0, 0), HeadId(0, 2)), (HeadId(0, 1),)])[HeadId(0, 2)]
    '■'
    """
    of_groups = iter(SIGNS)
    found: dict[HeadId, str] = {}
    for group in groups:
        sign = next(of_groups, MIXED) if len(group) > 1 else ALONE
        found.update(dict.fromkeys(group, sign))
    return found


def color(sign: str) -> str | None:
    """Give the colour of a group's sign; None for what is no group."""
    return CATEGORIES[SIGNS.index(sign) % len(CATEGORIES)] if sign in SIGNS else None
