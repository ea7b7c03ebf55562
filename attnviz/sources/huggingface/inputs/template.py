"""A text put into a model's chat template, and what the template wrote around it."""

from dataclasses import dataclass
from typing import Any, Protocol

from transformers import PreTrainedTokenizerBase

from attnviz.errors import RequestError
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.inputs.places import Span

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"

# Stands for a message's text where only what the template writes around it is of interest.
_SOMETHING = "attnvizattnviz"


@dataclass(frozen=True)
class Chat:
    """A text in its template.

    Attributes:
        messages: what the template was given.
        text: what it made of that.
        written: where in it the user's text stands.
        skipped: how much whitespace the template took from the beginning of the user's text.
        header: where the user's turn begins; None where that cannot be told.
        answer: where the model's turn begins; the end where that cannot be told.
    """

    messages: list[dict[str, Any]]
    text: str
    written: Span
    skipped: int
    header: int | None
    answer: int

    def role(self, place: int) -> str | None:
        """Say whose turn a position of the text belongs to, or None where that cannot be told."""
        if place >= self.answer:
            return ASSISTANT
        if place >= self.written[0]:
            return USER
        if self.header is None:
            return None
        return USER if place >= self.header else SYSTEM


class _Shape(Protocol):
    def __call__(self, role: str, content: str) -> list[dict[str, Any]]:
        """Make a conversation of one message."""


def rendered(tokenizer: PreTrainedTokenizerBase, text: str) -> Chat:
    """Put a text into the chat template, as one user's message that is to be answered.

    Raises:
        RequestError: there is no chat template, or it fails or changes the text.
    """
    if not tokenizer.chat_template:
        raise RequestError("cannot chat: this model's tokenizer has no chat template")
    shape = _shape(tokenizer)
    before, after = _render(tokenizer, shape(USER, _SOMETHING)).split(_SOMETHING)
    messages = shape(USER, text)
    whole = _render(tokenizer, messages)
    start, stop = len(before), len(whole) - len(after)
    bare = text.lstrip()
    taken = whole[start:stop]
    if not (whole.startswith(before) and whole.endswith(after)) or taken not in {
        text,
        text.rstrip(),
        bare,
        bare.rstrip(),
    }:
        raise RequestError(
            "cannot chat: this model's chat template does not leave the text as it was written"
        )
    closing = _render(tokenizer, shape(USER, _SOMETHING), answer=False).rpartition(_SOMETHING)[2]
    opening = _opening(tokenizer, shape)
    return Chat(
        messages=messages,
        text=whole,
        written=(start, stop),
        skipped=0 if taken in {text, text.rstrip()} else len(text) - len(bare),
        header=start - len(opening) if opening and before.endswith(opening) else None,
        answer=stop + len(closing) if after.startswith(closing) else len(whole),
    )


def _shape(tokenizer: PreTrainedTokenizerBase) -> _Shape:
    """Find out how this template wants a message's content: as text, or as a list of pieces."""

    def plain(role: str, content: str) -> list[dict[str, Any]]:
        return [{"role": role, "content": content}]

    def listed(role: str, content: str) -> list[dict[str, Any]]:
        return [{"role": role, "content": [{"type": "text", "text": content}]}]

    for shape in (plain, listed):
        try:
            made = _render(tokenizer, shape(USER, _SOMETHING))
        except RequestError:
            if shape is listed:
                raise
            continue
        if made.count(_SOMETHING) == 1:
            return shape
    raise RequestError("cannot chat: this model's chat template does not hold the text exactly once")


def _opening(tokenizer: PreTrainedTokenizerBase, shape: _Shape) -> str:
    """What opens a user's turn: what follows when a turn has ended; nothing where that cannot be told."""
    turns = [*shape(USER, _SOMETHING), *shape(ASSISTANT, _SOMETHING)]
    try:
        ended = _render(tokenizer, turns, answer=False)
        gone_on = _render(tokenizer, [*turns, *shape(USER, _SOMETHING)], answer=False)
    except RequestError:
        return ""
    added = gone_on.removeprefix(ended)
    return added.partition(_SOMETHING)[0] if gone_on.startswith(ended) and _SOMETHING in added else ""


def _render(
    tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, Any]], *, answer: bool = True
) -> str:
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer))
    except Exception as error:  # what a template can raise has no common class
        raise RequestError(f"cannot chat: this model's chat template fails: {brief(error)}") from error
