"""When each word was said: the weights of a decoder that writes down a sound, read as an alignment in time.

The method of Whisper's word timestamps (Radford et al. 2022, Robust Speech Recognition via Large-Scale Weak
Supervision; `find_alignment` in timing.py of github.com/openai/whisper): heads that look at the sound where
the next word begins, each row held against the other rows, smoothed, averaged, and warped in time. Two things
differ. Our decoder does not read the token that ends a text, so its row takes no part in the mean and the
deviation over rows; and what `timing.py` does to words afterwards, such as shortening long ones, is not done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from attnviz.analysis.warping import warp
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Token
from attnviz.selection import HeadId

# Frames over which the median is taken, as in Whisper's timing.py.
MEDIAN_WIDTH = 7


@dataclass(frozen=True)
class AlignedWord:
    """One word and when it was said.

    Attributes:
        text: the word, a slice of the source text.
        start: where it begins, in seconds.
        end: where what follows it begins, in seconds; not before `start`.
        queries: the positions of its tokens among the queries, first and last.
        probability: the mean of what the model gave its tokens; None where that was not recorded.
    """

    text: str
    start: float
    end: float
    queries: tuple[int, int]
    probability: float | None = None


@dataclass(frozen=True, eq=False)
class Alignment:
    """Words lined up with the seconds of a sound.

    A row speaks for the token it predicts: the one behind the token that is read there.

    Attributes:
        model: the name of the model that heard it.
        text: what was said.
        seconds: how long the sound is.
        words: in order.
        heads: those whose weights were used.
        named: whether the model's authors named these heads; if not, they are all of the upper layers. None
            for heads that were asked for.
        rows: the positions of the queries that speak, ascending; the last one speaks for the end.
        tokens: for each row the token it speaks for; None for the end.
        frames: the sound's frames.
        weights: the mean weights of the heads, each row brought to a mass of 1: (row, frame).
        path: the row and the frame of each step, from the beginning to the end: (step, 2), both from 0.
    """

    model: str
    text: str
    seconds: float
    words: tuple[AlignedWord, ...]
    heads: tuple[HeadId, ...]
    named: bool | None
    rows: tuple[int, ...]
    tokens: tuple[Token | None, ...]
    frames: tuple[Token, ...]
    weights: NDArray[np.float64]
    path: NDArray[np.intp]


def align(record: Attention, heads: Sequence[HeadId] | None = None) -> Alignment:
    """Say when each word of a transcript was said.

    Args:
        record: what a decoder's tokens look at in a sound, its special tokens among them.
        heads: whose weights to use; None means those the model's authors named, or all of the upper half of
            the layers if they named none.

    Raises:
        RequestError: the record is not of text that looks at a sound, or has no word, or no row that speaks
            for the first.
        OutOfRange: it lacks the heads.
    """
    starts = _starts(record)
    written = [at for at, token in enumerate(record.queries) if not token.is_special]
    if not written:
        raise RequestError("no word to align: got special tokens only, allowed a text")
    if written[0] == 0:
        raise RequestError("cannot align the first word: got no token before it, whose row speaks for it")
    rows = np.arange(written[0] - 1, written[-1] + 1)
    chosen, named = aligning_heads(record) if heads is None else (tuple(heads), None)
    each = np.stack([_whole(record.head(head).astype(np.float64)) for head in chosen])
    shape = np.mean([median_filter(_against_others(weights)) for weights in each], axis=0)
    path = np.stack(warp(-shape[rows]), axis=-1)
    # The frame at which each row comes first.
    first = path[np.searchsorted(path[:, 0], np.arange(len(rows))), 1]
    times = dict(zip(rows.tolist(), starts[first].tolist(), strict=True))
    seconds = max(token.place[1] for token in record.keys if token.place)
    return Alignment(
        model=record.model,
        text=record.text,
        seconds=seconds,
        words=tuple(_words(record, times)),
        heads=chosen,
        named=named,
        rows=tuple(rows.tolist()),
        tokens=(*(record.queries[row + 1] for row in rows[:-1].tolist()), None),
        frames=record.keys,
        weights=each[:, rows].mean(axis=0),
        path=path,
    )


def aligning_heads(record: Attention) -> tuple[tuple[HeadId, ...], bool]:
    """Choose the heads that line words up with time.

    Returns:
        Those the model's authors named, as far as the record holds them, and True; or all heads of the upper
        half of the layers, as Whisper's `set_alignment_heads` has it where none are named, and False.

    Raises:
        OutOfRange: the record holds none of those that are named.
    """
    if record.aligning:
        held = tuple(head for head in record.aligning if head in record.head_ids)
        if not held:
            named = ", ".join(map(str, record.aligning))
            raise OutOfRange(f"no head that aligns words with time: this record lacks {named}")
        return held, True
    half = (max(record.layers) + 1) // 2
    return tuple(head for head in record.head_ids if head.layer >= half), False


def median_filter(weights: NDArray[np.floating], width: int = MEDIAN_WIDTH) -> NDArray[np.floating]:
    """Smooth rows: each weight becomes the median of those around it, the ends mirrored.

    Shape:
        weights: (..., frame).

    Args:
        weights: rows of numbers.
        width: over how many frames, an odd number; fewer frames than half of it stay as they are.

    >>> median_filter(np.array([0.0, 9.0, 0.0, 1.0, 2.0]), width=3).tolist()
    [9.0, 0.0, 1.0, 1.0, 1.0]
    """
    half = width // 2
    if weights.shape[-1] <= half:
        return weights
    ends = [(0, 0)] * (weights.ndim - 1) + [(half, half)]
    around = sliding_window_view(np.pad(weights, ends, mode="reflect"), width, axis=-1)
    smooth: NDArray[np.floating] = np.median(around, axis=-1)
    return smooth


def _starts(record: Attention) -> NDArray[np.float64]:
    """Give where each frame begins, in seconds, if the keys are the frames of a sound in order."""
    kinds = {token.kind for token in record.keys}
    if record.block != "cross" or kinds != {"frame"}:
        got = f"{record.block} attention to {', '.join(sorted(kinds))}"
        raise RequestError(f"no sound to align words with: got {got}, allowed cross attention to frames")
    starts = np.array([np.nan if token.place is None else token.place[0] for token in record.keys])
    if not (np.diff(starts) > 0).all():
        raise RequestError("no sound to align words with: its frames do not follow each other in time")
    return starts


def _whole(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring rows to a mass of 1: what a query gave to frames behind the sound's end does not count."""
    mass = weights.sum(axis=-1, keepdims=True)
    shares: NDArray[np.float64] = weights / np.where(mass > 0, mass, 1.0)
    return shares


