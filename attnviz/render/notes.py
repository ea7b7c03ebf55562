"""What a reader has to be told beside any picture of a record, in words a terminal and a figure share."""

from collections.abc import Iterator, Sequence

from attnviz.analysis.alignment import Alignment
from attnviz.record import Attention, Statistic, Token, View
from attnviz.render.positions import is_part, spans
from attnviz.render.scales import floor_of, written
from attnviz.selection import HeadId, numbers_as_ranges

# Of more heads that are named one by one than this the others are left out.
_MOST_NAMED = 8

# Of more groups of heads than this only the first and the last are named.
_MOST_GROUPS = 4

# Less weight than this beside a picture's patches is not worth a note.
_TOLD = 0.005

# What the colours of a view stand for, in a word or two.
_SCALES: dict[View, str] = {
    "norms": "norm",
    "gradients": "gradient",
    "rollout": "rollout",
    "flow": "flow",
    "relevance": "relevance",
}

# What a cell shows of the weights it stands for, as an adjective.
_SHOWN: dict[Statistic, str] = {"maximum": "largest", "mean": "mean"}

LATER = "later keys, which the query cannot see"
OUTSIDE = "keys outside the query's window"
BORDER = "where what the model said itself begins"
NO_ROOM = "next tokens left out: no room beside the rows"
PREDICTION = "the next token, and the probability the model gives it"


def view(record: Attention) -> Iterator[str]:
    """Say what the numbers are, where they are not the weights themselves."""
    if record.view != "weights":
        from attnviz.analysis.through.view import describe

        yield describe(record)


def scale(record: Attention) -> str:
    """Name what the colours stand for."""
    return "weight" if record.view == "weights" else _SCALES[record.view]


def per_cell(record: Attention) -> Iterator[str]:
    """Name what is shown of the weights that share a cell, where some do."""
    if record.pooling:
        yield f"{record.pooling.statistic} per cell"


def pooled(record: Attention) -> Iterator[str]:
    """Say how many weights were made into how many cells, and what of them a cell shows."""
    if record.pooling:
        weights, cells = (
            f"{rows:,} × {columns:,}"
            for rows, columns in (
                (record.pooling.queries, record.pooling.keys),
                (len(record.queries), len(record.keys)),
            )
        )
        yield f"pooled {weights} to {cells}, {''.join(per_cell(record))}"


def logarithmic(record: Attention, top: float) -> Iterator[str]:
    """Say where the colours begin and that they are no linear scale, where they are none."""
    if record.pooling and (floor := floor_of(record, top)):
        spread = (
            f", an even spread over {record.pooling.keys:,} keys" if floor * record.pooling.keys == 1 else ""
        )
        yield f"logarithmic colours from {written(floor)} up{spread}"


def positions(record: Attention) -> Iterator[str]:
    """Say where rows and columns stand in the whole input, where they say so themselves."""
    queries, keys = (_positions(record, tokens) for tokens in (record.queries, record.keys))
    named = {"query and key": queries} if queries == keys else {"query": queries, "key": keys}
    yield from (f"{name} positions {told}" for name, told in named.items() if told)


def _positions(record: Attention, tokens: Sequence[Token]) -> str:
    """Say from where to where a side's tokens are, and how many share a cell."""
    if not is_part(tokens):
        return ""
    runs = spans(tokens)
    extent = f"{runs[0][0]:,} to {runs[-1][-1]:,}"
    least, most = min(map(len, runs)), max(map(len, runs))
    if record.pooling is None or most == 1:
        return f"{extent} of the whole input"
    return f"{extent}, {most if least == most else f'{least} to {most}'} tokens a cell"


def shown(record: Attention) -> str:
    """Say which of the weights that share a cell is shown: the "largest", or the "mean" of them."""
    return _SHOWN[record.pooling.statistic] if record.pooling else _SHOWN["maximum"]


def has_sink(record: Attention, head: HeadId) -> bool:
    """Whether what a head's rows lack to 1 went to its learned sink.

    Brought back to 1, they lack nothing; and a row of pooled cells has no sum that would mean anything.
    """
    return head.layer in record.sinks and not record.renormalized and record.pooling is None


