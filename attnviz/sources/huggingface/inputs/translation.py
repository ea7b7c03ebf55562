"""The decoder side of an encoder-decoder: a given target, or what the model says itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from transformers import BatchEncoding, PreTrainedTokenizerBase

from attnviz.errors import RequestError, TextTooLong, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.record import Prediction, Token
from attnviz.sources.huggingface.feed import Feed, Side, Written
from attnviz.sources.huggingface.inputs.said import Writer
from attnviz.sources.huggingface.inputs.speaking import Speech, expected, predictions, speak, uncached
from attnviz.sources.huggingface.inputs.tokens import read_tokens
from attnviz.sources.huggingface.loading.pretrained import Pretrained

# Left to itself a model says at most this many tokens, or twice as many as it read where that is more.
AT_MOST = 64

# What configurations call the number of positions a decoder has.
NO_LIMIT = 10**9
_LIMITS = ("max_target_positions", "max_decoder_position_embeddings", "max_position_embeddings")


@dataclass(frozen=True, eq=False)
class _Decoder:
    """What a decoder reads.

    Attributes:
        text: what of it is text.
        tokens: one for each position.
        predictions: what the model expects after each; empty where its weights hold no head that predicts.
    """

    text: str
    tokens: tuple[Token, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class _Across:
    """What a decoder looks at: what the encoder read, behind its own text where it looks at both at once.

    Attributes:
        own: what the decoder reads.
        read: what the encoder reads.
    """

    own: Written
    read: Side

    def fits(self, count: int) -> bool:
        """Say whether there may be so many keys."""
        return self.read.fits(count) or self.read.fits(count - len(self.own.known))

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Give the tokens of so many keys."""
        if self.read.fits(count) or not self.fits(count):
            return self.read.tokens(count)
        return self.own.known + self.read.tokens(count - len(self.own.known))


def translated(
    pretrained: Pretrained, prompt: Prompt, source: Feed, start: Sequence[int] | None = None
) -> Feed:
    """Give an encoder-decoder both of its sides.

    The decoder reads a start token and then the target, or what it says itself, without a closing token. A
    row belongs to the token that is read there, not to the one predicted there: what a translated word looks
    at stands in its own row (Chen et al. 2020, Accurate Word Alignment Induction from Neural Machine
    Translation, SHIFT-ATT). The predictions of the record say what follows: the next token of the target, or
    the one that was said.

    A model that attends to both sides at once has no block "decoder": the keys of "cross" are both texts.

    Spans count in one text: the source, a line end, and the target or what was said.

    Args:
        pretrained: the model.
        prompt: the target; or how many tokens to say and how to choose them. Neither lets the model speak
            until it ends, but not beyond `AT_MOST` or twice the number of tokens it read.
        source: what the encoder reads; what the decoder looks at are the keys of its default block.
        start: the ids with which the decoder begins; None means those of the model's configuration.

    Raises:
        RequestError: there is no target, and the model cannot say one.
        EmptyText: the target has no token.
        TextTooLong: the decoder has fewer positions than that.
        CaptureFailed: one pass over what it said expects other tokens than the steps did.
    """
    read = list(source.sides.values())[-1][1]
    at = len(source.text) + 1 if source.text else 0
    if prompt.target is None:
        decoder = _said(pretrained, prompt, source.arguments, start, at)
    else:
        decoder = _taught(pretrained, prompt.target, source.arguments, start, at)
    side = Written(decoder.tokens)
    return replace(
        source,
        model=pretrained.backbone,
        arguments={
            **_with_decoder(pretrained, source.arguments, _ids(decoder.tokens)),
            **uncached(pretrained.backbone),
        },
        sides={"encoder": (read, read), "decoder": (side, side), "cross": (side, _Across(side, read))},
        text="\n".join(text for text in (source.text, decoder.text) if text),
        encoder=pretrained.backbone.get_encoder(),
        predictions=decoder.predictions,
    )


def _said(
    pretrained: Pretrained,
    prompt: Prompt,
    arguments: Mapping[str, Any],
    start: Sequence[int] | None,
    at: int,
) -> _Decoder:
    """Let the model speak."""
    begin = _start(pretrained) if start is None else tuple(start)
    most = prompt.generate
    if most:
        _refuse_too_long(pretrained, len(begin) + most)
    else:
        read = arguments["input_ids"].shape[1] if "input_ids" in arguments else 0
        most = min(max(AT_MOST, 2 * read), _positions(pretrained) - len(begin))
    begun = _with_decoder(pretrained, arguments, begin)

    def at_once(speech: Speech) -> dict[str, Any]:
        return _with_decoder(pretrained, arguments, speech.sequence)

    speech, logits = speak(pretrained, prompt, begun, most, at_once)
    writer = Writer(pretrained.tokenizer)
    text, said = writer.tokens(speech.ids, before=begin, at=at)
    opening = tuple(_added(pretrained.tokenizer, number) for number in begin)
    ending = None if speech.ending is None else writer.token(speech.ending)
    return _Decoder(text, opening + said, predictions(writer, logits, (*opening[1:], *said, ending)))


