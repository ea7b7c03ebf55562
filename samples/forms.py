"""Records whose weights a formula makes: they show how a window, a sink, a translation or a picture is drawn.

No model was run for them, and each says so in the name of its model.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from attnviz.record import Attention, Prediction, Token

MODEL = "weights made by a formula"

_GIVEN = ["Once", "upon", "a", "time", "there", "was", "a"]
_SAID = ["quick", "brown", "fox", "who", "lived", "under", "the", "hill"]
_WINDOW = 6

_SOURCE = ["The", "small", "dog", "sleeps", "under", "the", "old", "table", "."]
_TARGET = ["Der", "kleine", "Hund", "schläft", "unter", "dem", "alten", "Tisch", "."]

# Which word of the source each word of the target comes from, and the two it is next to.
_NEAR = 0.35

_GRID = 12
_PATCH = 16


def continuation() -> Attention:
    """Text a decoder went on with: a window, a learned sink, and two heads to each key."""
    words = [*_GIVEN, *_SAID]
    count = len(words)
    spans = _spans(words)
    kinds = ["text"] * len(_GIVEN) + ["generated"] * len(_SAID)
    tokens = tuple(
        Token(word, place, spans[place], kind, word=place)  # type: ignore[arg-type]
        for place, (word, kind) in enumerate(zip(words, kinds, strict=True))
    )
    far = np.arange(count)[:, None] - np.arange(count)
    seen = (far >= 0) & (far < _WINDOW)
    heads = [
        np.exp(-np.abs(far - wanted) / breadth) for wanted, breadth in ((1, 0.6), (3, 0.6), (0, 3), (2, 1.5))
    ]
    weights = np.stack([_shared(head * seen, sink=0.3) for head in heads])
    chances = 0.3 + 0.6 * (np.arange(count) * 7 % 10) / 10
    expected = [*words[1:], "."]
    return Attention(
        queries=tokens,
        keys=tokens,
        weights=weights[None].astype(np.float32),
        layers=(0,),
        heads=(0, 1, 2, 3),
        model=MODEL,
        text=" ".join(words),
        causal=True,
        sight={0: seen},
        sinks=(0,),
        heads_per_key=2,
        predictions=tuple(Prediction(word, float(p)) for word, p in zip(expected, chances, strict=True)),
    )


def translation() -> Attention:
    """A translation word by word: what the decoder reads of the source."""
    text = " ".join(_SOURCE)
    source = tuple(
        Token(w, i, s, word=i) for i, (w, s) in enumerate(zip(_SOURCE, _spans(_SOURCE), strict=True))
    )
    moved = [(a + len(text) + 1, b + len(text) + 1) for a, b in _spans(_TARGET)]
    target = tuple(Token(w, i, s, word=i) for i, (w, s) in enumerate(zip(_TARGET, moved, strict=True)))
    far = np.abs(np.arange(len(_TARGET))[:, None] - np.arange(len(_SOURCE)))
    weights = np.stack([_shared(np.exp(-far / _NEAR)), _shared(np.exp(-np.abs(far - 1) / _NEAR))])
    return Attention(
        queries=(Token("<s>", 0, kind="special"), *target),
        keys=source,
        weights=np.concatenate([weights[:, :1], weights], axis=1)[None].astype(np.float32),
        layers=(5,),
        heads=(0, 1),
        model=MODEL,
        text=f"{text}\n{' '.join(_TARGET)}",
        block="cross",
    )


def picture() -> Attention:
    """A picture of a disc and a square: one head reads its own place, one the disc, one the square."""
    rows, columns = np.divmod(np.arange(_GRID**2), _GRID)
    places = np.stack([rows, columns], axis=1)
    patches = tuple(
        Token(f"r{row}c{column}", kind="patch", place=(float(row), float(column))) for row, column in places
    )
    tokens = (Token("[CLS]", kind="special"), *patches)

    def around(row: float, column: float, breadth: float) -> NDArray[np.float64]:
        return np.exp(-((places - (row, column)) ** 2).sum(axis=1) / breadth)

    near = np.stack([around(*place, 2.0) for place in places])
    disc, square = (np.tile(around(*at, 5.0), (len(patches), 1)) for at in ((3.5, 4.0), (9.0, 8.5)))
    heads = [np.vstack([head.mean(axis=0), head]) for head in (near, disc, square, disc + square)]
    weights = np.stack([_shared(np.column_stack([head.max(axis=1) * 0.2, head])) for head in heads])
    return Attention(
        queries=tokens,
        keys=tokens,
        weights=weights[None].astype(np.float32),
        layers=(11,),
        heads=(0, 1, 2, 3),
        model=MODEL,
        picture=_drawn(),
    )


FORMS: dict[str, Callable[[], Attention]] = {
    "form.continuation.safetensors": continuation,
    "form.translation.safetensors": translation,
    "form.picture.safetensors": picture,
}


def _shared(strengths: NDArray[np.float64], sink: float = 0.0) -> NDArray[np.float64]:
    """Share each row's mass out by strength, (query, key); some of it to nothing, where there is a sink."""
    return strengths / (strengths.sum(axis=-1, keepdims=True) + sink)


def _spans(words: list[str]) -> list[tuple[int, int]]:
    """Where each word stands in the text they make, one space between them."""
    stops = np.cumsum([len(word) + 1 for word in words]) - 1
    return [(int(stop) - len(word), int(stop)) for word, stop in zip(words, stops, strict=True)]


def _drawn() -> NDArray[np.uint8]:
    """A red disc and a yellow square on blue: uint8 (height, width, 3)."""
    side = _GRID * _PATCH
    down, across = np.mgrid[:side, :side] / _PATCH
    pixels = np.empty((side, side, 3), dtype=np.uint8)
    pixels[:] = (44, 92, 160)
    pixels[(down - 4) ** 2 + (across - 4.5) ** 2 < 2.6**2] = (214, 66, 50)
    pixels[(np.abs(down - 9.5) < 1.5) & (np.abs(across - 9) < 1.5)] = (236, 206, 86)
    return pixels
