"""A sound that was written down: records whose words are known to be said at known times."""

import numpy as np

from attnviz.record import Attention, Token
from attnviz.selection import HeadId

SAID = "The quick brown fox jumps over the lazy dog."

# Where each token ends, in frames of 20 ms, and how it is cut: "jumps" comes in two pieces.
PIECES = ["The", "quick", "brown", "fox", "jump", "s", "over", "the", "lazy", "dog", "."]
ENDS = [14, 30, 47, 66, 82, 90, 104, 112, 131, 150, 156]
FRAMES, LENGTH = 170, 0.02
BEGINNING = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]


def frames(count: int = FRAMES, length: float = LENGTH) -> tuple[Token, ...]:
    """Frames of a sound, one after another."""
    places = [(at * length, (at + 1) * length) for at in range(count)]
    return tuple(Token(f"{a:.2f}-{b:.2f}s", kind="frame", place=(a, b)) for a, b in places)


def written() -> tuple[Token, ...]:
    """The tokens a decoder reads: its beginning, then the text."""
    tokens, at, word = [Token(name, kind="special") for name in BEGINNING], 0, -1
    for piece in PIECES:
        start = SAID.index(piece, at)
        word += start == 0 or SAID[start - 1] == " "
        at = start + len(piece)
        tokens.append(Token(piece, span=(start, at), word=word))
    return tuple(tokens)


def spoken(
    layers: int = 4, heads: int = 6, aligning: tuple[HeadId, ...] = (), blur: float = 3.0
) -> Attention:
    """A record whose even heads look where the next token is said, the others anywhere.

    The row of a token looks at the frames of the token that follows it: the row that predicts it.
    """
    tokens, chance = written(), np.random.default_rng(0)
    starts = [0, *ENDS]
    centres = np.zeros(len(tokens))
    for place in range(len(PIECES) + 1):
        stop = starts[place + 1] if place < len(PIECES) else FRAMES
        centres[len(BEGINNING) - 1 + place] = (starts[place] + stop) / 2
    at = np.arange(FRAMES)
    weights = np.empty((layers, heads, len(tokens), FRAMES))
    for layer, head in np.ndindex(layers, heads):
        aimed = -(((at - centres[:, None]) / (2 * blur)) ** 2)
        logits = (aimed if head % 2 == 0 else 0) + chance.normal(scale=0.7, size=(len(tokens), FRAMES))
        shares = np.exp(logits)
        weights[layer, head] = shares / shares.sum(axis=-1, keepdims=True)
    return Attention(
        queries=tokens,
        keys=frames(),
        weights=weights.astype(np.float32),
        layers=tuple(range(layers)),
        heads=tuple(range(heads)),
        model="spoken",
        text=SAID,
        block="cross",
        aligning=aligning,
    )
