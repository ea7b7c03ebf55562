"""What is said of two records held against each other, in words a terminal and a figure share."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparing.contrast import Change, Contrast, Match, PooledDifferences, Shift, Side
from attnviz.record import Token
from attnviz.render.labels import from_to, printable, printable_sentence
from attnviz.render.notes import percent
from attnviz.render.pooling import pool
from attnviz.runs import Runs
from attnviz.selection import HeadId

# Of more words that were replaced, or that have no match, the others are counted.
_MOST_NAMED = 6

# Of a text so many characters are shown.
_MOST_CHARACTERS = 120

ELSEWHERE = "elsewhere"

# Of a long input one cell in so many may go beyond the colours: else the few beside a word that was replaced
# would leave none to all the others.
_ONE_IN = 1000

DIVERGENCE = (
    "Jensen-Shannon divergence per row, in bits: 0 where a head reads alike on both sides, 1 where its rows"
    " share nothing; means over the matched words"
)


def heading(contrast: Contrast) -> str:
    """Say what is compared: what both share once, the rest as from → to."""
    first, second = contrast.first, contrast.second
    models = _models(first.model, second.model)
    texts = tuple(f"“{_cut(side.text)}”" if side.text else "a text" for side in (first, second))
    block = "" if contrast.block == "self" else f", {contrast.block} attention"
    if first.model != second.model and first.text != second.text:
        return f"{models[0]} {texts[0]} → {models[1]} {texts[1]}{block}"
    return f"{_from_to(*models)}{block}: {_from_to(*texts)}"


def _from_to(one: str, other: str) -> str:
    return one if one == other else f"{one} → {other}"


def _models(*names: str) -> tuple[str, ...]:
    """Name two models; of folders only the ends of their paths, unless these are the same of both."""
    short = tuple("/".join(PurePath(name).parts[-2:]) for name in names)
    return tuple(map(printable_sentence, names if len(set(names)) > len(set(short)) else short))


def _cut(text: str) -> str:
    shown = printable_sentence(text[: _MOST_CHARACTERS + 1])
    return shown if len(text) <= _MOST_CHARACTERS else shown[:-1].rstrip() + "…"


def label(match: Match) -> str:
    """Label a row or column by its word, or by both where one stands for the other.

    >>> label(Match(Token("cat"), Token("dog"))), label(Match(Token("The"), Token("the")))
    ('cat→dog', 'The')
    """
    one, other = printable(match.first.text.strip() or match.first.text), printable(match.second.text.strip())
    return f"{one}→{other}" if match.is_replaced else one


def matched(contrast: Contrast) -> Iterator[str]:
    """Say what was matched, what was replaced, and how much mass lies on words without a match."""
    keys = f"{len(contrast.keys)} {_things(contrast)} matched"
    replaced = [label(match) for match in contrast.keys if match.is_replaced]
    across = ""
    if contrast.block == "cross":
        keys, across = f"{keys} of the source", f", {len(contrast.queries)} of the target"
        replaced += [label(match) for match in contrast.queries if match.is_replaced]
    yield keys + across + (f", replaced: {_listed(replaced)}" if replaced else "")
    if contrast.by_words:
        yield "pieces of words merged, since tokens do not pair up"
    yield from _alone("first", contrast.first)
    yield from _alone("second", contrast.second)
    if contrast.view != "weights":
        yield f"not weights, but the view {contrast.view} of them"


def _things(contrast: Contrast) -> str:
    return "words" if contrast.by_words else "tokens"


def _alone(name: str, side: Side) -> Iterator[str]:
    """Say which words of a side have no match."""
    if side.keys:
        told = f"only in the {name}: {_words(side.keys)}, with {percent(side.elsewhere)} of its mass"
        yield f"{told}, shown as {ELSEWHERE}"
    if side.dropped:
        again = "; rows brought back to 1" if side.renormalized else ""
        yield f"{percent(side.dropped)} of the {name}'s mass is on tokens not shown{again}"
    if side.queries and side.queries != side.keys:
        yield f"rows only in the {name}, not compared: {_words(side.queries)}"


def _words(tokens: Sequence[Token]) -> str:
    return _listed([_word(printable(token.text.strip() or token.text)) for token in tokens])


def _listed(words: Sequence[str]) -> str:
    named = ", ".join(words[:_MOST_NAMED])
    return f"{named} and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else named


def _word(text: str) -> str:
    """Show a word within a sentence; one without letters or digits would be taken for punctuation."""
    return text if any(char.isalnum() for char in text) else f"“{text}”"


def unchanged(contrast: Contrast) -> Iterator[str]:
    """Say how many heads read exactly alike on both sides, if any."""
    every = len(contrast.changes)
    alike = sum(change.divergence.mean == 0 for change in contrast.changes)
    if alike == every:
        yield "no head has changed" if every > 1 else f"{contrast.changes[0].head} has not changed"
    elif alike:
        yield f"{alike} of {every} heads have not changed at all"
    if not contrast.same_heads:
        yield "heads of other shapes: each is held against the one of the second that reads most alike"


def name(change: Change, contrast: Contrast) -> str:
    """Name a head, and the one it is held against where that is another."""
    return str(change.head) if contrast.same_heads else f"{change.head} → {change.against}"


def shift(contrast: Contrast, change: Change) -> str:
    """Say what changed most in a head's weights: from which query, to which key, and by how much."""
    found: Shift = contrast.largest(change.head)
    key = ELSEWHERE if found.key is None else _word(label(contrast.keys[found.key]))
    return f"{_word(label(contrast.queries[found.query]))} to {key} {signed(found.weight)}"


