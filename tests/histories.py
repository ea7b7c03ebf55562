"""A training as tests need it: one head that learns to read the word before, one that stays as it was."""

import numpy as np

from attnviz.history import History
from attnviz.record import Token
from attnviz.selection import HeadId

FOX = "The quick brown fox jumps over the lazy dog ."
WORDS = FOX.split()


def learning(times=6, layers=(0, 1), **changes):
    """The first head of each layer goes from even weights to the word before; the second stays even."""
    count = len(WORDS)
    even = np.full((count, count), 1 / count)
    before = np.eye(count)[[0, *range(count - 1)]]
    shares = np.linspace(0, 1, times)
    weights = [[[(1 - share) * even + share * before, even] for _ in layers] for share in shares]
    starts = np.cumsum([0, *(len(word) + 1 for word in WORDS)]).tolist()
    facts = {
        "tokens": tuple(
            Token(word, id=place + 7, span=(starts[place], starts[place] + len(word)), word=place)
            for place, word in enumerate(WORDS)
        ),
        "weights": np.array(weights, dtype=np.float16),
        "steps": tuple(range(0, 10 * times, 10)),
        "losses": (None, *(1.0 - 0.1 * time for time in range(1, times))),
        "planned": 10 * times,
        "layers": tuple(layers),
        "heads": (0, 1),
        "model": "sample",
        "text": FOX,
        "taught": {HeadId(1, 0): "modifier -> noun"},
    }
    return History(**{**facts, **changes})
