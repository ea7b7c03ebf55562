"""All a page says beside its numbers, as JSON that is safe inside HTML."""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from attnviz import __version__
from attnviz.analysis.words import word_starts, words_of
from attnviz.record import Attention, Token
from attnviz.render.effects import CAUTION as WITHOUT_HEADS
from attnviz.render.labels import name_of_model, printable
from attnviz.render.machine.plain import Fields
from attnviz.render.page.contents import Contents
from attnviz.render.page.digested import bounds_of, is_of_runs, whole_side
from attnviz.render.page.maps import map_fields
from attnviz.render.page.pack import Buffers
from attnviz.render.page.picture import picture_fields
from attnviz.render.page.pooled import labels, labels_of_runs, size_of
from attnviz.render.pooling import starts
from attnviz.render.theme import CATEGORIES, THEMES, Theme
from attnviz.render.walkthrough.practitioner import CAUTION

PAGE = "attnviz/page/1"

# What could end a script element, or begin a comment in it, is written as what JSON reads as the same.
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def as_json(fields: Fields) -> str:
    r"""Write fields as JSON of ASCII letters, none of which an HTML parser stops at.

    >>> as_json({"text": "</script>\u2028"})
    '{"text":"\\u003c/script\\u003e\\u2028"}'
    """
    # The characters escaped can only be inside strings; all but ASCII is escaped by `json` already.
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).translate(_ESCAPED)


def page_fields(contents: Contents, buffers: Buffers) -> Fields:
    """Write all facts of a page; numbers go into buffers."""
    return {
        **frame_fields(contents),
        "maps": [map_fields(contents, record, buffers) for record in contents.records],
    }


def frame_fields(contents: Contents) -> Fields:
    """Write the facts that are no map's."""
    return {
        **said_fields(contents),
        "sequences": [sequence_fields(contents, side) for side in contents.sides],
    }


def said_fields(contents: Contents) -> Fields:
    """Write what is neither a map nor a sequence."""
    first = contents.records[0]
    picture = next((record.picture for record in contents.records if record.picture is not None), None)
    return {
        "schema": PAGE,
        "version": __version__,
        "title": contents.title,
        "model": name_of_model(first.model),
        "revision": first.revision,
        "text": first.text,
        "effects": _effects(contents),
        "picture": None if picture is None else picture_fields(picture),
        "themes": {name: _theme(theme) for name, theme in THEMES.items()},
        "categories": list(CATEGORIES),
        "caution": CAUTION,
        "inline": contents.inline,
        "opening": dict(contents.opening),
    }


def sequence_fields(contents: Contents, side: tuple[Token, ...]) -> Fields:
    """Write one side of some maps."""
    if is_of_runs(side):
        return _sequence_of_runs(contents, side)
    pooled = size_of(side, contents.runs) < len(side)
    return {
        "tokens": list(_runs(side, contents.runs) if pooled else map(_token, side)),
        "words": None if pooled else _words(_home(contents, side), side),
        "pooled": pooled,
        "rightToLeft": is_right_to_left(side),
    }


def _home(contents: Contents, side: tuple[Token, ...]) -> Attention:
    """Give a record a side is of; all are of one text."""
    return next(record for record in contents.records if side in (record.queries, record.keys))


def _token(token: Token) -> Fields:
    return {
        "text": token.text,
        "shown": printable(token.text),
        "kind": token.kind,
        **({"place": list(token.place)} if token.place is not None else {}),
        **({"part": token.part} if token.part is not None else {}),
        **({"run": list(token.run)} if token.run is not None else {}),
    }


def _runs(side: Sequence[Token], runs: int | None) -> Iterator[Fields]:
    """Write runs of tokens, each as one: of the kind and part that all of it have."""
    shown = labels(side, runs)
    bounds = [*starts(len(side), len(shown)).tolist(), len(side)]
    for label, first, stop in zip(shown, bounds[:-1], bounds[1:], strict=True):
        run = side[first:stop]
        kinds, parts = {token.kind for token in run}, {token.part for token in run}
        part = {"part": run[0].part} if len(parts) == 1 and run[0].part is not None else {}
        text = "".join(token.text for token in run)
        yield {"text": text, "shown": label, "kind": run[0].kind if len(kinds) == 1 else "text", **part}


def _sequence_of_runs(contents: Contents, side: tuple[Token, ...]) -> Fields:
    """Write a side whose rows stand for runs of the model's tokens, and these where they are known."""
    shown = labels_of_runs(contents, side)
    whole = whole_side(contents, side)
    rows = zip(shown, bounds_of(side, len(shown)), strict=True)
    return {
        "tokens": [_row(label, bounds, whole) for label, bounds in rows],
        "words": None,
        "pooled": True,
        "whole": None if whole is None else whole_fields(whole),
        "rightToLeft": is_right_to_left(side if whole is None else whole),
    }


def _row(shown: str, bounds: tuple[int, int], whole: Sequence[Token] | None) -> Fields:
    first, last = bounds
    kinds = {token.kind for token in whole[first : last + 1]} if whole else {"text"}
    kind = kinds.pop() if len(kinds) == 1 else "text"
    return {"text": shown, "shown": shown, "kind": kind, "run": [first, last]}


def whole_fields(whole: Sequence[Token]) -> Fields:
    """Write every token of a long side: those that are alike once, and which of these stands where."""
    known: dict[str, int] = {}
    types: list[Fields] = []
    order: list[int] = []
    for token in whole:
        name = f"{token.kind} {token.part} {token.text}"
        if token.place is not None or name not in known:
            known[name] = len(types)
            types.append(_token(token))
        order.append(known[name])
    return {"types": types, "order": order}


def _words(record: Attention, side: tuple[Token, ...]) -> Fields | None:
    """Say where words begin and what they read; nothing where each token is a word."""
    begins = word_starts(side)
    if len(begins) == len(side):
        return None
    shown = [printable(word.text) for word in words_of(record, side, begins)]
    return {"starts": begins.tolist(), "shown": shown}


def is_right_to_left(side: Sequence[Token]) -> bool:
    """Whether more letters are of scripts written from right to left than of others.

    >>> is_right_to_left([Token("[CLS]", kind="special"), Token("الكلب")])
    True
    """
    letters = "".join(token.text for token in side if not token.is_special)
    ways = [unicodedata.bidirectional(char) for char in letters]
    return sum(way in ("R", "AL") for way in ways) > ways.count("L")


def _effects(contents: Contents) -> Fields | None:
    found = contents.effects
    return (
        None
        if found is None
        else {"unit": found.unit or "1 - cos", "about": [found.description, WITHOUT_HEADS]}
    )


def _theme(theme: Theme) -> Fields:
    fields = asdict(theme)
    del fields["name"]
    return fields
