"""What every JSON form is made of: plain numbers, tokens, names."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from attnviz.record import Prediction, Token
from attnviz.selection import HeadId

Fields = dict[str, Any]


def as_text(fields: Fields) -> str:
    """Write fields as one line of JSON."""
    # All but ASCII is escaped: a lone surrogate in a token could not be written as UTF-8.
    return json.dumps(fields, allow_nan=False)


def plain(numbers: ArrayLike) -> Any:  # noqa: ANN401
    """Turn numbers into floats with the shortest decimals that read back to the same float32."""
    return np.asarray(numbers, dtype=np.float32).astype(str).astype(np.float64).tolist()


def number(value: float | None) -> float | None:
    """Give a number plain; null for one that is not known or is none."""
    return None if value is None or np.isnan(value) else float(plain(value))


def tokens(tokens: Iterable[Token]) -> list[Fields]:
    """Give tokens, each as its fields."""
    return [token.facts() for token in tokens]


def predictions(predictions: Iterable[Prediction]) -> list[Fields]:
    """Give what was expected after each query."""
    return [{"text": found.text, "probability": plain(found.probability)} for found in predictions]


def names(heads: Iterable[HeadId]) -> list[str]:
    """Name heads."""
    return [str(head) for head in heads]


def identity(head: HeadId) -> Fields:
    """Say which head is meant."""
    return {"head": str(head), "layer": head.layer, "index": head.index}


def taught(pattern: str | None) -> Fields:
    """Say whether a head was trained towards a pattern, and which."""
    return {"taught": pattern is not None, "taught_pattern": pattern}
