"""Records -> a page, as one text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attnviz.files import whole_file
from attnviz.record import Attention

if TYPE_CHECKING:
    from attnviz.analysis.effect import Effects
    from attnviz.analysis.streaming.digest import Digest
    from attnviz.render.page.contents import Contents

MAX_SIZE = 50_000_000

# Of a long input there is always more to show; so much opens quickly anywhere.
LONG_SIZE = 20_000_000


class Page(str):
    """A page: the text of an HTML file, whole.

    It shows itself in a notebook, and `save` writes it.

    Attributes:
        size: how many bytes the file has.
        told: a line about it: its size, and what was made smaller.
    """

    size: int
    told: str

    def __new__(cls, text: str, told: str = "") -> Self:
        """Make a page of its text."""
        made = super().__new__(cls, text)
        made.size = len(text.encode())
        made.told = told
        return made

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the page to a file.

        Args:
            path: of the file; its folder is made if it is not there.
            force: replace what is there.

        Raises:
            OutputExists: a file is there and `force` is off.
            Unwritable: the folder or file cannot be made.
        """
        chosen = Path(path)
        with whole_file(chosen, force=force) as temporary:
            temporary.write_text(self, encoding="utf-8", newline="\n")
        return chosen

    def _repr_html_(self) -> str:
        from attnviz.render.page.framed import shown

        return shown(self, self.told, self.size)


@dataclass(frozen=True)
class Plan:
    """A page before it is written.

    Attributes:
        contents: what is put into it, pooled if need be.
        estimate: about how many bytes it will have.
        max_size: how many it may have.
    """

    contents: "Contents"
    estimate: int
    max_size: int

    @property
    def told(self) -> str:
        """A line about it: its size, and what was made smaller."""
        return f"about {told(self.contents, self.estimate)}"

    def write(self) -> Page:
        """Write the page.

        Raises:
            PageTooLarge: it came out larger than it may be.
        """
        from attnviz.render.page.fitting import coarser
        from attnviz.render.page.size import refuse_beyond, shrink

        contents, made = self.contents, write(self.contents)
        while made.size > self.max_size and contents.digests and (less := coarser(contents)):
            contents, made = less, write(less)
        while made.size > self.max_size and contents.runs is not None and contents.runs > 1:
            contents = shrink(contents, self.max_size / made.size)
            made = write(contents)
        refuse_beyond(contents, made.size, self.max_size)
        return made


def plan(
    records: "Attention | Digest | Sequence[Attention | Digest]",
    *,
    effects: "Effects | None" = None,
    vectors: bool | None = None,
    max_size: int | None = None,
    pool: bool = False,
    title: str | None = None,
    opening: Mapping[str, object] | None = None,
) -> Plan:
    """Say how large a page will be, before it is written; the arguments are those of `page`.

    Raises:
        RequestError: there is nothing to show, or the records are not of one input and of different kinds.
        MissingInternals: vectors were asked for, and no record has them.
        PageTooLarge: the page would be too large, and `pool` is off or does not help.
    """
    from attnviz.render.page import size
    from attnviz.render.page import vectors as vectors_of
    from attnviz.render.page.contents import gather
    from attnviz.render.page.fitting import fit_digests

    contents = gather(records, effects=effects, vectors=vectors, title=title, opening=opening)
    vectors_of.check(contents)
    most = max_size or (LONG_SIZE if contents.digests else MAX_SIZE)
    if contents.digests:
        contents, estimate = fit_digests(contents, most)
    else:
        estimate = size.estimate(contents)
        if estimate > most and pool:
            contents, estimate = size.fit(contents, most)
    size.refuse_beyond(contents, estimate, most)
    return Plan(contents, estimate, most)


