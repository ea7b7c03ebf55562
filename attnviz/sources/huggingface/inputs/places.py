"""Where the pieces of a tokenizer without offsets stand in its text: found again where that is certain."""

import string
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby, pairwise

Span = tuple[int, int]

_SPACES = string.whitespace.encode()


def spelled_out(text: str, names: Sequence[str]) -> list[Span | None] | None:
    """Place pieces that are the very characters of a text, or its bytes, between them.

    Args:
        text: the source text.
        names: the pieces; a byte is written as the character of its number.

    Returns:
        A span for each piece, whitespace its own, or None for one of whitespace that a tokenizer dropped
        elsewhere; or None alone: the pieces are something else.

    >>> spelled_out("é!", ["Ã", "©", "!"])
    [(0, 1), (0, 1), (1, 2)]
    """
    if "".join(names) == text:
        return _one_after_another([len(name) for name in names], range(len(text)))
    return _as_bytes(text, names, b"") or _as_bytes(text, names, _SPACES)


def find_pieces(text: str, pieces: Sequence[str | None]) -> list[Span | None]:
    """Find pieces in the text they were cut from, in order.

    Tokenizers lower-case and drop accents, whitespace and control characters; all of that is seen through. A
    piece has a place if it can stand nowhere else: all of them do if between them they spell the whole text,
    and beside unknown pieces those that fit in at one place only.

    Args:
        text: the source text.
        pieces: the pieces without the marks of the vocabulary; None for one that does not tell what of the
            text it stands for, such as an unknown word, or a single byte of a character.

    Returns:
        A span for each piece, or None.

    >>> find_pieces("Zoë  jumps", ["zoe", "jump", "s"])
    [(0, 3), (5, 9), (9, 10)]
    >>> find_pieces("a ☃ b", ["a", None, "b"])
    [(0, 1), (2, 3), (4, 5)]
    """
    essence, origins = _essence(text)
    bare = [None if piece is None else _essence(piece)[0] for piece in pieces]
    spans = [
        None if place is None else _with_marks(text, origins[place[0]], origins[place[1] - 1] + 1)
        for place in _certain(essence, bare)
    ]
    return _with_spaces(text, pieces, spans)


def _with_spaces(text: str, pieces: Sequence[str | None], spans: Sequence[Span | None]) -> list[Span | None]:
    """Place pieces of whitespace in the whitespace between their neighbours, all of them in all of it."""
    found: list[Span | None] = []
    for is_blank, run in groupby(range(len(pieces)), key=lambda place: (pieces[place] or "x").isspace()):
        own = list(run)
        before = (0, 0) if own[0] == 0 else found[own[0] - 1]
        after = (len(text), len(text)) if own[-1] + 1 == len(pieces) else spans[own[-1] + 1]
        if is_blank and before and after and text[before[1] : after[0]].isspace():
            found += [(before[1], after[0])] * len(own)
        else:
            found += spans[own[0] : own[-1] + 1]
    return found


def _one_after_another(lengths: Sequence[int], origins: Sequence[int]) -> list[Span | None]:
    """Place pieces that spell a whole text between them.

    Args:
        lengths: of each piece, in units such as bytes.
        origins: for each unit of the text the position of its character.
    """
    return [
        (origins[start], origins[stop - 1] + 1) if start < stop else None
        for start, stop in pairwise(accumulate(lengths, initial=0))
    ]


def _as_bytes(text: str, pieces: Sequence[str], dropped: bytes) -> list[Span | None] | None:
    """Place pieces that are bytes, each written as the character of its number; longer ones are names."""
    if any(len(piece) == 1 and ord(piece) > 0xFF for piece in pieces):
        return None
    coded = [bytes([ord(piece)]) if len(piece) == 1 else piece.encode() for piece in pieces]
    kept = [piece.translate(None, dropped) for piece in coded]
    units = [
        (byte, place)
        for place, character in enumerate(text)
        for byte in character.encode().translate(None, dropped)
    ]
    if b"".join(kept) != bytes(byte for byte, _ in units):
        return None
    return _one_after_another([len(piece) for piece in kept], [place for _, place in units])


def _essence(text: str) -> tuple[str, list[int]]:
    """Leave out case, accents, whitespace and characters that cannot be seen.

    Returns:
        What is left, and for each of its characters the position of the one it comes from.
    """
    left = [
        (part, place)
        for place, character in enumerate(text)
        for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
        if unicodedata.category(part)[0] not in "CMZ"
    ]
    return "".join(part for part, _ in left), [place for _, place in left]


def _with_marks(text: str, start: int, stop: int) -> Span:
    """Lengthen a span by the marks upon its last character."""
    while stop < len(text) and unicodedata.category(text[stop])[0] == "M":
        stop += 1
    return start, stop


def _certain(essence: str, pieces: Sequence[str | None]) -> Iterator[Span | None]:
    """Give each piece its only possible place within what it was cut from, or None."""
    runs = [list(run) for _, run in groupby(pieces, key=lambda piece: piece is None)]
    words = [None if None in run else "".join(piece or "" for piece in run) for run in runs]
    earliest = _earliest(essence, words)
    # The latest places are the earliest ones of everything turned around.
    turned = _earliest(essence[::-1], [word and word[::-1] for word in words[::-1]])
    latest = [place and (len(essence) - place[1], len(essence) - place[0]) for place in turned[::-1]]
    fixed = [one if one == other else None for one, other in zip(earliest, latest, strict=True)]
    ends = [(0, 0), *fixed, (len(essence), len(essence))]
    for run, before, place, after in zip(runs, ends, fixed, ends[2:], strict=False):
        if place is not None:
            yield from _one_after_another([len(piece or "") for piece in run], range(*place))
            continue
        gap = (before[1], after[0]) if None in run and before and after else (0, 0)
        # Several unknown pieces can only share what cannot be divided.
        is_shared = gap[1] - gap[0] >= 1 and (len(run) == 1 or gap[1] - gap[0] == 1)
        yield from [gap if is_shared else None] * len(run)


def _earliest(essence: str, words: Sequence[str | None]) -> list[Span | None]:
    """Put each known run as early as it can stand, the first and the last one at the very ends.

    Args:
        essence: where to look.
        words: the runs; None for an unknown one, which is at least one character.

    Returns:
        Where each known run stands; None for all of them if they do not fit.
    """
    found: list[Span | None] = []
    end = 0
    for place, word in enumerate(words):
        if word is None:
            end += 1
            found.append(None)
            continue
        start = 0 if place == 0 else essence.find(word, end)
        if place == len(words) - 1:
            start = len(essence) - len(word)
        if start < end or not essence.startswith(word, start) or (place == 0 and start > 0):
            return [None] * len(words)
        end = start + len(word)
        found.append((start, end))
    return found if end <= len(essence) else [None] * len(words)