def unexplained(record: Attention, heads: Sequence[HeadId]) -> tuple[HeadId, ...]:
    """Name the heads whose rows may lack mass for a reason that nothing else in the picture tells."""
    if record.dropped or record.view != "weights" or record.pooling:
        return ()
    return tuple(head for head in heads if not has_sink(record, head))


def dropped(record: Attention) -> Iterator[str]:
    """Say so if tokens were taken out with the mass they had."""
    if record.dropped:
        again = "; rows brought back to 1" if record.renormalized else ""
        such = (
            ", such as silence added behind the sound"
            if any(key.kind == "frame" for key in record.keys)
            else ""
        )
        yield f"{percent(record.dropped)} of the mass is on tokens not shown{such}{again}"


def beside_patches(shares: Sequence[float]) -> Iterator[str]:
    """Say how much of the weight some heads give to tokens that are no patches of a picture, if it is much.

    >>> list(beside_patches([0.02, 0.31])), list(beside_patches([0.0, 0.31])), list(beside_patches([0.001]))
    (['2% to 31% of the weight is on tokens that are no patches'], \
['up to 31% of the weight is on tokens that are no patches'], [])
    """
    least, most = percent(min(shares)), percent(max(shares))
    if max(shares) < _TOLD:
        return
    told = most if least == most else f"{least} to {most}" if min(shares) >= _TOLD else f"up to {most}"
    yield f"{told} of the weight is on tokens that are no patches"


def sink(record: Attention, name: str = "sink") -> str:
    """Say what a sink's column shows, by the name that stands at it."""
    other = " and on tokens not shown" if record.dropped else ""
    return f"{name}: mass on the head's learned sink{other}"


def sinks(record: Attention, heads: Sequence[HeadId]) -> Iterator[str]:
    """Say how much learned sinks take, where they have no column of their own."""
    shares = [record.lost(head) for head in heads if has_sink(record, head)]
    if shares:
        mean = sum(float(share.mean()) for share in shares) / len(shares)
        most = max(float(share.max()) for share in shares)
        yield f"learned sinks take {percent(mean)} of the mass, up to {percent(most)} of a row"


def sharing(record: Attention, heads: Sequence[HeadId]) -> Iterator[str]:
    """Say which heads read the same keys and values."""
    if record.heads_per_key == 1:
        return
    if len(heads) == 1:
        others = [head.index for head in record.sharing_keys(heads[0]) if head != heads[0]]
        yield f"shares keys with H{numbers_as_ranges(others)}"
        return
    firsts = sorted({head.index // record.heads_per_key * record.heads_per_key for head in heads})
    groups = [f"{first}-{first + record.heads_per_key - 1}" for first in firsts]
    if len(groups) > _MOST_GROUPS:
        groups = [*groups[:2], "…", groups[-1]]
    yield f"heads that share keys: {', '.join(groups)}"


def aligning(alignment: Alignment) -> str:
    """Name the heads that line words up with time."""
    heads = alignment.heads
    if len(heads) <= _MOST_NAMED:
        return ", ".join(map(str, heads))
    return f"{len(heads)} heads of layers {numbers_as_ranges(sorted({head.layer for head in heads}))}"


def chosen_to_align(alignment: Alignment) -> Iterator[str]:
    """Say why it is these heads that line words up with time."""
    if alignment.named is True:
        yield "these heads are named for this by the model's authors"
    elif alignment.named is False:
        yield "no head is named for this: those of upper layers are used"


def percent(share: float) -> str:
    """Write a share of 1, a small one with the digits it needs.

    >>> percent(0.126), percent(0.0042), percent(0.00001)
    ('13%', '0.4%', 'under 0.1%')
    """
    if share >= 0.0095 or share == 0:
        return f"{share:.0%}"
    return f"{share:.1%}" if share >= 0.0005 else "under 0.1%"


def write_share(share: float) -> str:
    """Write a share of 1 with two decimals and no zero before them.

    >>> write_share(0.834), write_share(0.999), write_share(0.001)
    ('.83', '1.0', '<.01')
    """
    if share < 0.005:
        return "<.01"
    return f"{share:.2f}"[1:] if share < 0.995 else "1.0"
