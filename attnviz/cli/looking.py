"""From the shared options to the heads that are shown: which, in which order, and what of them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnviz.cli.inputs import opened, record_of
from attnviz.cli.options import Heads, Input, Model, Ranked, Tokens, Viewed
from attnviz.cli.outputs import note
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attnviz.analysis.effect import Effect
    from attnviz.analysis.ranking import Ranking
    from attnviz.record import Attention
    from attnviz.selection import HeadId
    from attnviz.sources.base import Reading

_BEST = "best:"
_EFFECT = "effect"


@dataclass(frozen=True)
class Look:
    """What is to be shown.

    Attributes:
        record: holds every head that was looked over.
        heads: those to show, in order.
        ranking: by what they were ranked, if they were.
        effects: for each, what the model's answer loses without it, if that was asked for.
    """

    record: "Attention"
    heads: "tuple[HeadId, ...]"
    ranking: "Ranking | None" = None
    effects: "Mapping[HeadId, Effect] | None" = None


def look(
    given: Input,
    by: Model,
    which: Heads,
    tokens: Tokens,
    ranked: Ranked,
    viewed: Viewed,
    *,
    default: str,
    effects: bool = False,
) -> Look:
    """Read the input, and choose and order heads by what they do.

    Args:
        given: the input.
        by: what reads it.
        which: the heads asked for; `best:previous` picks the one that does it most.
        tokens: how tokens are to be shown.
        ranked: by what heads are chosen and ordered.
        viewed: what of them is shown.
        default: the layers meant where none was asked for; every one where heads are chosen.
        effects: whether to find what the model's answer loses without each head.

    Raises:
        RequestError: no text, or more than one; no such heads, or no such criterion.
        SourceError: the model or a file cannot be used.
    """
    best = _best(which)
    if best and ranked.asked:
        raise RequestError(f"heads chosen twice: got --head {which.head} and a ranking, allowed one of them")
    choosing = bool(best) or ranked.asked
    named = replace(which, head=None) if best else which
    reading, outline = opened(given, by, which)
    record, heads = record_of(
        reading, outline, named, tokens, default="all" if choosing else default, viewed=viewed
    )
    if best:
        return Look(record, tuple(dict.fromkeys(_first(record, heads, criterion) for criterion in best)))
    if ranked.pattern is not None:
        heads = _with_pattern(record, heads, ranked.pattern)
    found = _effects(reading, record, heads) if effects or ranked.sort == _EFFECT else None
    if not ranked.asked:
        return Look(record, heads, effects=found)
    ranking = _ranked(record, heads, ranked, found)
    shown = tuple(entry.head for entry in ranking.entries)
    if len(shown) < len(heads):
        note(f"{len(shown)} of {len(heads)} heads; --top for more")
    return Look(record, shown, ranking, found)


def _best(which: Heads) -> list[str]:
    """Give the criteria by which heads are asked for, if they are: `best:previous,best:next`."""
    parts = [part.strip() for part in (which.head or "").split(",")]
    criteria = [part.removeprefix(_BEST) for part in parts if part.startswith(_BEST)]
    if criteria and len(criteria) < len(parts):
        raise RequestError(f"mixed heads: got --head {which.head}, allowed names or best:..., not both")
    return criteria


def _first(record: "Attention", heads: "Sequence[HeadId]", criterion: str) -> "HeadId":
    """Pick the head that comes first, and say by how much."""
    from attnviz.analysis.ranking import rank

    ranking = rank(record, heads, criterion)
    first = ranking.entries[0]
    behind = f", then {ranking.entries[1].head} with {ranking.entries[1].value:.2f}" if len(heads) > 1 else ""
    note(f"best:{criterion} is {first.head} with {first.value:.2f} {ranking.unit}{behind}")
    return first.head


def _with_pattern(record: "Attention", heads: "tuple[HeadId, ...]", name: str) -> "tuple[HeadId, ...]":
    """Keep the heads with a pattern.

    Raises:
        RequestError: there is no such pattern, or no head has it.
    """
    from attnviz.analysis.patterns.find import find_patterns, score_patterns

    scored = score_patterns(record, heads[0])
    if name not in scored:
        raise RequestError(f"no such pattern: got {name!r}, allowed {', '.join(scored)}")
    found = find_patterns(record, heads)
    kept = tuple(head for head in heads if found[head].label == name)
    if not kept:
        raise RequestError(f"no head has the pattern {name}: {_nearest(record, heads, name)}")
    return kept


def _nearest(record: "Attention", heads: "Sequence[HeadId]", name: str) -> str:
    from attnviz.analysis.ranking import rank

    first = rank(record, heads, name).entries[0]
    return f"{first.head} comes nearest, {first.value:.2f} over chance"


def _ranked(
    record: "Attention",
    heads: "Sequence[HeadId]",
    ranked: Ranked,
    effects: "Mapping[HeadId, Effect] | None",
) -> "Ranking":
    """Order heads; those of a pattern by how far above chance they are, unless told otherwise."""
    from attnviz.analysis.ranking import rank

    criterion = ranked.sort or ranked.pattern or "pattern"
    values = None if effects is None else {head: effect.mean for head, effect in effects.items()}
    ranking = rank(record, heads, criterion, lowest=ranked.lowest, effects=values)
    return replace(ranking, entries=ranking.entries[: ranked.top])


def _effects(reading: "Reading", record: "Attention", heads: "Sequence[HeadId]") -> "Mapping[HeadId, Effect]":
    from attnviz.studies.ablation import effects_of

    return effects_of(reading, heads, record.block)