def _against_others(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hold each row against the others, frame by frame: how many deviations it lies above their mean."""
    spread = weights.std(axis=0)
    above: NDArray[np.float64] = (weights - weights.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return above


def _words(record: Attention, times: dict[int, float]) -> Iterator[AlignedWord]:
    """Join tokens into words, each from the row that speaks for its first token to its last token's own."""
    first, last = min(times), max(times)
    positions = [at for at in range(first + 1, last + 1) if record.queries[at].word is not None]
    for _, group in groupby(positions, key=lambda at: record.queries[at].word):
        members = list(group)
        yield AlignedWord(
            text=_text(record, members),
            start=times[members[0] - 1],
            end=times[members[-1]],
            queries=(members[0], members[-1]),
            probability=_probability(record, members),
        )


def _text(record: Attention, positions: Sequence[int]) -> str:
    """Slice a word out of the source text; without spans its pieces are joined."""
    tokens = [record.queries[at] for at in positions]
    spans = [token.span for token in tokens if token.span is not None]
    if not spans:
        return "".join(token.text for token in tokens)
    return record.text[min(start for start, _ in spans) : max(stop for _, stop in spans)]


def _probability(record: Attention, positions: Sequence[int]) -> float | None:
    if not record.predictions:
        return None
    return float(np.mean([record.predictions[at - 1].probability for at in positions]))
