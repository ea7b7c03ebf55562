"""A text for one stack of layers: an encoder or a decoder of text."""

import inspect
from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnviz.errors import Damaged, RequestError, TextTooLong
from attnviz.prompt import Prompt
from attnviz.record import Token
from attnviz.sources.huggingface.feed import Feed, Written
from attnviz.sources.huggingface.inputs.chat import read_chat
from attnviz.sources.huggingface.inputs.tokens import Passage, read_pair, read_tokens
from attnviz.sources.huggingface.loading.pretrained import Pretrained

# Tokenizers that know no limit say 1e30.
_NO_LIMIT = 10**9


def text_feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make the input of a model that reads one text, or two as a pair, or one as a chat.

    Raises:
        EmptyText: the text has no token.
        RequestError: the model cannot read pairs, or cannot chat.
        TextTooLong: it has more tokens than the model has positions for.
        Damaged: the tokenizer and the weights do not fit each other.
    """
    passage = read_passage(pretrained.tokenizer, prompt)
    ids = checked_ids(pretrained, passage.tokens)
    row = torch.tensor([ids], device=pretrained.device)
    arguments = {"input_ids": row, "attention_mask": torch.ones_like(row)}
    if _reads_segments(pretrained.backbone, passage.segments):
        arguments["token_type_ids"] = torch.tensor([passage.segments], device=pretrained.device)
    side = Written(passage.tokens)
    return Feed(
        model=pretrained.backbone,
        arguments=arguments,
        sides={"self": (side, side)},
        text=passage.text,
    )


def read_passage(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> Passage:
    """Cut what is read into tokens: one text, a pair, or a text in a chat template.

    Raises:
        EmptyText: a text has no token.
        RequestError: the tokenizer cannot make a pair, or a chat, of it.
    """
    if prompt.pair is not None and prompt.chat:
        raise RequestError("two ways to read a text: got pair and chat, allowed one of them")
    if prompt.pair is not None:
        return read_pair(tokenizer, prompt.text, prompt.pair)
    if prompt.chat:
        return read_chat(tokenizer, prompt.text)
    return Passage(prompt.text, read_tokens(tokenizer, prompt.text))


def _reads_segments(model: PreTrainedModel, segments: Sequence[int]) -> bool:
    """Whether a model is to be told of segments: there are several, and it knows so many."""
    known = getattr(model.config, "type_vocab_size", None)
    told = "token_type_ids" in inspect.signature(model.forward).parameters
    return told and len(set(segments)) > 1 and (known is None or max(segments) < known)


def checked_ids(pretrained: Pretrained, tokens: Sequence[Token]) -> list[int]:
    """The tokens' ids, if the model can read them: many run past their positions without complaint.

    Raises:
        TextTooLong: there are more tokens than the model has positions for.
        Damaged: the weights know no token of that number.
    """
    refuse_too_long(pretrained, len(tokens))
    ids = [token.id for token in tokens if token.id is not None]
    known = _known_ids(pretrained.model)
    if max(ids) >= known:
        got = f"got token id {max(ids)}, allowed 0 to {known - 1}"
        raise Damaged(f"the tokenizer and the weights of {pretrained.name} do not fit each other: {got}")
    return ids


def refuse_too_long(pretrained: Pretrained, count: int) -> None:
    """Refuse more tokens than a model has positions for.

    Raises:
        TextTooLong: there are more.
    """
    limit = min(pretrained.tokenizer.model_max_length, _positions(pretrained.model))
    if count > limit < _NO_LIMIT:
        raise TextTooLong(f"the text is too long for {pretrained.name}: got {count} tokens, allowed {limit}")


def _known_ids(model: PreTrainedModel) -> int:
    """How many ids the model has a vector for; one of two towers says so in its text's configuration only.

    One that looks characters up by their hashes has a vector for every id, and says nothing.
    """
    try:
        return len(next(model.get_input_embeddings().parameters()))
    except NotImplementedError:
        return int(getattr(model.config.get_text_config(), "vocab_size", _NO_LIMIT))


def _positions(model: PreTrainedModel) -> int:
    """How many tokens the model has positions for.

    RoBERTa and its kin count positions from behind the padding index, so they have that many fewer.
    """
    # A model that reads a picture too says it of its text only; XLNet says -1.
    told = (model.config, getattr(model.config, "text_config", None))
    said = [limit for config in told if (limit := getattr(config, "max_position_embeddings", None) or 0) > 0]
    positions: int = said[0] if said else _NO_LIMIT
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            unused = 0 if module.padding_idx is None else module.padding_idx + 1
            return min(positions, module.num_embeddings - unused)
    return positions
