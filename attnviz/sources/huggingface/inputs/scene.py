"""A picture and a text for a model that reads both at once."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from attnviz.errors import CaptureFailed, RequestError, UnsupportedModel
from attnviz.grid import grid_of
from attnviz.prompt import Prompt
from attnviz.record import Token
from attnviz.sources.base import refuse_beside
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import Feed, Side, Written
from attnviz.sources.huggingface.inputs.patches import Patches, Pieces, patch, piece
from attnviz.sources.huggingface.inputs.picture import open_picture
from attnviz.sources.huggingface.inputs.probe import (
    Turn,
    Wanted,
    entering,
    first_call,
    moved,
    stacks,
    turns,
)
from attnviz.sources.huggingface.inputs.text import refuse_too_long
from attnviz.sources.huggingface.inputs.view import BRIGHTER, View, accepted
from attnviz.sources.huggingface.inputs.wording import Wording, worded, written
from attnviz.sources.huggingface.loading.pretrained import Pretrained

if TYPE_CHECKING:
    from attnviz.record import Block


def scene_feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make the input of a model that reads a picture and a text together.

    The source text is the user's alone; what stands for the picture in it, and what a chat template writes,
    are special tokens, and what the picture became are patches.

    Raises:
        RequestError: there is no picture, or something else beside it; or the model does not take this one.
        NotFound, Damaged, BudgetError: the picture cannot be read.
        TextTooLong: picture and text have more tokens than the model has positions for.
        SourceError: the model cannot be used, or not with this input.
    """
    if prompt.image is None:
        raise RequestError(f"{pretrained.name} reads a picture beside its text: got no picture, allowed one")
    refuse_beside(prompt, "image", "chat", "generate", name=pretrained.name)
    processor = pretrained.joining_processor
    wording = worded(processor, prompt)
    original = open_picture(prompt.image)
    arguments = accepted(pretrained, pretrained.backbone, _joined(pretrained, original, wording))
    seen = View(pretrained.backbone, arguments, original, processor.image_processor, pretrained.name)
    ids = arguments["input_ids"][0].tolist()
    refuse_too_long(pretrained, len(ids))
    try:
        attending = turns(seen.model, arguments)
    except Exception as error:  # what a model raises that was made for other inputs has no common class
        raise UnsupportedModel(f"{pretrained.name} does not run on this input: {brief(error)}") from error
    parts = stacks(seen.model, [turn.module for turn in attending])
    tokens = written(pretrained.tokenizer, wording, ids)
    given = Feed(seen.model, arguments, {}, text=wording.text, picture=seen.seen)
    if len(parts) == 1:
        side = Written(_side_by_side(seen, tokens))
        return replace(given, sides={"self": (side, side)})
    sides = _blocks(seen, parts, attending, tokens, _marks(pretrained))
    return replace(given, sides=sides, encoder=parts[0])


def _marks(pretrained: Pretrained) -> set[int]:
    """The ids that the model's configuration says stand for a picture."""
    named = (getattr(pretrained.model.config, name, None) for name in ("image_token_id", "image_token_index"))
    return {number for number in named if isinstance(number, int)}


def _joined(pretrained: Pretrained, original: Image.Image, wording: Wording) -> Any:  # noqa: ANN401
    """Let the model's processor join a picture with a text."""
    try:
        return pretrained.joining_processor(
            images=original,
            text=wording.whole,
            return_tensors="pt",
            **({} if wording.add_special else {"add_special_tokens": False}),
        )
    except Exception as error:  # each processor checks its input in its own way
        raise RequestError(
            f"{pretrained.name} cannot join this picture with this text: {brief(error)}"
        ) from error


def _blocks(
    seen: View,
    parts: Sequence[nn.Module],
    attending: Sequence[Turn],
    tokens: tuple[Token, ...],
    marks: Collection[int],
) -> "dict[Block, tuple[Side, Side]]":
    """Name the sides of a tower that sees and a decoder that reads what it saw."""
    decoding = set(parts[-1].modules())
    picture = seen.side()
    text = Written(_with_patches(seen, lambda module: module in decoding, tokens, picture, marks))
    looks_across = any(turn.queries != turn.keys for turn in attending if turn.module in decoding)
    across: dict[Block, tuple[Side, Side]] = {"cross": (text, picture)} if looks_across else {}
    return {"encoder": (picture, picture), **across, "decoder": (text, text)}


