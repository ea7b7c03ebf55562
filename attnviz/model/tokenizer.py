"""Text to words: a word is one token, never split in pieces, and every token is a slice of the text."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# A text is read as a string of kinds, one letter for each character:
#   L letter   N digit   M mark, shown upon the character before   I sign of a script without spaces
#   J joiner   R half of a flag   S other symbol   ' apostrophe   . - , themselves   a space: parts words
_TOKEN = re.compile(
    r"""
    L[LMJ]* (?: ' L[LMJ]* )*        # letters, also with apostrophes between them: o'clock
    | N[NM]* (?: [.,] N[NM]* )*     # a number, also with its points and commas: 1,000.5
    | I[MJ]*                        # 狐, 𓃥
    | RR?                           # two halves make one flag
    | S M* (?: J [SLN] M* )*        # a symbol with all that is joined to it: an emoji family
    | \.+ M* | -+ M*                # dots or dashes in a row
    | [,'] M*
    | M+                            # a mark upon nothing
    """,
    re.VERBOSE,
)
_SHORT_FORM = re.compile(r"(?<=.)['’](?:s|re|ve|ll|d|m)$", re.IGNORECASE)

_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0xA4CF),  # Han, kana, Yi
    (0xF900, 0xFAFF),  # Han
    (0x20000, 0x3FFFF),  # Han
)


@dataclass(frozen=True)
class Word:
    """A word where it stands.

    Attributes:
        text: as the user wrote it, `source[start:end]`.
        start: the place of its first character in the source text.
        end: the place after its last character.
    """

    text: str
    start: int
    end: int


def words(text: str) -> Iterator[Word]:
    """Cut a text into words, numbers and signs, leaving out spaces and characters that cannot be seen.

    English short forms are words of their own, as in treebanks: `fox's` is `fox` and `'s`.

    >>> [word.text for word in words("The fox's 2.5 jumps, don't they?")]
    ['The', 'fox', "'s", '2.5', 'jumps', ',', "don't", 'they', '?']
    """
    kinds = "".join(map(_kind, text))
    for match in _TOKEN.finditer(kinds):
        yield from _without_short_form(text, match.start(), match.end())


def is_unspaced(character: str) -> bool:
    """Whether a character is of a script that puts no spaces between words, such as Han, kana or Thai.

    >>> is_unspaced("狐"), is_unspaced("f")
    (True, False)
    """
    return any(first <= ord(character) <= last for first, last in _WITHOUT_SPACES)


def fold(word: str) -> str:
    """Give the form under which a word is looked up: lower case, one way of writing each character.

    >>> fold("Don’t")
    "don't"
    """
    return unicodedata.normalize("NFKC", word).lower().replace("’", "'")


def _without_short_form(text: str, start: int, end: int) -> Iterator[Word]:
    match = _SHORT_FORM.search(text[start:end])
    middle = end if match is None else start + match.start()
    yield Word(text[start:middle], start, middle)
    if middle < end:
        yield Word(text[middle:end], middle, end)


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """Name the kind of one character."""
    code = ord(character)
    if character in ".,-'":
        return character
    if character == "’":
        return "'"
    if code in (0x200C, 0x200D):
        return "J"
    if 0x1F3FB <= code <= 0x1F3FF:  # colours of skin stand upon the emoji before
        return "M"
    if 0x1F1E6 <= code <= 0x1F1FF:
        return "R"
    return _kind_of_category(code, unicodedata.category(character))


def _kind_of_category(code: int, category: str) -> str:
    if category[0] in "ZC" and category != "Co":
        return " "
    if category[0] == "M":
        return "M"
    if category[0] == "L" or category == "Nl":
        return "I" if is_unspaced(chr(code)) else "L"
    return "N" if category[0] == "N" else "S"
