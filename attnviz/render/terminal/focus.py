"""What each head reads: a row or a short block for each, then all of them together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from attnviz.analysis.focus import Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.patterns.cells import GRID_PATTERNS, PATTERNS
from attnviz.render.labels import printable_sentence
from attnviz.render.terminal import sentences
from attnviz.render.terminal.beside import Beside
from attnviz.render.terminal.flow import Flow

# From this width on an entry is a row of columns, below it a block of lines.
_WIDE = 110

# Of a long text only so many links are told of all heads together.
_MOST_LINKS = 24

# And of a long continuation only so many tokens.
_MOST_SAID = 60

_WITHIN = (
    "fox (1.2): fox receives 1.2 words' worth of attention from other words beyond an even spread.",
    "dog → lazy .98: dog looks at lazy with .98 of its attention.",
    "reads n words: 2 to the power of the entropy in bits.",
    "aside, in no word or link: what words keep on themselves (self) or give to added tokens (special).",
)
_ACROSS = (
    "dog (1.2): dog, in the source, receives 1.2 words' worth of attention beyond an even spread.",
    "Hund → dog .83: the decoder's word Hund looks at the source's word dog with .83 of its attention.",
    "reads n words: 2 to the power of the entropy in bits.",
    "aside, in no word or link: what words give to added tokens (special).",
)
_IN_A_PICTURE = (
    "row 3 column 5 (1.2): that patch, counted from 0 at the top left, receives 1.2 patches' worth of "
    "attention from others beyond an even spread.",
    "row 3 column 5 → row 3 column 6 .98: the first looks at the second with .98 of its attention.",
    "reads n patches: 2 to the power of the entropy in bits.",
    "aside, in no patch or link: what goes to a patch itself (self) or to added tokens (special).",
)
_IN_A_SOUND = (
    "0.32-0.34s (1.2): that frame of the sound, in seconds, receives 1.2 frames' worth of attention from "
    "others beyond an even spread.",
    "0.32-0.34s → 0.40-0.42s .98: the first looks at the second with .98 of its attention.",
    "reads n frames: 2 to the power of the entropy in bits.",
    "aside, in no frame or link: what goes to a frame itself (self) or to added tokens (special).",
)
_AT_A_SOUND = (
    "0.32-0.34s (1.2): that frame of the sound, in seconds, receives 1.2 words' worth of attention beyond an "
    "even spread.",
    "dog → 0.32-0.34s .83: the word dog looks at that frame with .83 of its attention.",
    "reads n frames: 2 to the power of the entropy in bits.",
)
_A_BAND = "b3: the band of frequencies, counted from 0 at the lowest."
_A_PATCH = "row 3 column 5: a patch of the picture, counted from 0 at the top left."
_MEANS = "Means are over the text's own tokens; nothing is renormalised."
_MEANS_OF_PATCHES = "Means are over the patches; nothing is renormalised."
_MEANS_OF_FRAMES = "Means are over the frames; nothing is renormalised."
_SAID = "jumps .84: the model gave jumps a probability of .84 at this place."
_CAUTION = "Attention shows what a head reads, not why the model answers: --effects says what depends on it."
_TAUGHT = "taught: trained towards this; the other heads found their patterns by themselves."


@dataclass(frozen=True)
class FocusTable:
    """The focus of some heads in words, fitted to the width.

    Attributes:
        focus: what to tell.
        beside: what else is known of each head.
        caption: what the numbers are, where they are not the weights themselves.
    """

    focus: Focus
    beside: tuple[Beside, ...] = ()
    caption: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._heading()
        if self.caption:
            yield Text(self.caption)
        if sentence := sentences.in_a_sentence(self.focus):
            yield sentence
        yield ""
        things = sentences.things(self.focus)
        at = _At(*(sentences.positions(side) for side in (self.focus.queries, self.focus.tokens)))
        heads = [_head_entry(head, at, things, self.beside) for head in self.focus.heads]
        yield (
            _as_columns(heads, [fact.title for fact in self.beside])
            if options.max_width >= _WIDE
            else _as_blocks(heads)
        )
        if len(heads) > 1 and self.focus.together:
            yield ""
            yield _as_blocks([_together_entry(self.focus, self.focus.together, at)])
        if said := sentences.said(self.focus, _MOST_SAID):
            yield ""
            yield _as_line("said" if self._speaks() else "given", said)
        yield ""
        yield Text(" ".join(self._footnotes()), style="dim")
        if patterns := " ".join(self._patterns()):
            yield Text(patterns, style="dim")
        yield from (Text(fact.told, style="dim") for fact in self.beside)

    def _heading(self) -> Text:
        block = "" if self.focus.block == "self" else f", {self.focus.block} attention"
        return Text(printable_sentence(self.focus.model) + block, style="dim")

    def _speaks(self) -> bool:
        return any(token.kind == "generated" for token in self.focus.queries)

    def _footnotes(self) -> Iterator[str]:
        if sentences.shows_a_picture(self.focus) and self.focus.block != "cross":
            yield from (*_IN_A_PICTURE, _MEANS_OF_PATCHES)
        elif sentences.shows_a_sound(self.focus):
            yield from self._about_a_sound()
        else:
            yield from _ACROSS if self.focus.block == "cross" else _WITHIN
            if any(token.kind == "patch" for token in self.focus.tokens):
                yield _A_PATCH
            yield _MEANS
        if self.focus.predictions:
            yield _SAID
        if any(head.taught for head in self.focus.heads):
            yield _TAUGHT
        yield _CAUTION

    def _patterns(self) -> Iterator[str]:
        """Say what the patterns mean that were found."""
        known = GRID_PATTERNS if sentences.shows_a_picture(self.focus) else PATTERNS
        labels = dict.fromkeys(head.pattern.label for head in self.focus.heads)
        yield from (f"{label}: {known[label]}." for label in labels if label in known)

    def _about_a_sound(self) -> Iterator[str]:
        across = self.focus.block == "cross"
        yield from (*_AT_A_SOUND, _MEANS) if across else (*_IN_A_SOUND, _MEANS_OF_FRAMES)
        if any(token.kind == "frame" and token.part for token in self.focus.tokens):
            yield _A_BAND


@dataclass(frozen=True)
class _Entry:
    """What is told of one head, or of all together, in pieces that lines are made of."""

    name: str
    words: tuple[Text, ...]
    links: tuple[Text, ...]
    pattern: tuple[Text, ...]
    breadth: tuple[Text, ...] = ()
    taught: tuple[Text, ...] = ()
    beside: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class _At:
    """Where queries and keys stand, said behind their texts."""

    queries: Sequence[str]
    keys: Sequence[str]

    def words(self, words: Sequence[FocusWord]) -> tuple[Text, ...]:
        return tuple(sentences.focus_words(words, self.keys))

    def link(self, link: Link) -> Text:
        return sentences.link(link, self.queries, self.keys)


def _head_entry(head: HeadFocus, at: _At, things: str, beside: Sequence[Beside]) -> _Entry:
    return _Entry(
        name=str(head.head),
        words=at.words(head.words),
        links=tuple(map(at.link, head.links)),
        pattern=tuple(sentences.pattern(head.pattern)),
        breadth=tuple(sentences.breadth(head, things)),
        taught=(Text(f"taught {printable_sentence(head.taught)}"),) if head.taught else (),
        beside={fact.title: fact.facts[head.head] for fact in beside if head.head in fact.facts},
    )


def _together_entry(focus: Focus, together: Together, at: _At) -> _Entry:
    links = together.links
    told = set(sorted(links, key=lambda link: -link.weight)[:_MOST_LINKS])
    pieces = [at.link(link) + Text(f" {link.head}", style="dim") for link in links if link in told]
    if len(links) > len(told):
        pieces.append(Text(f"and {len(links) - len(told):,} weaker ones", style="dim"))
    return _Entry(
        name="all ",
        words=at.words(together.words),
        links=tuple(pieces),
        pattern=(Text(f"together they link {sentences.coverage(focus, together)}"),),
    )


def _as_columns(entries: list[_Entry], beside: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), pad_edge=False, header_style="dim")
    table.add_column("head", no_wrap=True)
    for title in beside:
        table.add_column(title, no_wrap=True)
    table.add_column("focuses on", ratio=4)
    table.add_column("strongest links", ratio=3)
    table.add_column("pattern", ratio=5)
    table.add_column("breadth", no_wrap=True)
    for entry in entries:
        listed = (
            Text("\n").join(pieces) for pieces in (entry.links, entry.pattern + entry.taught, entry.breadth)
        )
        facts = (entry.beside.get(title, Text()) for title in beside)
        table.add_row(Text(entry.name, style="bold"), *facts, Flow(entry.words, gap=" "), *listed)
    return table


def _as_blocks(entries: list[_Entry]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), pad_edge=False, show_header=False)
    for entry in entries:
        words = Flow((Text("focuses on"), *entry.words), gap=" ")
        facts = Flow((*entry.pattern, *entry.breadth, *entry.taught), gap=", ")
        beside = [Text(f"{title} ") + fact for title, fact in entry.beside.items()]
        lines = [Flow(tuple(beside), gap=", ")] if beside else []
        table.add_row(Text(entry.name, style="bold"), Group(*lines, words, Flow(entry.links), facts))
    return table


def _as_line(name: str, pieces: list[Text]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_row(Text(name, style="bold"), Flow(tuple(pieces)))
    return table
