"""What is said of removed heads, in words and numbers a terminal and a figure share."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.effect import Ablation
from attnviz.selection import numbers_as_ranges

CAUTION = (
    "Removing a head shows what this model loses on this text; other heads may take over its work"
    " (Michel et al. 2019)."
)

# Of more heads that are removed together than this only how many is told.
_MOST_NAMED = 8
_MOST_IN_TITLE = 4

# Effects smaller than this are told in thousandths, where there is room for a few digits only.
_SMALL = 0.1
_DIGITS, _MOST_DIGITS = 3, 6

# Where not even so many digits of the largest effect have room, cells have no numbers.
_LEAST_DIGITS = 2

# The sign of an effect too small to be told.
NOTHING = "·"


def heading(ablation: Ablation) -> str:
    """Say what was removed."""
    entries = ablation.effects.entries
    only = entries[0]
    if ablation.mode == "together":
        named = "" if len(only.removed) > _MOST_NAMED else f": {', '.join(map(str, only.removed))}"
        return (
            f"{len(only.removed)} heads removed together{named}"
            if only.head is None
            else f"{only.name} removed"
        )
    layers = numbers_as_ranges(sorted({head.layer for head in ablation.effects.by_head}))
    if ablation.mode == "layers":
        every = f"layer {layers}" if len(entries) == 1 else f"each of layers {layers}"
        return f"{every} removed whole, all heads of its attention"
    if ablation.mode == "alone":
        every = only.name if len(entries) == 1 else f"each of {len(entries)} heads"
        return f"{every} left alone in its layer, the other heads of that layer removed"
    if len(entries) == 1:
        return f"{only.name} removed"
    return f"each of {len(entries)} heads removed, one at a time"


def title(ablation: Ablation) -> str:
    """Say the same in the few words of a title."""
    entries = ablation.effects.entries
    if ablation.mode == "alone":
        each = entries[0].name if len(entries) == 1 else "each head"
        return f"Effect of leaving {each} alone in its layer"
    if ablation.mode == "layers":
        return (
            "Effect of removing whole layers" if len(entries) > 1 else f"Effect of removing {entries[0].name}"
        )
    if len(entries) > 1:
        return "Effect of removing each head"
    removed = entries[0].removed
    named = ", ".join(map(str, removed)) if len(removed) <= _MOST_IN_TITLE else f"{len(removed)} heads"
    return f"Effect of removing {named}"


def described(ablation: Ablation) -> Iterator[str]:
    """Say how to read a table, a sentence for each kind of number."""
    found = ablation.effects
    yield f"Effect: {found.description}."
    yield from set_aside(ablation)
    if found.cost is not None:
        yield (
            f"Surprisal: what {_REFERENCES[found.outlook]} costs the model, -log2 p, in bits per token;"
            f" {short(found.cost)} with all heads."
        )
    if ablation.importance_ranks:
        yield f"{_IMPORTANCE}, and its rank."
    if ablation.unknown is not None:
        yield f"No importance: {ablation.unknown}."


def described_in_a_map(ablation: Ablation) -> Iterator[str]:
    """Say how to read a map of mean effects."""
    count = len(ablation.effects.tokens)
    over = f"; mean over {count} tokens" if count > 1 else ""
    yield f"Effect: {ablation.effects.measure}{over}."
    yield from set_aside(ablation)
    if ablation.importance_ranks:
        yield f"{_IMPORTANCE}."
    if ablation.unknown is not None:
        yield f"No importance: {ablation.unknown}."


def set_aside(ablation: Ablation) -> Iterator[str]:
    """Say which rows do not count, and what the numbers cannot be told from."""
    found = ablation.effects
    if found.aside:
        yield f"{found.aside} token{'s' * (found.aside > 1)} that the model added not counted."
    if found.noise:
        yield f"Run again with nothing removed, the answer moves by {short(found.noise)}."


_IMPORTANCE = (
    "Importance: the size of the loss's gradient by the head's gate, over the length of its layer's"
    " (Michel et al. 2019, section 4.1)"
)

_REFERENCES = {
    "next token": "the token that follows",
    "masked token": "the token that stands there",
    "judgement": "the answer “original”",
    "class": "the class that was likeliest",
    "states": "",
}


def digits_of(top: float, digits: int = _DIGITS) -> int:
    """Say how many digits behind the point show so many of the largest effect.

    >>> digits_of(0.159), digits_of(12.3), digits_of(0.00012), digits_of(0.0)
    (3, 1, 6, 3)
    """
    if not 0 < top < math.inf:
        return digits
    return min(max(digits - 1 - math.floor(math.log10(top)), 0), _MOST_DIGITS)


def write(value: float, digits: int, sign: str = "") -> str:
    """Write an effect; one that would read as zero and is none is told as less than the smallest number.

    >>> write(0.1592, 3), write(0.0001, 3), write(0.0, 3), write(-0.02, 2, "+"), write(0.0001, 3, "+")
    ('0.159', '<0.001', '0', '-0.02', '+0.000')
    """
    if value == 0:
        return "0"
    smallest = 10.0**-digits
    if not sign and value < smallest / 2:
        return f"<{smallest:.{digits}f}"
    return f"{value:{sign}.{digits}f}"


def short(value: float) -> str:
    """Write a number within a sentence.

    >>> short(0.0888), short(12.34), short(0.0000012)
    ('0.089', '12.3', '1.2e-06')
    """
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"


def factor_of(top: float) -> float:
    """Say what effects are multiplied by where few digits have room: small ones are told in thousandths.

    >>> factor_of(0.02), factor_of(0.5)
    (1000.0, 1.0)
    """
    return 1000.0 if top < _SMALL else 1.0


def number(value: float, top: float, room: int) -> str:
    """Write an effect for a cell of a map, with as many digits as there is room for.

    Args:
        value: the effect.
        top: the largest of the map; small ones are told in thousandths (`factor_of`).
        room: for so many characters; nothing is written if that is too little.

    >>> number(0.159, 0.159, 4), number(0.0002, 0.159, 4), number(12.34, 20.0, 4), number(0.159, 0.159, 1)
    ('.159', '·', '12.3', '')
    """
    factor = factor_of(top)
    digits = digits_of(top * factor)
    while digits > 0 and len(_plain(top * factor, digits)) > room:
        digits -= 1
    largest = _plain(top * factor, digits)
    if len(largest) > room or sum(map(str.isdigit, largest)) < _LEAST_DIGITS:
        return ""
    return NOTHING if value * factor < 0.5 * 10.0**-digits else _plain(value * factor, digits)


def _plain(value: float, digits: int) -> str:
    """Write a number without the zero before its point."""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("0.") else text


def is_grid(ablation: Ablation) -> bool:
    """Say whether there are heads enough, in layers enough, for a map of layers and heads."""
    layers, indices, _ = as_grid(ablation)
    return len(layers) > 1 and len(indices) > 1


def as_grid(ablation: Ablation) -> tuple[list[int], list[int], NDArray[np.float64]]:
    """Lay mean effects out by layer and head.

    Returns:
        The numbers of the layers and of the heads, ascending, and the effects (layer, head), NaN for a head
        there is none of.
    """
    by_head = ablation.effects.by_head
    layers, indices = sorted({head.layer for head in by_head}), sorted({head.index for head in by_head})
    values = np.full((len(layers), len(indices)), np.nan)
    for head, entry in by_head.items():
        values[layers.index(head.layer), indices.index(head.index)] = entry.mean
    return layers, indices, values


def unit(ablation: Ablation) -> str:
    """Name what an effect counts, beside a scale."""
    return ablation.effects.unit or "1 - cos"
