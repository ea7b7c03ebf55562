"""A picture for a model that sees, or for the seeing half of a model of two towers."""

from dataclasses import replace
from typing import TYPE_CHECKING

from torch import nn

from attnviz.errors import RequestError, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.sources.base import refuse_beside
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import Feed, Side, Written
from attnviz.sources.huggingface.inputs.patches import POOL, Slots
from attnviz.sources.huggingface.inputs.picture import open_picture
from attnviz.sources.huggingface.inputs.probe import stacks, turns
from attnviz.sources.huggingface.inputs.text import text_feed
from attnviz.sources.huggingface.inputs.view import view
from attnviz.sources.huggingface.loading.pretrained import Pretrained

if TYPE_CHECKING:
    from attnviz.record import Block


def image_feed(pretrained: Pretrained, prompt: Prompt, *beside: str) -> Feed:
    """Make the input of a model that sees one picture.

    Args:
        pretrained: the model.
        prompt: the picture.
        beside: what else may stand beside it, by the names of `Prompt`.

    Raises:
        RequestError: there is no picture, or something else; or the model does not take this picture.
        NotFound, Damaged, BudgetError: the picture cannot be read.
        SourceError: the model cannot be used, or not with this input.
    """
    return _seen(pretrained, pretrained.backbone, prompt, *beside)


def tower_feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make the input of one of the two towers of a model that compares pictures with texts.

    The towers meet only where each has become one vector, so nothing in one attends to anything in the other.

    Raises:
        RequestError: there is a picture and a text.
        EmptyText: there is neither.
        SourceError: the model cannot be used, or not with this input.
    """
    if prompt.image is None:
        tower = _Tower(pretrained.backbone, "get_text_features")
        refuse_beside(prompt, name=pretrained.name)
        return replace(text_feed(pretrained, prompt), model=tower)
    if prompt.text.strip():
        raise RequestError(
            f"{pretrained.name} has two towers that do not see each other: got a picture and a text, "
            "allowed one of them"
        )
    return _seen(pretrained, _Tower(pretrained.backbone, "get_image_features"), prompt)


def is_two_towers(pretrained: Pretrained) -> bool:
    """Say whether a model makes a vector of a picture and another of a text."""
    return all(hasattr(pretrained.backbone, name) for name in ("get_image_features", "get_text_features"))


class _Tower(nn.Module):
    """One tower of a model, called as the model itself calls it."""

    def __init__(self, model: nn.Module, method: str) -> None:
        super().__init__()
        self.model = model
        self.forward = getattr(model, method)


def _seen(pretrained: Pretrained, model: nn.Module, prompt: Prompt, *beside: str) -> Feed:
    if prompt.image is None:
        raise RequestError(f"{pretrained.name} sees pictures: got no picture, allowed one")
    if prompt.text.strip():
        raise RequestError(f"{pretrained.name} reads no text: got a picture and a text, allowed a picture")
    refuse_beside(prompt, "image", *beside, name=pretrained.name)
    made = view(pretrained, model, open_picture(prompt.image))
    side = made.side()
    blocks: dict[Block, tuple[Side, Side]] = {"self": (side, side)}
    given = Feed(model=model, arguments=made.arguments, sides=blocks, picture=made.seen)
    # What writes needs a beginning too before it can be run as a whole.
    writes = pretrained.model.config.is_encoder_decoder and pretrained.model.can_generate()
    return given if writes else _as_a_whole(pretrained, given, side)


def _as_a_whole(pretrained: Pretrained, given: Feed, side: Side) -> Feed:
    """Add what attends to the patches from elsewhere: a query that gathers them, or a decoder of objects.

    Raises:
        UnsupportedModel: the model does not run on this picture.
    """
    try:
        attending = turns(given.model, given.arguments)
    except Exception as error:  # as above, of what stands behind the first attention
        raise UnsupportedModel(f"{pretrained.name} does not run on this picture: {brief(error)}") from error
    blocks: dict[Block, tuple[Side, Side]] = {"self": (side, side)}
    if any(turn.queries == 1 < turn.keys for turn in attending):
        blocks = {"cross": (Written((POOL,)), side), **blocks}
    parts = stacks(given.model, [turn.module for turn in attending])
    if len(parts) == 1 or not pretrained.model.config.is_encoder_decoder:
        return replace(given, sides=blocks)
    slots = Slots()
    blocks = {"encoder": (side, side), "decoder": (slots, slots), "cross": (slots, side)}
    return replace(given, sides=blocks, encoder=parts[0])
