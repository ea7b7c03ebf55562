"""What the network is told of a word: the word itself, its stem, its endings and its shape.

A word the vocabulary lacks is still told by its stem and endings: "jumps" reads as "jump" and "-s". Each of
these features is a row of one embedding table, and a word's vector is the sum of its features' rows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.model.tokenizer import fold

UNKNOWN_WORD, NO_STEM, NO_ENDING = 0, 1, 2
LOWER, CAPITAL, CAPITALS, DIGITS, SIGN = range(3, 8)
FIRST_WORD = 8

# The columns of a word's features.
WORD, STEM, SHAPE = 0, 1, 2
_LONGEST_ENDING = 3
FEATURES = 3 + _LONGEST_ENDING

# What a form adds to its stem, and what it took away: "flies" is "fly", "making" is "make".
_INFLECTIONS = (
    ("ies", "y"),
    ("ied", "y"),
    ("ier", "y"),
    ("iest", "y"),
    ("ily", "y"),
    ("es", ""),
    ("s", ""),
    ("ed", ""),
    ("d", ""),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("er", ""),
    ("r", ""),
    ("est", ""),
    ("st", ""),
)


@dataclass(frozen=True)
class Vocabulary:
    """The words and endings that have a row of their own in the embedding table.

    Attributes:
        words: folded words, the most frequent first.
        endings: the last one to three characters of words, the most widespread first.
    """

    words: tuple[str, ...]
    endings: tuple[str, ...]

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], words: int, endings: int) -> "Vocabulary":
        """Choose the most frequent words, and the endings that most different words have.

        Args:
            counts: how often each folded word was seen.
            words: the largest number of words to keep.
            endings: the largest number of endings to keep.
        """
        repeated = (word for word, count in counts.items() if count > 1)
        widespread = Counter(ending for word in repeated for ending in _endings(word))
        widespread.pop("", None)
        return cls(_most_frequent(counts, words), _most_frequent(widespread, endings))

    @property
    def rows(self) -> int:
        """The rows of the embedding table: words, endings, shapes, and one for each that is missing."""
        return FIRST_WORD + len(self.words) + len(self.endings)

    def ids(self, words: Sequence[str]) -> list[int | None]:
        """Give each word's own row, None where the vocabulary lacks it."""
        return [self._word_rows.get(fold(word)) for word in words]

    def features(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Look up words as they are written.

        Shape:
            Returns (word, feature), rows of the embedding table.
        """
        rows = [self._features_of(word) for word in words]
        return np.asarray(rows, dtype=np.int32).reshape(len(rows), FEATURES)

    def features_by_row(self) -> NDArray[np.int32]:
        """Give the features of every word that has a row; rows that are no word have only zeros.

        Shape:
            Returns (row, feature).
        """
        table = np.zeros((self.rows, FEATURES), dtype=np.int32)
        table[FIRST_WORD : FIRST_WORD + len(self.words)] = self.features(self.words)
        return table

    @cached_property
    def _word_rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, FIRST_WORD)}

    @cached_property
    def _ending_rows(self) -> dict[str, int]:
        return {ending: row for row, ending in enumerate(self.endings, FIRST_WORD + len(self.words))}

    def _features_of(self, word: str) -> tuple[int, ...]:
        folded = fold(word)
        stems = (self._word_rows[stem] for stem in _stems(folded) if stem in self._word_rows)
        return (
            self._word_rows.get(folded, UNKNOWN_WORD),
            next(stems, NO_STEM),
            _shape(word),
            *(self._ending_rows.get(ending, NO_ENDING) for ending in _endings(folded)),
        )


def _most_frequent(counts: Mapping[str, int], size: int) -> tuple[str, ...]:
    """Sort by falling count, equal counts by the alphabet, so that the order of the texts does not matter."""
    return tuple(sorted(counts, key=lambda item: (-counts[item], item))[:size])


def _endings(word: str) -> Iterator[str]:
    """Give the last one, two and three characters; an empty one where the word has no more than these."""
    for length in range(1, _LONGEST_ENDING + 1):
        yield word[-length:] if len(word) > length else ""


def _stems(word: str) -> Iterator[str]:
    """Guess what a form is a form of, likelier stems first.

    >>> list(_stems("stopped"))
    ['stopp', 'stop', 'stoppe']
    """
    for ending, taken in _INFLECTIONS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < (2 if taken == "y" else 3):  # "flies" is "fly", "thing" not "the"
            continue
        yield stem + taken
        if not taken and stem[-1] == stem[-2]:
            yield stem[:-1]


def _shape(word: str) -> int:
    """Tell how a word is written: a capital in front often marks a name."""
    if word[0].isdigit():
        return DIGITS
    if not word[0].isalpha():
        return SIGN
    if word[0].islower() or not word[0].isupper():
        return LOWER
    return CAPITALS if len(word) > 1 and word.isupper() else CAPITAL
