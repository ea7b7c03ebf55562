"""From a text to tokens as people read them: slices of what was written, gathered into words."""

from collections.abc import Iterable, Iterator

from transformers import PreTrainedTokenizerBase

from attnviz.errors import EmptyText, RequestError
from attnviz.record import Token

Span = tuple[int, int]


def read_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[Token, ...]:
    """Cut one text into the tokens the model reads, special ones included; nothing is truncated.

    Raises:
        EmptyText: no token stands for anything in the text.
        RequestError: the text holds half characters, which no tokenizer can read.
    """
    if not text.strip():
        raise EmptyText("the text is empty: it has no word")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(f"the text is not valid Unicode: got {text[error.start]!r}") from error
    tokens = _by_offsets(tokenizer, text) if tokenizer.is_fast else _by_strings(tokenizer, text)
    if all(token.is_special for token in tokens):
        raise EmptyText("the text is empty for this model: its tokenizer drops every character of it")
    return tokens


def _by_offsets(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[Token, ...]:
    """Tokens of a tokenizer that knows where in the text each stands."""
    read = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    spans = [
        None if special else _trimmed(text, *offsets)
        for offsets, special in zip(read["offset_mapping"], read["special_tokens_mask"], strict=True)
    ]
    return tuple(
        _token(tokenizer, number, text, span, word)
        for number, span, word in zip(read["input_ids"], spans, word_numbers(text, spans), strict=True)
    )


def _token(
    tokenizer: PreTrainedTokenizerBase, number: int, text: str, span: Span | None, word: int | None
) -> Token:
    """One token; some tokenizers say of a lone space that it stands nowhere, then its own string is shown."""
    name = str(tokenizer.convert_ids_to_tokens(number))
    if span is None:
        return Token(name, number, kind="special")
    return Token(text[slice(*span)] or _cleaned(tokenizer, name), number, span, word=word)


def _by_strings(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[Token, ...]:
    """Tokens of a tokenizer without offsets: its own strings, cleaned, each a word of its own."""
    read = tokenizer(text, return_special_tokens_mask=True)
    words = iter(range(len(read["input_ids"])))
    return tuple(
        Token(name, number, kind="special")
        if special
        else Token(_cleaned(tokenizer, name), number, word=next(words))
        for number, special, name in zip(
            read["input_ids"],
            read["special_tokens_mask"],
            tokenizer.convert_ids_to_tokens(read["input_ids"]),
            strict=True,
        )
    )


def _cleaned(tokenizer: PreTrainedTokenizerBase, name: str) -> str:
    """A token's own string without the vocabulary's marks; with them, if nothing else is left."""
    return str(tokenizer.convert_tokens_to_string([name])) or name


def word_numbers(text: str, spans: Iterable[Span | None]) -> Iterator[int | None]:
    """Number the words of a text from 0: a new one begins where whitespace stands between tokens.

    A token of whitespace alone goes with the word after it, like the space within " word".

    The tokenizer's own idea of words is not used: it splits "isn't" in three, or joins a whole sentence.

    Args:
        text: the source text.
        spans: one per token, without whitespace at its ends; None for a special token.

    >>> list(word_numbers("It isn't", [None, (0, 2), (3, 6), (6, 7), (7, 8), None]))
    [None, 0, 1, 1, 1, None]
    """
    word, begun, shown = 0, False, 0
    for span in spans:
        if span is None:
            yield None
            continue
        start, stop = span
        # Tokens that are further bytes of one character begin before it ends, so nothing stands between them.
        if begun and any(map(str.isspace, text[shown : start + 1])):
            word, begun = word + 1, False
        if text[start:stop].strip():
            begun, shown = True, stop
        yield word


def _trimmed(text: str, start: int, stop: int) -> Span:
    """A span without the whitespace that some tokenizers count to the next word; all-white spans stay."""
    piece = text[start:stop]
    if not piece.strip():
        return start, stop
    return start + len(piece) - len(piece.lstrip()), stop - len(piece) + len(piece.rstrip())
