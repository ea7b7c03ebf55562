"""What a treebank can teach a head: which words each word should look at.

Source: Strubell et al. 2018, "Linguistically-informed self-attention", where one head is trained to look at
each word's syntactic parent. Here a head is taught one relation, in one direction or both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from attnviz.model.tokenizer import fold
from attnviz.selection import HeadId

Direction = Literal["up", "down", "both"]


class Parse(Protocol):
    """A sentence with its dependencies, whoever read it."""

    @property
    def words(self) -> Sequence[str]:
        """The words as written."""
        ...

    @property
    def heads(self) -> Sequence[int]:
        """For each word, the position of the word it depends on, or -1."""
        ...

    @property
    def relations(self) -> Sequence[str]:
        """For each word, the name of that dependency."""
        ...


@dataclass(frozen=True)
class Relation:
    """A grammatical relation that a head can follow.

    Attributes:
        name: what is read in a heatmap, such as "modifier -> noun".
        labels: the Universal Dependencies that are meant.
        direction: "up" when the dependent looks at its head, "down" the other way round, or "both".
    """

    name: str
    labels: frozenset[str]
    direction: Direction


_MODIFIERS = frozenset({"det", "amod", "nummod", "compound", "nmod:poss"})

# In the order in which heads of the last layer take them.
LESSONS = (
    Relation("modifier -> noun", _MODIFIERS, "up"),
    Relation("noun -> modifier", _MODIFIERS, "down"),
    Relation("subject <-> verb", frozenset({"nsubj", "nsubj:pass"}), "both"),
    Relation("verb <-> object", frozenset({"obj"}), "both"),
    Relation("preposition <-> noun", frozenset({"case"}), "both"),
    Relation("oblique noun <-> governor", frozenset({"obl", "nmod", "obl:agent"}), "both"),
)

# So many heads of the last layer are always left to find their own pattern.
_FREE_HEADS = 2


def lessons_for(heads: int) -> tuple[Relation, ...]:
    """Choose what is taught to the heads of a last layer, the first lesson to its first head."""
    return LESSONS[: max(0, heads - _FREE_HEADS)]


def heads_taught(lessons: Sequence[Relation], layers: int) -> dict[HeadId, str]:
    """Say which heads are taught what."""
    return {HeadId(layers - 1, index): lesson.name for index, lesson in enumerate(lessons)}


@dataclass(frozen=True)
class Sentence:
    """A parsed sentence in the words of our tokenizer."""

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]


def with_joined_negations(parse: Parse) -> Sentence:
    """Join "do" and "n't", two words in a treebank and one for our tokenizer."""
    joined = [i > 0 and fold(word) == "n't" for i, word in enumerate(parse.words)]
    place = np.cumsum(~np.asarray(joined, dtype=bool)) - 1
    words: list[str] = []
    for word, to_previous in zip(parse.words, joined, strict=True):
        if to_previous:
            words[-1] += word
        else:
            words.append(word)
    kept = [i for i, to_previous in enumerate(joined) if not to_previous]
    heads = tuple(int(place[parse.heads[i]]) if parse.heads[i] >= 0 else -1 for i in kept)
    return Sentence(tuple(words), heads, tuple(parse.relations[i] for i in kept))


def gold_pairs(sentences: Sequence[Sentence], relation: Relation, length: int) -> NDArray[np.bool_]:
    """Mark whom each word should look at.

    Shape:
        Returns (sentence, query, key), padded to `length` words with False.
    """
    pairs = np.zeros((len(sentences), length, length), dtype=bool)
    for square, sentence in zip(pairs, sentences, strict=True):
        links = zip(sentence.heads, sentence.relations, strict=True)
        for dependent, (head, label) in enumerate(links):
            if head < 0 or label not in relation.labels:
                continue
            square[dependent, head] |= relation.direction != "down"
            square[head, dependent] |= relation.direction != "up"
    return pairs


def sentences_of(treebank: Iterable[Parse], shortest: int, longest: int) -> list[Sentence]:
    """Keep the sentences of `shortest` to `longest` words."""
    sentences = (with_joined_negations(parse) for parse in treebank)
    return [sentence for sentence in sentences if shortest <= len(sentence.words) <= longest]
