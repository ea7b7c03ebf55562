"""Which word each word looks at, as the words of a treebank go, and what that says of heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.words import merge_words
from attnviz.errors import RequestError
from attnviz.record import Attention, Block, Token, Weights
from attnviz.relation import Followed
from attnviz.selection import HeadId

# So many standard errors a head must be above the best fixed distance to be said to follow a relation.
ERRORS = 2.0

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Relations:
    """Which grammatical relations heads of a model follow in a treebank.

    Heads were chosen on every second sentence, and are scored on the others.

    Attributes:
        model: the model's name.
        block: which attention of the model.
        heads: the heads that were held against the treebank.
        sentences: how many sentences were read.
        skipped: how many of them were left out: a token is of two words, or the model cannot read so many.
        choosing: on how many of the others heads were chosen.
        reporting: on how many they were scored.
        relations: of each relation that occurs the head that follows it best, the furthest above a fixed
            distance first.
        by_head: of each head the relation it follows best, where that is clear.
    """

    model: str
    block: Block
    heads: tuple[HeadId, ...]
    sentences: int
    skipped: int
    choosing: int
    reporting: int
    relations: tuple[Followed, ...]
    by_head: Mapping[HeadId, Followed]

    @property
    def found(self) -> tuple[Followed, ...]:
        """The relations that some head clearly follows, the clearest first."""
        return tuple(followed for followed in self.relations if is_clear(followed))


def is_clear(followed: Followed) -> bool:
    r"""Say whether a head is right more often than a fixed distance, by more than chance.

    By two standard errors of the difference of two shares, each with one more right and one more wrong:
    $\sqrt{(p (1 - p) + q (1 - q)) / (n + 2)}$ (Agresti & Caffo 2000). Head and distance are asked of the same
    words, so that this is, if anything, too much.

    >>> followed = Followed(HeadId(7, 9), "obj", "head -> dependent", 0.868, 0.4, 2, 250)
    >>> is_clear(followed), is_clear(replace(followed, words=3))
    (True, False)
    """
    words = followed.words
    right, fixed = ((share * words + 1) / (words + 2) for share in (followed.accuracy, followed.best_offset))
    error = np.sqrt((right * (1 - right) + fixed * (1 - fixed)) / (words + 2))
    return bool(right - fixed > ERRORS * error)


def strongest_links(weights: Weights) -> NDArray[np.intp]:
    """Find the other word to which each word gives most weight; itself where it gives none to another.

    Clark et al. 2019, section 4.2.

    Shape:
        weights: (..., query, key), as many keys as queries.

    Returns:
        Places, (..., query).

    >>> strongest_links(np.array([[0.6, 0.1, 0.3], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])).tolist()
    [2, 1, 1]
    """
    size = weights.shape[-1]
    others = np.where(np.eye(size, dtype=bool), 0.0, weights)
    links: NDArray[np.intp] = np.where(others.any(axis=-1), others.argmax(axis=-1), np.arange(size))
    return links


def spans_in(text: str, words: Sequence[str]) -> list[Span] | None:
    """Say where words stand in a text, one after the other; None if they are not all that is written there.

    >>> spans_in("Don't run!", ["Do", "n't", "run", "!"])
    [(0, 2), (2, 5), (6, 9), (9, 10)]
    >>> spans_in("du pain", ["de", "le", "pain"]) is None
    True
    """
    spans, at = [], 0
    for word in words:
        at += len(text[at:]) - len(text[at:].lstrip())
        if not word or not text.startswith(word, at):
            return None
        spans.append((at, at + len(word)))
        at += len(word)
    return None if text[at:].strip() else spans


def by_words(record: Attention, spans: Sequence[Span]) -> Weights | None:
    """Bring weights to words that others have cut: pieces merged, added tokens left out.

    Args:
        record: self-attention of one text.
        spans: where each word stands in the text, in order.

    Returns:
        Weights (layer, head, word, word); None where a token is not of one word, or a word has no token.

    Raises:
        RequestError: queries and keys are not the same tokens.
    """
    if record.queries != record.keys:
        raise RequestError(f"no one text: got {record.block} attention, allowed one that reads itself")
    numbers = [None if token.is_special else _word_of(token, spans) for token in record.keys]
    found = [number for number in numbers if number is not None]
    if found != sorted(found) or set(found) != set(range(len(spans))):
        return None
    tokens = tuple(
        replace(token, word=number, part=None) for token, number in zip(record.keys, numbers, strict=True)
    )
    merged = merge_words(replace(record, queries=tokens, keys=tokens, predictions=()))
    written = np.flatnonzero([not token.is_special for token in merged.keys])
    if len(written) != len(spans):
        return None
    weights: Weights = merged.weights[:, :, written[:, None], written]
    return weights


def _word_of(token: Token, spans: Sequence[Span]) -> int | None:
    """Give the number of the word a token is a piece of; -1 where it is of none, or of several.

    Blank space belongs to the word behind it.
    """
    if token.span is None:
        return -1
    start = token.span[0] + len(token.text) - len(token.text.lstrip())
    stop = max(token.span[0] + len(token.text.rstrip()), start)
    after = (number for number, (_, end) in enumerate(spans) if end > start)
    number = next(after, len(spans) - 1)
    return number if stop <= spans[number][1] else -1