def page(
    records: "Attention | Digest | Sequence[Attention | Digest]",
    *,
    effects: "Effects | None" = None,
    vectors: bool | None = None,
    max_size: int | None = None,
    pool: bool = False,
    title: str | None = None,
    opening: Mapping[str, object] | None = None,
) -> Page:
    """Write records as one interactive HTML page that needs no network and no other file.

    Weights are rounded to 1/255 of their row's largest one, which is an error of half of that at most. Of an
    input too long for every weight a digest is shown: maxima and means of cells, the keys each query reads
    most, exact measures; its maps and top keys are as many as fit.

    Args:
        records: a record or digest, or several of one input: other blocks of the model, or views of them.
        effects: what the answer loses without heads of the first record of weights.
        vectors: whether the page holds query and key vectors, to show weights being made; None means where a
            record has them and they are light.
        max_size: how many bytes the page may have; None means 50 MB, and 20 MB of a digest.
        pool: where it would have more, let cells stand for several weights, the largest of them.
        title: of the page; None means the text.
        opening: what is not as usual when the page opens, such as `{"words": True, "theme": "dark"}`.

    Raises:
        RequestError: there is nothing to show, or the records are not of one input and of different kinds.
        MissingInternals: vectors were asked for, and no record has them.
        PageTooLarge: the page would be too large, and `pool` is off or does not help.
    """
    planned = plan(
        records,
        effects=effects,
        vectors=vectors,
        max_size=max_size,
        pool=pool,
        title=title,
        opening=opening,
    )
    return planned.write()


def write(contents: "Contents") -> Page:
    """Write what was gathered, however large."""
    from attnviz.render.page import assemble
    from attnviz.render.page.facts import as_json, page_fields
    from attnviz.render.page.pack import Buffers

    with Buffers() as buffers:
        facts = as_json(page_fields(contents, buffers))
        packed = buffers.texts()
    text = assemble.assemble(
        assemble.shipped(), title=contents.title, essence=essence(contents), facts=facts, buffers=packed
    )
    return Page(text, told(contents, len(text.encode())))


def told(contents: "Contents", size: int) -> str:
    """Say in a line how large a page is, and what was made smaller."""
    from attnviz.render.page.size import in_bytes

    if any(record.pooling for record in contents.records):
        return f"{in_bytes(size)}: {told_of_pooled(contents)}"
    pooled = f", pooled to {contents.runs:,} x {contents.runs:,} cells a head" if contents.runs else ""
    return f"{in_bytes(size)}: {contents.weights:,} weights{pooled}"


def told_of_pooled(contents: "Contents") -> str:
    """Say in a line what is left of inputs too long for every weight."""
    from attnviz.render.page.pooled import shape_of
    from attnviz.render.page.topkeys import most_of

    first = contents.records[0]
    rows, columns = shape_of(contents, first)
    several = {record.pooling.statistic for record in contents.records if record.pooling}
    statistics = " and ".join(name for name in ("maximum", "mean") if name in several)
    top = max(most_of(contents, record) for record in contents.records)
    known = max((one.top.positions.shape[-1] for one in contents.digests if one.top is not None), default=0)
    fewer = f" (of {known} known)" if known > top else ""
    largest = "the largest weight" if top == 1 else f"the {top} largest weights"
    keys = f", {largest} of each query{fewer}" if top else ", no weights of single queries"
    cells = f"{rows:,} x {columns:,} cells a head, {statistics} of each"
    return f"{contents.weights:,} weights pooled to {cells}{keys}"


def essence(contents: "Contents") -> str:
    """Say what a page shows, for who cannot run its program."""
    from attnviz.render.labels import name_of_model
    from attnviz.render.page.contents import title_of

    first = contents.records[0]
    shown = ", ".join(
        f"{title_of(record)}, {len(record.head_ids)} heads, {_extent(record)}" for record in contents.records
    )
    return (
        f"Attention weights of {name_of_model(first.model)} on “{contents.title}”: {shown}. "
        "This page draws them with a program it holds itself; it needs JavaScript, and no network."
    )


def _extent(record: Attention) -> str:
    if record.pooling is None:
        return f"{len(record.queries)} queries x {len(record.keys)} keys"
    rows = f"{len(record.queries)} x {len(record.keys)} cells"
    return f"{record.pooling.queries:,} queries x {record.pooling.keys:,} keys in {rows}"
