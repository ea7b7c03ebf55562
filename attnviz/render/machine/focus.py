"""What heads read, as JSON."""

from collections.abc import Mapping
from types import MappingProxyType

from attnviz.analysis.effect import Effects
from attnviz.analysis.focus import Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.links import Relations
from attnviz.analysis.parts import Parts
from attnviz.analysis.patterns.find import Pattern
from attnviz.analysis.ranking import Ranking
from attnviz.relation import Followed
from attnviz.render.machine.ablation import effect_fields, measured_fields
from attnviz.render.machine.parts import parts_fields
from attnviz.render.machine.plain import (
    Fields,
    as_text,
    identity,
    number,
    plain,
    predictions,
    taught,
    tokens,
)
from attnviz.render.machine.relations import relations_fields
from attnviz.selection import HeadId

FOCUS = "attnviz/focus/1"

NO_RELATION: Mapping[HeadId, Followed] = MappingProxyType({})

_AVERAGES = ("entropy", "breadth", "distance", "self_mass", "special_mass")


def focus_json(
    focus: Focus,
    parts: Parts | None = None,
    *,
    ranking: Ranking | None = None,
    effects: Effects | None = None,
    follows: Mapping[HeadId, Followed] = NO_RELATION,
    grammar: Relations | None = None,
) -> str:
    """Write what heads read: words, links, pattern and breadth of each, and of all together.

    `entropy` is in bits, `breadth` and `distance` in tokens, every mass and weight a share of 1 but a word's
    `mass`, which is in queries' worth of attention. `tokens` are the keys; `queries` are written where they
    are others, and `predictions`, one for each query, where there are any; `parts` of an input that has
    several are as in `parts_json`. `spreads` are standard deviations: of a head's averages over its queries,
    and in `together` of a word's mass over the heads; null of some heads of a saved digest, which knows it of
    all of them alone.

    Args:
        focus: what to write.
        parts: of an input with several, what they read of each other.
        ranking: by what the heads were ranked; each then has its `value` and `spread`.
        effects: what the answer loses without each head.
        follows: which grammatical relation a head follows.
        grammar: what was found of the heads in a treebank.
    """
    across = {"queries": tokens(focus.queries)} if focus.queries != focus.tokens else {}
    expected = {"predictions": predictions(focus.predictions)} if focus.predictions else {}
    return as_text(
        {
            "schema": FOCUS,
            "model": focus.model,
            "text": focus.text,
            "block": focus.block,
            **({"view": focus.view} if focus.view != "weights" else {}),
            "tokens": tokens(focus.tokens),
            **across,
            **expected,
            **({"ranking": _ranking(ranking)} if ranking else {}),
            **({"effects": measured_fields(effects)} if effects else {}),
            "heads": [{**head_fields(head), **_known(head.head, effects, follows)} for head in focus.heads],
            "together": _together(focus.together) if focus.together else None,
            **({"relations": relations_fields(grammar)} if grammar else {}),
            **({"parts": parts_fields(parts)} if parts else {}),
        }
    )


def _ranking(ranking: Ranking) -> Fields:
    return {
        "by": ranking.criterion,
        "unit": ranking.unit,
        "lowest_first": ranking.lowest,
        "heads": [
            {"head": str(entry.head), "value": number(entry.value), "spread": number(entry.spread)}
            for entry in ranking.entries
        ],
    }


def _known(head: HeadId, effects: Effects | None, follows: Mapping[HeadId, Followed]) -> Fields:
    """Give what else is known of a head."""
    lost = effects.by_head.get(head) if effects else None
    grammar = follows.get(head)
    return {
        **({"effect": effect_fields(lost)} if lost else {}),
        **({"relation": grammar.facts()} if grammar else {}),
    }


def head_fields(head: HeadFocus) -> Fields:
    """Write what one head reads."""
    return {
        **identity(head.head),
        **taught(head.taught),
        "focus": [_word(word) for word in head.words],
        "links": [_link(link) for link in head.links],
        "pattern": _pattern(head.pattern),
        "entropy": plain(head.entropy.mean),
        "breadth": plain(head.breadth.mean),
        "distance": plain(head.distance.mean),
        "hidden_mass": plain(head.hidden_mass),
        "self_mass": plain(head.self_mass.mean),
        "special_mass": plain(head.special_mass.mean),
        "spreads": {name: plain(getattr(head, name).spread) for name in _AVERAGES},
    }


def _together(together: Together) -> Fields:
    return {
        "focus": [
            {**_word(word), "spread": None if word.spread is None else plain(word.spread)}
            for word in together.words
        ],
        "links": [{**_link(link), "head": str(link.head)} for link in together.links],
        "covered": list(together.covered),
        "coverable": together.coverable,
    }


def _word(word: FocusWord) -> Fields:
    return {"token": word.token, "position": word.position, "mass": plain(word.mass)}


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
        "error": number(pattern.error),
        "nearest": pattern.nearest,
        "queries": pattern.queries,
        "evidence": [
            {
                "from": one.query,
                "from_position": one.query_position,
                "to": one.key,
                "to_position": one.key_position,
                "weight": plain(one.weight),
            }
            for one in pattern.evidence
        ],
    }
