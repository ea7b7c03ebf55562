"""From a text to tokens as people read them: slices of what was written, gathered into words."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transformers import BatchEncoding, PreTrainedTokenizerBase

from attnviz.errors import EmptyText, RequestError
from attnviz.model.tokenizer import is_unspaced
from attnviz.prompt import refuse_unreadable
from attnviz.record import Token
from attnviz.sources.huggingface.inputs.places import Span as Span
from attnviz.sources.huggingface.inputs.places import find_pieces, spelled_out

# Between the two texts of a pair in the one source text.
BETWEEN = "\n"

PAIR = ("A", "B")

# What tokenizers write for bytes that are no whole character.
_NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Passage:
    """What a model reads, cut into tokens.

    Attributes:
        text: the source text, into which the tokens' spans point.
        tokens: the tokens, special ones included.
        segments: for each token the number of its segment, where the tokenizer tells segments apart.
    """

    text: str
    tokens: tuple[Token, ...]
    segments: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cut:
    """A text, or two, as a tokenizer cuts it: one entry for each token.

    Attributes:
        ids: the numbers of the vocabulary's entries.
        spans: the places in the text; None where there is none, or none that is certain.
        halves: 0 for what was cut from the first text, 1 from the second; None for what the tokenizer added.
        segments: the numbers of the segments, where the tokenizer gives a model such.
    """

    ids: tuple[int, ...]
    spans: tuple[Span | None, ...]
    halves: tuple[int | None, ...]
    segments: tuple[int, ...]

    def places(self, half: int) -> list[int]:
        """Say which tokens were cut from one of the texts."""
        return [place for place, own in enumerate(self.halves) if own == half]


def read_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[Token, ...]:
    """Cut one text into the tokens the model reads, special ones included; nothing is truncated.

    Raises:
        EmptyText: no token stands for anything in the text.
        RequestError: the text holds half characters, which no tokenizer can read.
    """
    refuse_unreadable(text)
    found = cut(tokenizer, text)
    if not found.places(0):
        raise EmptyText("the text is empty for this model: its tokenizer drops every character of it")
    return as_tokens(tokenizer, text, found)


def read_pair(tokenizer: PreTrainedTokenizerBase, first: str, second: str) -> Passage:
    """Cut two texts into what a model reads that was made for pairs.

    The source text is both with a line end between them. Tokens of the first have the part "A", those of the
    second "B"; what the tokenizer adds belongs to neither.

    Raises:
        EmptyText: no token stands for anything in one of the texts.
        RequestError: the tokenizer puts nothing between two texts; or one holds half characters.
    """
    refuse_unreadable(first)
    refuse_unreadable(second, "second text")
    found = cut(tokenizer, first, second)
    for half, name in enumerate(("text", "second text")):
        if not found.places(half):
            raise EmptyText(f"the {name} is empty for this model: its tokenizer drops every character of it")
    last, begin = found.places(0)[-1], found.places(1)[0]
    if begin == last + 1 and len(set(found.segments)) < len(PAIR):
        raise RequestError("cannot read a pair: this model's tokenizer puts nothing between two texts")
    text = first + BETWEEN + second
    tokens = [
        token if half is None else replace(token, part=PAIR[half])
        for token, half in zip(as_tokens(tokenizer, text, found), found.halves, strict=True)
    ]
    return Passage(text, tuple(tokens), found.segments)


def cut(
    tokenizer: PreTrainedTokenizerBase, text: str, second: str | None = None, *, add_special: bool = True
) -> Cut:
    """Let a tokenizer cut a text, or two; the second one's spans count on behind a line end."""
    read = tokenizer(
        text,
        second,
        add_special_tokens=add_special,
        return_special_tokens_mask=True,
        return_token_type_ids=True,
        return_offsets_mapping=tokenizer.is_fast,
    )
    halves = _halves(tokenizer, read, text)
    spans: list[Span | None] = [None] * len(halves)
    start = 0
    for half, source in enumerate((text,) if second is None else (text, second)):
        own = [place for place, other in enumerate(halves) if other == half]
        for place, span in zip(own, _spans(tokenizer, read, source, own), strict=True):
            spans[place] = span and (start + span[0], start + span[1])
        start += len(source) + len(BETWEEN)
    segments = read["token_type_ids"] if "token_type_ids" in tokenizer.model_input_names else ()
    return Cut(tuple(read["input_ids"]), tuple(spans), tuple(halves), tuple(segments))


def _halves(tokenizer: PreTrainedTokenizerBase, read: BatchEncoding, text: str) -> list[int | None]:
    """Say which of two texts each token was cut from; None for what the tokenizer added."""
    added = [bool(mask) for mask in read["special_tokens_mask"]]
    if tokenizer.is_fast:
        own = read.sequence_ids()
    else:
        # Without offsets nothing tells, but that the first text gives as many tokens as it does alone.
        first = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        before = [place - sum(added[:place]) for place in range(len(added))]
        own = [int(count >= first) for count in before]
    return [None if special else half for special, half in zip(added, own, strict=True)]


def _spans(
    tokenizer: PreTrainedTokenizerBase, read: BatchEncoding, text: str, own: Sequence[int]
) -> list[Span | None]:
    """Say where in its text each of the tokens stands that were cut from it."""
    names = [
        str(name) for name in tokenizer.convert_ids_to_tokens([read["input_ids"][place] for place in own])
    ]
    if not tokenizer.is_fast:
        return found_again(tokenizer, text, names)
    offsets = [read["offset_mapping"][place] for place in own]
    found = [_by_offsets(tokenizer, name, text, *at) for name, at in zip(names, offsets, strict=True)]
    for place in reversed(range(len(found) - 1)):
        # Some say of what takes no room that it stands behind the next token.
        if found[place][0] == found[place][1]:
            found[place] = (min(found[place][0], found[place + 1][0]),) * 2
    return list(found)


