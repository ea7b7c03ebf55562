"""A pretrained model as a source of records."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnviz.errors import CaptureFailed, Damaged, RequestError, TextTooLong
from attnviz.record import Attention, Internals, Token
from attnviz.selection import Selection
from attnviz.sources.base import EVERYTHING
from attnviz.sources.huggingface.capture import capture
from attnviz.sources.huggingface.find import Checkpoint
from attnviz.sources.huggingface.outline import Outline
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.text import read_tokens
from attnviz.sources.huggingface.vectors import KeepVectors
from attnviz.sources.keep import KeepRows

# Tokenizers that know no limit say 1e30.
_NO_LIMIT = 10**9


@dataclass(frozen=True, eq=False)
class HuggingFaceSource:
    """A text encoder or decoder of transformers.

    Attributes:
        checkpoint: where it came from.
        tokenizer: cuts a text into its tokens.
        model: the network, without any head that predicts, in evaluation mode.
        outline: which layers and heads attend.
    """

    checkpoint: Checkpoint
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    outline: Outline

    @property
    def name(self) -> str:
        """The folder or hub id as it was given."""
        return self.checkpoint.name

    @property
    def layers(self) -> tuple[int, ...]:
        """The model's own numbers of the layers that attend, ascending."""
        return self.outline.layers

    @property
    def heads(self) -> tuple[int, ...]:
        """The numbers of the heads in each layer."""
        return tuple(range(self.outline.heads))

    def attend(self, text: str, selection: Selection = EVERYTHING, *, internals: bool = False) -> Attention:
        """Read one text and record what its tokens look at.

        Args:
            text: one text; nothing of it is cut off.
            selection: the layers and heads to keep; the others are never gathered.
            internals: keep the query, key and value vectors too.

        Raises:
            EmptyText: the text has no token.
            TextTooLong: it has more tokens than the model has positions for.
            OutOfRange: the selection names a layer or head that is not there.
            BudgetError: the weights would not fit this machine's memory.
            CaptureFailed: a check of the weights failed.
        """
        chosen = selection.resolve(self.layers, self.heads)
        with quiet():
            tokens = read_tokens(self.tokenizer, text)
            ids = self._ids(tokens)
            kept = KeepRows(chosen, len(ids), len(ids))
            vectors = KeepVectors(kept.heads) if internals else None
            on_call = vectors.take if vectors else None
            capture(self.model, ids, self.layers, kept, chosen=kept.layers, on_call=on_call)
        return self._record(text, tokens, kept, vectors.internals() if vectors else None)

    def _ids(self, tokens: Sequence[Token]) -> list[int]:
        """The tokens' ids, if the model can read them: many run past their positions without complaint."""
        limit = min(self.tokenizer.model_max_length, _positions(self.model))
        if len(tokens) > limit < _NO_LIMIT:
            raise TextTooLong(
                f"the text is too long for {self.name}: got {len(tokens)} tokens, allowed {limit}"
            )
        ids = [token.id for token in tokens if token.id is not None]
        known = len(next(self.model.get_input_embeddings().parameters()))
        if max(ids) >= known:
            got = f"got token id {max(ids)}, allowed 0 to {known - 1}"
            raise Damaged(f"the tokenizer and the weights of {self.name} do not fit each other: {got}")
        return ids

    def _record(
        self, text: str, tokens: tuple[Token, ...], kept: KeepRows, internals: Internals | None
    ) -> Attention:
        """The record; what it finds wrong with the weights is the capture's fault, not the user's."""
        try:
            return Attention(
                queries=tokens,
                keys=tokens,
                weights=kept.weights(),
                layers=kept.layers,
                heads=kept.heads,
                model=self.name,
                text=text,
                causal=self.outline.causal,
                revision=self.checkpoint.revision,
                internals=internals,
            )
        except RequestError as error:
            raise CaptureFailed(f"the capture of {self.name} failed a check: {error}") from error


def _positions(model: PreTrainedModel) -> int:
    """How many tokens the model has positions for.

    RoBERTa and its kin count positions from behind the padding index, so they have that many fewer.
    """
    positions: int = getattr(model.config, "max_position_embeddings", None) or _NO_LIMIT
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            unused = 0 if module.padding_idx is None else module.padding_idx + 1
            return min(positions, module.num_embeddings - unused)
    return positions
