"""From a prompt to what goes into a model: one file for each kind of model."""

from attnviz.errors import UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.sources.base import refuse_beside
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.inputs.text import text_feed
from attnviz.sources.huggingface.pretrained import Pretrained


def feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make a model's input.

    Raises:
        RequestError: the prompt holds what this model cannot read.
        SourceError: the model cannot be used, or not with this input.
    """
    config, main = pretrained.model.config, pretrained.backbone.main_input_name
    if config.is_encoder_decoder or main != "input_ids":
        raise UnsupportedModel(f"{pretrained.name} reads {main}: not supported yet")
    refuse_beside(prompt, name=pretrained.name)
    return text_feed(pretrained, prompt)