def _by_offsets(tokenizer: PreTrainedTokenizerBase, name: str, text: str, start: int, stop: int) -> Span:
    """The place of a token by what its tokenizer says of it, without the whitespace counted to it.

    A space that was not written, put before the first word, is said to be that word's first character.
    """
    start, stop = trimmed(text, start, stop)
    return (
        (start, start) if text[start:stop].strip() and _cleaned(tokenizer, name).isspace() else (start, stop)
    )


def as_tokens(tokenizer: PreTrainedTokenizerBase, text: str, found: Cut) -> tuple[Token, ...]:
    """Name what was cut: by the slice of the text, else by the vocabulary's entry without its marks."""
    added = [half is None for half in found.halves]
    names = tokenizer.convert_ids_to_tokens(list(found.ids))
    return tuple(
        Token(str(name), number, kind="special")
        if special
        else Token((span and text[slice(*span)]) or _cleaned(tokenizer, str(name)), number, span, word=word)
        for name, number, span, special, word in zip(
            names, found.ids, found.spans, added, word_numbers(text, found.spans, added), strict=True
        )
    )


def _cleaned(tokenizer: PreTrainedTokenizerBase, name: str) -> str:
    """A token's own string without the vocabulary's marks; with them, if nothing else is left."""
    alone, twice = _string(tokenizer, name), _string(tokenizer, name, name)
    # Some decoders drop the space a text begins with.
    return alone or (" " if twice.isspace() else name)


def _string(tokenizer: PreTrainedTokenizerBase, *names: str) -> str:
    """What a tokenizer makes of some entries; those of speech models give more than a text."""
    made = tokenizer.convert_tokens_to_string(list(names))
    return made if isinstance(made, str) else " ".join(names)


def found_again(tokenizer: PreTrainedTokenizerBase, text: str, names: Sequence[str]) -> list[Span | None]:
    """Say where entries of a vocabulary stand in the text they were cut from; None where that is unsure."""
    return spelled_out(text, names) or find_pieces(text, _spelled(tokenizer, names))


def _spelled(tokenizer: PreTrainedTokenizerBase, names: Sequence[str]) -> list[str | None]:
    """Give entries as they stand in a text, without their marks; None for unknown words and single bytes.

    Some marks, such as "##" and "@@", go only where there is a neighbour to join.
    """
    alone = [_cleaned(tokenizer, name) for name in names]
    found: list[str | None] = []
    for place, (name, own) in enumerate(zip(names, alone, strict=True)):
        forms = [own]
        if place > 0:
            together = _string(tokenizer, names[place - 1], name)
            forms += [together.removeprefix(alone[place - 1])] * together.startswith(alone[place - 1])
        if place + 1 < len(names):
            together = _string(tokenizer, name, names[place + 1])
            forms += [together.removesuffix(alone[place + 1])] * together.endswith(alone[place + 1])
        shortest = min((form for form in forms if form.strip()), key=len, default=own)
        tells = name != tokenizer.unk_token and _NO_CHARACTER not in shortest
        found.append(shortest if tells else None)
    return found


def word_numbers(
    text: str, spans: Sequence[Span | None], added: Sequence[bool] | None = None
) -> Iterator[int | None]:
    """Number the words of a text from 0: a new one begins where whitespace stands between tokens.

    Scripts without spaces (Han, kana, Thai ...) show no words: there every token is one, but for further
    bytes of one character and for marks upon the last one. A token of whitespace alone goes with the word
    after it, like the space within " word"; one that has no certain place is a word of its own.

    The tokenizer's own idea of words is not used: it splits "isn't" in three, or joins a whole sentence.

    Args:
        text: the source text.
        spans: one per token, without whitespace at its ends; None for one without a place.
        added: which tokens were added to the text and belong to no word; None means those without a place.

    >>> list(word_numbers("It isn't", [None, (0, 2), (3, 6), (6, 7), (7, 8), None]))
    [None, 0, 1, 1, 1, None]
    >>> list(word_numbers("狐狸 fox", [(0, 1), (1, 2), (3, 6)]))
    [0, 1, 2]
    """
    word, begun, shown = 0, False, 0
    for span, special in zip(
        spans, [span is None for span in spans] if added is None else added, strict=True
    ):
        if special:
            yield None
            continue
        if span is None:
            word += begun
            yield word
            word, begun = word + 1, False
            continue
        start, stop = span
        if begun and _is_parted(text, shown, start):
            word, begun = word + 1, False
        if text[start:stop].strip():
            begun, shown = True, stop
        yield word


def _is_parted(text: str, shown: int, start: int) -> bool:
    """Whether a new word begins at `start` behind one whose visible part ends at `shown`."""
    # Tokens that are further bytes of one character begin before it ends, so nothing stands between them.
    if any(map(str.isspace, text[shown : start + 1])):
        return True
    after = text[start : start + 1]
    is_mark = after != "" and unicodedata.category(after)[0] == "M"
    return start >= shown and not is_mark and any(map(is_unspaced, text[shown - 1 : shown] + after))


def trimmed(text: str, start: int, stop: int) -> Span:
    """A span without the whitespace that some tokenizers count to the next word; all-white spans stay."""
    piece = text[start:stop]
    if not piece.strip():
        return start, stop
    return start + len(piece) - len(piece.lstrip()), stop - len(piece) + len(piece.rstrip())
