"""Which keys a mass is asked of: those that close a text, those that punctuate it, those that stand twice."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.readers import special_keys
from attnviz.frame import Sides
from attnviz.record import Mask, Token

_OF_TEXT = ("text", "generated", "special")


def delimiter_keys(sides: Sides) -> Mask:
    """Say which keys close or part texts: (key,), True for tokens the model added, but not in first place.

    What stands first, such as [CLS] or <s>, opens the text.
    """
    closing: Mask = special_keys(sides) & (np.arange(len(sides.keys)) > 0)
    return closing


def punctuation_keys(sides: Sides) -> Mask:
    """Say which keys the user or the model wrote without a letter or a digit: (key,)."""
    return np.array([_is_punctuation(token) for token in sides.keys])


def token_numbers(tokens: Sequence[Token]) -> NDArray[np.intp]:
    """Number tokens so that equal ones have one number: (token,).

    Equal are those of one vocabulary entry, or of one text where they have none. A patch or a frame equals
    no other.

    >>> token_numbers([Token("a", 7), Token("b", 8), Token("a", 7), Token("", kind="patch")]).tolist()
    [0, 1, 0, 3]
    """
    first: dict[Hashable, int] = {}
    return np.array(
        [first.setdefault(_identity(token, place), place) for place, token in enumerate(tokens)],
        dtype=np.intp,
    )


def _identity(token: Token, place: int) -> Hashable:
    if token.kind not in _OF_TEXT:
        return place, token.kind
    return token.text if token.id is None else token.id


def _is_punctuation(token: Token) -> bool:
    text = token.text.strip()
    written = token.kind in ("text", "generated")
    return written and text != "" and not any(char.isalnum() for char in text)
