"""What heads read, as JSON."""

from collections.abc import Iterable

from attnviz.analysis.focus import Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.parts import Parts
from attnviz.analysis.patterns.find import Pattern
from attnviz.render.machine.parts import parts_fields
from attnviz.render.machine.plain import Fields, as_text, identity, plain, predictions, taught, tokens

FOCUS = "attnviz/focus/1"


def focus_json(focus: Focus, parts: Parts | None = None) -> str:
    """Write what heads read: words, links, pattern and breadth of each, and of all together.

    `entropy` is in bits, `breadth` and `distance` in tokens, every mass and weight a share of 1 but a word's
    `mass`, which is in queries' worth of attention. `tokens` are the keys; `queries` are written where they
    are others, and `predictions`, one for each query, where there are any; `parts` of an input that has
    several are as in `parts_json`.
    """
    across = {"queries": tokens(focus.queries)} if focus.queries != focus.tokens else {}
    expected = {"predictions": predictions(focus.predictions)} if focus.predictions else {}
    return as_text(
        {
            "schema": FOCUS,
            "model": focus.model,
            "text": focus.text,
            "block": focus.block,
            "tokens": tokens(focus.tokens),
            **across,
            **expected,
            "heads": [_head(head) for head in focus.heads],
            "together": _together(focus.together),
            **({"parts": parts_fields(parts)} if parts else {}),
        }
    )


def _head(head: HeadFocus) -> Fields:
    return {
        **identity(head.head),
        **taught(head.taught),
        "focus": _words(head.words),
        "links": [_link(link) for link in head.links],
        "pattern": _pattern(head.pattern),
        "entropy": plain(head.entropy),
        "breadth": plain(head.breadth),
        "distance": plain(head.distance),
        "hidden_mass": plain(head.hidden_mass),
        "self_mass": plain(head.self_mass),
        "special_mass": plain(head.special_mass),
    }


def _together(together: Together) -> Fields:
    return {
        "focus": _words(together.words),
        "links": [{**_link(link), "head": str(link.head)} for link in together.links],
        "covered": list(together.covered),
        "coverable": together.coverable,
    }


def _words(words: Iterable[FocusWord]) -> list[Fields]:
    return [{"token": word.token, "position": word.position, "mass": plain(word.mass)} for word in words]


def _link(link: Link) -> Fields:
    return {
        "from": link.source,
        "from_position": link.source_position,
        "to": link.target,
        "to_position": link.target_position,
        "weight": plain(link.weight),
    }


def _pattern(pattern: Pattern) -> Fields:
    return {
        "label": pattern.label,
        "score": plain(pattern.score),
        "over_chance": plain(pattern.over_chance),
        "nearest": pattern.nearest,
    }
