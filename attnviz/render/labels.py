"""Any token as text that is safe and readable on one line, whatever characters it is made of."""

import re
import unicodedata
from pathlib import PurePath

# What a reader would not see, or would take for layout, gets a visible sign.
_SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\x00": "␀", "\xa0": "⍽"}

# Joiners inside Persian words and emoji families are part of the writing.
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"

# A joiner that joins nothing would act on what is printed next to it.
_IDLE_JOINER = re.compile(r"(?<![^\x00-\x7f\u200d])\u200d|\u200d(?![^\x00-\x7f\u200d])")

# A frame of a sound by its seconds, and by its band where it is of a spectrogram.
_FRAME = re.compile(r"(\d+\.\d+)-(\d+\.\d+)s(·b\d+|)")

_EMOJI, _SKIN_TONES, _FLAG_LETTERS = ("\U0001f000", "\U0001faff"), ("🏻", "🏿"), ("🇦", "🇿")
_HANGUL_VOWELS_AND_FINALS = ("\u1160", "\u11ff")


def printable(text: str) -> str:
    r"""Show a token's every character, none of them acting.

    Control characters, bidirectional overrides, lone surrogates, unassigned characters and joiners that join
    nothing come out as their escapes; space, tab and line end as signs; an accent without a letter on a
    dotted circle. Emoji newer than the Unicode tables of this Python are shown.

    >>> printable("a\nb"), printable("\x1b[31m"), printable(" the")
    ('a↵b', '\\x1b[31m', '␣the')
    """
    shown = "".join(_SIGNS.get(char) or _safe(char) for char in text)
    shown = _IDLE_JOINER.sub(r"\\u200d", shown)
    return "◌" + shown if shown and _extends(shown[0]) else shown


def from_to(first: str, last: str) -> str:
    """Label a run of places by those of its ends.

    >>> from_to("r0c1", "r0c4"), from_to("0.32-0.34s", "0.38-0.40s")
    ('r0c1…r0c4', '0.32-0.40s')
    """
    frames = [_FRAME.fullmatch(label) for label in (first, last)]
    if frames[0] and frames[1] and frames[0][3] == frames[1][3]:
        return f"{frames[0][1]}-{frames[1][2]}s{frames[0][3]}"
    return f"{first}…{last}"


def printable_sentence(text: str) -> str:
    """Show a text of several words on one line, with ordinary spaces between them."""
    return " ".join(printable(word) for word in text.split())


def name_of_model(model: str) -> str:
    """Name a model on one line; of a folder only the end of its path, which is no business of a reader's.

    >>> name_of_model("builtin"), name_of_model("/home/ada/models/small")
    ('builtin', 'models/small')
    """
    path = PurePath(model)
    return printable_sentence("/".join(path.parts[-2:]) if path.is_absolute() else model)


def clusters(text: str) -> list[str]:
    """Split a printable text into what a reader sees as single characters: it may be cut between them.

    Marks, joiners, variation signs and skin tones stay with their base, the letters of a flag and of a Korean
    syllable together; the parts of Unicode's grapheme clusters (UAX 29) that tokens meet.

    >>> clusters("a👍🏽🇫🇷")
    ['a', '👍🏽', '🇫🇷']
    """
    parts: list[str] = []
    for char in text:
        if parts and (_extends(char) or _awaits(parts[-1], char)):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def is_right_to_left(text: str) -> bool:
    """Whether any letter is of a script written from right to left, such as Arabic or Hebrew."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def _safe(char: str) -> str:
    category = unicodedata.category(char)
    if category[0] not in "CZ" or char in _JOINERS or (category == "Cn" and _within(char, _EMOJI)):
        return char
    return char.encode("unicode_escape").decode("ascii")


def _extends(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    attached = unicodedata.category(char)[0] == "M" or char in _JOINERS
    return attached or _within(char, _SKIN_TONES) or _within(char, _HANGUL_VOWELS_AND_FINALS)


def _awaits(cluster: str, char: str) -> bool:
    """Whether a cluster is unfinished without the next character: after a joiner, and in half a flag."""
    half_flag = len(cluster) == 1 and _within(cluster, _FLAG_LETTERS)
    return cluster[-1] == "\u200d" or (half_flag and _within(char, _FLAG_LETTERS))


def _within(char: str, bounds: tuple[str, str]) -> bool:
    return bounds[0] <= char <= bounds[1]
