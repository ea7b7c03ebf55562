"""Numbers as they are written in a walk, and the names of what they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.record import Token
from attnviz.render.walkthrough.blocks import Word, shown

# Of more keys or heads only those that matter most get a row.
MOST_KEYS, MOST_HEADS = 12, 16

# So many numbers of a long vector are shown as an example.
EXAMPLES = 4

# Of a sum of vectors so many of their numbers are followed.
FOLLOWED = 3

NEVER = "−∞"


def exact(value: float) -> str:
    """Write a number so that what follows from it can be checked to a millionth.

    >>> exact(0.25), exact(-1e-9), exact(float("-inf"))
    ('0.250000', '0.000000', '−∞')
    """
    return NEVER if isinf(value) else f"{round(value, 6) + 0.0:.6f}"


def rough(value: float) -> str:
    """Write a number so that it can be read.

    >>> rough(-1.2345), rough(-0.0001)
    ('-1.23', '0.00')
    """
    return NEVER if isinf(value) else f"{round(value, 2) + 0.0:.2f}"


def scale_text(scale: float) -> str:
    """Write what products are multiplied by, with the digits a pocket calculator has.

    >>> scale_text(0.25), scale_text(0.17677669)
    ('0.25', '0.17677669')
    """
    return f"{scale:.8g}"


def percent(share: float) -> str:
    """Write a share in percent within a sentence: with one decimal, near 0 and 1 with two.

    >>> percent(0.524), percent(0.99977), percent(0.0002), percent(0.00001), percent(0.0), percent(-0.034)
    ('52.4%', '99.98%', '0.02%', 'under 0.01%', '0%', '-3.4%')
    """
    if share == 0 or share == 1:
        return f"{share:.0%}"
    if 0 < share < 5e-5:
        return "under 0.01%"
    if 1 - 5e-5 < share < 1:
        return "over 99.99%"
    near = abs(share) < 0.0095 or 0.9905 < share < 1
    return f"{share:.2%}" if near else f"{share:.1%}"


def percent_cell(share: float) -> str:
    """Write a share in percent as one of a column, all with two decimals.

    >>> percent_cell(0.9997), percent_cell(-1e-9)
    ('99.97%', '0.00%')
    """
    return f"{round(share * 100, 2) + 0.0:.2f}%"


def name_of(tokens: Sequence[Token], place: int) -> Word:
    """Name a token; one whose text stands at several places with its place.

    >>> name_of([Token("the"), Token("fox"), Token("the")], 2).text, name_of([Token("fox")], 0).text
    ('the (2)', 'fox')
    """
    text = shown(tokens[place].text)
    several = sum(shown(token.text) == text for token in tokens) > 1
    return Word(f"{text} ({place})" if several else text)


def numbered(tokens: Sequence[Token], places: Sequence[int]) -> tuple[str, ...]:
    """Name tokens behind their places, as rows of a table."""
    width = len(str(max(places, default=0)))
    return tuple(f"{place:>{width}} {shown(tokens[place].text)}" for place in places)


def keys_to_show(walk: Walkthrough, most: int = MOST_KEYS) -> list[int]:
    """Pick the keys that get a row, in the order of the text: all of a short text, else the strongest."""
    weights = walk.scores.weights
    if len(weights) <= most:
        return list(range(len(weights)))
    return sorted((-weights).argsort(kind="stable")[:most].tolist())


@dataclass(frozen=True)
class Nouns:
    """What to call what is looked at.

    Attributes:
        token: one of them, to somebody who knows of tokens.
        tokens: several.
        word: one of them, to somebody who does not.
        words: several.
        whole: what they are part of.
    """

    token: str
    tokens: str
    word: str
    words: str
    whole: str


_TEXT = Nouns("token", "tokens", "word", "words", "sentence")
_PICTURE = Nouns("patch", "patches", "patch", "patches", "picture")
_SOUND = Nouns("frame", "frames", "piece", "pieces", "sound")


def nouns(walk: Walkthrough) -> Nouns:
    """Name what is looked at: words of a text, patches of a picture or frames of a sound."""
    kinds = {token.kind for token in walk.keys if not token.is_special}
    return _PICTURE if kinds == {"patch"} else _SOUND if kinds == {"frame"} else _TEXT
