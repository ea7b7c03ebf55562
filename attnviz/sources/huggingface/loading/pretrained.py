"""A pretrained model with whatever turns inputs into its tensors."""

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import torch
from transformers import AutoFeatureExtractor, PreTrainedModel, PreTrainedTokenizerBase

from attnviz.errors import IncompleteModel
from attnviz.sources.huggingface.faults import named_faults
from attnviz.sources.huggingface.loading.choices import AS_USUAL, Choices
from attnviz.sources.huggingface.loading.find import Checkpoint
from attnviz.sources.huggingface.loading.load import Loaded, load_speaker, load_tokenizer, refuse_made_up
from attnviz.sources.huggingface.loading.processors import load_image_processor, load_joining_processor
from attnviz.sources.huggingface.quiet import quiet

_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model of transformers and what belongs to it.

    Attributes:
        checkpoint: where it came from.
        model: the network as it was saved, with the head that predicts if it has one, in evaluation mode.
        choices: how it was loaded.
        made_up: weights of its head that its files lack, and that are random.
    """

    checkpoint: Checkpoint
    model: PreTrainedModel
    choices: Choices = AS_USUAL
    made_up: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder or hub id as it was given."""
        return self.checkpoint.name

    @property
    def device(self) -> torch.device:
        """Where inputs go: the device of the first weights, wherever the others of a spread model are."""
        real = (part.device for part in self.model.parameters() if part.device.type != "meta")
        return next(real, torch.device("cpu"))

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What cuts a text into tokens.

        Raises:
            IncompleteModel: the model has none.
            Damaged: it cannot be read.
        """
        return load_tokenizer(self.checkpoint, self.choices)

    @cached_property
    def image_processor(self) -> Any:  # noqa: ANN401 - processors have no common class
        """What turns a picture into the model's tensors.

        Raises:
            UnsupportedModel: a package is missing for it.
            Damaged: it cannot be read.
        """
        with quiet():
            return load_image_processor(self.checkpoint, self.model.config, self.choices)

    @cached_property
    def joining_processor(self) -> Any:  # noqa: ANN401 - processors have no common class
        """What joins a picture with a text, for a model that reads both at once.

        Raises:
            UnsupportedModel: there is none, or a package is missing for it.
            Damaged: it cannot be read.
        """
        with quiet():
            return load_joining_processor(self.checkpoint, self.model.config, self.tokenizer, self.choices)

    @cached_property
    def feature_extractor(self) -> Any:  # noqa: ANN401 - extractors have no common class
        """What turns a sound into the model's tensors.

        Raises:
            IncompleteModel: the model has none.
            UnsupportedModel: a package is missing for it.
            Damaged: it cannot be read.
        """
        if not any((self.checkpoint.folder / file).is_file() for file in _PROCESSOR_FILES):
            raise IncompleteModel(
                f"{self.name} has nothing to prepare a sound with: it has no preprocessor_config.json"
            )
        with quiet(), named_faults(self.name, "the feature extractor"):
            return AutoFeatureExtractor.from_pretrained(  # type: ignore[no-untyped-call]
                self.checkpoint.folder, **self.choices.safely
            )

    @cached_property
    def speaker(self) -> PreTrainedModel:
        """The model with the head that predicts tokens: itself, if it was saved with one.

        Raises:
            RequestError: its weights hold no such head.
        """
        if not self.model.can_generate():
            return load_speaker(self.checkpoint, self.model, self.choices)
        refuse_made_up(self.name, Loaded(self.model, self.made_up))
        return self.model

    @property
    def backbone(self) -> PreTrainedModel:
        """The model without the head that predicts, which no attention depends on.

        What a class calls its base may be a part behind its embeddings: a base takes the same input.
        """
        base = cast("PreTrainedModel", self.model.base_model)
        same_input = self.model.main_input_name in inspect.signature(base.forward).parameters
        return base if same_input else self.model
