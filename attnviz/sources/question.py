"""A question to a model, settled: at which row of its outcome, and about which answer."""

from collections.abc import Iterator

from attnviz.arrays import Array, namespace
from attnviz.errors import NoAnswer, OutOfRange, RequestError
from attnviz.outcome import Outcome, Question

# So many tokens or answers are named where the one asked for is not there.
_NAMED = 5


def settle(outcome: Outcome, question: Question) -> tuple[int, int]:
    """Find what a question means in an outcome.

    A text without blanks around it also means those with blanks: "fox" finds " fox". Where several answers
    are called the same, the likeliest of them is meant.

    Args:
        outcome: what the model gives.
        question: its row (counted from either end, or a token's text) and the answer's name.

    Returns:
        The row, from 0, and the answer's number.

    Raises:
        NoAnswer: the rows are states, which have no probability.
        OutOfRange: there is no such row.
        RequestError: no token, or no answer, is called so.

    >>> import numpy as np
    >>> from attnviz.record import Token
    >>> rows, tokens = np.array([[0.0, 2.0], [0.0, -1.0]]), (Token("a"), Token("fox"))
    >>> outcome = Outcome("judgement", rows, tokens, naming=("original", "replaced").__getitem__)
    >>> settle(outcome, Question()), settle(outcome, Question("a")), settle(outcome, Question(-1, "replaced"))
    ((1, 0), (0, 1), (1, 1))
    """
    if not outcome.answers:
        raise NoAnswer("the model has no head that answers: it gives states, which have no probability")
    row = _row(outcome, question.row)
    return row, _answer(outcome, row, question.answer)


def _row(outcome: Outcome, wanted: int | str | None) -> int:
    """Find a row by its number or its token; None means the last that counts."""
    if wanted is None:
        return outcome.counted_rows[-1]
    if isinstance(wanted, str):
        return _row_of_token(outcome, wanted)
    count = len(outcome.tokens)
    if not -count <= wanted < count:
        raise OutOfRange(f"no row {wanted} to ask at: the answers have rows 0-{count - 1}")
    return wanted % count


def _row_of_token(outcome: Outcome, wanted: str) -> int:
    """Find the last row whose token reads so."""
    texts = [token.text for token in outcome.tokens]
    found = [row for row, text in enumerate(texts) if _is_called(text, wanted)]
    if not found:
        raise RequestError(f"no token to ask at: got {wanted!r}, allowed {_some(iter(texts), len(texts))}")
    return found[-1]


def _answer(outcome: Outcome, row: int, wanted: str | None) -> int:
    """Find an answer by its name; None means the likeliest."""
    likeliest_first = _descending(outcome.rows[row])
    if wanted is None:
        return likeliest_first[0]
    for number in likeliest_first:
        if _is_called(outcome.naming(number), wanted):
            return number
    names = (outcome.naming(number) for number in likeliest_first)
    raise RequestError(f"no such answer: got {wanted!r}, allowed {_some(names, len(likeliest_first))}")


def _descending(logits: Array) -> list[int]:
    """Number answers from the likeliest on, of equals the first first."""
    order: list[int] = namespace(logits).argsort(-logits, stable=True).tolist()
    return order


def _is_called(name: str, wanted: str) -> bool:
    return name == wanted or (wanted == wanted.strip() and name.strip() == wanted)


def _some(names: Iterator[str], count: int) -> str:
    """Name the first few of so many."""
    named = ", ".join(repr(name) for _, name in zip(range(_NAMED), names, strict=False))
    return named if count <= _NAMED else f"{named} or {count - _NAMED:,} more"
