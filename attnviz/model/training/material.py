"""What a training learns from: texts and parsed sentences as numbers, some texts set aside to judge by."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from attnviz.errors import EmptyText
from attnviz.model.tokenizer import fold, words
from attnviz.model.training.examples import Texts
from attnviz.model.training.teaching import Parse, Sentence, sentences_of
from attnviz.model.vocabulary import Vocabulary

SHORTEST, LONGEST = 3, 48
_LONGEST_TAUGHT = 30
_EVERY_HELD_OUT = 50
_MOST_HELD_OUT = 2000


@dataclass(frozen=True, eq=False)
class Treebank:
    """Parsed sentences beside their features, in the same order."""

    sentences: tuple[Sentence, ...]
    texts: Texts

    @classmethod
    def of(cls, sentences: Iterable[Sentence], vocabulary: Vocabulary) -> "Treebank":
        """Look the sentences' words up."""
        kept = tuple(sentences)
        return cls(kept, Texts.of([vocabulary.features(sentence.words) for sentence in kept]))


@dataclass(frozen=True, eq=False)
class Material:
    """Everything a training is given.

    Attributes:
        vocabulary: made of the texts and the treebank.
        texts: what words are replaced in and learned from.
        held_out: every fiftieth text, at most 2,000, never trained on.
        treebank: what grammar is taught from; may be empty.
        fingerprint: a hash that tells this material from any other.
    """

    vocabulary: Vocabulary
    texts: Texts
    held_out: Texts
    treebank: Treebank
    fingerprint: str


class _Collected:
    """Texts as numbers of the written forms that occur in them, which takes four bytes a word."""

    def __init__(self) -> None:
        self.forms: dict[str, int] = {}
        self.numbers = array("i")
        self.ends = array("q")

    def add(self, text: Iterable[str]) -> None:
        self.numbers.extend(self.forms.setdefault(word, len(self.forms)) for word in text)
        self.ends.append(len(self.numbers))

    def counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for form, count in zip(self.forms, np.bincount(np.asarray(self.numbers)), strict=True):
            counts[fold(form)] += int(count)
        return counts

    def texts(self, vocabulary: Vocabulary) -> Texts:
        features = vocabulary.features(list(self.forms))
        return Texts(features[np.asarray(self.numbers)], np.asarray(self.ends))


def prepare(texts: Iterable[str], treebank: Iterable[Parse], vocabulary_size: int, endings: int) -> Material:
    """Read everything once and turn it into numbers.

    Args:
        texts: one text each; a long one is cut every 48 words, one below 3 words is left out.
        treebank: parsed sentences; those of 3 to 30 words are kept.
        vocabulary_size: the largest number of words with a row of their own.
        endings: the largest number of endings with a row of their own.

    Raises:
        EmptyText: nothing is left to learn from.
    """
    learned, held_out = _Collected(), _Collected()
    for number, text in enumerate(_pieces(texts)):
        aside = number % _EVERY_HELD_OUT == 0 and len(held_out.ends) < _MOST_HELD_OUT
        (held_out if aside else learned).add(text)
    if not learned.ends:
        raise EmptyText(f"too little to learn from: got fewer than 2 texts, each of {SHORTEST} words or more")
    sentences = sentences_of(treebank, SHORTEST, _LONGEST_TAUGHT)
    counts = learned.counts()
    counts.update(fold(word) for sentence in sentences for word in sentence.words)
    vocabulary = Vocabulary.of_counts(counts, vocabulary_size, endings)
    taught = Treebank.of(sentences, vocabulary)
    lots = (learned.texts(vocabulary), held_out.texts(vocabulary))
    return Material(vocabulary, *lots, taught, _fingerprint(*lots, taught.texts))


def _pieces(texts: Iterable[str]) -> Iterable[list[str]]:
    for text in texts:
        written = [word.text for word in words(text)]
        for first in range(0, len(written), LONGEST):
            piece = written[first : first + LONGEST]
            if len(piece) >= SHORTEST:
                yield piece


def _fingerprint(*lots: Texts) -> str:
    digest = sha256()
    for texts in lots:
        digest.update(texts.features.tobytes())
        digest.update(texts.ends.tobytes())
    return digest.hexdigest()[:12]
