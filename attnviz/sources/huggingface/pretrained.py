"""A pretrained model with whatever turns inputs into its tensors."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from transformers import AutoProcessor, PreTrainedModel, PreTrainedTokenizerBase

from attnviz.sources.huggingface.faults import named_faults
from attnviz.sources.huggingface.find import Checkpoint
from attnviz.sources.huggingface.load import SAFELY, load_speaker, load_tokenizer
from attnviz.sources.huggingface.quiet import quiet


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model of transformers and what belongs to it.

    Attributes:
        checkpoint: where it came from.
        model: the network as it was saved, with the head that predicts if it has one, in evaluation mode.
    """

    checkpoint: Checkpoint
    model: PreTrainedModel

    @property
    def name(self) -> str:
        """The folder or hub id as it was given."""
        return self.checkpoint.name

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What cuts a text into tokens.

        Raises:
            IncompleteModel: the model has none.
            Damaged: it cannot be read.
        """
        return load_tokenizer(self.checkpoint)

    @cached_property
    def processor(self) -> Any:  # noqa: ANN401 - processors have no common class
        """What turns pictures and sounds into tensors, and joins them with a text where a model reads both.

        Raises:
            UnsupportedModel: a package is missing for it.
            Damaged: it cannot be read.
        """
        with quiet(), named_faults(self.name, "the processor"):
            return AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                self.checkpoint.folder, **SAFELY
            )

    @cached_property
    def speaker(self) -> PreTrainedModel:
        """The model with the head that predicts tokens: itself, if it was saved with one.

        Raises:
            RequestError: its weights hold no such head.
        """
        return self.model if self.model.can_generate() else load_speaker(self.checkpoint, self.model)

    @property
    def backbone(self) -> PreTrainedModel:
        """The model without the head that predicts, which no attention depends on."""
        return cast("PreTrainedModel", self.model.base_model)
