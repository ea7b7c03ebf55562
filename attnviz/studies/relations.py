"""Which grammatical relations a model's heads follow in a treebank.

Source: Clark et al. 2019, "What does BERT look at?", section 4.2; and Htut et al. 2019, "Do attention heads
in BERT track syntactic dependencies?", who do the same with Universal Dependencies.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import length_hint

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.links import Relations, by_words, is_clear, spans_in, strongest_links
from attnviz.corpus import Parsed
from attnviz.errors import EmptyText, TextTooLong
from attnviz.model.training.evaluation import OFFSETS, TESTS, Links, tally
from attnviz.model.training.teaching import Relation, Sentence, with_joined_negations
from attnviz.record import Attention, Block
from attnviz.relation import Followed
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, Source

# Takes how many sentences are done, and of how many; 0 where that is not known.
Progress = Callable[[int, int], None]


def relations(
    source: Source,
    sentences: Iterable[Parsed],
    selection: Selection = EVERYTHING,
    *,
    block: Block | None = None,
    tests: Sequence[Relation] = TESTS,
    progress: Progress | None = None,
) -> Relations:
    r"""Hold the heads of a model against the sentences of a treebank.

    Each word's link is the other word to which it gives most weight: weights are brought to the treebank's
    words, added tokens left out. A head is scored, for each relation, on the words that have it: the share
    whose link is right, against what links of one length would reach at best (5 words back to 5 ahead). The
    best head of a relation, and the best relation of a head, are chosen on every second sentence and
    scored on the others: of many heads one is always good by chance.

    One sentence is read at a time, and only counts are kept. A sentence is left out, and counted, if a token
    of the model is of two of its words, or if it is too long for the model; "do" and "n't" may be one word.

    Args:
        source: the model.
        sentences: what `attnviz.corpus.read_treebank` gives.
        selection: the layers and heads to hold against them.
        block: which attention of a model that has several; one that reads its own text.
        tests: the relations.
        progress: is told how many sentences are done.

    Raises:
        RequestError: there is no model behind the source, or the block is no self-attention.
        OutOfRange: the selection names a layer or head that is not there.
        EmptyText: no sentence was left.
        SourceError: the model cannot be used.
    """
    total, read, counted = length_hint(sentences), 0, _Counted(tuple(tests))
    for parsed in sentences:
        read += 1
        counted.add(source, parsed, selection, block)
        if progress:
            progress(read, total)
    record = counted.record
    if record is None:
        raise EmptyText(
            f"no sentence to hold heads against: got {read}, none of which fits the model's tokens"
        )
    best = _best_heads(record, *counted.halves)
    return Relations(
        model=record.model,
        block=record.block,
        heads=record.head_ids,
        sentences=read,
        skipped=read - sum(counted.sentences),
        choosing=counted.sentences[0],
        reporting=counted.sentences[1],
        relations=tuple(sorted(best, key=lambda followed: -followed.gain)),
        by_head={followed.head: followed for followed in _best_relations(record, *counted.halves)},
    )


class _Counted:
    """What was counted so far.

    Attributes:
        record: the first sentence's, whose layers and heads all others must have.
        halves: the links of every second sentence, and of the others.
        sentences: how many these are.
    """

    def __init__(self, tests: tuple[Relation, ...]) -> None:
        self.tests = tests
        self.record: Attention | None = None
        self.halves: tuple[Links, ...] = ()
        self.sentences = [0, 0]

    def add(self, source: Source, parsed: Parsed, selection: Selection, block: Block | None) -> None:
        """Read a sentence and count its links, unless its words are not those of the model."""
        text = _written(parsed)
        try:
            record = source.attend(text, selection, block=block)
        except TextTooLong:
            return
        for sentence in (_plain(parsed), with_joined_negations(parsed)):
            spans = spans_in(text, sentence.words)
            weights = by_words(record, spans) if spans else None
            if weights is not None:
                self._count(record, sentence, strongest_links(weights))
                return

    def _count(self, record: Attention, sentence: Sentence, links: NDArray[np.intp]) -> None:
        """Count a sentence's links: (layer, head, query)."""
        if self.record is None:
            self.record = record
            self.halves = tuple(_no_links(record, self.tests) for _ in range(2))
        if record.head_ids != self.record.head_ids:
            return
        which = sum(self.sentences) % 2
        half = self.halves[which]
        hits, offset_hits, rows = tally(links.reshape(1, -1, links.shape[-1]), [sentence], self.tests)
        half.hits[:] += hits.reshape(half.hits.shape)
        half.offset_hits[:] += offset_hits
        half.rows[:] += rows
        self.sentences[which] += 1


def _written(parsed: Parsed) -> str:
    """Give a sentence as it was written, or its words with spaces between where that is not known.

    In a text where a contraction hides words, such as "du" for "de le", these would not be found.
    """
    return parsed.text if spans_in(parsed.text, parsed.words) else " ".join(parsed.words)


def _plain(parsed: Parsed) -> Sentence:
    return Sentence(tuple(parsed.words), tuple(parsed.heads), tuple(parsed.relations))


def _no_links(record: Attention, tests: tuple[Relation, ...]) -> Links:
    heads, many = (len(record.layers), len(record.heads)), len(tests)
    return Links(
        tests,
        hits=np.zeros((*heads, many), dtype=np.int64),
        offset_hits=np.zeros((len(OFFSETS), many), dtype=np.int64),
        rows=np.zeros(many, dtype=np.int64),
    )


def _best_heads(record: Attention, choosing: Links, reporting: Links) -> Iterator[Followed]:
    """Give of each relation that occurs in both halves the head that follows it best."""
    for test in np.flatnonzero((choosing.rows > 0) & (reporting.rows > 0)).tolist():
        layer, head = np.unravel_index(choosing.hits[..., test].argmax(), choosing.hits.shape[:2])
        yield _followed(record, reporting, int(layer), int(head), test)


def _best_relations(record: Attention, choosing: Links, reporting: Links) -> Iterator[Followed]:
    """Give of each head the relation in which it is furthest above a fixed distance, where that is clear."""
    occurs = (choosing.rows > 0) & (reporting.rows > 0)
    if not occurs.any():
        return
    gains = np.where(occurs, choosing.accuracy - choosing.best_offset, -np.inf)
    for (layer, head), test in np.ndenumerate(gains.argmax(axis=-1)):
        followed = _followed(record, reporting, layer, head, int(test))
        if is_clear(followed):
            yield followed


def _followed(record: Attention, links: Links, layer: int, head: int, test: int) -> Followed:
    """Give what was found of a head, by its place in a record, and one relation."""
    name = HeadId(record.layers[layer], record.heads[head])
    return replace(links.followed(HeadId(layer, head), test), head=name)
