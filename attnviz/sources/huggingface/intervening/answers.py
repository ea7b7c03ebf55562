"""What the numbers are that a model gives in the end: told by their shape, never by the model's name."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnviz.outcome import Outcome, Outlook
from attnviz.record import Token
from attnviz.sources.huggingface.feed import Answering, Feed, Side
from attnviz.sources.huggingface.intervening.pieces import Pieces

# What transformers calls the logits of a head; the second where a model was saved with two.
_LOGITS = ("logits", "prediction_logits")

# It turns one state into another for heads that read the whole input; those that read tokens do without.
_POOLER = "pooler"

# The row of what stands for the whole input.
WHOLE = Token("[WHOLE]", kind="special")

JUDGEMENTS = ("original", "replaced")

# Logits of a long text are gone over so many at a time.
_AT_ONCE = 2**22

Naming = Callable[[int], str]


def answers(given: Any, feed: Feed, answering: Answering, *, looks_back: bool) -> Outcome | None:  # noqa: ANN401
    """Read the answer of a model with a head.

    Args:
        given: what the model gave.
        feed: the input.
        answering: the model.
        looks_back: whether no query of the default block sees a later key.

    Returns:
        None if there is none that is understood, or it is made with random weights.
    """
    logits = next((found for name in _LOGITS if (found := getattr(given, name, None)) is not None), None)
    if not isinstance(logits, Tensor) or logits.ndim not in (2, 3) or len(logits) != 1:
        return None
    if any(_POOLER not in weight.split(".") for weight in answering.made_up):
        return None
    rows, side = logits[0].float(), list(feed.sides.values())[-1][0]
    if rows.ndim == 2:
        if not side.fits(len(rows)):
            return None
        said = said_of_tokens(rows, feed, answering, looks_back=looks_back)
        return said or _classes(rows, side.tokens(len(rows)), answering)
    if side.fits(len(rows)) and _judges(feed, answering, len(rows)):
        return _judgement(rows, side.tokens(len(rows)))
    return None if answering.made_up else _classes(rows[None], (WHOLE,), answering)


def said_of_tokens(
    rows: Tensor | Pieces, feed: Feed, answering: Answering, *, looks_back: bool
) -> Outcome | None:
    """Read logits over a vocabulary, a row for each token of the default block; see `answers`.

    Returns:
        None if they are over something else.
    """
    side = list(feed.sides.values())[-1][0]
    if not side.fits(len(rows)) or rows.shape[-1] != _vocabulary(answering.model):
        return None
    tokens = side.tokens(len(rows))
    if all(token.id is None for token in tokens):
        return None
    speaks = looks_back or _speaks(feed, answering, len(tokens))
    return _of_tokens("next token" if speaks else "masked token", rows, tokens, answering)


def states(given: Any, feed: Feed) -> Outcome:  # noqa: ANN401
    """Take what a model gave as states: a row for each position if they can be told apart, else one row.

    What transformers calls the last hidden state is meant, of any other module the first numbers it gave.
    """
    found = _states(given)
    sides = [queries for queries, _ in reversed(list(feed.sides.values()))]
    rows = _by_position(found, sides)
    if len(rows) == 1 and not any(side.fits(1) for side in sides):
        return Outcome("states", rows.float(), (WHOLE,))
    return Outcome("states", rows.float(), _names(sides, len(rows)))


def _states(given: Any) -> Tensor:  # noqa: ANN401
    """The final states, or else the first numbers among what a model gave."""
    named = getattr(given, "last_hidden_state", None)
    found = named if isinstance(named, Tensor) else next(_numbers(given), None)
    return torch.zeros(1, 1) if found is None else found


def _numbers(given: Any) -> Any:  # noqa: ANN401
    """Find tensors of numbers, the first ones first."""
    if isinstance(given, Tensor) and given.is_floating_point():
        yield given
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, tuple | list) else ()
    for part in parts:
        yield from _numbers(part)


def _by_position(found: Tensor, sides: Sequence[Side]) -> Tensor:
    """Lay states out as (position, channel): channels come last, or behind the batch as in pictures."""
    if found.ndim < 2:
        return found.reshape(1, -1)
    last, behind_batch = found.flatten(0, -2), found.movedim(1, -1).flatten(0, -2)
    if found.ndim > 3 and not any(side.fits(len(last)) for side in sides):
        return behind_batch
    return last


def _names(sides: Sequence[Side], count: int) -> tuple[Token, ...]:
    """Name so many positions as some side does, or number them."""
    side = next((side for side in sides if side.fits(count)), None)
    if side is not None:
        return side.tokens(count)
    return tuple(Token(str(place), word=place) for place in range(count))


def _of_tokens(
    outlook: Outlook, rows: Tensor | Pieces, tokens: tuple[Token, ...], answering: Answering
) -> Outcome:
    """Hold what a model says of each token against what stands there, or behind it."""
    there = tokens if outlook == "masked token" else (*tokens[1:], None)
    likeliest = _likeliest(rows)
    known = [None if token is None or (token.id or 0) >= rows.shape[-1] else token.id for token in there]
    reference = [guess if number is None else number for number, guess in zip(known, likeliest, strict=True)]
    return Outcome(outlook, rows, tokens, np.array(reference, dtype=np.intp), answering.word)


def _classes(rows: Tensor, tokens: tuple[Token, ...], answering: Answering) -> Outcome:
    """Name the classes; of one alone, which is a score, there are two: that it is so, and that it is not."""
    naming = _naming(answering, rows.shape[-1])
    if rows.shape[-1] > 1:
        return Outcome("class", rows, tokens, _likeliest(rows), naming)
    both = torch.cat([torch.zeros_like(rows), rows], dim=-1)
    names = (f"not {naming(0)}", naming(0))
    return Outcome("class", both, tokens, _likeliest(both), names.__getitem__)


def _judgement(scores: Tensor, tokens: tuple[Token, ...]) -> Outcome:
    """Two answers for each token: the score is the logarithm of how much likelier "replaced" is."""
    rows = torch.stack([torch.zeros_like(scores), scores], dim=-1)
    reference = np.zeros(len(tokens), dtype=np.intp)
    return Outcome("judgement", rows, tokens, reference, JUDGEMENTS.__getitem__)


def _likeliest(rows: Tensor | Pieces) -> NDArray[np.intp]:
    step = max(1, _AT_ONCE // rows.shape[-1])
    pieces = (rows[first : first + step] for first in range(0, len(rows), step))
    return np.concatenate([piece.detach().argmax(dim=-1).cpu().numpy() for piece in pieces]).astype(np.intp)


def _naming(answering: Answering, count: int) -> Naming:
    """Say how so many classes are called: by the model's own labels, its vocabulary, or their numbers."""
    labels = _labels(answering.model)
    if count == len(labels):
        return lambda number: str(labels.get(number, number))
    return answering.word if count == _vocabulary(answering.model) else str


