"""What a model is made of, as a person would ask: what attends, with what, at what cost, checked how."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from attnviz.analysis.cost import Cost, attention_cost, sizes
from attnviz.analysis.layouts import Layout, Layouts
from attnviz.anatomy import KEY, OUTPUT, QUERY, VALUE, Anatomy, alike
from attnviz.outline import Layer
from attnviz.render.labels import printable_sentence
from attnviz.render.terminal.flow import Flow
from attnviz.selection import numbers_as_ranges

# From this width on layers and costs are rows of columns, below it blocks of lines.
_WIDE = 76

# How the weights of a layer are read, in words; a way without words here is called by its name.
_READ_BY = {
    "own": "its own layers",
    "table": "transformers' table",
    "sdpa": "scaled_dot_product_attention",
    "multihead": "nn.MultiheadAttention",
    "softmax": "the softmax it calls",
    "values": "its output for known values",
}

_THOUSANDS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))

_FOOTNOTE = (
    "Cost: multiply-adds of one pass in all layers that attend. projections: the query, key, value and output"
    " matrices; scores: queries with keys; mixing: weights with values. A causal layer is counted whole,"
    " a window cuts keys off. weights: all of them at once in float32, as a record keeps them."
)


@dataclass(frozen=True)
class AnatomyTable:
    """What a model is made of, fitted to the width.

    Attributes:
        anatomy: what to tell.
        layouts: its heads held against one of full width, if that is to be told too.
    """

    anatomy: Anatomy
    layouts: Layouts | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= _WIDE
        yield self._heading()
        yield self._verdict()
        yield ""
        yield _facts(self._told())
        yield ""
        if self.anatomy.blocks:
            layers = list(self._layers())
            yield _columns(_LAYERS, layers) if wide else _lines(_LAYERS, layers)
            yield ""
        yield from self._beside()
        if self.anatomy.blocks:
            costs = list(self._costs())
            yield _columns(_COSTS, costs) if wide else _lines(_COSTS, costs)
            yield ""
            if self.layouts:
                yield LayoutsTable(self.layouts)
                yield ""
            yield from self._checks()
            yield ""
            yield Text(_FOOTNOTE, style="dim")

    def _heading(self) -> Text:
        revision = f", revision {printable_sentence(self.anatomy.revision)}" if self.anatomy.revision else ""
        kind = f"{self.anatomy.network} ({self.anatomy.kind})"
        return Text(
            f"{printable_sentence(self.anatomy.model)}: {printable_sentence(kind)}{revision}", style="dim"
        )

    def _verdict(self) -> Text:
        if not self.anatomy.blocks:
            return Text("It has no attention weights: nothing in it attends.", style="bold")
        outlines = [outline for part in self._parts() for outline in part.blocks.values()]
        layers = [layer for outline in outlines for layer in outline.layers]
        heads = sum(len(layer.heads) for layer in layers)
        what = f"{_counted(len(layers), 'layer')} with {_counted(heads, 'head')} in all"
        return Text.assemble(("Its attention weights can be captured", "bold"), f": {what}.")

    def _parts(self) -> tuple[Anatomy, ...]:
        return (self.anatomy, *self.anatomy.halves)

    def _told(self) -> Iterator[tuple[str, str]]:
        facts, parameters = self.anatomy, f"{self.anatomy.parameters:,}"
        if facts.matrices:
            share = f"{facts.attention_parameters / max(facts.parameters, 1):.0%}"
            parameters += f", of them {facts.attention_parameters:,} ({share}) in attention"
        yield "parameters", parameters
        if facts.matrices:
            yield (
                "",
                "; ".join(
                    f"{', '.join(roles)} {count:,}" for roles, count in facts.parameters_by_role.items()
                ),
            )
        if facts.width is not None:
            yield "d_model", str(facts.width)
        if facts.positions is not None:
            yield "positions", f"{facts.positions:,}"

    def _layers(self) -> Iterator[tuple[str, ...]]:
        for part in self._parts():
            for block, outline in part.blocks.items():
                named = f"{block} ({part.sample.partition(' of ')[0]})" if self.anatomy.halves else block
                yield from (_layer(named, group) for group in alike(outline.layers))

    def _beside(self) -> Iterator[RenderableType]:
        """Name the layers that do not attend, stack by stack."""
        for stack, others in self.anatomy.beside.items():
            kinds: dict[str, list[int]] = {}
            for number, what in others.items():
                kinds.setdefault(what, []).append(number)
            several = len(kinds) > 1
            each = (
                f"{what} ({numbers_as_ranges(numbers)})" if several else what
                for what, numbers in kinds.items()
            )
            told = f"{self._which(stack, list(others))}: {', '.join(each)}"
            yield Text(printable_sentence(told))
            yield ""

    def _which(self, stack: str, others: list[int]) -> str:
        """Say which layers of a stack are meant by those that do not attend."""
        outlines = list(self.anatomy.blocks.values())
        if len(outlines) == len(self.anatomy.beside) == 1:
            every = numbers_as_ranges(sorted({*outlines[0].numbers, *others}))
            return f"layers {numbers_as_ranges(outlines[0].numbers)} of {every} attend; the others"
        told = f"{stack} {numbers_as_ranges(others)}"
        return f"{told} do not attend" if outlines else told

    def _costs(self) -> Iterator[tuple[str, ...]]:
        for part in self._parts():
            lengths: Sequence[int | None] = () if self.anatomy.halves else sizes(part)
            for tokens in lengths or (None,):
                named = part.sample if tokens is None else f"{tokens:,} tokens"
                yield (named, *_amounts(attention_cost(part, tokens)))

    def _checks(self) -> Iterator[RenderableType]:
        """List what was checked, each with how closely it held."""
        yield Text(f"Checked on {' and '.join(part.sample for part in self._parts())}:")
        for name, detail in self.anatomy.checks.items():
            yield Text.assemble(("✓ ", "green"), name, (f" ({detail})" if detail else "", "dim"))


@dataclass(frozen=True)
class LayoutsTable:
    """One head of full width beside several, quantity by quantity.

    Attributes:
        layouts: what to tell.
    """

    layouts: Layouts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ways = self.layouts.ways
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        table.add_column(Text(f"one layer, {self.layouts.tokens:,} tokens", style="dim"))
        for way in ways:
            table.add_column(_named(way), justify="right")
        for name, of in _QUANTITIES.items():
            table.add_row(Text(name, style="dim"), *(of(way) for way in ways))
        yield table
        yield Text(_SIDE_BY_SIDE, style="dim")


def _named(way: Layout) -> str:
    shared = "" if way.key_heads == way.heads else f", {way.key_heads} of k/v"
    return f"{_counted(way.heads, 'head')}{shared}"


_QUANTITIES: dict[str, Callable[[Layout], str]] = {
    "d_q = d_k": lambda way: f"{way.d_k:,}",
    "d_v": lambda way: f"{way.d_v:,}",
    "query parameters": lambda way: f"{way.parameters[QUERY]:,}",
    "key parameters": lambda way: f"{way.parameters[KEY]:,}",
    "value parameters": lambda way: f"{way.parameters[VALUE]:,}",
    "output parameters": lambda way: f"{way.parameters[OUTPUT]:,}",
    "projections": lambda way: _short(way.cost.projections, _THOUSANDS),
    "scores": lambda way: _short(way.cost.scores, _THOUSANDS),
    "mixing": lambda way: _short(way.cost.mixing, _THOUSANDS),
    "together": lambda way: _short(way.cost.multiply_adds, _THOUSANDS),
    "weights": lambda way: _short(way.cost.weights, _BYTES, "B"),
    "key/value cache": lambda way: _short(way.cache, _BYTES, "B"),
}
_SIDE_BY_SIDE = (
    "Heads side by side multiply as often as one head of full width; what grows is the number of maps. Heads"
    " that share keys and values have smaller matrices and a smaller cache. Biases aside; bytes in float32."
)

_LAYERS = ("block", "layers", "heads", "k/v heads", "d_k", "d_v", "a query sees", "weights read by")
_COSTS = ("cost of", "projections", "scores", "mixing", "together", "weights")


def _layer(block: str, group: Sequence[Layer]) -> tuple[str, ...]:
    """The figures of some layers that differ in nothing but their number."""
    layer = group[0]
    return (
        block,
        numbers_as_ranges([layer.number for layer in group]),
        str(len(layer.heads)),
        _number(layer.key_heads),
        _number(layer.d_k),
        _number(layer.d_v),
        _sight(layer),
        _READ_BY.get(layer.path, layer.path),
    )


def _amounts(cost: Cost) -> tuple[str, ...]:
    amounts = (cost.projections, cost.scores, cost.mixing, cost.multiply_adds)
    return (*(_short(amount, _THOUSANDS) for amount in amounts), _short(cost.weights, _BYTES, "B"))


def _short(amount: int, units: Sequence[tuple[int, str]], one: str = "") -> str:
    """Write a number with three digits and its unit.

    >>> _short(16_777_216, _THOUSANDS), _short(512, _BYTES, "B")
    ('16.8 M', '512 B')
    """
    for size, unit in units:
        if amount >= size:
            return f"{amount / size:.{0 if amount >= 100 * size else 1}f} {unit}"
    return f"{amount} {one}".rstrip()


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _sight(layer: Layer) -> str:
    """Say in words which keys a query may look at."""
    seen = "itself and before" if layer.causal else "every token"
    if layer.window is not None:
        seen = (
            f"{layer.window} tokens, itself and before"
            if layer.causal
            else f"{layer.window} tokens around it"
        )
    return f"{seen}, or a sink" if layer.sinks else seen


def _facts(told: Iterator[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, what in told:
        table.add_row(name, what)
    return table


def _columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, name in enumerate(names):
        figures = place > 0 and all(row[place][:1].isdigit() or row[place] == "?" for row in rows)
        table.add_column(name, justify="right" if figures else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Put each row on a few lines, each figure beside its name."""
    table = Table.grid()
    for first, *others in rows:
        facts = [
            Text.assemble((f"{name} ", "dim"), what) for name, what in zip(names[1:], others, strict=True)
        ]
        table.add_row(Text(first, style="bold"))
        table.add_row(Flow(tuple(facts), gap=", "))
    return table