def signed(difference: float) -> str:
    """Write a difference with its sign and two decimals.

    >>> signed(0.314), signed(-0.05), signed(1.0), signed(0.001)
    ('+.31', '-.05', '+1.0', '±0')
    """
    if abs(difference) < 0.005:
        return "±0"
    digits = f"{abs(difference):.2f}"
    return ("-" if difference < 0 else "+") + (digits[1:] if digits[0] == "0" else digits[:-1])


def pool_differences(differences: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.floating]:
    """Shrink a map of differences: each cell shows the largest it stands for, with its sign.

    Shape:
        differences: (query, key), NaN where no query could look.
        result: (row, column).

    >>> pool_differences(np.array([[0.1, -0.4, 0.2, 0.0]]), 1, 2)
    array([[-0.4,  0.2]])
    """
    most, least = pool(differences, rows, columns), -pool(-differences, rows, columns)
    return np.where(np.isnan(most) | (most >= -least), most, least)


def difference_map(contrast: Contrast, head: HeadId) -> NDArray[np.float64]:
    """Give a head's differences, and last that of the mass elsewhere if there is any: (query, column).

    Where they are pooled, of each cell the largest.
    """
    cells, elsewhere = squares(contrast, head)
    return cells if elsewhere is None else np.column_stack([cells, elsewhere])


def squares(contrast: Contrast, head: HeadId) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Give a head's differences, (query, key), and that of the mass elsewhere if there is any, (query,)."""
    if contrast.pooled is not None:
        place = contrast.pooled.heads.index(head)
        cells, elsewhere = contrast.pooled.cells[place], contrast.pooled.elsewhere[place]
    else:
        place = contrast.row(head)
        cells = np.where(contrast.visible[place], contrast.differences[place], np.nan)
        elsewhere = contrast.elsewhere[place]
    return cells, None if contrast.is_whole else elsewhere


def pooled(contrast: Contrast) -> Iterator[str]:
    """Say how many differences were made into how many cells, and what of them a cell shows."""
    if maps := in_runs(contrast):
        to = f"{maps.queries.runs} x {maps.keys.runs}"
        yield f"pooled {maps.queries.count} x {maps.keys.count} to {to}, largest difference per cell"


def positions(contrast: Contrast) -> Iterator[str]:
    """Say what positions beside runs count, where these are not all there is."""
    if in_runs(contrast) and not contrast.is_whole:
        yield f"positions count {_things(contrast)} that were matched"


def in_runs(contrast: Contrast) -> PooledDifferences | None:
    """Give the pooled differences, if any cell stands for several."""
    return contrast.pooled if contrast.pooled and contrast.pooled.has_runs else None


def top_of(contrast: Contrast, heads: Sequence[HeadId]) -> float:
    """Give the largest difference that colours tell from others, 0 if there is none.

    Of long inputs it is below the largest there is, for a few cells and for what is elsewhere, which adds up
    many keys; see `beyond`.
    """
    every = [squares(contrast, head) for head in heads]
    if in_runs(contrast) and (usual := _most_of(cells for cells, _ in every)):
        return usual
    return _largest(part for both in every for part in both)


def beyond(contrast: Contrast, heads: Sequence[HeadId]) -> Iterator[str]:
    """Say how far anything goes beyond the colours, if it does."""
    every, top = [squares(contrast, head) for head in heads], top_of(contrast, heads)
    if (most := _largest(cells for cells, _ in every)) > top:
        yield f"one cell in {_ONE_IN:,} goes beyond the colours, to a change of {100 * most:.2g}%"
    if (most := _largest(elsewhere for _, elsewhere in every)) > top:
        yield f"{ELSEWHERE} goes beyond the colours, to a change of {100 * most:.2g}%"


def _most_of(maps: Iterable[NDArray[np.float64]]) -> float:
    """Give what all differences that are any, but one in many, are not above; 0 if there is none."""
    sizes = np.concatenate([np.abs(cells[np.isfinite(cells) & (cells != 0)]) for cells in maps])
    return float(np.quantile(sizes, 1 - 1 / _ONE_IN, method="higher")) if len(sizes) else 0.0


def _largest(maps: Iterable[NDArray[np.float64] | None]) -> float:
    return max(
        (float(np.nanmax(np.abs(cells), initial=0.0)) for cells in maps if cells is not None), default=0.0
    )


def run_tokens(found: Sequence[Match], runs: Runs) -> tuple[Token, ...]:
    """Give a token for each run of matched tokens, labelled by its ends, as long as the matches go."""
    ends = zip(runs.first.tolist(), (runs.behind - 1).tolist(), strict=True)
    return tuple(
        Token(
            label(found[first]) if first == last else from_to(label(found[first]), label(found[last])),
            kind="special" if all(match.first.is_special for match in found[first : last + 1]) else "text",
            run=(first, last),
        )
        for first, last in ends
    )


def overview(contrast: Contrast) -> tuple[NDArray[np.float64], list[int], list[int]]:
    """Lay mean divergences out as (layer, head), NaN where a head was not compared; and name both sides."""
    layers = sorted({change.head.layer for change in contrast.changes})
    indices = sorted({change.head.index for change in contrast.changes})
    values = np.full((len(layers), len(indices)), np.nan)
    for change in contrast.changes:
        values[layers.index(change.head.layer), indices.index(change.head.index)] = change.divergence.mean
    return values, layers, indices
