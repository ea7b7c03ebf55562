"""What a model loses without its heads: a ranked table, or a single effect token by token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from attnviz.analysis.effect import Ablation, Effect, Flip
from attnviz.render import effects
from attnviz.render.labels import printable_sentence
from attnviz.render.notes import percent
from attnviz.render.terminal import sentences
from attnviz.render.terminal.effectmap import EffectMap
from attnviz.render.terminal.flow import Flow
from attnviz.render.theme import Theme

# How many effects are listed, or tokens of a single one, unless told otherwise.
TOLD = 12

# The largest effect is a bar of so many cells.
_BAR = 10

# From which width on there is room for what a table can do without.
_FOR_BAR, _FOR_SHARE, _FOR_LOSS, _FOR_DETAILS = 70, 55, 45, 110

# So many answers that changed are told of one effect.
_MOST_FLIPS = 2

_CHANGES = "likeliest answer"


@dataclass(frozen=True)
class AblationView:
    """Effects of removed heads, fitted to the width.

    Attributes:
        ablation: what to show.
        theme: the colours of the map of heads.
        told: how many effects to list, or tokens of a single one; the map has all of them.
    """

    ablation: Ablation
    theme: Theme
    told: int = TOLD

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ranked = self.ablation.ranked
        yield self._model()
        yield Text(effects.heading(self.ablation))
        yield ""
        if len(ranked) == 1:
            yield from _one(self.ablation, ranked[0], self.told, options.max_width)
        else:
            yield from _several(self.ablation, ranked, self.told, options.max_width)
        yield ""
        if effects.is_grid(self.ablation):
            yield EffectMap(self.ablation, self.theme)
            yield ""
        yield Text(" ".join(effects.described(self.ablation)), style="dim")
        yield Text(effects.CAUTION, style="dim")

    def _model(self) -> Text:
        block = "" if self.ablation.block == "self" else f", {self.ablation.block} attention"
        return Text(printable_sentence(self.ablation.model) + block, style="dim")


def _several(ablation: Ablation, ranked: Sequence[Effect], told: int, width: int) -> Iterator[RenderableType]:
    """Rank effects in a table."""
    shown = ranked[:told]
    top = max(entry.mean for entry in ranked)
    digits = effects.digits_of(top)
    columns = [
        _names(ablation, shown),
        _means(ablation, shown, digits),
        _Column("", "", [_bar(entry.mean, top) for entry in shown], least=_FOR_BAR),
        *_answers(shown, digits),
        *_importances(ablation, shown),
        *_details(ablation, shown, digits),
    ]
    yield _table(columns, width)
    if left := len(ranked) - len(shown):
        weaker = "more" if ablation.mode == "alone" else "less"
        yield Text(f"and {left} more, with {weaker} effect", style="dim")


@dataclass(frozen=True)
class _Column:
    """One fact about each effect, or token.

    Attributes:
        name: what it is.
        unit: what it counts.
        cells: one for each row.
        align: "left" or "right".
        least: in how wide a table it is shown.
    """

    name: str
    unit: str
    cells: Sequence[RenderableType]
    align: Literal["left", "right"] = "left"
    least: int = 0


def _table(every: Sequence[_Column], width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    columns = [column for column in every if width >= column.least]
    for column in columns:
        title = Text(f"{column.name}\n{column.unit}", style="dim")
        table.add_column(title, justify=column.align, no_wrap=column.name != _CHANGES)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _names(ablation: Ablation, shown: Sequence[Effect]) -> _Column:
    what = "layer" if ablation.mode == "layers" else "head"
    return _Column(what, "", [Text(entry.name, style="bold") for entry in shown])


def _means(ablation: Ablation, shown: Sequence[Effect], digits: int) -> _Column:
    means = _aligned([effects.write(entry.mean, digits) for entry in shown])
    if len(ablation.effects.tokens) == 1:
        return _Column("effect", _unit(ablation), means)
    spreads = _aligned(["±" + effects.write(entry.spread, digits) for entry in shown])
    cells = [Text.assemble(mean, (f" {spread}", "dim")) for mean, spread in zip(means, spreads, strict=True)]
    return _Column("effect", _unit(ablation), cells)


def _answers(shown: Sequence[Effect], digits: int) -> Iterator[_Column]:
    """Say what becomes of the answers, where there are any."""
    changed = [percent(entry.changed) for entry in shown if entry.changed is not None]
    losses = [effects.write(entry.loss, digits, "+") for entry in shown if entry.loss is not None]
    if changed:
        yield _Column("answer", "changes", changed, "right", _FOR_SHARE)
    if losses:
        yield _Column("surprisal", "bits", losses, "right", _FOR_LOSS)


def _importances(ablation: Ablation, shown: Sequence[Effect]) -> Iterator[_Column]:
    """Give the importance of each head, and its rank among those there are effects of."""
    ranks = ablation.importance_ranks
    heads = [entry.head for entry in shown if entry.head in ranks]
    if heads:
        shares = [sentences.decimals(ablation.importance[head].share) for head in heads]
        cells = [
            Text.assemble(share, (f" #{ranks[head]}", "dim"))
            for share, head in zip(shares, heads, strict=True)
        ]
        yield _Column("importance", "and rank", cells)


def _details(ablation: Ablation, shown: Sequence[Effect], digits: int) -> Iterator[_Column]:
    """Say at which token each effect is largest, and which answers change."""
    tokens = ablation.effects.tokens
    if len(tokens) > 1:
        cells = [
            Text.assemble(
                sentences.word(tokens[entry.largest].text),
                (f" {effects.write(float(entry.rows.max()), digits)}", "dim"),
            )
            for entry in shown
        ]
        yield _Column("most at", "", cells, least=_FOR_DETAILS)
    if any(entry.flips for entry in shown):
        cells = [_flips(ablation, entry.flips or ()) for entry in shown]
        yield _Column(_CHANGES, "", cells, least=_FOR_DETAILS)


def _one(ablation: Ablation, entry: Effect, told: int, width: int) -> Iterator[RenderableType]:
    """Tell a single effect, and how much of it there is at each token."""
    tokens, top = ablation.effects.tokens, float(entry.rows.max())
    digits = effects.digits_of(top)
    yield Flow(tuple(_totals(ablation, entry, digits)))
    if len(tokens) == 1:
        return
    yield ""
    largest = np.sort(np.argsort(-entry.rows, kind="stable")[:told]).tolist()
    rows = [float(entry.rows[at]) for at in largest]
    columns = [
        _Column("at", "", [sentences.word(tokens[at].text) for at in largest]),
        _Column("effect", _unit(ablation), _aligned([effects.write(value, digits) for value in rows])),
        _Column("", "", [_bar(value, top) for value in rows], least=_FOR_BAR),
    ]
    if entry.losses is not None:
        losses = [effects.write(float(entry.losses[at]), digits, "+") for at in largest]
        columns.append(_Column("surprisal", "bits", losses, "right"))
    if entry.flips:
        flips = {flip.row: _flip(flip) for flip in entry.flips}
        columns.append(_Column(_CHANGES, "", [flips.get(at, Text()) for at in largest]))
    yield _table(columns, width)
    if left := len(tokens) - len(largest):
        yield Text(f"and {left} more tokens, with less effect", style="dim")


def _totals(ablation: Ablation, entry: Effect, digits: int) -> Iterator[Text]:
    """Say what a single effect is, over all rows."""
    mean, spread = effects.write(entry.mean, digits), effects.write(entry.spread, digits)
    around = (f" ±{spread}", "dim") if len(entry.rows) > 1 else ""
    yield Text.assemble("effect ", (mean, "bold"), around, f" {ablation.effects.unit}".rstrip())
    if entry.changed is not None and entry.loss is not None:
        yield Text(f"likeliest answer changes: {percent(entry.changed)}")
        yield Text(f"surprisal {effects.write(entry.loss, digits, '+')} bits")
        if len(entry.rows) == 1 and entry.flips:
            yield _flip(entry.flips[0])
    known = None if entry.head is None else ablation.importance.get(entry.head)
    if known is not None:
        yield Text(f"importance {sentences.decimals(known.share)}")


def _unit(ablation: Ablation) -> str:
    return ablation.effects.unit or "1 - cos"


def _bar(value: float, top: float) -> Text:
    """Draw an effect to half a cell."""
    halves = round(value / top * _BAR * 2) if top else 0
    return Text(("━" * (halves // 2) + "╸" * (halves % 2)).ljust(_BAR), style="dim")


def _flips(ablation: Ablation, flips: Sequence[Flip]) -> Text:
    """Name the first answers that changed, each with its token; of a whole input the answer alone."""
    tokens = ablation.effects.tokens
    told = [
        Text.assemble((f"{sentences.word(tokens[flip.row].text)}: ", "dim"), _flip(flip))
        if len(tokens) > 1
        else _flip(flip)
        for flip in flips[:_MOST_FLIPS]
    ]
    if left := len(flips) - len(told):
        told.append(Text(f"{left} more", style="dim"))
    return Text(", ").join(told)


def _flip(flip: Flip) -> Text:
    return Text.assemble((f"{sentences.word(flip.before)} → ", "dim"), sentences.word(flip.after))


def _aligned(texts: Sequence[str]) -> list[str]:
    """Put points of numbers under each other: all have as many digits behind it, or none."""
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]
