"""Text being generated: what a decoder was given, with what it says behind it, as one input."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attnviz.errors import RequestError
from attnviz.prompt import Prompt
from attnviz.record import Token
from attnviz.sources.huggingface.feed import Feed, Side, Written
from attnviz.sources.huggingface.inputs.said import Writer
from attnviz.sources.huggingface.inputs.speaking import Speech, predictions, speak, uncached
from attnviz.sources.huggingface.inputs.text import refuse_too_long
from attnviz.sources.huggingface.loading.pretrained import Pretrained
from attnviz.sources.huggingface.streaming.prefix import watch_prefix
from attnviz.sources.huggingface.watching.sites import watch


def continued(pretrained: Pretrained, prompt: Prompt, given: Feed) -> Feed:
    """Let a decoder go on after what it was given, and give the whole as one input.

    A decoder's token sees only what stands before it, so one pass over everything has the very weights of
    the steps; that it expects the very tokens the steps expected is checked. Every token said has a row, the
    last one too, whose prediction is what would come next; a token that ends the text has none, it is what
    the last row predicts. The rows of the prompt predict the likeliest token.

    Args:
        pretrained: the model.
        prompt: how many tokens to add, and how to choose them.
        given: what it reads, whose default block holds the tokens to go on from.

    Raises:
        RequestError: the model cannot continue a text.
        TextTooLong: with what is to be added there are more tokens than it has positions for.
        CaptureFailed: one pass expects other tokens than the steps did.
    """
    side = list(given.sides.values())[-1][0]
    length = given.arguments["input_ids"].shape[1]
    prompted = side.tokens(length)
    refuse_too_long(pretrained, length + prompt.generate)
    _refuse_seeing_ahead(pretrained, given, length)
    open_end = length if prompt.chat else _before_an_ending(pretrained, prompted)
    prompted = prompted[:open_end]
    arguments = _cut(given.arguments, length, open_end)

    def at_once(speech: Speech) -> dict[str, Any]:
        return _lengthened(arguments, speech.ids)

    speech, logits = speak(pretrained, prompt, arguments, prompt.generate, at_once)
    writer = Writer(pretrained.tokenizer)
    words = [token.word for token in prompted if token.word is not None]
    text, said = writer.tokens(
        speech.ids, before=speech.before, at=len(given.text), word=max(words, default=-1) + 1
    )
    if prompt.chat:
        said = tuple(replace(token, part="assistant") for token in said)
    ending = None if speech.ending is None else writer.token(speech.ending)
    after = (*(None for _ in prompted[1:]), *said, ending)
    whole = Written((*prompted, *said))
    return replace(
        given,
        arguments={**at_once(speech), **uncached(pretrained.backbone)},
        sides={block: _exchanged(pair, side, whole) for block, pair in given.sides.items()},
        text=given.text + text,
        predictions=() if speech.is_long else predictions(writer, logits, after),
    )


def _refuse_seeing_ahead(pretrained: Pretrained, given: Feed, length: int) -> None:
    """Refuse an encoder, whatever head it was saved with: it would see the very tokens it is to predict.

    Only of text alone can this be told beforehand: a decoder may well see a whole picture at once.
    """
    if all(_is_per_token(value, length) for value in given.arguments.values()):
        name = pretrained.name
        outlines = (watch_prefix(given, name) or watch(given, name)).outlines
        if not all(layer.causal for layer in outlines[list(outlines)[-1]].layers):
            raise RequestError(f"{pretrained.name} cannot continue a text: its tokens see those after them")


def _before_an_ending(pretrained: Pretrained, tokens: Sequence[Token]) -> int:
    """Say where the prompt ends if the token is left out with which a tokenizer closes every text."""
    last = tokens[-1]
    closes = last.is_special and last.id == pretrained.tokenizer.eos_token_id and len(tokens) > 1
    return len(tokens) - closes


def _exchanged(pair: tuple[Side, Side], old: Side, new: Side) -> tuple[Side, Side]:
    queries, keys = (new if side is old else side for side in pair)
    return queries, keys


def _cut(arguments: Mapping[str, Any], length: int, end: int) -> dict[str, Any]:
    """Leave out what is said of tokens behind an end."""
    return {
        name: value[:, :end] if _is_per_token(value, length) else value for name, value in arguments.items()
    }


def _lengthened(arguments: Mapping[str, Any], ids: Sequence[int]) -> dict[str, Any]:
    """Add ids, and to what else is said of each token, what is said of ordinary text."""
    length = arguments["input_ids"].shape[1]
    longer = dict(arguments)
    for name, value in arguments.items():
        if _is_per_token(value, length):
            added = {"input_ids": list(ids), "attention_mask": [1] * len(ids)}.get(name, [0] * len(ids))
            longer[name] = torch.cat([value, torch.tensor([added]).to(value)], dim=1)
    return longer


def _is_per_token(value: object, length: int) -> bool:
    return isinstance(value, Tensor) and value.shape == (1, length)
