"""A text in which words and signs come back, and a head for each pattern, as long as one likes."""

from dataclasses import replace

import numpy as np

from attnviz.record import Attention, Token, from_arrays
from tests.analysis.weights import random_weights

_WORDS = ("the", "dog", "fox", "saw", "ran", "old", "red", "and", "cat", "sun", "sea", "in", "on", "we", "go")


def words_of(size: int) -> list[str]:
    """Words in any order, a sign now and then, a full stop after every 12 to 20 of them."""
    chance = np.random.default_rng(7)
    words = chance.choice([*_WORDS, *(f"w{i}" for i in range(40))], size).tolist()
    ends = np.cumsum(chance.integers(12, 21, size))
    for place in ends[ends < size].tolist():
        words[place] = "."
        words[place - 5] = ","
    return words


def cells_of(words: list[str], number: np.ndarray) -> dict[str, np.ndarray]:
    """The cells of each pattern, by what it says of query i and key j."""
    size = len(words)
    i, j = np.indices((size, size))
    same = np.array(words)[:, None] == np.array(words)
    behind = np.zeros((size, size), dtype=bool)
    behind[:, 1:] = same[:, :-1]
    signs = np.isin(words, [".", ","])
    return {
        "previous": j == i - 1,
        "next": j == i + 1,
        "local": (abs(i - j) <= 3) & (i != j),
        "first": j == 0,
        "special": np.isin(j, [size - 1, size - 2]),
        "punctuation": np.broadcast_to(signs, (size, size)) & (i != j),
        "same word": same & (i != j),
        "induction": behind & (j < i),
        "block": (number[:, None] == number) & (i != j),
        "vertical": j == size // 2,
        "self": i == j,
        "broad": np.ones((size, size), dtype=bool),
    }


def pure_heads(size: int, *, causal: bool = False) -> tuple[Attention, list[str]]:
    """A head that does nearly nothing but its pattern, for each, and one without any; and their names."""
    words = words_of(size)
    number = np.concatenate([[0], np.cumsum([word == "." for word in words])[:-1]])
    shapes, seen = cells_of(words, number), np.tri(size) if causal else np.ones((size, size))
    noise = random_weights(3, len(shapes) + 1, size, size) * seen
    heads = [*(even(cells * seen) for cells in shapes.values()), noise[-1]]
    mixed = np.array([0.95 * head + 0.05 * some for head, some in zip(heads, noise, strict=True)])
    mixed[-2] = even(seen)
    record = from_arrays(mixed / mixed.sum(axis=-1, keepdims=True), words, causal=causal)
    tokens = (*record.keys[:-2], *(Token("[SEP]", kind="special") for _ in range(2)))
    return replace(record, queries=tokens, keys=tokens), [*shapes, "no clear pattern"]


def even(cells: np.ndarray) -> np.ndarray:
    """Spread every row over its cells; a row without any rests on itself."""
    cells = np.where(cells.any(axis=-1, keepdims=True), cells, np.eye(len(cells)))
    return cells / cells.sum(axis=-1, keepdims=True)
