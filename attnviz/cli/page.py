"""`attnviz page`: one self-contained file to look around in, and to send to each other."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from attnviz.cli.options import (
    Answer,
    Given,
    Heads,
    Long,
    Output,
    Showing,
    SpecialTokens,
    Tokens,
    Viewed,
    ViewName,
    Where,
)
from attnviz.errors import MissingInternals, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attnviz.analysis.effect import Effects
    from attnviz.analysis.streaming.digest import Digest
    from attnviz.outline import Outline
    from attnviz.record import Attention
    from attnviz.render.page.written import Plan
    from attnviz.selection import Selection
    from attnviz.sources.base import Reading
    from attnviz.window import Window

_VIEW, _OUTPUT = "View", "Output"


@dataclass(frozen=True)
class Holds:
    """What a page holds beside weights, and how large it may be."""

    view: Annotated[
        list[ViewName] | None,
        typer.Option(
            metavar="VIEW",
            help="Beside the weights: norms, gradients, rollout, flow, relevance; several times for several. "
            "If not given, rollout, and norms of a short text; weights for nothing else.",
            rich_help_panel=_VIEW,
        ),
    ] = None
    answer: Answer = None
    at: Where = None
    effects: Annotated[
        bool,
        typer.Option("--effects", help="Say what the answer loses without each head.", rich_help_panel=_VIEW),
    ] = False
    vectors: Annotated[
        bool | None,
        typer.Option(
            "--vectors/--no-vectors",
            help="Queries and keys, to see how a weight comes about; of a short text if not given.",
            rich_help_panel=_VIEW,
        ),
    ] = None
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Refuse to write more: 800kB; 50MB if not given, or 20MB of a long input.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    pool: Annotated[
        bool,
        typer.Option("--pool", help="Pool tokens, as far as that size asks for it.", rich_help_panel=_OUTPUT),
    ] = False

    @property
    def most(self) -> int | None:
        """The most bytes the page may have; None if nobody said so.

        Raises:
            RequestError: that is no size.
        """
        from attnviz.memory import parse_size

        return None if self.max_size is None else parse_size(self.max_size, "--max-size")

    @property
    def views(self) -> tuple[ViewName, ...]:
        """The views asked for, each once."""
        return tuple(dict.fromkeys(name for name in self.view or () if name is not ViewName.weights))

    def refuse_idle_question(self) -> None:
        """Refuse to be asked about an answer that no view looks at.

        Raises:
            RequestError: that is so.
        """
        from attnviz.analysis.through.view import NEEDS

        got = "--answer" if self.answer is not None else "--at" if self.at is not None else None
        if got and not any(NEEDS[name.value].answer for name in self.views):
            raise RequestError(
                f"no view asks about an answer: got {got}, allowed with --view gradients or relevance"
            )

    def viewed(self, name: ViewName) -> Viewed:
        """Give one of them with the answer it asks about, if it asks about one."""
        from attnviz.analysis.through.view import NEEDS

        asks = NEEDS[name.value].answer
        return Viewed(name, self.answer if asks else None, self.at if asks else None)


def page(given: Given, which: Heads, tokens: Tokens, long: Long, holds: Holds, out: Output) -> None:
    """Write an interactive page (-o fox.html): one file, every view, no network.

    A grid of all heads, heatmaps, lines, the text itself, query times key, a table, two heads compared, the
    picture; of a model with several blocks, all of them. The page opens as --words, --special and --theme
    say; the reader can change all three. Of a text too long to hold all its weights it shows pooled maps,
    the keys each query reads most, and every measure; --from and --to show any part of it exactly.
    """
    from attnviz.cli.inputs import open_reading
    from attnviz.cli.outputs import check_output, note
    from attnviz.render.machine.page import written_json

    if out.output is None:
        raise RequestError("no output: got nothing, allowed -o with the name of an .html file")
    check_output(out, ".html", ".htm")
    most = holds.most
    holds.refuse_idle_question()
    looking = _Looking(open_reading(given), which, tokens, long, holds)
    records = tuple(looking.records())
    lost = looking.effects(records[0]) if holds.effects else None
    planned = _plan(records, lost, tokens, holds, out, most)
    note(planned.told)
    written = planned.write()
    written.save(out.output, force=out.force)
    print(written_json(planned.contents, str(out.output), written.size) if out.json else out.output)


@dataclass(frozen=True)
class _Looking:
    """What is looked at, and how.

    Attributes:
        reading: the input as the model reads it.
        which: the heads meant.
        tokens: how tokens are to be shown.
        long: which part of the input.
        holds: what the page is to hold.
    """

    reading: "Reading"
    which: Heads
    tokens: Tokens
    long: Long
    holds: Holds

    def records(self) -> "Iterator[Attention | Digest]":
        """Record the block asked for or, where none was, every one, the one meant by default first."""
        from attnviz.outline import choose

        outlines = self.reading.outlines
        meant = choose(outlines, self.which.name_of_block)
        others = [] if self.which.block else [one for one in outlines.values() if one != meant]
        for outline in (meant, *others):
            yield from self._block(outline)

    def effects(self, first: "Attention | Digest") -> "Effects":
        """Find what the model's answer loses without each head, with progress on stderr.

        Raises:
            RequestError: there is no model behind a saved record.
            UnsupportedModel: the heads of a layer cannot be told apart in its output.
        """
        from attnviz.cli.progress import progress
        from attnviz.record import Attention
        from attnviz.studies.ablation import effects_of

        known = first if isinstance(first, Attention) else first.frame
        with progress("removing heads") as tick:
            return effects_of(self.reading, known.head_ids, known.block, progress=tick)

    def _block(self, outline: "Outline") -> "Iterator[Attention | Digest]":
        """Record one block, and the views of it; of one that does not fit, what it comes to."""
        from attnviz.cli.digested import digest_behind, refuse_on_digest
        from attnviz.cli.inputs import meant_of, shown
        from attnviz.cli.long import is_too_long, refuse_on_long, tell_window, window_of
        from attnviz.cli.streamed import digested_of

        meant = meant_of(outline, self.which, "all")
        if of := digest_behind(self.reading):
            for name in self.holds.views:
                refuse_on_digest(of, Showing(Viewed(name), long=self.long))
            refuse_on_digest(of, Showing(long=self.long))
            yield digested_of(self.reading, meant, outline.block)
            return
        frame = self.reading.frame(meant, block=outline.block)
        window = window_of(frame, self.long)
        if is_too_long(frame, window):
            for name in self.holds.views:
                refuse_on_long(frame, Showing(Viewed(name), self.tokens))
            yield digested_of(self.reading, meant, outline.block)
            return
        kept = replace(self.tokens, words=False) if self.tokens.renormalize else Tokens()
        weights = self._weights(outline, meant, window)
        if window is not None:
            tell_window(frame, weights, window)
        yield shown(weights, kept)
        yield from (shown(view, kept) for view in self._views(outline, meant, window))

    def _views(
        self, outline: "Outline", meant: "Selection", window: "Window | None"
    ) -> "Iterator[Attention]":
        """Give the views asked for, or those that cost a reader next to nothing."""
        from attnviz.cli.views import view_of
        from attnviz.sources.windowed import cut

        asked = self.holds.views if self.holds.view is not None else tuple(self._usual(outline, window))
        for name in asked:
            try:
                viewed, _ = view_of(self.reading, outline, meant, self.holds.viewed(name))
            except RequestError:  # nobody asked for a view that cannot be made of this
                if self.holds.view is not None:
                    raise
                continue
            yield viewed if window is None else cut(viewed, window)

    def _weights(self, outline: "Outline", meant: "Selection", window: "Window | None") -> "Attention":
        """Record a block, with queries and keys where they are wanted and there are any."""
        from attnviz.render.page.size import vectors_fit

        vectors = self.holds.vectors
        wanted = window is None and vectors_fit(outline) if vectors is None else vectors
        try:
            return self.reading.record(meant, block=outline.block, internals=wanted, window=window)
        except MissingInternals:
            if vectors:
                raise
            return self.reading.record(meant, block=outline.block, window=window)

    def _usual(self, outline: "Outline", window: "Window | None") -> "Iterator[ViewName]":
        """Name the views that cost a reader next to nothing."""
        from attnviz.render.page.size import vectors_fit

        if window is not None:
            return
        whole = self.which == Heads(block=self.which.block)
        if whole and outline.block != "cross" and len(outline.alike) == 1:
            yield ViewName.rollout
        if vectors_fit(outline):
            yield ViewName.norms


def _plan(
    records: "tuple[Attention | Digest, ...]",
    effects: "Effects | None",
    tokens: Tokens,
    holds: Holds,
    out: Output,
    most: int | None,
) -> "Plan":
    """Say what the page will hold, how it opens, and how large it will be.

    Raises:
        BudgetError: it would be too large.
    """
    from attnviz.render.page.written import plan

    opening: dict[str, object] = {"words": tokens.words, "special": tokens.special is SpecialTokens.keep}
    if out.theme is not None:
        opening["theme"] = out.theme.value
    return plan(
        records, effects=effects, vectors=holds.vectors, max_size=most, pool=holds.pool, opening=opening
    )
