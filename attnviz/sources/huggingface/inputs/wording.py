"""What is written around a user's text where a picture stands beside it, and which tokens are the user's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from transformers import PreTrainedTokenizerBase

from attnviz.errors import RequestError
from attnviz.prompt import Prompt
from attnviz.record import Token
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.inputs.tokens import Cut, as_tokens, cut

# Stands for a message's text where only what the template writes around it is of interest.
_SOMETHING = "attnvizattnviz"

# By which names processors call what stands for a picture in a text, the one that encloses the other first.
_PLACEHOLDERS = ("boi_token", "image_token")

USER = "user"


@dataclass(frozen=True)
class Wording:
    """A text as a processor is given it.

    Attributes:
        whole: all of it.
        text: the user's part.
        start: where that begins.
        turn: whose turn the user's part is, in a chat.
        add_special: whether the tokenizer is still to add its special tokens.
    """

    whole: str
    text: str
    start: int
    turn: str | None = None
    add_special: bool = True


def worded(processor: Any, prompt: Prompt) -> Wording:  # noqa: ANN401 - processors have no common class
    """Put what stands for the picture before a text that lacks it; in a chat the template does.

    Raises:
        RequestError: there is no chat template, or it does not leave the text as it was written.
    """
    if prompt.chat:
        return _in_chat(processor, prompt.text)
    known = [getattr(processor, name, None) for name in _PLACEHOLDERS]
    names = [name for name in known if isinstance(name, str) and name]
    if not names or any(name in prompt.text for name in names):
        return Wording(prompt.text, prompt.text, 0)
    before = _by_template(processor) or names[0] + "\n"
    return Wording(before + prompt.text, prompt.text, len(before))


def written(tokenizer: PreTrainedTokenizerBase, wording: Wording, ids: Sequence[int]) -> tuple[Token, ...]:
    """Name the tokens a processor made of a text: the user's by slices of the text, all others as special.

    Args:
        tokenizer: what cut the text.
        wording: the text as the processor was given it.
        ids: what the processor made of it, what stands for the picture repeated as often as need be.
    """
    named = as_tokens(tokenizer, "", Cut(tuple(ids), (None,) * len(ids), (0,) * len(ids), ()))
    tokens = [Token(token.text, token.id, kind="special") for token in named]
    users = _users(tokenizer, wording)
    if not users:
        return tuple(tokens)
    found = cut(tokenizer, wording.whole, add_special=wording.add_special)
    for block in SequenceMatcher(None, found.ids, list(ids), autojunk=False).get_matching_blocks():
        for step in range(block.size):
            tokens[block.b + step] = users.get(block.a + step, tokens[block.b + step])
    return tuple(tokens)


def _users(tokenizer: PreTrainedTokenizerBase, wording: Wording) -> dict[int, Token]:
    """Name the tokens of the whole text that are the user's, by their positions."""
    if not wording.text.strip():
        return {}
    found = cut(tokenizer, wording.whole, add_special=wording.add_special)
    stop = wording.start + len(wording.text)
    places = [
        place
        for place in found.places(0)
        if (span := found.spans[place]) is not None and wording.start <= span[0] < stop
    ]
    spans = [found.spans[place] for place in places]
    moved = tuple(span and (span[0] - wording.start, span[1] - wording.start) for span in spans)
    own = Cut(tuple(found.ids[place] for place in places), moved, (0,) * len(places), ())
    control = set(tokenizer.all_special_ids)
    return {
        place: replace(token, part=wording.turn)
        for place, token in zip(places, as_tokens(tokenizer, wording.text, own), strict=True)
        if token.id not in control
    }


def _in_chat(processor: Any, text: str) -> Wording:  # noqa: ANN401
    if not getattr(processor, "chat_template", None):
        raise RequestError("cannot chat: this model's processor has no chat template")
    before, _, after = _render(processor, _SOMETHING).partition(_SOMETHING)
    whole = _render(processor, text)
    taken = whole[len(before) : len(whole) - len(after)]
    if not (whole.startswith(before) and whole.endswith(after)) or taken.strip() != text.strip():
        raise RequestError(
            "cannot chat: this model's chat template does not leave the text as it was written"
        )
    begins = getattr(processor.tokenizer, "bos_token", None)
    return Wording(whole, taken, len(before), USER, not (begins and whole.startswith(begins)))


def _by_template(processor: Any) -> str:  # noqa: ANN401
    """What a chat template writes for a picture before a text; nothing where that cannot be told."""
    if not getattr(processor, "chat_template", None):
        return ""
    try:
        alone, beside = _render(processor, _SOMETHING, picture=False), _render(processor, _SOMETHING)
    except RequestError:
        return ""
    before, other = (made.partition(_SOMETHING)[0] for made in (beside, alone))
    shared = next(
        (place for place, pair in enumerate(zip(before, other, strict=False)) if pair[0] != pair[1]),
        len(other),
    )
    rest = other[shared:]
    return before[shared : len(before) - len(rest)] if before.endswith(rest) else ""


def _render(processor: Any, text: str, *, picture: bool = True) -> str:  # noqa: ANN401
    content = [{"type": "image"}] * picture + [{"type": "text", "text": text}]
    try:
        return str(
            processor.apply_chat_template([{"role": USER, "content": content}], add_generation_prompt=True)
        )
    except Exception as error:  # what a template can raise has no common class
        raise RequestError(f"cannot chat: this model's chat template fails: {brief(error)}") from error
