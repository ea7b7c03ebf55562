"""Which way a picture goes into a model: alone, into one of two towers, or joined with a text."""

import inspect

from attnviz.errors import RequestError
from attnviz.prompt import Prompt
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.inputs.continuation import continued
from attnviz.sources.huggingface.inputs.image import image_feed, is_two_towers, tower_feed
from attnviz.sources.huggingface.inputs.scene import scene_feed
from attnviz.sources.huggingface.inputs.translation import translated
from attnviz.sources.huggingface.inputs.view import PIXELS
from attnviz.sources.huggingface.loading.pretrained import Pretrained


def sees(pretrained: Pretrained) -> bool:
    """Say whether a model sees a picture whatever it is given, or is to be given one tower's input."""
    return pretrained.backbone.main_input_name == PIXELS or is_two_towers(pretrained)


def picture_feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make the input of a model that is given a picture, or of one that sees.

    Raises:
        RequestError: the model does not see, or the prompt holds what it cannot read.
        SourceError: the model cannot be used, or not with this input.
    """
    if is_two_towers(pretrained):
        return tower_feed(pretrained, prompt)
    known = inspect.signature(pretrained.model.forward).parameters
    if PIXELS not in known:
        raise RequestError(f"{pretrained.name} sees no pictures: got a picture, allowed a text")
    if "input_ids" in known:
        given = scene_feed(pretrained, prompt)
        return _continued(pretrained, prompt, given) if prompt.generate else given
    if pretrained.model.config.is_encoder_decoder and pretrained.model.can_generate():
        return translated(pretrained, prompt, image_feed(pretrained, prompt, "generate", "target"))
    return image_feed(pretrained, prompt)


def _continued(pretrained: Pretrained, prompt: Prompt, given: Feed) -> Feed:
    """Let a model go on after a picture and a text.

    Raises:
        RequestError: it cannot, or what it said first, such as a further picture's mark, it cannot read.
    """
    *_, (side, _) = given.sides.values()
    if not side.fits(given.arguments["input_ids"].shape[1]):
        raise RequestError(f"{pretrained.name} cannot continue a text beside a picture: got generate")
    try:
        return continued(pretrained, prompt, given)
    except (ValueError, RuntimeError, IndexError) as error:
        raise RequestError(f"{pretrained.name} cannot read what it said: {brief(error)}") from error
