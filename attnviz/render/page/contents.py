"""What a page is made of: the records of one input, in order, and what else is known of their heads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attnviz.analysis.effect import Effects
from attnviz.errors import RequestError
from attnviz.record import Attention, Block, Statistic, Token
from attnviz.render.labels import name_of_model, printable_sentence

if TYPE_CHECKING:
    from attnviz.analysis.streaming.digest import Digest

_BLOCKS: dict[Block, str] = {
    "self": "self-attention",
    "encoder": "encoder self-attention",
    "decoder": "decoder self-attention",
    "cross": "cross-attention",
}

_POOLED: dict[Statistic, str] = {"maximum": "maxima", "mean": "means"}

_LONGEST_TITLE = 80


@dataclass(frozen=True)
class Contents:
    """What is put into a page, checked.

    Attributes:
        records: one input's attention: blocks of a model, and views of them; the first is shown first. Of a
            digest the maxima and the means.
        title: of the page.
        effects: what the answer loses without heads of the first record of weights.
        vectors: whether to write query and key vectors where a record has them; None where they are light.
        runs: how many rows and columns a map has at most; more are pooled. None for every one of them.
        focus: whether to say what each head reads.
        inline: whether it stands inside a notebook.
        opening: fields of the program's state that are not as usual when the page opens.
        digests: of inputs too long for every weight, what is known beside the maxima and the means.
        top: how many of the keys each query reads most are written of a digest; None for all it has.
    """

    records: tuple[Attention, ...]
    title: str
    effects: Effects | None = None
    vectors: bool | None = None
    runs: int | None = None
    focus: bool = True
    inline: bool = False
    opening: Mapping[str, object] = field(default_factory=dict)
    digests: "tuple[Digest, ...]" = ()
    top: int | None = None

    @property
    def sides(self) -> tuple[tuple[Token, ...], ...]:
        """The sequences that are rows or columns of some map, each once."""
        every = (side for record in self.records for side in (record.queries, record.keys))
        return tuple(dict.fromkeys(every))

    @property
    def weights(self) -> int:
        """How many weights the records hold; where they were pooled, are of."""
        return sum(_weights_of(record) for record in self.records if not self._is_second(record))

    def _is_second(self, record: Attention) -> bool:
        """Whether a record says of the same weights what another one here says otherwise."""
        twin = twin_of(self, record)
        return twin is not None and self.records.index(twin) < self.records.index(record)


def gather(
    records: "Attention | Digest | Sequence[Attention | Digest]",
    *,
    effects: Effects | None = None,
    vectors: bool | None = None,
    title: str | None = None,
    opening: Mapping[str, object] | None = None,
) -> Contents:
    """Put together what a page shows.

    Raises:
        RequestError: there is nothing to show, or the records are not of one input and of different kinds.
    """
    given = tuple(records) if isinstance(records, Sequence) else (records,)
    chosen = tuple(record for one in given for record in _maps(one))
    _check(chosen)
    return Contents(
        chosen,
        printable_sentence(title or "") or _title(chosen[0]),
        digests=tuple(one for one in given if not isinstance(one, Attention)),
        effects=effects,
        vectors=vectors,
        # Of cells of a long text, which hold next to nothing each, a linear scale shows the largest alone.
        opening={**({"scale": "log"} if any(one.pooling for one in chosen) else {}), **(opening or {})},
    )


def _weights_of(record: Attention) -> int:
    if record.pooling is None:
        return record.weights.size
    return len(record.head_ids) * record.pooling.queries * record.pooling.keys


def _maps(given: "Attention | Digest") -> tuple[Attention, ...]:
    return (given,) if isinstance(given, Attention) else (given.maxima, given.means)


def id_of(record: Attention) -> str:
    """Name a record's map as it stands in a link.

    >>> from attnviz.record import from_arrays
    >>> id_of(from_arrays([[1.0]], ["a"]))
    'self'
    """
    named = record.block if record.view == "weights" else f"{record.block}.{record.view}"
    return named if record.pooling is None or record.pooling.statistic == "maximum" else f"{named}.mean"


def title_of(record: Attention) -> str:
    """Name a record's map for people."""
    block = _BLOCKS[record.block]
    title = block if record.view == "weights" else f"{record.view} of {block}"
    return title if record.pooling is None else f"{title}, {_POOLED[record.pooling.statistic]}"


def twin_of(contents: Contents, record: Attention) -> Attention | None:
    """Give the record that holds the other statistic of the same cells."""
    if record.pooling is None:
        return None
    such = (record.block, record.view, record.queries, record.keys)
    return next(
        (
            other
            for other in contents.records
            if other is not record
            and other.pooling is not None
            and (other.block, other.view, other.queries, other.keys) == such
        ),
        None,
    )


def _check(records: Sequence[Attention]) -> None:
    if not records:
        raise RequestError("an empty page: got no record, allowed one or more")
    for fault in _faults(records):
        raise RequestError(f"these records do not fit on one page: {fault}")


def _faults(records: Sequence[Attention]) -> Iterator[str]:
    first = records[0]
    ids = [id_of(record) for record in records]
    for place, record in enumerate(records):
        if record.text != first.text:
            yield f"got one of another text, {_short(record.text)!r}, allowed {_short(first.text)!r}"
        if (record.model, record.revision) != (first.model, first.revision):
            yield f"got one of another model, {record.model}, allowed {first.model}"
        if ids[place] in ids[:place]:
            yield f"got {ids[place]} twice, allowed each block and view once"


def _title(record: Attention) -> str:
    return _short(record.text) or f"Attention of {name_of_model(record.model)}"


def _short(text: str) -> str:
    # What is cut off cannot be so long that reading it all takes time.
    shown = printable_sentence(text[: 4 * _LONGEST_TITLE])
    return shown if len(shown) <= _LONGEST_TITLE else f"{shown[: _LONGEST_TITLE - 1].rstrip()}…"
