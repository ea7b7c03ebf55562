"""From the shared options to the heads that are shown: which, in which order, and what of them."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from attnviz.cli.digested import digest_behind, refuse_on_digest
from attnviz.cli.inputs import AS_IT_IS, block_of, meant_of, open_source, record_of, say_which
from attnviz.cli.long import is_too_long, refuse_on_long, window_of
from attnviz.cli.options import BEST, Given, Heads, Ranked, Showing
from attnviz.cli.outputs import note
from attnviz.errors import RequestError
from attnviz.selection import Selection

if TYPE_CHECKING:
    from attnviz.analysis.effect import Effects
    from attnviz.analysis.links import Relations
    from attnviz.analysis.ranking import Ranking, Rows
    from attnviz.frame import Frame
    from attnviz.observe import Observer
    from attnviz.outline import Outline
    from attnviz.record import Attention
    from attnviz.selection import HeadId
    from attnviz.sources.base import Reading, Source

_EFFECT = "effect"
_AS_THEY_COME = Ranked()


@dataclass(frozen=True)
class Look:
    """What is to be shown.

    Attributes:
        source: what reads the input.
        reading: the input as it reads it.
        frame: what is known of it before any weight is.
        record: holds every head that was looked over; None of an input whose weights do not fit.
        heads: those to show, in order.
        ranking: by what they were ranked, if they were.
        effects: what the answer loses without each, if they were ranked by that.
    """

    source: "Source"
    reading: "Reading"
    frame: "Frame"
    record: "Attention | None"
    heads: "tuple[HeadId, ...]"
    ranking: "Ranking | None" = None
    effects: "Effects | None" = None

    @property
    def selection(self) -> Selection:
        """The heads to show, as they are asked for anew."""
        return Selection(heads=",".join(map(str, self.heads)))

    @property
    def rows(self) -> "Rows":
        """The rows of the heads looked over, to rank them by."""
        from attnviz.analysis.ranking import PassingRows, RecordRows

        if self.record:
            return RecordRows(self.record)
        if of := digest_behind(self.reading):
            from attnviz.studies.digested import DigestRows

            return DigestRows(of)
        return PassingRows(self.frame, self.observe)

    def observe(self, observer: "Observer", selection: Selection) -> None:
        """Let an observer see the weights of some heads pass by."""
        self.reading.observe(observer, selection, block=self.frame.block)


def look(
    given: Given,
    which: Heads,
    showing: Showing = AS_IT_IS,
    ranked: Ranked = _AS_THEY_COME,
    *,
    default: str,
    at_once: int | None = None,
) -> Look:
    """Read the input, and choose and order heads by what they do.

    Args:
        given: the input, and what reads it.
        which: the heads asked for; `best:previous` picks the one that does it most.
        showing: what of them is shown, and how.
        ranked: by what heads are chosen and ordered.
        default: the layers meant where none was asked for; every one where heads are chosen.
        at_once: how many tokens are looked at with all their weights at once even if these fit; None means
            as many as do.

    Raises:
        RequestError: no text, or more than one; no such heads, or no such criterion.
        SourceError: the model or a file cannot be used.
    """
    best = _best(which)
    if best and ranked.asked:
        raise RequestError(f"heads chosen twice: got --head {which.head} and a ranking, allowed one of them")
    default = "all" if best or ranked.asked else default
    named = replace(which, head=None) if best else which
    source, prompt = open_source(given)
    reading = source.read(prompt)
    outline = block_of(reading, which)
    every = look_over(source, reading, outline, named, showing, default=default, at_once=at_once)
    if best:
        first = tuple(_first(every, criterion) for criterion in best)
        return replace(every, heads=tuple(dict.fromkeys(first)))
    return _ranked(every, ranked) if ranked.asked else every


def look_over(
    source: "Source",
    reading: "Reading",
    outline: "Outline",
    which: Heads,
    showing: Showing = AS_IT_IS,
    *,
    default: str,
    at_once: int | None = None,
) -> Look:
    """Look at the heads meant of one block: at all their weights at once where these fit; see `look`."""
    meant = meant_of(outline, which, default)
    frame = reading.frame(meant, block=outline.block)
    if of := digest_behind(reading):
        refuse_on_digest(of, showing)
        say_which(outline, which, default)
        return Look(source, reading, frame, None, outline.resolve(meant))
    if is_too_long(frame, window_of(frame, showing.long), at_once):
        refuse_on_long(frame, showing)
        say_which(outline, which, default)
        return Look(source, reading, frame, None, outline.resolve(meant))
    record, heads = record_of(reading, outline, which, showing, default=default)
    return Look(source, reading, frame, record, heads)


def effects_of(seen: Look) -> "Effects":
    """Find what the model's answer loses without each head that is shown, with progress on stderr.

    Raises:
        RequestError: there is no model behind a saved record.
        UnsupportedModel: the heads of a layer cannot be told apart in its output.
    """
    from attnviz.cli.progress import progress
    from attnviz.studies.ablation import effects_of

    if seen.effects is not None:
        return seen.effects
    with progress("removing heads") as tick:
        return effects_of(seen.reading, seen.heads, seen.frame.block, progress=tick)


def relations_in(seen: Look, treebank: Path, most: int) -> "Relations":
    """Find which grammatical relations the heads shown follow in a treebank, with progress on stderr.

    Args:
        seen: the heads.
        treebank: a .conllu file.
        most: how many of its sentences to read at most.

    Raises:
        RequestError: there is no model behind a saved record, or what is shown are no weights of heads.
        EmptyText: no sentence of the treebank fits the model's tokens.
        SourceError: the treebank cannot be read.
    """
    from attnviz.cli.progress import progress
    from attnviz.corpus import read_treebank
    from attnviz.studies.relations import relations

    if seen.record is not None and seen.record.view != "weights":
        raise RequestError(f"a treebank is read with weights: got --view {seen.record.view}, allowed weights")
    sentences = list(islice(read_treebank(treebank), most))
    with progress("reading the treebank") as tick:
        return relations(seen.source, sentences, seen.selection, block=seen.frame.block, progress=tick)


def _best(which: Heads) -> list[str]:
    """Give the criteria by which heads are asked for, if they are: `best:previous,best:next`."""
    parts = [part.strip() for part in (which.head or "").split(",")]
    criteria = [part.removeprefix(BEST) for part in parts if part.startswith(BEST)]
    if criteria and len(criteria) < len(parts):
        raise RequestError(f"mixed heads: got --head {which.head}, allowed names or best:..., not both")
    return criteria


def _first(every: Look, criterion: str) -> "HeadId":
    """Pick the head that comes first, and say by how much."""
    from attnviz.analysis.ranking import rank_rows

    ranking = rank_rows(every.rows, every.heads, criterion)
    first, *others = ranking.entries
    behind = f", then {others[0].head} with {others[0].value:.2f}" if others else ""
    note(f"best:{criterion} is {first.head} with {first.value:.2f} {ranking.unit}{behind}")
    return first.head


def _with_pattern(every: Look, name: str) -> "tuple[HeadId, ...]":
    """Keep the heads with a pattern.

    Raises:
        RequestError: there is no such pattern, or no head has it.
    """
    from attnviz.analysis.ranking import rank_rows
    from attnviz.analysis.streaming.patterning import pattern_names

    allowed = pattern_names(every.frame)
    name = name if name in allowed else name.replace("-", " ")
    if name not in allowed:
        raise RequestError(f"no such pattern: got {name!r}, allowed {', '.join(allowed)}")
    found = every.rows.patterns(every.heads)
    kept = tuple(head for head in every.heads if found[head].label == name)
    if not kept:
        first = rank_rows(every.rows, every.heads, name).entries[0]
        nearest = f"{first.head} comes nearest, {first.value:.2f} over chance"
        raise RequestError(f"no head has the pattern {name}: {nearest}")
    return kept


def _ranked(every: Look, ranked: Ranked) -> Look:
    """Order heads; those of a pattern by how far above chance they are, unless told otherwise."""
    from attnviz.analysis.ranking import rank_rows

    heads = every.heads if ranked.pattern is None else _with_pattern(every, ranked.pattern)
    criterion = ranked.sort or ranked.pattern or "pattern"
    effects = effects_of(replace(every, heads=heads)) if criterion == _EFFECT else None
    values = None if effects is None else {head: found.mean for head, found in effects.by_head.items()}
    ranking = rank_rows(every.rows, heads, criterion, lowest=ranked.lowest, effects=values)
    ranking = replace(ranking, entries=ranking.entries[: ranked.top])
    if len(ranking.entries) < len(heads):
        note(f"the first {len(ranking.entries)} of {len(heads)} heads by {criterion}; --top for more")
    return replace(
        every, heads=tuple(entry.head for entry in ranking.entries), ranking=ranking, effects=effects
    )
