"""A pretrained model as a source of records."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from attnviz.anatomy import Anatomy
from attnviz.errors import SourceError
from attnviz.prompt import Prompt
from attnviz.sources.base import Source
from attnviz.sources.huggingface.anatomy import describe
from attnviz.sources.huggingface.feed import Answering, Feed
from attnviz.sources.huggingface.inputs import feed
from attnviz.sources.huggingface.inputs.said import Writer
from attnviz.sources.huggingface.loading.choices import AS_USUAL, Choices
from attnviz.sources.huggingface.loading.find import Checkpoint
from attnviz.sources.huggingface.loading.load import load_model
from attnviz.sources.huggingface.loading.pretrained import Pretrained
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.streaming.prefix import carried_over, watch_prefix
from attnviz.sources.huggingface.streaming.scale import SCALE, Scale
from attnviz.sources.huggingface.watching.sites import watch


@dataclass(frozen=True, eq=False)
class HuggingFaceSource(Source):
    """A model of transformers.

    Attributes:
        pretrained: the network and its tokenizer or processor.
        scale: how long is long.
    """

    pretrained: Pretrained
    scale: Scale = SCALE

    @property
    def name(self) -> str:
        """The folder or hub id as it was given."""
        return self.pretrained.name

    def read(self, prompt: Prompt) -> PretrainedReading:
        """Watch the model read one input, or the beginning of a long text.

        Raises:
            EmptyText: the text has no token.
            TextTooLong: it has more tokens than the model has positions for.
            RequestError: the prompt holds what this model cannot read.
            NoAttention: nothing in the model attends.
            SourceError: the input or the model cannot be read; the subclass says why.
        """
        with quiet():
            given = _answered(self.pretrained, feed(self.pretrained, prompt))
            beginning = watch_prefix(given, self.name, self.scale)
            watched = carried_over(beginning, given) if beginning else watch(given, self.name)
        if given.encoder is not None and "encoder" not in watched.outlines:
            warnings.warn(
                f"the encoder of {self.name} shows no weights: its attention is left out", stacklevel=2
            )
        revision = self.pretrained.checkpoint.revision
        return PretrainedReading(self.name, revision, given, watched, beginning, self.scale)

    def anatomy(self) -> Anatomy:
        """Let the model read a sample, and say what it is made of; see `Source`."""
        return describe(self.pretrained)


def _answered(pretrained: Pretrained, given: Feed) -> Feed:
    """Say which model answers, where it or its backbone reads the input: a tower alone answers nothing."""
    if given.model not in (pretrained.backbone, pretrained.model):
        return given
    return replace(given, answering=Answering(pretrained.model, _writer(pretrained), pretrained.made_up))


def _writer(pretrained: Pretrained) -> Callable[[int], str]:
    """Give what writes an entry of a model's vocabulary; a number stays one where it has no tokenizer."""

    @cache
    def word(number: int) -> str:
        try:
            return Writer(pretrained.tokenizer).token(number).text
        except SourceError:
            return str(number)

    return word


def open_pretrained(checkpoint: Checkpoint, choices: Choices = AS_USUAL) -> HuggingFaceSource:
    """Load a model from its folder.

    Raises:
        RequestError: there is no such device or precision.
        SourceError: it cannot be read or trusted.
        ModelTooLarge: it fits nowhere.
    """
    loaded = load_model(checkpoint, choices)
    pretrained = Pretrained(checkpoint, loaded.model, choices, loaded.made_up)
    if pretrained.backbone.main_input_name == "input_ids":
        _ = pretrained.tokenizer  # a text model without one is of no use: say so now
    return HuggingFaceSource(pretrained)
