"""What a model makes of an input in the end: the ground on which the effect of a head is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnviz.arrays import Array
from attnviz.record import Block, Token
from attnviz.selection import HeadId

Outlook = Literal["next token", "masked token", "judgement", "class", "states"]

# What each head's part of its layer's output is multiplied by: 0 removes it, heads not named keep theirs.
Gates = Mapping[Block, Mapping[HeadId, float]]
OPEN: Gates = {}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model gives for one input: of each row a distribution over answers, or a state.

    Attributes:
        outlook: what the rows are. "next token": what follows each token of a decoder; "masked token": what a
            masked language model puts at each token, which it sees; "judgement": whether each token was
            replaced; "class": one row, what the whole input is, or a row for each token, what that is;
            "states": final vectors, of a model without a head that answers.
        rows: (row, answer) logits, or (row, d_model) states; an array of any library, on any device. Logits
            of a long text may be made anew whenever they are asked for: ask for slices of rows, each once.
        tokens: the token each row stands at; of a "class" of the whole one special token.
        reference: (row,), for each row the number of the answer held against the model: the token that stands
            in the input there (of "next token" the one behind; the last row has the likeliest), "original" of
            a judgement, the likeliest class; None for states.
        naming: how an answer is called, by its number.
    """

    outlook: Outlook
    rows: Array
    tokens: tuple[Token, ...]
    reference: NDArray[np.intp] | None = None
    naming: Callable[[int], str] = str

    @property
    def answers(self) -> bool:
        """Whether the rows are distributions."""
        return self.outlook != "states"

    @property
    def counted_rows(self) -> list[int]:
        """Number the rows at tokens of the input: the special ones only where there are no others."""
        own = [row for row, token in enumerate(self.tokens) if not token.is_special]
        return own or list(range(len(self.tokens)))


@dataclass(frozen=True)
class Question:
    """Which answer's probability is asked about.

    Attributes:
        row: at which row of the outcome: a position (negative ones from the end), or the text of a token (the
            last one that reads so); None is the last row whose token is not special.
        answer: the answer's name; None is the likeliest at that row.
    """

    row: int | str | None = None
    answer: str | None = None


@dataclass(frozen=True, eq=False)
class Gradients:
    """How an answer depends on each weight.

    Attributes:
        values: float32 (layer, head, query, key), the derivative of the logarithm (base 2) of the answer's
            probability by each weight, for the layers and heads of a record; 0 where a query could not look.
        row: the row the question settled on, from 0.
        answer: the answer it settled on, in words.
        probability: what the model gives that answer there, 0 to 1.
        token: the text of the token at that row.
    """

    values: NDArray[np.float32]
    row: int
    answer: str
    probability: float
    token: str
