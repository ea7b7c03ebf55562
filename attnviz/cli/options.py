"""The options every verb shares, each said once."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.errors import RequestError
from attnviz.selection import Selection

if TYPE_CHECKING:
    from attnviz.record import Block, View

# What stands before a criterion by which a head is asked for.
BEST = "best:"

_INPUT, _MODEL, _HEADS, _TOKENS, _OUTPUT = "Input", "Model", "Which heads", "Tokens", "Output"
_VIEW, _LONG = "View", "Long inputs"


class Color(StrEnum):
    """When to colour the terminal."""

    auto = "auto"
    always = "always"
    never = "never"


class BlockName(StrEnum):
    """The blocks of `attnviz.record`, named here so that `--help` need not load numpy."""

    self = "self"
    encoder = "encoder"
    decoder = "decoder"
    cross = "cross"


class ThemeName(StrEnum):
    """The themes of `attnviz.render.theme`, named here so that `--help` need not load them."""

    light = "light"
    dark = "dark"


class ViewName(StrEnum):
    """The views of `attnviz.record`, named here so that `--help` need not load numpy."""

    weights = "weights"
    norms = "norms"
    gradients = "gradients"
    rollout = "rollout"
    flow = "flow"
    relevance = "relevance"


class SpecialTokens(StrEnum):
    """What becomes of tokens the model added itself."""

    keep = "keep"
    drop = "drop"


@dataclass(frozen=True)
class Input:
    """What is read."""

    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text to read; - reads it from standard input.")
    ] = None
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read the text from a file.", rich_help_panel=_INPUT)
    ] = None
    record: Annotated[
        Path | None,
        typer.Option(help="Show a saved record (.safetensors): no model is run.", rich_help_panel=_INPUT),
    ] = None
    pair: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A second segment.", rich_help_panel=_INPUT)
    ] = None
    target: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What the decoder side reads.", rich_help_panel=_INPUT),
    ] = None
    image: Annotated[Path | None, typer.Option(help="A picture to look at.", rich_help_panel=_INPUT)] = None
    audio: Annotated[Path | None, typer.Option(help="A sound to hear.", rich_help_panel=_INPUT)] = None
    chat: Annotated[
        bool, typer.Option("--chat", help="Wrap the text in the chat template.", rich_help_panel=_INPUT)
    ] = False
    generate: Annotated[
        int, typer.Option(min=0, metavar="N", help="Let the model add N tokens.", rich_help_panel=_INPUT)
    ] = 0
    temperature: Annotated[
        float,
        typer.Option(min=0.0, help="Above 0 draws what is added by chance.", rich_help_panel=_INPUT),
    ] = 0.0
    seed: Annotated[int, typer.Option(help="Where that chance comes from.", rich_help_panel=_INPUT)] = 0


@dataclass(frozen=True)
class Model:
    """What reads it."""

    model: Annotated[
        str,
        typer.Option("--model", "-m", help="builtin, a model folder, or a hub id.", rich_help_panel=_MODEL),
    ] = "builtin"
    revision: Annotated[
        str | None, typer.Option(help="The exact version of a hub model.", rich_help_panel=_MODEL)
    ] = None
    device: Annotated[
        str, typer.Option(help="Where it runs: auto, cpu, cuda, mps.", rich_help_panel=_MODEL)
    ] = "auto"
    dtype: Annotated[
        str,
        typer.Option(help="Its precision: auto, float32, float16, bfloat16.", rich_help_panel=_MODEL),
    ] = "auto"
    offline: Annotated[bool, typer.Option("--offline", help="Never ask the hub.", rich_help_panel=_MODEL)] = (
        False
    )
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", help="Run code that comes with the model.", rich_help_panel=_MODEL
        ),
    ] = False


@dataclass(frozen=True)
class Given:
    """What is read, and what reads it."""

    input: Input = Input()
    model: Model = Model()


@dataclass(frozen=True)
class Heads:
    """Which heads are meant."""

    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", help="Layers: 0,3,5-7, -1, or all.", rich_help_panel=_HEADS),
    ] = None
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            "-H",
            help="Heads: 0,2-4, all, names: L0H2,L3H7, or best:previous for the head that does it most.",
            rich_help_panel=_HEADS,
        ),
    ] = None
    block: Annotated[
        BlockName | None,
        typer.Option(help="Which attention of a model with several.", rich_help_panel=_HEADS),
    ] = None

    @property
    def name_of_block(self) -> "Block | None":
        """The block asked for, as a record names it."""
        return None if self.block is None else self.block.value

    def selection(self, default: str) -> Selection:
        """Give what was asked for; where no layer was, the layers `default` are meant.

        Raises:
            RequestError: heads are to be chosen by what they do, which only some verbs do beforehand.
        """
        if self.head is not None and BEST in self.head:
            raise RequestError(
                f"no head by name: got {self.head}, allowed {BEST}... for heatmap, focus, compare and export"
            )
        asked = Selection(self.layer, self.head)
        if self.layer is None and not asked.names_heads:
            return Selection(default, self.head)
        return asked


@dataclass(frozen=True)
class Ranked:
    """Which of them come first, and how many are shown."""

    sort: Annotated[
        str | None,
        typer.Option(
            metavar="CRITERION",
            help="Rank heads by a measure (entropy, confidence, sink ...), a pattern or effect.",
            rich_help_panel=_HEADS,
        ),
    ] = None
    lowest: Annotated[
        bool, typer.Option("--lowest", help="Rank the smallest first.", rich_help_panel=_HEADS)
    ] = False
    top: Annotated[
        int | None,
        typer.Option(min=1, metavar="K", help="Only the first K heads.", rich_help_panel=_HEADS),
    ] = None
    pattern: Annotated[
        str | None,
        typer.Option(help="Only heads with this pattern: previous, next, ...", rich_help_panel=_HEADS),
    ] = None

    @property
    def asked(self) -> bool:
        """Whether heads are to be chosen by what they do."""
        return self != Ranked()


# Which answer a view asks about, on every verb that shows one.
Answer = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        help="For gradients and relevance: whose probability; the likeliest if not given.",
        rich_help_panel=_VIEW,
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        help="For both: where it is given, a token or its position; the last if not given.",
        rich_help_panel=_VIEW,
    ),
]


@dataclass(frozen=True)
class Viewed:
    """What is shown of them."""

    view: Annotated[
        ViewName,
        typer.Option(
            help="The weights; or weighed by what values give (norms) or an answer needs (gradients); or "
            "through all layers below (rollout, flow, relevance).",
            rich_help_panel=_VIEW,
        ),
    ] = ViewName.weights
    answer: Answer = None
    at: Where = None

    @property
    def kind(self) -> "View":
        """The view asked for, as a record names it."""
        return self.view.value


@dataclass(frozen=True)
class Tokens:
    """How tokens are shown."""

    words: Annotated[
        bool, typer.Option("--words", help="Merge word pieces into words.", rich_help_panel=_TOKENS)
    ] = False
    special: Annotated[
        SpecialTokens, typer.Option(help="Tokens the model added itself.", rich_help_panel=_TOKENS)
    ] = SpecialTokens.keep
    renormalize: Annotated[
        bool,
        typer.Option("--renormalize", help="Bring rows back to 1 after a drop.", rich_help_panel=_TOKENS),
    ] = False


def _allow(size: str | None) -> str | None:
    """Keep this run of the command line within so much memory.

    Raises:
        RequestError: it is no size.
    """
    if size is not None:
        from attnviz import memory

        memory.allow(memory.parse_size(size, "--max-memory"))
    return size


# How much memory a verb may take, on every verb that reads long inputs.
MaxMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        callback=_allow,
        help="What weights may take, such as 2GB: what does not fit is streamed. A quarter of the free "
        "memory if not given.",
        rich_help_panel=_LONG,
    ),
]


@dataclass(frozen=True)
class Long:
    """Which part of a long input is meant, and how much memory it may take."""

    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHERE",
            help="Show a part exactly: from this position on; or these queries, such as 100-160.",
            rich_help_panel=_LONG,
        ),
    ] = None
    stop: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="WHERE",
            help="Up to this position; or these keys, such as 0-50.",
            rich_help_panel=_LONG,
        ),
    ] = None
    max_memory: MaxMemory = None


@dataclass(frozen=True)
class Showing:
    """What of an input is shown, and how."""

    viewed: Viewed = Viewed()
    tokens: Tokens = Tokens()
    long: Long = Long()


@dataclass(frozen=True)
class Output:
    """Where the result goes."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write to this file; its suffix says how.", rich_help_panel=_OUTPUT
        ),
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there.", rich_help_panel=_OUTPUT)
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print the machine form.", rich_help_panel=_OUTPUT)] = (
        False
    )
    width: Annotated[
        int | None,
        typer.Option(
            min=20, help="Columns to fit into; the terminal's own if not given.", rich_help_panel=_OUTPUT
        ),
    ] = None
    color: Annotated[Color, typer.Option(help="Colour the terminal.", rich_help_panel=_OUTPUT)] = Color.auto
    theme: Annotated[
        ThemeName | None,
        typer.Option(
            help="Colours; dark in the terminal, light in files if not given.", rich_help_panel=_OUTPUT
        ),
    ] = None
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_OUTPUT)
    ] = False


def place_or_name(given: str | None) -> int | str | None:
    """Read a token's position, counted from either end, or its text."""
    numeric = given is not None and given.removeprefix("-").isdecimal()
    return int(given) if numeric and given is not None else given
