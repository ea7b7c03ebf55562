"""Two records whose tokens differ, brought to words that both have."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from attnviz.analysis.comparing.matching import match
from attnviz.analysis.words import merge_words
from attnviz.frame import Frame, Sides
from attnviz.record import Attention, Token

Tokens = Sequence[Token]
Written = Attention | Frame


def pair_up(first: Sides, second: Sides) -> bool:
    """Say whether the tokens of both stand for each other one by one, as pieces of the same words."""
    sides = ((first.queries, second.queries), (first.keys, second.keys))
    return all(_begins(one) == _begins(other) and match(one, other).is_whole for one, other in sides)


def to_words(first: Attention, second: Attention) -> tuple[Attention, Attention]:
    """Merge the pieces of words in both records, so that what is the same word is one token on both sides.

    What counts as a word is left to tokenizers, and they differ: to some "mat." is one, to some it is two.
    Here a sign without letters or digits is one by itself. Of one and the same text, further pieces are
    merged until both sides are cut at the same places: "doesn't" stays whole if one side has it whole.
    """
    one, other = alike(first, second)
    return (
        merge_words(replace(first, queries=one.queries, keys=one.keys)),
        merge_words(replace(second, queries=other.queries, keys=other.keys)),
    )


class Numbered(NamedTuple):
    """The tokens of one side, the words they are pieces of numbered anew."""

    queries: tuple[Token, ...]
    keys: tuple[Token, ...]


def alike(first: Written, second: Written) -> tuple[Numbered, Numbered]:
    """Number the words of both sides, so that what is the same word is one on both; see `to_words`."""
    queries = _alike(first, second, first.queries, second.queries)
    keys = _alike(first, second, first.keys, second.keys)
    return Numbered(queries[0], keys[0]), Numbered(queries[1], keys[1])


def _alike(
    first: Written, second: Written, one: Tokens, other: Tokens
) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """Number the words of one side of both records anew."""
    starts, other_starts = _word_starts(one), _word_starts(other)
    if first.text and first.text == second.text:
        places, other_places = _places(first.text, one), _places(first.text, other)
        begun = {places[i] for i in starts} | {other_places[j] for j in other_starts}
        common = set(places) & set(other_places) & begun
        starts, other_starts = _kept(starts, places, common), _kept(other_starts, other_places, common)
    return _numbered(one, starts), _numbered(other, other_starts)


def _kept(starts: set[int], places: Sequence[int | None], common: set[int | None]) -> set[int]:
    """Give the positions where words begin on both sides; what has no place begins as it did."""
    # Tokens that share a place are pieces of one letter.
    first = {place: at for at, place in reversed(list(enumerate(places)))}
    return {
        at
        for at, place in enumerate(places)
        if (at in starts if place is None else place in common and first[place] == at)
    }


def _begins(tokens: Tokens) -> list[bool]:
    """Say which tokens do not go on with the word of the one before."""
    before = [None, *(token.word for token in tokens[:-1])]
    return [token.word is None or token.word != word for token, word in zip(tokens, before, strict=True)]


def _word_starts(tokens: Tokens) -> set[int]:
    """Give the positions where words begin, signs being words by themselves."""
    signs = [not any(char.isalnum() for char in token.text) for token in tokens]
    return {
        place for place, begins in enumerate(_begins(tokens)) if begins or signs[place] or signs[place - 1]
    }


def _places(text: str, tokens: Tokens) -> list[int | None]:
    """Say where in the text each token begins, behind spaces in front of it; None where it has no place."""
    return [None if token.span is None else _first_letter(text, *token.span) for token in tokens]


def _first_letter(text: str, start: int, stop: int) -> int:
    piece = text[start:stop]
    return start + len(piece) - len(piece.lstrip())


def _numbered(tokens: Tokens, starts: set[int]) -> tuple[Token, ...]:
    numbers = accumulate(place in starts for place in range(len(tokens)))
    return tuple(
        token if token.word is None else replace(token, word=number)
        for token, number in zip(tokens, numbers, strict=True)
    )