def _with_patches(
    seen: View, wanted: Wanted, tokens: tuple[Token, ...], picture: Patches | Pieces, marks: Collection[int]
) -> tuple[Token, ...]:
    """Put patches where the picture reaches what a decoder reads.

    Args:
        seen: the picture.
        wanted: says which modules are the decoder's.
        tokens: one for each id the decoder is given.
        picture: the tokens of the tower that sees.
        marks: the ids that stand for a picture, where it reaches nothing.
    """
    reached = _moved_by(seen, wanted, torch.full_like(seen.pixels, BRIGHTER))
    if reached is None or not reached.any():
        reached = np.array([token.id in marks for token in tokens])
        # One mark alone stands beside the text for what is only looked at across.
        reached &= reached.sum() > 1
    count = int(reached.sum())
    patches = iter(picture.first if count == len(picture.first) else _patches(seen, wanted, reached))
    if len(reached) == len(tokens):
        return tuple(next(patches) if here else token for here, token in zip(reached, tokens, strict=True))
    others = iter(tokens)
    if len(reached) - count != len(tokens):
        raise CaptureFailed(
            f"tokens do not line up with what the decoder reads: got {len(tokens)} of a text and "
            f"{count} of a picture, allowed {len(reached)} together"
        )
    return tuple(next(patches) if here else next(others) for here in reached)


def _patches(seen: View, wanted: Wanted, reached: NDArray[np.bool_]) -> tuple[Token, ...]:
    """Name the positions that a picture reaches: they come view by view, each row by row.

    Where rows of several views are interleaved it is tried which view reaches what. A view that is read in
    part tells no places, and neither does what is no grid at all: such positions are numbered.
    """
    count, views = int(reached.sum()), seen.views
    if not count:
        return ()
    each = count // views if count % views == 0 else 0
    runs = [len(list(run)) for here, run in groupby(reached) if here]
    if views == 1 or (each and all(run % each == 0 for run in runs)):
        of_views = np.arange(count) // max(each, 1)
    else:
        of_views = _by_view(seen, wanted)[reached]
    height, width = seen.seen.shape[:2]
    named = [piece(number) for number in range(count)]
    for view in range(views):
        own = np.flatnonzero(of_views == view).tolist()
        sides = grid_of(len(own), height / views / width)
        for number, place in enumerate(own if sides else []):
            row, column = divmod(number, sides[1] if sides else 1)
            named[place] = patch(row + view * (sides[0] if sides else 0), column)
    return tuple(named)


def _by_view(seen: View, wanted: Wanted) -> NDArray[np.int_]:
    """Say which view alone reaches each position, -1 where none or several do: (position,)."""
    masks = []
    for view in range(seen.views):
        light = torch.zeros_like(seen.pixels)
        light.reshape(seen.views, -1)[view] = BRIGHTER
        masks.append(_moved_by(seen, wanted, light))
    found = np.array([mask for mask in masks if mask is not None])
    return np.where(found.sum(axis=0) == 1, found.argmax(axis=0), -1)


def _moved_by(seen: View, wanted: Wanted, light: Tensor) -> NDArray[np.bool_] | None:
    """Say which of the positions that enter some part are others in another light: (position,), or None."""
    enter = seen.enter(wanted)
    with torch.no_grad():
        before = enter(seen.pixels)
        return None if before is None else moved(before, enter(seen.pixels + light))


def _side_by_side(seen: View, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Name the positions of a single stack that reads text and patches next to each other."""
    places = seen.places()
    if places is None:
        return tokens
    reached = np.array([place is not None for place in places])
    worded = _answering_to_text(seen) & ~reached
    if worded.sum() != len(tokens):
        raise CaptureFailed(
            f"tokens do not line up with what the model reads: got {len(tokens)} of a text, "
            f"allowed {worded.sum()}"
        )
    texts, names = iter(tokens), iter(seen.added(reached | worded))
    return tuple(
        patch(*place) if place is not None else next(texts) if text else Token(next(names), kind="special")
        for place, text in zip(places, worded, strict=True)
    )


def _answering_to_text(seen: View) -> NDArray[np.bool_]:
    """Say which positions are others when every id is another: (position,)."""
    ids = seen.arguments["input_ids"]
    with torch.no_grad():
        before, after = (
            entering(seen.model, {**seen.arguments, "input_ids": given}, first_call)
            for given in (ids, (ids + 1) % (int(ids.max()) + 1))
        )
    changed = None if before is None else moved(before, after)
    if changed is None:
        raise CaptureFailed("what enters the first attention cannot be seen")
    return changed
