"""What heads read, as the JSON of a digest and back: tokens by their positions, which the digest tells."""

from collections.abc import Sequence
from dataclasses import fields, replace
from math import isnan, nan
from typing import Any

from attnviz.analysis.findings import Average, Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.patterns.evidence import Evidence
from attnviz.analysis.patterns.naming import Pattern
from attnviz.frame import Frame
from attnviz.selection import HeadId

Facts = dict[str, Any]

_AVERAGES = ("entropy", "breadth", "distance", "self_mass", "special_mass")

# What of a pattern is written as it is; its error is written otherwise, and its evidence by positions.
_PLAIN = tuple(field.name for field in fields(Pattern) if field.name not in ("error", "evidence"))


def focus_facts(focus: Focus) -> Facts:
    """Give what heads read as the JSON of docs/record.md."""
    together = focus.together
    return {
        "heads": [_head_facts(head) for head in focus.heads],
        **({"together": _together_facts(together)} if together else {}),
    }


def focus_from(told: Facts, frame: Frame) -> Focus:
    """Make what heads read of what was said of it, and the input.

    Raises:
        LookupError, TypeError, ValueError: these are no such facts, or not of this input.
    """
    together = _together_from(told["together"], frame) if "together" in told else None
    return Focus.of(frame, [_head_from(one, frame) for one in told["heads"]], together)


def focus_of(focus: Focus, heads: Sequence[HeadId]) -> Focus:
    """Keep what some heads read; what all of them read together says nothing of a part of them."""
    by_name = {head.head: head for head in focus.heads}
    every = set(heads) == set(by_name)
    return replace(
        focus,
        heads=tuple(by_name[head] for head in heads),
        together=focus.together if every else None,
    )


def shortened(focus: Focus, top: int) -> Focus:
    """Tell so many words and links of each head at most."""
    heads = tuple(replace(one, words=one.words[:top], links=one.links[:top]) for one in focus.heads)
    together = focus.together
    return replace(focus, heads=heads, together=together and replace(together, words=together.words[:top]))


def _head_facts(head: HeadFocus) -> Facts:
    return {
        "head": str(head.head),
        "words": [_word_facts(word) for word in head.words],
        "links": [_link_facts(link) for link in head.links],
        "pattern": _pattern_facts(head.pattern),
        **{name: _average_facts(getattr(head, name)) for name in _AVERAGES},
    }


def _head_from(told: Facts, frame: Frame) -> HeadFocus:
    name = HeadId.parse(told["head"])
    frame.refuse_missing([name])
    return HeadFocus(
        head=name,
        words=tuple(_word(frame, *word) for word in told["words"]),
        links=tuple(_link(frame, name, *link) for link in told["links"]),
        pattern=_pattern(told["pattern"], frame),
        taught=frame.taught.get(name),
        **{average: Average(*map(_or_nan, told[average])) for average in _AVERAGES},
    )


def _together_facts(together: Together) -> Facts:
    return {
        "words": [_word_facts(word) for word in together.words],
        "links": [[str(link.head), *_link_facts(link)] for link in together.links],
        "covered": list(together.covered),
        "coverable": together.coverable,
    }


def _together_from(told: Facts, frame: Frame) -> Together:
    return Together(
        words=tuple(_word(frame, *word) for word in told["words"]),
        links=tuple(_link(frame, HeadId.parse(head), *link) for head, *link in told["links"]),
        covered=tuple(_known(key, frame.keys) for key in told["covered"]),
        coverable=int(told["coverable"]),
    )


def _word_facts(word: FocusWord) -> list[Any]:
    return [word.position, word.mass, *([] if word.spread is None else [word.spread])]


def _word(frame: Frame, position: int, mass: float, spread: float | None = None) -> FocusWord:
    return FocusWord.of(frame, _known(position, frame.keys), float(mass), spread)


def _link_facts(link: Link) -> list[Any]:
    return [link.source_position, link.target_position, link.weight]


def _link(frame: Frame, head: HeadId, source: int, target: int, weight: float) -> Link:
    query, key = _known(source, frame.queries), _known(target, frame.keys)
    return Link.of(frame, head, query, key, float(weight))


def _pattern_facts(pattern: Pattern) -> Facts:
    return {
        **{name: getattr(pattern, name) for name in _PLAIN},
        "error": _or_null(pattern.error),
        "evidence": [[one.query_position, one.key_position, one.weight] for one in pattern.evidence],
    }


def _pattern(told: Facts, frame: Frame) -> Pattern:
    evidence = tuple(_evidence(frame, *one) for one in told["evidence"])
    plain = {name: told[name] for name in _PLAIN}
    return Pattern(**plain, error=_or_nan(told["error"]), evidence=evidence)


def _evidence(frame: Frame, query: int | None, key: int, weight: float) -> Evidence:
    looking = None if query is None else _known(query, frame.queries)
    return Evidence.of(frame, looking, _known(key, frame.keys), float(weight))


def _average_facts(average: Average) -> list[float | None]:
    return [_or_null(average.mean), _or_null(average.spread)]


def _or_null(number: float) -> float | None:
    return None if isnan(number) else number


def _or_nan(number: float | None) -> float:
    return nan if number is None else float(number)


def _known(position: int, side: Sequence[object]) -> int:
    if not 0 <= position < len(side):
        raise ValueError(f"no such token: got {position}, allowed 0 to {len(side) - 1}")
    return position
