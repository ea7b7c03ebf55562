"""What a model says, as tokens and as text: slices of one decoded whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise

from transformers import PreTrainedTokenizerBase

from attnviz.record import Token
from attnviz.sources.huggingface.inputs.places import Span
from attnviz.sources.huggingface.inputs.tokens import trimmed, word_numbers

# What a decoder writes for bytes that are no character, or not yet one.
_NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"

# How many of the tokens before are decoded too: enough to know whether a word goes on.
_BEFORE = 8


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes out what a model says.

    Attributes:
        tokenizer: the model's.
    """

    tokenizer: PreTrainedTokenizerBase

    @cached_property
    def special(self) -> frozenset[int]:
        """The numbers of the tokens that stand for no text."""
        added = (number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special)
        return frozenset((*self.tokenizer.all_special_ids, *added))

    def text(self, ids: Sequence[int]) -> str:
        """Decode ids, without special tokens and with every space where it was."""
        kept = [number for number in ids if number not in self.special]
        return str(self.tokenizer.decode(kept, clean_up_tokenization_spaces=False)) if kept else ""

    def token(self, number: int) -> Token:
        """Give one token by itself, as it would be written; a special one by its name."""
        name = str(self.tokenizer.convert_ids_to_tokens(number))
        if number in self.special:
            return Token(name, number, kind="special")
        return Token(self.text([number]).strip() or name, number, kind="generated")

    def tokens(
        self, ids: Sequence[int], *, before: Sequence[int] = (), at: int = 0, word: int = 0
    ) -> tuple[str, tuple[Token, ...]]:
        """Cut what was said into tokens.

        Characters made of several tokens are shown whole by each of them, and what was said begins a word of
        its own, even where the model goes on within the last one it was given.

        Args:
            ids: what was said.
            before: the ids of what was read before, in the same sequence.
            at: where in the source text this begins.
            word: the number of its first word.

        Returns:
            What was said as a text, and the tokens, whose spans count from `at`.
        """
        whole, spans = self._spans(before[-_BEFORE:], ids)
        known = [None if number in self.special else span for number, span in zip(ids, spans, strict=True)]
        tokens = []
        for number, span, place in zip(ids, known, word_numbers(whole, known), strict=True):
            token = self.token(number)
            if span is not None and place is not None:
                start, stop = span
                token = replace(
                    token,
                    text=whole[start:stop] or token.text,
                    span=(at + start, at + stop),
                    word=word + place,
                )
            tokens.append(token)
        return whole, tuple(tokens)

    def _spans(self, before: Sequence[int], ids: Sequence[int]) -> tuple[str, list[Span]]:
        """Say where in the decoded whole each token stands, without the whitespace around it.

        Returns:
            The text behind what `before` decodes to, and each token's span in it.
        """
        together = [*before, *ids]
        whole = self.text(together)
        so_far = [self.text(together[:count]) for count in range(len(before), len(together) + 1)]
        # How much of the whole stands after so many tokens; an unfinished character does not stand yet.
        standing = list(accumulate((_shared(text, whole) for text in so_far), max))
        begin = standing[0]
        spans = []
        for text, (start, stop) in zip(so_far[1:], pairwise(standing), strict=True):
            if text[stop : stop + 1] == _NO_CHARACTER and stop < len(whole):
                stop += 1
            elif start == stop > begin and whole[start - 1] == _NO_CHARACTER:
                start -= 1  # a further byte of what is no character
            spans.append(trimmed(whole, start, stop))
        shared = self._with_dropped_bytes(ids, spans)
        return whole[begin:], [(start - begin, stop - begin) for start, stop in shared]

    def _with_dropped_bytes(self, ids: Sequence[int], spans: Sequence[Span]) -> list[Span]:
        """Let bytes share the character they are part of, where a decoder drops them till it is complete."""
        shared = list(spans)
        completes = False
        for place in reversed(range(len(ids))):
            start, stop = shared[place]
            if self.text([ids[place]]):
                completes = False
            elif start < stop:
                completes = True
            elif completes and start == shared[place + 1][0]:
                shared[place] = shared[place + 1]
        return shared


def _shared(one: str, other: str) -> int:
    """Count the characters with which both texts begin."""
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