def _taught(
    pretrained: Pretrained,
    target: str,
    arguments: Mapping[str, Any],
    start: Sequence[int] | None,
    at: int,
) -> _Decoder:
    """Let the model read a target, as it did when it was trained."""
    tokens = _target_tokens(pretrained, target, start, at)
    _refuse_too_long(pretrained, len(tokens))
    try:
        logits = expected(pretrained, _with_decoder(pretrained, arguments, _ids(tokens)))
    except RequestError:  # a checkpoint without the head that predicts still has its attention
        return _Decoder(target, tokens, ())
    return _Decoder(target, tokens, predictions(Writer(pretrained.tokenizer), logits, (*tokens[1:], None)))


def _target_tokens(
    pretrained: Pretrained, target: str, start: Sequence[int] | None, at: int
) -> tuple[Token, ...]:
    """Cut a target into what the decoder reads: a beginning, and the target without what closes it.

    Where the model's configuration says how it begins, a tokenizer's own opening tokens, such as the mark of
    a language, give way to it.
    """
    tokenizer = pretrained.tokenizer
    read = read_tokens(cast("PreTrainedTokenizerBase", _AsTarget(tokenizer)), target)
    written = [place for place, token in enumerate(read) if not token.is_special]
    opening = [token.id for token in read[: written[0]] if token.id is not None]
    begin = _start(pretrained) if start is None else tuple(start)
    if start is None and len(begin) == 1:
        begin = (*begin, *(opening[1:] if opening[:1] == [begin[0]] else opening))
    begun = (_added(tokenizer, number) for number in begin)
    return (*begun, *(_moved(token, at) for token in read[written[0] : written[-1] + 1]))


@dataclass(frozen=True, eq=False)
class _AsTarget:
    """A tokenizer that reads every text as a target: some then use other pieces, or other special tokens."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, text: str, pair: str | None = None, **options: Any) -> BatchEncoding:  # noqa: ANN401
        read: BatchEncoding = self.tokenizer(text_target=text, text_pair_target=pair, **options)
        return read

    def __getattr__(self, name: str) -> object:
        return getattr(self.tokenizer, name)


def _start(pretrained: Pretrained) -> tuple[int, ...]:
    """The ids with which the decoder begins: its start token, and one it must say first if there is one.

    Raises:
        UnsupportedModel: nothing says with which.
    """
    settings = (getattr(pretrained.model, "generation_config", None), pretrained.model.config)
    names = ("decoder_start_token_id", "bos_token_id", "pad_token_id")
    start = next(
        (found for name in names for place in settings if (found := getattr(place, name, None)) is not None),
        None,
    )
    if start is None:
        raise UnsupportedModel(f"{pretrained.name} does not say with which token its decoder begins")
    first = getattr(settings[0], "forced_bos_token_id", None)
    return (start,) if first is None else (start, first)


def _with_decoder(pretrained: Pretrained, arguments: Mapping[str, Any], ids: Sequence[int]) -> dict[str, Any]:
    row = torch.tensor([list(ids)], device=pretrained.device)
    return {**arguments, "decoder_input_ids": row}


def _refuse_too_long(pretrained: Pretrained, count: int) -> None:
    limit = _positions(pretrained)
    if count > limit:
        raise TextTooLong(
            f"the decoder's text is too long for {pretrained.name}: got {count} tokens, allowed {limit}"
        )


def _positions(pretrained: Pretrained) -> int:
    """How many tokens the decoder has positions for."""
    config = pretrained.model.config.get_text_config(decoder=True)
    return next((limit for name in _LIMITS if (limit := getattr(config, name, None))), NO_LIMIT)


def _ids(tokens: Sequence[Token]) -> list[int]:
    return [token.id for token in tokens if token.id is not None]


def _added(tokenizer: PreTrainedTokenizerBase, number: int) -> Token:
    return Token(str(tokenizer.convert_ids_to_tokens(number)), number, kind="special")


def _moved(token: Token, by: int) -> Token:
    return replace(token, span=(token.span[0] + by, token.span[1] + by)) if token.span else token