def _labels(model: Any) -> dict[int, str]:  # noqa: ANN401
    """The names of a model's classes, by number."""
    return getattr(getattr(model, "config", None), "id2label", None) or {}


def _vocabulary(model: Any) -> int | None:  # noqa: ANN401
    """How many entries the vocabulary has of which a model's head gives logits; None if it has none."""
    config = getattr(model, "config", None)
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if isinstance(head, nn.Linear):
        return head.out_features
    if config is None:
        return None
    return getattr(config.get_text_config(decoder=True), "vocab_size", None)


def _speaks(feed: Feed, answering: Answering, count: int) -> bool:
    """Say whether a model predicts what follows, though its queries do not all look back only.

    That a query sees no later key does not show of one token, of a decoder that sees a picture as a whole,
    nor where the default block looks across.
    """
    if feed.encoder is not None and "cross" in feed.sides:
        return True
    may = getattr(answering.model, "can_generate", None)
    return bool(may is not None and may()) and (count == 1 or feed.picture is not None)


def _judges(feed: Feed, answering: Answering, count: int) -> bool:
    """Say whether so many scores are one for each token, and not one for each class."""
    if count != len(_labels(answering.model)):
        return True
    inner = set(feed.model.modules()) if feed.model is not answering.model else set()
    wide = {
        part.out_features
        for part in answering.model.modules()
        if isinstance(part, nn.Linear) and part not in inner
    }
    return count not in wide and 1 in wide
