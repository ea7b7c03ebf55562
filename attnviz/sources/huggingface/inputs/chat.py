"""A text in a model's chat template, cut into tokens: whose turn each is of, and which are the user's."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from transformers import PreTrainedTokenizerBase

from attnviz.errors import EmptyText, RequestError
from attnviz.prompt import refuse_unreadable
from attnviz.record import Token
from attnviz.sources.huggingface.inputs.places import Span
from attnviz.sources.huggingface.inputs.template import SYSTEM, USER, Chat, rendered
from attnviz.sources.huggingface.inputs.tokens import (
    Cut,
    Passage,
    as_tokens,
    cut,
    found_again,
)


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
    chat = rendered(tokenizer, text)
    found = cut(tokenizer, chat.text, add_special=False)
    if control := _spelled_control(tokenizer, chat, found):
        found = _as_letters(tokenizer, chat, found, control)
        if _spelled_control(tokenizer, chat, found):
            raise _refused(control)
    places = _without_gaps(found.spans, len(chat.text))
    first, last = _within(places, chat.written)
    if first == last:
        raise EmptyText("the text is empty for this model: its tokenizer drops every character of it")
    before = _template_tokens(tokenizer, chat, found, places, range(first))
    after = _template_tokens(tokenizer, chat, found, places, range(last, len(found.ids)))
    return Passage(text, (*before, *_user_tokens(tokenizer, text, chat, found, range(first, last)), *after))


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


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """The tokens by which a template gives its turns: all special ones, and what else it writes itself."""
    template = tokenizer.get_chat_template()
    return {
        number: token.content
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or (token.content in template and not token.content.isspace())
    }


def _spelled_control(tokenizer: PreTrainedTokenizerBase, chat: Chat, found: Cut) -> set[str]:
    """Name the control tokens that are spelled out in what the user wrote; one for unknown words is not."""
    control = _control_tokens(tokenizer)
    places = _without_gaps(found.spans, len(chat.text))
    first, last = _within(places, chat.written)
    return {
        control[found.ids[token]]
        for token in range(first, last)
        if found.ids[token] in control
        and control[found.ids[token]].strip().casefold() in chat.text[slice(*places[token])].casefold()
    }


def _as_letters(tokenizer: PreTrainedTokenizerBase, chat: Chat, plain: Cut, control: Collection[str]) -> Cut:
    """Cut a chat again, with control tokens that the user wrote as the letters they are made of."""
    try:
        made: Any = tokenizer.apply_chat_template(
            chat.messages, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
        )
    except Exception as error:  # what a tokenizer can raise that cannot do this has no common class
        raise _refused(control) from error
    ids, places = tuple(made), _without_gaps(plain.spans, len(chat.text))
    first, last = _within(places, chat.written)
    if ids[:first] != plain.ids[:first] or ids == plain.ids:
        raise _refused(control)
    # Behind the text the template may be cut a little otherwise than it was.
    behind = _same_at_the_end(plain.ids[last:], ids[first:])
    start = min(chat.written[0], places[first][0])
    stop = places[-behind][0] if behind else len(chat.text)
    names = [str(name) for name in tokenizer.convert_ids_to_tokens(list(ids[first : len(ids) - behind]))]
    between = [
        span and (start + span[0], start + span[1])
        for span in found_again(tokenizer, chat.text[start:stop], names)
    ]
    spans = (*plain.spans[:first], *between, *plain.spans[len(plain.spans) - behind :])
    return Cut(ids, spans, (0,) * len(ids), ())


def _same_at_the_end(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the ids with which both end."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _refused(control: Collection[str]) -> RequestError:
    names = ", ".join(sorted(control))
    return RequestError(
        f"cannot chat: the text holds control tokens that cannot be read as text: got {names}"
    )


def _user_tokens(
    tokenizer: PreTrainedTokenizerBase, text: str, chat: Chat, found: Cut, which: range
) -> tuple[Token, ...]:
    """Name the user's tokens by slices of the user's text."""
    start, stop = chat.written
    shift = chat.skipped - start
    # A token may begin in the template, or go on there.
    spans = [
        span and (max(span[0], start) + shift, min(span[1], stop) + shift)
        for span in found.spans[which.start : which.stop]
    ]
    own = Cut(found.ids[which.start : which.stop], tuple(spans), (0,) * len(which), ())
    return tuple(replace(token, part=USER) for token in as_tokens(tokenizer, text, own))


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
