"""Which head and which word to walk through, where nobody says."""

from collections.abc import Sequence

import numpy as np

from attnviz.analysis.readers import counted_queries
from attnviz.analysis.walkthrough.telling import leads, telling_links
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Token
from attnviz.selection import HeadId

# So many tokens are named where the one asked for is not there.
_NAMED = 8

# Links that lead this little less than the best one tell nearly as much, and long words make good examples.
_NEARLY = 0.25


def clearest_head(record: Attention, heads: Sequence[HeadId]) -> HeadId:
    """Pick the head whose queries differ most in what they look at.

    Of heads that were taught something, where one of them has a link: they are easiest to understand.

    For each query the largest lead of one of its weights over what other queries give that key; squared, so
    that sharp links count more than many faint ones, and added up. Of equals the first.

    Raises:
        OutOfRange: the record lacks one of the heads.
    """
    taught = [head for head in heads if head in record.taught and telling_links(record, head)]
    return max(
        taught or heads, key=lambda head: float((np.clip(leads(record, head).max(-1), 0, None) ** 2).sum())
    )


def find_query(record: Attention, head: HeadId, wanted: int | str | None = None) -> int:
    """Find the place of a query among those of a record.

    Args:
        record: one input's attention.
        head: the head whose most telling link decides between several.
        wanted: a place, counted from either end; a token's text; or None for any of those that were written.
            Of words in several pieces the pieces are meant.

    Raises:
        OutOfRange: there is no such place.
        RequestError: no token is called so.
    """
    if isinstance(wanted, int):
        if not -len(record.queries) <= wanted < len(record.queries):
            raise OutOfRange(f"no query {wanted}: this text has queries 0-{len(record.queries) - 1}")
        return wanted % len(record.queries)
    if wanted is None:
        return _most_telling(record, head, np.flatnonzero(counted_queries(record)).tolist())
    return _most_telling(record, head, called(record.queries, wanted))


def called(tokens: Sequence[Token], wanted: str) -> list[int]:
    """Give the places of the tokens with a text, or of the pieces of words with it; at least one.

    Capitals and blanks count only where they tell tokens apart.

    Raises:
        RequestError: no token is called so.

    >>> called([Token("The"), Token(" the"), Token(" lazy")], "the"), called([Token(" lazy")], "Lazy")
    ([1], [0])
    """
    exact = [place for place, token in enumerate(tokens) if token.text.strip() == wanted.strip()]
    alike = [
        place for place, token in enumerate(tokens) if token.text.strip().lower() == wanted.strip().lower()
    ]
    found = exact or alike or _pieces(tokens, wanted.strip().lower())
    if not found:
        names = ", ".join(token.text.strip() for token in tokens[:_NAMED])
        more = f" or {len(tokens) - _NAMED:,} more" if len(tokens) > _NAMED else ""
        raise RequestError(
            f"no such query: got {wanted!r}, allowed a place from 0 on or one of {names}{more}"
        )
    return found


def _pieces(tokens: Sequence[Token], wanted: str) -> list[int]:
    """Give the places of the pieces of words that read so as a whole."""
    words: dict[object, list[int]] = {}
    for place, token in enumerate(tokens):
        if token.word is not None:
            words.setdefault((token.part, token.word), []).append(place)
    return [
        place
        for places in words.values()
        if "".join(tokens[place].text for place in places).strip().lower() == wanted
        for place in places
    ]


def _most_telling(record: Attention, head: HeadId, places: Sequence[int]) -> int:
    """Pick the query furthest ahead of what others do; of nearly equal ones the longest word."""
    ahead = leads(record, head).max(axis=-1)
    enough = max(float(ahead[place]) for place in places) - _NEARLY
    nearly = [place for place in places if ahead[place] >= enough]
    return max(nearly, key=lambda place: (len(record.queries[place].text.strip()), float(ahead[place])))
