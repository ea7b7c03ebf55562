"""Any token as text that is safe and readable on one line, whatever characters it is made of."""

import unicodedata

# What a reader would not see, or would take for layout, gets a visible sign.
_SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\x00": "␀", "\xa0": "⍽"}

# Joiners inside Persian words and emoji families are part of the writing.
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"


def printable(text: str) -> str:
    r"""Show a token's every character, none of them acting.

    Control characters, bidirectional overrides, lone surrogates and unassigned characters come out as their
    escapes; space, tab and line end as signs; an accent without a letter on a dotted circle.

    >>> printable("a\nb"), printable("\x1b[31m"), printable(" the")
    ('a↵b', '\\x1b[31m', '␣the')
    """
    shown = "".join(_SIGNS.get(char) or _escape(char) for char in text)
    return "◌" + shown if shown and unicodedata.combining(shown[0]) else shown


def _escape(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char)[0] not in "CZ":
        return char
    return char.encode("unicode_escape").decode("ascii")
