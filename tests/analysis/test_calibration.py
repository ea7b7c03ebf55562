"""What a pattern's name is worth: shuffled texts have no content, and real heads do what they are called."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import attnviz
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.patterns.content import CONTENT, SHUFFLES, Wording
from attnviz.analysis.patterns.find import find_pattern, find_patterns, score_patterns
from attnviz.analysis.patterns.shapes import mask_of
from attnviz.record import Attention, from_arrays
from attnviz.selection import HeadId
from tests.sources.conftest import minilm

__all__ = ["minilm"]

# By chance one head in a hundred carries more than in all of 99 shuffled texts; and few of those are clear.
BOUND = 0.01

TEXTS = (
    "The cat sat on the mat. The dog, which was old, slept by the door, and the cat watched the dog. When "
    "the bell rang, the dog barked, the cat ran, and the door opened.",
    "A head may read a word, and the answer may not need the word; the answer may need a word that the head "
    "did not read. So close the head, and see what the answer loses.",
    "In the morning, the old man went to the river. He took his boat, his net, and his dog. At noon he came "
    "back; the boat was full, the net was torn, and the dog was wet.",
)
HEAD = HeadId(0, 0)


def shuffled(record: Attention, generator: np.random.Generator) -> Attention:
    """The same weights, with the words that were written in any order."""
    tokens = list(record.keys)
    written = [place for place, token in enumerate(tokens) if not token.is_special]
    for place, other in zip(written, generator.permutation(written), strict=True):
        tokens[place] = replace(record.keys[other], span=None, word=None)
    return replace(record, queries=tuple(tokens), keys=tuple(tokens), predictions=())


def share_of_content(records: Sequence[Attention]) -> float:
    labels = [found.label for record in records for found in find_patterns(record).values()]
    return sum(label in CONTENT for label in labels) / len(labels)


def test_content_vanishes_from_minilm_when_its_texts_are_shuffled(minilm: Path) -> None:
    source, generator = attnviz.load(str(minilm)), np.random.default_rng(1)
    records = [source.attend(text) for text in TEXTS]
    mixed = [shuffled(record, generator) for record in records for _ in range(5)]
    assert share_of_content(records) > BOUND
    assert share_of_content(mixed) <= BOUND


def test_content_vanishes_from_the_built_in_model_when_texts_are_shuffled() -> None:
    source, generator = attnviz.load("builtin"), np.random.default_rng(1)
    mixed = [shuffled(source.attend(text), generator) for text in TEXTS for _ in range(20)]
    assert share_of_content(mixed) <= BOUND


@pytest.mark.parametrize("name", CONTENT)
def test_content_vanishes_from_heads_that_do_nothing_else(name: str) -> None:
    words = TEXTS[0].replace(".", " .").replace(",", " ,").split()
    plain = from_arrays(np.eye(len(words)), words)
    cells = mask_of(CONTENT[name](Wording.of(plain)), np.arange(len(words)), len(words))
    cells &= ~np.eye(len(words), dtype=bool)
    rows = np.where(cells.any(axis=-1, keepdims=True), cells, 1.0)
    record = from_arrays(rows / rows.sum(axis=-1, keepdims=True), words)
    assert find_pattern(record, HEAD).label == name
    generator = np.random.default_rng(2)
    mixed = [shuffled(record, generator) for _ in range(200)]
    certain = sum(score_patterns(one, HEAD)[name].certain for one in mixed)
    assert certain / len(mixed) <= BOUND
    assert share_of_content(mixed) <= BOUND


def test_special_tokens_elsewhere_are_not_rested_on() -> None:
    """A head that rests on two tokens rests on special ones only as long as one of those is among them."""
    read = {14, 29}
    plain = from_arrays(np.eye(30)[[*[14] * 15, *[29] * 15]], [f"w{i}" for i in range(30)])
    generator = np.random.default_rng(3)
    for places in [read, *(set(generator.choice(30, 2, replace=False).tolist()) for _ in range(100))]:
        tokens = tuple(
            replace(token, kind="special") if place in places else token
            for place, token in enumerate(plain.keys)
        )
        found = find_pattern(replace(plain, queries=tokens, keys=tokens), HEAD)
        assert found.label != "special" or read & places
        assert found.label == "special" or places != read


def test_shuffles_keep_what_no_word_is_and_are_always_alike() -> None:
    record = drop_special(attnviz.load("builtin").attend(TEXTS[0]))
    tokens = (replace(record.keys[0], kind="special"), *record.keys[1:])
    wording = Wording.of(replace(record, queries=tokens, keys=tokens))
    every = list(wording.shuffles())
    assert len(every) == SHUFFLES
    for one, again in zip(every, wording.shuffles(), strict=True):
        assert one.keys[0] == wording.keys[0] < 0
        assert sorted(one.keys) == sorted(wording.keys)
        np.testing.assert_array_equal(one.keys, one.queries)
        np.testing.assert_array_equal(one.keys, again.keys)
        signs = set(wording.keys[wording.punctuation])
        np.testing.assert_array_equal(one.punctuation, [key in signs for key in one.keys])
    assert len({tuple(one.keys) for one in every}) == SHUFFLES


@pytest.mark.parametrize("text", TEXTS)
def test_heads_of_minilm_called_previous_or_next_read_most_there(minilm: Path, text: str) -> None:
    """With the special tokens aside, a plain count of where each word's largest weight goes says the same."""
    record = drop_special(attnviz.load(str(minilm)).attend(text))
    named = find_patterns(record)
    size, seen = len(record.keys), set()
    for head in record.head_ids:
        weights, counts = record.head(head), Counter[int]()
        for i in range(size):
            best = -1
            for j in range(size):
                if j != i and (best < 0 or weights[i, j] > weights[i, best]):
                    best = j
            counts[best - i] += 1
        [(most, count)] = counts.most_common(1)
        for offset, label in ((-1, "previous"), (1, "next")):
            if named[head].label == label:
                seen.add(label)
                assert (most, count / size > 0.5) == (offset, True)
            if counts[offset] / size > 0.9:
                assert named[head].label == label
    assert seen == {"previous", "next"}
