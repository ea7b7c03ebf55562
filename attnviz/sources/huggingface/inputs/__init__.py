"""From a prompt to what goes into a model: one file for each kind of input, and what the model is to say."""

from attnviz.errors import UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.sources.base import refuse_beside
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.inputs.audio import hears, sound_feed
from attnviz.sources.huggingface.inputs.continuation import continued
from attnviz.sources.huggingface.inputs.pictures import picture_feed, sees
from attnviz.sources.huggingface.inputs.text import text_feed
from attnviz.sources.huggingface.inputs.translation import translated
from attnviz.sources.huggingface.loading.pretrained import Pretrained


def feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make a model's input: what it reads, and behind that what it says itself.

    Raises:
        RequestError: the prompt holds what this model cannot read.
        SourceError: the model cannot be used, or not with this input.
    """
    if sees(pretrained) or prompt.image is not None:
        return picture_feed(pretrained, prompt)
    if hears(pretrained):
        return sound_feed(pretrained, prompt)
    given = _read(pretrained, prompt)
    if pretrained.model.config.is_encoder_decoder:
        return translated(pretrained, prompt, given)
    return continued(pretrained, prompt, given) if prompt.generate else given


def _read(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """What the model is given to read; for an encoder-decoder, what its encoder is."""
    main = pretrained.backbone.main_input_name
    said = ("generate", "target") if pretrained.model.config.is_encoder_decoder else ("generate",)
    if main == "input_ids":
        refuse_beside(prompt, "pair", "chat", *said, name=pretrained.name)
        return text_feed(pretrained, prompt)
    raise UnsupportedModel(f"{pretrained.name} reads {main}: not supported yet")
