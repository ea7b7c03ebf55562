"""What the number of heads buys, as a table: a column for each number, a row for each thing measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from attnviz.analysis.headcount.quantities import Quantity, quantities_of
from attnviz.analysis.headcount.sweep import Summary, Sweep, Verdict, conclusion, mean_fixed_offset

_GAP = 2
_DIGITS_OF_RELATIONS = 2
_NONE = "–"

_VERDICTS: dict[Verdict | None, str] = {
    "gain": "gain",
    "no gain": "no gain",
    "worse": "worse",
    None: _NONE,
}
_BY_CHANCE, _BY_OFFSET, _VERDICT = "  random ones", "  fixed offset", "against fewer"


@dataclass(frozen=True)
class SweepTable:
    """A sweep over the number of heads, fitted to the width: in several tables where one is too wide.

    Attributes:
        sweep: what to tell.
    """

    sweep: Sweep

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(" ".join(_heading(self.sweep)), style="dim")
        yield ""
        heads = [Text(f"h = {heads}", style="bold") for heads in self.sweep.heads]
        yield from _tables(Text("heads"), heads, list(_rows(self.sweep)), options.max_width)
        yield Text(conclusion(self.sweep))
        yield ""
        yield _meanings(self.sweep)
        yield ""
        yield Text(" ".join(_footnotes(self.sweep)), style="dim")
        if self.sweep.relations:
            yield ""
            offset = Text("fixed", style="dim")
            rows = list(_relations(self.sweep))
            yield from _tables(Text("relation"), [offset, *heads], rows, options.max_width, end=False)


@dataclass(frozen=True)
class _Row:
    """One row: its name, and a cell for each column."""

    name: Text
    cells: tuple[Text, ...]


def amount(summary: Summary | None, digits: int) -> tuple[str, str]:
    """Write a mean and its spread; a number below 1 without the zero before its point.

    >>> amount(Summary((0.38, 0.40)), 3), amount(Summary((1.5,)), 1), amount(None, 2)
    (('.390', '±.014'), ('1.5', ''), ('–', ''))
    """
    if summary is None:
        return _NONE, ""
    spread = "" if summary.spread is None else f"±{number(summary.spread, digits)}"
    return number(summary.mean, digits), spread


def number(value: float, digits: int) -> str:
    """Write a number; one below 1 without the zero before its point, one that rounds to 0 without a sign.

    >>> number(0.377, 3), number(-0.0312, 3), number(1.25, 2), number(-0.00001, 2)
    ('.377', '-.031', '1.25', '.00')
    """
    written = f"{value:.{digits}f}"
    if not float(written):
        written = written.removeprefix("-")
    return written.replace("0.", ".", 1) if abs(float(written)) < 1 and "." in written else written


def _heading(sweep: Sweep) -> Iterator[str]:
    same = sweep.conditions
    parameters = sorted({trial.parameters for trial in sweep.trials})
    counted = " to ".join(f"{count:,}" for count in {parameters[0], parameters[-1]})
    yield f"{_times(len(sweep.trials), 'training')} of a network of {counted} parameters:"
    yield f"width {same.width}, {_times(same.layers, 'layer')}, {_times(same.steps, 'step')},"
    yield f"{_times(len(sweep.seeds), 'seed')}."
    yield f"Learned from {_times(same.texts, 'text')} ({_times(same.words, 'word')}), no head was taught."


def _rows(sweep: Sweep) -> Iterator[_Row]:
    yield _Row(Text("d_k, d_v"), tuple(Text(str(sweep.of(heads)[0].d_k)) for heads in sweep.heads))
    for quantity in quantities_of(sweep):
        yield _row(sweep, quantity)
        if quantity.name == "loss":
            told = (Text(_VERDICTS[sweep.against_fewer(heads)]) for heads in sweep.heads)
            yield _Row(Text(f"  {_VERDICT}", style="dim"), tuple(told))
        if quantity.name == "relations":
            offset = mean_fixed_offset(sweep)
            beaten = _NONE if offset is None else number(offset, quantity.digits)
            yield _Row(Text(_BY_OFFSET, style="dim"), tuple(Text(beaten, style="dim") for _ in sweep.heads))
        if quantity.name == "subspace":
            chance = (sweep.random_subspaces(heads) for heads in sweep.heads)
            cells = (_NONE if share is None else number(share, quantity.digits) for share in chance)
            yield _Row(Text(_BY_CHANCE, style="dim"), tuple(Text(cell, style="dim") for cell in cells))


def _row(sweep: Sweep, quantity: Quantity) -> _Row:
    cells = [_cell(quantity.over_seeds(sweep, heads), quantity.digits) for heads in sweep.heads]
    return _Row(Text(quantity.title, style="dim" if quantity.title.startswith(" ") else ""), tuple(cells))


def _relations(sweep: Sweep) -> Iterator[_Row]:
    for relation in sweep.relations:
        fixed = sweep.fixed_offset(relation)
        cells = [_cell(sweep.followed(heads, relation), _DIGITS_OF_RELATIONS) for heads in sweep.heads]
        first = Text(number(fixed, _DIGITS_OF_RELATIONS), style="dim")
        yield _Row(Text(relation.replace("dependent", "dep.")), (first, *cells))


def _cell(summary: Summary | None, digits: int) -> Text:
    mean, spread = amount(summary, digits)
    return Text.assemble(mean, (f" {spread}" if spread else "", "dim"))


def _tables(
    name: Text, titles: Sequence[Text], rows: Sequence[_Row], width: int, *, end: bool = True
) -> Iterator[Table | str]:
    """Put columns into as few tables as fit, each with the names of the rows."""
    names = max(cell_len(text.plain) for text in (name, *(row.name for row in rows)))
    columns = [
        max(cell_len(cell.plain) for cell in (title, *(row.cells[place] for row in rows)))
        for place, title in enumerate(titles)
    ]
    for places in _fitting(columns, width - names):
        table = Table(box=None, padding=(0, 0, 0, _GAP), pad_edge=False)
        table.add_column(name, no_wrap=True)
        for place in places:
            table.add_column(titles[place], no_wrap=True, min_width=columns[place])
        for row in rows:
            table.add_row(row.name, *(row.cells[place] for place in places))
        yield table
        if end or places[-1] < len(titles) - 1:
            yield ""


def _fitting(columns: Sequence[int], width: int) -> list[list[int]]:
    """Deal columns, given their widths, into as few tables as fit; each has one at least."""
    tables: list[list[int]] = []
    filled = width
    for place, column in enumerate(columns):
        if filled + _GAP + column > width:
            tables.append([])
            filled = 0
        tables[-1].append(place)
        filled += _GAP + column
    return tables


def _meanings(sweep: Sweep) -> Table:
    """Say what each row is, in plain words."""
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for quantity in quantities_of(sweep):
        unit = "" if quantity.unit in ("share", "ratio", "relations") else f" ({quantity.unit})"
        table.add_row(Text(quantity.title.strip(), style="dim"), Text(quantity.says + unit, style="dim"))
    return table


def _footnotes(sweep: Sweep) -> Iterator[str]:
    same, seeds = sweep.conditions, len(sweep.seeds)
    if seeds > 1:
        yield f".38 ±.01: the mean over {seeds} seeds, and the standard deviation among them."
    yield f"Loss and area: on {same.held_out:,} texts held out; heads: on {same.looked_at:,} of them."
    if sweep.relations:
        yield f"Relations: on {same.judged:,} parsed sentences, one half for choosing heads, one for scoring."
        yield "The fixed offset is what always looking the same distance away reaches, no head needed."
        yield "dep. -> head: the strongest link of a word that depends on another goes to that one."
    if any(heads > 1 for heads in sweep.heads):
        yield "Random subspaces of d_k directions are 1 - d_k / width apart: compare with these,"
        yield "not along the row."
    if 1 in sweep.heads:
        yield "With one head, removing it removes all attention of its layer."
    yield "All of this holds for this network, these texts and so many steps; others may need other numbers."


def _times(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
