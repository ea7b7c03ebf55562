"""Words lined up with time: known times, what always holds, and the parts against a library's own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.alignment import align, aligning_heads, median_filter
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Prediction, Token, from_arrays
from attnviz.selection import HeadId
from tests.spoken import BEGINNING, ENDS, FRAMES, LENGTH, PIECES, SAID, frames, spoken, written

# The blur of the sample, and half of the width of the median.
CLOSE = 4.5 * LENGTH


def one_head(weights, queries, keys):
    """A record of one head whose queries look at a sound."""
    return Attention(queries, keys, weights[None, None].astype(np.float32), (0,), (0,), "one", block="cross")


def test_a_diagonal_gives_every_token_its_own_stretch():
    """Each of four rows, the start's first, looks evenly at ten frames of its own."""
    queries = (Token("<s>", kind="special"), *(Token(text, word=at) for at, text in enumerate("abc")))
    weights = np.kron(np.eye(4), np.full((1, 10), 0.1))
    found = align(one_head(weights, queries, frames(40, 0.1)))
    assert [(word.text, word.start, word.end) for word in found.words] == [
        ("a", 0.0, pytest.approx(1.0)),
        ("b", pytest.approx(1.0), pytest.approx(2.0)),
        ("c", pytest.approx(2.0), pytest.approx(3.0)),
    ]
    assert found.path.tolist() == [[at // 10, at] for at in range(40)]


def test_words_are_found_where_they_were_said():
    found = align(spoken(aligning=(HeadId(2, 0), HeadId(3, 2))))
    assert [word.text for word in found.words] == SAID.split()
    said = {piece: end * LENGTH for piece, end in zip(PIECES, ENDS, strict=True)}
    ends = [said[{"jumps": "s", "dog.": "."}.get(word.text, word.text)] for word in found.words]
    assert [word.end for word in found.words] == pytest.approx(ends, abs=CLOSE)
    assert [word.start for word in found.words] == pytest.approx([0.0, *ends[:-1]], abs=CLOSE)


def test_a_row_speaks_for_the_token_behind_it():
    found = align(spoken())
    assert found.rows[0] == len(BEGINNING) - 1
    assert [token.text for token in found.tokens[:-1]] == PIECES
    assert found.tokens[-1] is None
    assert found.words[4].queries == (8, 9)  # "jump" and "s"


def test_a_record_that_was_cut_to_the_sound_counts_as_whole():
    record = spoken(aligning=(HeadId(2, 0),))
    cut = replace(record, weights=record.weights * 0.25, dropped=0.75)
    assert [word.end for word in align(cut).words] == [word.end for word in align(record).words]
    assert align(cut).weights.sum(axis=-1) == pytest.approx(1.0, abs=1e-5)


def test_the_probability_of_a_word_is_the_mean_over_its_tokens():
    record = spoken()
    shares = [at / 100 for at in range(len(record.queries))]
    told = replace(record, predictions=tuple(Prediction("", share) for share in shares))
    assert align(told).words[4].probability == pytest.approx((0.07 + 0.08) / 2)
    assert align(record).words[4].probability is None


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 60), st.integers(0, 3))
def test_whatever_the_weights_words_follow_each_other_within_the_sound(seed, count, long, zeros):
    chance = np.random.default_rng(seed)
    weights = chance.random((count, long)) ** 4
    weights[:, :zeros] = 0  # frames that no row looks at
    weights /= np.maximum(weights.sum(axis=-1, keepdims=True), 1e-9)
    queries = (Token("<s>", kind="special"), *(Token("w", word=at // 2) for at in range(count - 1)))
    found = align(one_head(weights, queries, frames(long)))
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert times[-1] <= found.seconds == pytest.approx(long * LENGTH)
    assert len(found.words) == count // 2


def test_the_heads_its_authors_named_are_used():
    named = (HeadId(2, 0), HeadId(3, 2))
    assert aligning_heads(spoken(aligning=named)) == (named, True)
    assert align(spoken(aligning=named)).named


def test_without_such_heads_the_upper_half_of_the_layers_is():
    heads, named = aligning_heads(spoken(layers=4, heads=2))
    assert heads == (HeadId(2, 0), HeadId(2, 1), HeadId(3, 0), HeadId(3, 1))
    assert not named


def test_heads_can_be_asked_for():
    found = align(spoken(), heads=[HeadId(0, 0)])
    assert found.heads == (HeadId(0, 0),)
    assert found.named is None


def test_a_record_without_the_named_heads_is_refused():
    with pytest.raises(OutOfRange, match="this record lacks L9H0"):
        align(spoken(aligning=(HeadId(9, 0),)))
    with pytest.raises(OutOfRange, match="no head L9H0"):
        align(spoken(), heads=[HeadId(9, 0)])


def test_what_is_no_transcript_of_a_sound_is_refused():
    with pytest.raises(RequestError, match="got cross attention to text, allowed cross attention to frames"):
        align(from_arrays([[1.0]], ["a"], ["b"]))
    with pytest.raises(RequestError, match="got self attention to frame"):
        align(replace(spoken(), block="self"))
    backwards = tuple(reversed(frames()))
    with pytest.raises(RequestError, match="do not follow each other in time"):
        align(replace(spoken(), keys=backwards))


def test_words_without_the_row_before_them_are_refused():
    record, first = spoken(), len(BEGINNING)
    alone = replace(record, queries=written()[first:], weights=record.weights[:, :, first:])
    with pytest.raises(RequestError, match="no token before it"):
        align(alone)
    special = replace(record, queries=written()[:first], weights=record.weights[:, :, :first])
    with pytest.raises(RequestError, match="got special tokens only"):
        align(special)


@pytest.mark.parametrize("count", [1, 3, 4, 7, 50])
def test_the_median_filter_is_the_library_s(count):
    torch = pytest.importorskip("torch")
    whisper = pytest.importorskip("transformers.models.whisper.generation_whisper")
    weights = np.random.default_rng(count).random((2, 3, count))
    theirs = whisper._median_filter(torch.from_numpy(weights), 7).numpy()
    assert np.array_equal(median_filter(weights), theirs)


def test_the_whole_is_what_the_library_makes_of_the_same_weights():
    """Rows held against each other, smoothed, averaged, warped; from the row before the first."""
    torch = pytest.importorskip("torch")
    whisper = pytest.importorskip("transformers.models.whisper.generation_whisper")
    record = spoken(aligning=(HeadId(2, 0), HeadId(3, 2)))
    weights = torch.tensor(np.stack([record.head(head) for head in record.aligning])).double()
    weights = weights / weights.sum(dim=-1, keepdim=True)
    std, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    matrix = whisper._median_filter((weights - mean) / std, 7).mean(dim=0)
    rows, columns = whisper._dynamic_time_warping(-matrix[len(BEGINNING) - 1 :].numpy())
    assert align(record).path.tolist() == np.stack([rows, columns], axis=-1).tolist()
    assert columns[-1] == FRAMES - 1
