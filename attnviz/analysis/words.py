"""From pieces of words to words: what a head reads, as people count words."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.sight import sight_of
from attnviz.frame import Frame, refuse_pooled
from attnviz.record import Attention, Mask, Prediction, Token


def merge_words(record: Attention) -> Attention:
    r"""Merge the pieces of each word: $w'_{IJ} = \frac{1}{|I|} \sum_{i \in I} \sum_{j \in J} w_{ij}$.

    What is looked at is the word whole, so its pieces' weights are added; what looks is each piece, so their
    rows are averaged. A row keeps its mass. Clark et al. 2019, section 4.1.

    Words are runs of tokens of what was written, by the user or by the model, with the same `word`. Special
    tokens, patches and frames stay as they are. A word sees what any of its pieces sees. After it the model
    expects what it expects after its last piece; where that is the next word piece by piece, the whole of
    it, with the product of their probabilities. Query, key and value vectors are of pieces and are dropped.

    Args:
        record: one input's attention, by tokens.

    Returns:
        The same by words; a word of several pieces has no id, its text is the slice of the source text from
        the first to the last of them, or theirs put together where they have no place in it.

    Raises:
        MissingWeights: the record's cells stand for several weights each.

    >>> from dataclasses import replace
    >>> import attnviz
    >>> weights = [[0.2, 0.4, 0.4], [0.0, 0.5, 0.5], [0.5, 0.5, 0.0]]
    >>> record = attnviz.from_arrays(weights, ["a", "jump", "ing"])
    >>> tokens = (*record.keys[:2], replace(record.keys[2], word=1))
    >>> merged = merge_words(replace(record, queries=tokens, keys=tokens))
    >>> [token.text for token in merged.keys], merged.weights[0, 0, 1].tolist()
    (['a', 'jumping'], [0.25, 0.75])
    """
    refuse_pooled(record)
    rows, columns = word_starts(record.queries), word_starts(record.keys)
    queries, keys = words_of(record, record.queries, rows), words_of(record, record.keys, columns)

    def merged(mask: Mask) -> Mask:
        by_word: Mask = np.logical_or.reduceat(np.logical_or.reduceat(mask, columns, -1), rows, -2)
        return by_word

    return replace(
        record,
        queries=queries,
        keys=keys,
        weights=_merged(record.weights, rows, columns),
        sight=sight_of(record, queries, keys, merged),
        predictions=_expected(record, queries, rows) if record.predictions else (),
        internals=None,
    )


def _expected(record: Attention, words: Sequence[Token], starts: NDArray[np.intp]) -> tuple[Prediction, ...]:
    """Say what the model expects after each word."""
    stops = [*starts[1:].tolist(), len(record.queries)]
    found = [record.predictions[stop - 1] for stop in stops]
    for place, (start, stop) in enumerate(pairwise(stops)):
        ahead = record.predictions[start - 1 : stop - 1]
        pieces = record.queries[start:stop]
        if all(one.text == piece.text for one, piece in zip(ahead, pieces, strict=True)):
            found[place] = Prediction(words[place + 1].text, prod(one.probability for one in ahead))
    return tuple(found)


def _merged(
    weights: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Add up keys and average queries, head by head so that only one exists in float64."""
    merged = np.empty((*weights.shape[:2], len(rows), len(columns)), np.float32)
    pieces = np.diff(rows, append=weights.shape[-2])[:, None]
    for head in np.ndindex(weights.shape[:2]):
        by_key = np.add.reduceat(weights[head], columns, axis=-1, dtype=np.float64)
        merged[head] = np.add.reduceat(by_key, rows, axis=-2) / pieces
    merged.flags.writeable = False  # so that the record need not copy it
    return merged


def word_starts(tokens: Sequence[Token]) -> NDArray[np.intp]:
    """Say where each word begins, (word,); every token that is no piece of one is taken for a word."""
    begins = [place == 0 or not _belong(tokens[place - 1], token) for place, token in enumerate(tokens)]
    return np.flatnonzero(begins)


def _belong(one: Token, other: Token) -> bool:
    """Whether two neighbours are pieces of one word."""
    of_words = one.kind == other.kind and one.kind in ("text", "generated") and one.word is not None
    return of_words and (one.word, one.part) == (other.word, other.part)


def words_of(
    record: Attention | Frame, tokens: Sequence[Token], starts: NDArray[np.intp]
) -> tuple[Token, ...]:
    """Make one token of each run of a record's tokens, given where the runs begin."""
    stops = np.append(starts[1:], len(tokens))
    return tuple(_word(record, tokens[start:stop]) for start, stop in zip(starts, stops, strict=True))


def _word(record: Attention | Frame, pieces: Sequence[Token]) -> Token:
    """Make one token of the pieces of a word."""
    if len(pieces) == 1:
        return pieces[0]
    joined = replace(
        pieces[0], text="".join(piece.text for piece in pieces), id=None, span=None, run=_run(pieces)
    )
    # Whitespace in front of a word is counted to it, but is not shown.
    spans = [piece.span for piece in pieces if piece.text.strip()] or [piece.span for piece in pieces]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return joined
    start, stop = min(start for start, _ in known), max(stop for _, stop in known)
    whole = record.text[start:stop]
    return replace(joined, text=whole, span=(start, stop)) if whole else joined


def _run(pieces: Sequence[Token]) -> tuple[int, int] | None:
    """Say where the pieces of a word stand in the whole input, if they do."""
    first, last = pieces[0].run, pieces[-1].run
    return (first[0], last[1]) if first and last else None
