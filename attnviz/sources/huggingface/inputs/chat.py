"""A text in a model's chat template: what the template adds, whose turn that is, and what is the user's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from attnviz.errors import EmptyText, RequestError
from attnviz.record import Token
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.inputs.places import Span
from attnviz.sources.huggingface.inputs.tokens import (
    Cut,
    Passage,
    as_tokens,
    cut,
    found_again,
    refuse_unreadable,
)

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


def read_chat(tokenizer: PreTrainedTokenizerBase, text: str) -> Passage:
    """Cut a text into tokens as one user's message to a chat model, which is to answer.

    The source text is the user's alone: only the user's tokens have spans and words. What the template writes
    is special, and has the part of the turn it opens or closes: "system", "user" or "assistant". What stands
    before every turn, or where turns cannot be told apart, has none.

    A text that holds the template's own control tokens, such as "<|im_end|>", is read as the letters they are
    made of, so that it cannot pretend to be another turn.

    Raises:
        EmptyText: no token stands for anything in the text.
        RequestError: there is no chat template, it fails or changes the text; or the text holds control
            tokens that this tokenizer cannot read as text.
    """
    refuse_unreadable(text)
    if not tokenizer.chat_template:
        raise RequestError("cannot chat: this model's tokenizer has no chat template")
    chat = _rendered(tokenizer, text)
    found = cut(tokenizer, chat.text, add_special=False)
    places = _without_gaps(found.spans, len(chat.text))
    first, last = _within(places, chat.written)
    control = _control_tokens(tokenizer)
    if control.intersection(found.ids[first:last]):
        own = _as_text(tokenizer, chat, found.ids, first, last)
        if control.intersection(own.ids):
            raise _unreadable(tokenizer, control.intersection(own.ids))
    else:
        own = Cut(found.ids[first:last], tuple(_clipped(found.spans[first:last], chat.written)), (), ())
    if not own.ids:
        raise EmptyText("the text is empty for this model: its tokenizer drops every character of it")
    before = _template_tokens(tokenizer, chat, found, places, range(first))
    after = _template_tokens(tokenizer, chat, found, places, range(last, len(found.ids)))
    return Passage(text, (*before, *_user_tokens(tokenizer, text, chat, own), *after))


def _rendered(tokenizer: PreTrainedTokenizerBase, text: str) -> Chat:
    """Put the text into the template, and find out what the template wrote around it."""
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


def _shape(tokenizer: PreTrainedTokenizerBase) -> Any:  # noqa: ANN401
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


def _opening(tokenizer: PreTrainedTokenizerBase, shape: Any) -> str:  # noqa: ANN401
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


def _without_gaps(spans: Sequence[Span | None], end: int) -> list[Span]:
    """Give tokens without a place all the room there is between their neighbours."""
    # Where the next token that has a place begins, from behind each token on.
    nexts = [end]
    for span in reversed(spans[1:]):
        nexts.append(nexts[-1] if span is None else span[0])
    found: list[Span] = []
    stop = 0
    for span, following in zip(spans, reversed(nexts), strict=True):
        found.append((stop, max(stop, following)) if span is None else span)
        stop = stop if span is None else span[1]
    return found


def _within(places: Sequence[Span], written: Span) -> Span:
    """Say which tokens stand in a part of a text, wholly or partly: the first, and the one behind them."""
    start, stop = written
    inside = [
        place
        for place, (first, last) in enumerate(places)
        if (first < stop and last > start) or (first == last and start <= first < stop)
    ]
    if inside:
        return inside[0], inside[-1] + 1
    behind = next((place for place, (first, _) in enumerate(places) if first >= stop), len(places))
    return behind, behind


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens by which a template gives its turns: all special ones, and what else it writes itself."""
    template = tokenizer.get_chat_template()
    return {
        number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or (token.content in template and not token.content.isspace())
    }


def _as_text(
    tokenizer: PreTrainedTokenizerBase, chat: Chat, plain: Sequence[int], first: int, last: int
) -> Cut:
    """Cut a text that holds control tokens as the letters they are made of."""
    try:
        made: Any = tokenizer.apply_chat_template(
            chat.messages, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
        )
    except Exception as error:  # what a tokenizer can raise that cannot do this has no common class
        raise _unreadable(tokenizer, _control_tokens(tokenizer).intersection(plain[first:last])) from error
    ids, behind = tuple(made), len(plain) - last
    stop = len(ids) - behind
    if ids[:first] != tuple(plain[:first]) or ids[stop:] != tuple(plain[last:]):
        raise _unreadable(tokenizer, _control_tokens(tokenizer).intersection(plain[first:last]))
    names = [str(name) for name in tokenizer.convert_ids_to_tokens(list(ids[first:stop]))]
    start = chat.written[0]
    spans = found_again(tokenizer, chat.text[slice(*chat.written)], names)
    return Cut(ids[first:stop], tuple(span and (start + span[0], start + span[1]) for span in spans), (), ())


def _unreadable(tokenizer: PreTrainedTokenizerBase, control: set[int]) -> RequestError:
    names = ", ".join(map(str, tokenizer.convert_ids_to_tokens(sorted(control))))
    return RequestError(
        f"cannot chat: the text holds control tokens that cannot be read as text: got {names}"
    )


def _clipped(spans: Sequence[Span | None], within: Span) -> list[Span | None]:
    start, stop = within
    return [span and (max(span[0], start), min(span[1], stop)) for span in spans]


def _user_tokens(tokenizer: PreTrainedTokenizerBase, text: str, chat: Chat, own: Cut) -> tuple[Token, ...]:
    """Name the user's tokens by slices of the user's text."""
    shift = chat.skipped - chat.written[0]
    spans = tuple(span and (span[0] + shift, span[1] + shift) for span in own.spans)
    moved = Cut(own.ids, spans, (0,) * len(own.ids), ())
    return tuple(replace(token, part=USER) for token in as_tokens(tokenizer, text, moved))


def _template_tokens(
    tokenizer: PreTrainedTokenizerBase, chat: Chat, found: Cut, places: Sequence[Span], which: range
) -> tuple[Token, ...]:
    """Name what the template wrote as it wrote it, with whose turn it is."""
    ids, spans = [found.ids[place] for place in which], [found.spans[place] for place in which]
    named = as_tokens(tokenizer, chat.text, Cut(tuple(ids), tuple(spans), (0,) * len(ids), ()))
    roles = [chat.role(places[place][0]) for place in which]
    control = _control_tokens(tokenizer)
    # Control tokens alone open no turn of the system's: they stand before every turn.
    is_system = any(
        role == SYSTEM and token.id not in control for token, role in zip(named, roles, strict=True)
    )
    opening = {tokenizer.bos_token_id} if is_system else control
    return tuple(
        Token(
            token.text,
            token.id,
            kind="special",
            part=None if role == SYSTEM and token.id in opening else role,
        )
        for token, role in zip(named, roles, strict=True)
    )
