"""What a model writes down of a sound: a given transcript, or what it says it hears."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from attnviz.errors import RequestError
from attnviz.prompt import Prompt
from attnviz.selection import HeadId
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.inputs.speaking import expected
from attnviz.sources.huggingface.inputs.translation import AT_MOST, translated
from attnviz.sources.huggingface.loading.contents import said_in
from attnviz.sources.huggingface.loading.pretrained import Pretrained

_SETTINGS = "generation_config.json"


def transcribed(pretrained: Pretrained, prompt: Prompt, heard: Feed) -> Feed:
    """Give a model that hears and writes both of its sides.

    Left to itself it may write down as many tokens as half of its positions, as in the original Whisper
    (Radford et al. 2022, `DecodingOptions.sample_len`), and no marks of time.

    Args:
        pretrained: the model.
        prompt: the transcript; or how many tokens to write and how to choose them.
        heard: the sound.

    Raises:
        RequestError: there is no transcript, and the model cannot write one.
        EmptyText: the transcript has no token.
        TextTooLong: the decoder has fewer positions than that.
        CaptureFailed: one pass over what it wrote expects other tokens than the steps did.
    """
    start = beginning(pretrained, heard.arguments)
    limit = getattr(pretrained.model.config.get_text_config(decoder=True), "max_target_positions", None)
    if prompt.target is None and not prompt.generate and limit:
        most = min(max(AT_MOST, limit // 2), limit - len(start or (0, 0)))
        prompt = replace(prompt, generate=most)
    both = translated(pretrained, prompt, heard, start)
    frames, written = heard.sides["self"][1], both.sides["cross"][0]
    return replace(
        both,
        model=_reading_tokens(pretrained),
        sides={**both.sides, "cross": (written, frames)},
        aligning=_aligning(pretrained),
    )


def _reading_tokens(pretrained: Pretrained) -> nn.Module:
    """Give the part of a model that reads tokens; in some only the head turns them into what it reads."""
    known = inspect.signature(pretrained.backbone.forward).parameters
    return pretrained.backbone if "decoder_input_ids" in known else pretrained.model


def beginning(pretrained: Pretrained, arguments: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Give the ids with which a decoder begins that is told a language, a task, and to write no times.

    The generation settings say which tokens those are. A language they do not name is the one the model
    expects most after its start token; a task they do not name is to transcribe.

    Returns:
        None for a decoder that is told nothing.
    """
    settings = _settings(pretrained)
    languages, tasks = settings.get("lang_to_id") or {}, settings.get("task_to_id") or {}
    start, plain = settings.get("decoder_start_token_id"), settings.get("no_timestamps_token_id")
    if start is None or (not languages and plain is None):
        return None
    told = [start]
    if languages:
        told.append(_language(pretrained, arguments, settings))
    if tasks:
        told.append(tasks.get(settings.get("task") or "transcribe"))
    return tuple(number for number in (*told, plain) if number is not None)


def _language(
    pretrained: Pretrained, arguments: Mapping[str, Any], settings: Mapping[str, Any]
) -> int | None:
    """Give the token of the language: the one that is set, or the one the model hears.

    Returns:
        None where none is set and the model's weights hold no head that could tell.
    """
    languages: dict[str, int] = settings["lang_to_id"]
    named = settings.get("language")
    for name in (f"{named}", f"<|{named}|>"):
        if name in languages:
            return languages[name]
    start = torch.tensor([[settings["decoder_start_token_id"]]], device=pretrained.device)
    try:
        logits = expected(pretrained, {**arguments, "decoder_input_ids": start})[-1]
    except RequestError:
        return None
    return max(languages.values(), key=lambda number: float(logits[number]))


def _aligning(pretrained: Pretrained) -> tuple[HeadId, ...]:
    """Name the heads whose authors say that they line words up with time."""
    named = _settings(pretrained).get("alignment_heads") or ()
    return tuple(HeadId(layer, head) for layer, head in named)


def _settings(pretrained: Pretrained) -> dict[str, Any]:
    """Give the model's generation settings, those too that the library does not take over from its file."""
    known = getattr(pretrained.model, "generation_config", None)
    return {
        **(known.to_dict() if known is not None else {}),
        **said_in(pretrained.checkpoint.folder / _SETTINGS),
    }
