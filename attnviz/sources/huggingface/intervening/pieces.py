"""Logits of a long text: made anew from the states below the head whenever some rows are asked for.

For 16,384 tokens and a vocabulary of 50,000 they would take 3 GB, the states they are made of 50 MB.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attnviz.errors import CaptureFailed
from attnviz.sources.huggingface.capturing.checks import alike
from attnviz.sources.huggingface.watching.sites import once

# Logits of more than this are made in pieces.
MOST_BYTES = 2**28

_FLOAT32_BYTES = 4


@dataclass(frozen=True, eq=False)
class Pieces:
    """Logits as (row, answer), float32, of which only what is asked for is made.

    Attributes:
        model: the model with its head.
        backbone: the part of it that makes the states.
        given: what that part gave.
        arguments: what the model takes.
        shape: how many rows and answers there are.
    """

    model: nn.Module
    backbone: nn.Module
    given: Any
    arguments: Mapping[str, Any]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        """Give some rows.

        Raises:
            CaptureFailed: one of them is no number.
        """
        piece = self._made(rows)
        assert piece is not None  # as was made sure of
        if bool(piece.isnan().any()):
            raise CaptureFailed("the model gives something that is no number")
        return piece

    def are_rows_alone(self) -> bool:
        """Say whether the head makes each row of that row's state alone, and of nothing else.

        The two rows at the end are made together and one by one.
        """
        first, last = len(self) - 2, len(self)
        together = self._made(slice(first, last))
        alone = [self._made(slice(row, row + 1)) for row in range(first, last)]
        if together is None or any(one is None for one in alone):
            return False
        return alike(torch.cat([one for one in alone if one is not None]), together)

    def _made(self, rows: slice) -> Tensor | None:
        """Let the head make some rows; None if it makes something else of their states."""
        states = self.given.last_hidden_state[:, rows]
        some = copy.copy(self.given)
        some["last_hidden_state"] = states
        with _giving(self.backbone, some), torch.no_grad():
            logits = getattr(once(self.model, self.arguments), "logits", None)
        if not isinstance(logits, Tensor) or logits.shape != (1, states.shape[1], self.shape[1]):
            return None
        return logits[0].float()


def in_pieces(model: Any, backbone: nn.Module, given: Any, arguments: Mapping[str, Any]) -> Pieces | None:  # noqa: ANN401
    """Give the logits of a language model over the states its backbone gave.

    Returns:
        None if its head needs more than the state of each row.
    """
    states = getattr(given, "last_hidden_state", None)
    if not isinstance(states, Tensor) or states.ndim != 3 or len(states) != 1 or states.shape[1] < 2:
        return None
    pieces = Pieces(model, backbone, given, arguments, (states.shape[1], vocabulary(model)))
    return pieces if pieces.are_rows_alone() else None


def are_many(model: Any, tokens: int) -> bool:  # noqa: ANN401 - any of transformers' models
    """Say whether the logits a model gives for so many tokens are too many to be held at once."""
    return tokens * vocabulary(model) * _FLOAT32_BYTES > MOST_BYTES


def vocabulary(model: Any) -> int:  # noqa: ANN401
    """Count the entries of the vocabulary that a model's head gives logits of; 0 if it gives none."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    return head.out_features if isinstance(head, nn.Linear) else 0


@contextmanager
def _giving(module: nn.Module, given: Any) -> Iterator[None]:  # noqa: ANN401
    """Let a module give something for the length of a block, whatever it is handed."""
    module.forward = lambda *_, **__: given
    try:
        yield
    finally:
        del module.forward  # its class has the usual one
