"""The walk in plain words, with shapes at every arrow and every sum to check."""

import math
from collections.abc import Iterator

from attnviz.analysis.walkthrough.coverage import Covered
from attnviz.analysis.walkthrough.steps import Joining, Walkthrough
from attnviz.render.notes import percent as share_of
from attnviz.render.walkthrough import tables
from attnviz.render.walkthrough.blocks import Block, Page, Paragraph, Term, Word, para
from attnviz.render.walkthrough.closing import reads
from attnviz.render.walkthrough.numbers import FOLLOWED, name_of, nouns, percent, scale_text

CAUTION = "Attention shows what a head reads, not why the model answered."

# A scale this near to 1 / sqrt(d_k) is it.
_ROUNDING = 1e-5


def pages(walk: Walkthrough) -> Iterator[Page]:
    """Tell every step, then what the number of heads buys."""
    yield Page("Input: one vector per token", tuple(_input(walk)))
    yield Page("Query, key and value: three linear maps for each head", tuple(_projections(walk)))
    yield Page("Scores, scaling, mask, softmax", tuple(_scores(walk)))
    yield Page("The weighted sum of the values", tuple(_mixture(walk)))
    yield Page("Concatenation of the heads", tuple(_concatenation(walk)))
    yield Page("The output projection", tuple(_joining(walk)))
    yield Page("One head, another head, all heads", tuple(closing(walk)))


def _input(walk: Walkthrough) -> Iterator[Block]:
    width, layer, many = walk.projections.width, walk.head.layer, nouns(walk).tokens
    yield tables.shapes(walk, 1)
    long = "" if width is None else f" of {width} numbers (d_model)"
    what = " (words, pieces of words, signs)" if many == "tokens" else ""
    below = ", and what the layers below have added" if layer else ""
    yield para(
        f"Each of the {len(walk.keys)} {many}{what} comes into layer {layer} as a vector{long}: what it is, "
        f"in most models where it stands{below}."
    )
    if walk.block == "cross":
        yield para(
            f"The {len(walk.queries)} tokens of the decoder look at the {len(walk.keys)} of the encoder: "
            "queries are made from the first, keys and values from the second."
        )
    if table := tables.inputs(walk):
        yield para(f"How the vectors begin. {{}}, at place {walk.position}, is followed:", _query(walk))
        yield table
    else:
        yield para("These numbers are not recorded for this model; what is made of them is.")


def _projections(walk: Walkthrough) -> Iterator[Block]:
    found, heads = walk.projections, len(walk.heads)
    yield tables.shapes(walk, 2)
    shared = len(found.sharing) > 1
    own = "a matrix of its own for queries" if shared else "three matrices of its own"
    yield para(
        f"Each of the {heads} heads has {own}, learned in training. They turn every vector into a {{}} (what "
        f"we look for) and a {{}} (what it contains), {found.d_k} numbers each (d_k), and a {{}} (the "
        f"content), {found.d_v} numbers (d_v).",
        Term("query"),
        Term("key"),
        Term("value"),
    )
    if shared:
        yield para(
            f"Heads {', '.join(map(str, found.sharing))} share the matrices of keys and values, and so K and "
            "V: grouped-query attention, which saves memory."
        )
    if walk.scores.addition != "distance":
        yield para(
            "Where a model rotates queries and keys by their positions (rotary positions), that has been "
            "done: these are the vectors that are compared."
        )
    yield para("How three of them begin:")
    yield tables.vectors(walk)


def _scores(walk: Walkthrough) -> Iterator[Block]:
    yield tables.shapes(walk, 3)
    yield para(
        f"The query of {{}} is compared with every key: the {walk.projections.d_k} pairs of numbers are "
        "multiplied, and the products added up. For {}, the key it reads most:",
        _query(walk),
        name_of(walk.keys, walk.strongest),
    )
    yield tables.product(walk)
    yield para(_scaled(walk) + _added(walk) + _masked(walk))
    yield para(
        "Softmax: e is raised to each score, the largest taken off first, and each result divided by the sum "
        "of all. That makes the weights. With enough digits for a pocket calculator:"
    )
    yield tables.scores(walk)
    yield para(_why_scaled(walk))
    yield tables.spread(walk)


def _scaled(walk: Walkthrough) -> str:
    """Say what scores are multiplied by."""
    found = walk.scores
    if found.scale == 1:
        return "Scale: none in this model; its matrices were trained to do without."
    usual = f"1/√{walk.projections.d_k}"
    is_usual = abs(found.scale * math.sqrt(walk.projections.d_k) - 1) < _ROUNDING
    told = f"{usual} = {scale_text(found.scale)}" if is_usual else scale_text(found.scale)
    return (
        f"Scale: every score times {told}{'' if found.scale_is_known else ', as is usual; it is not told'}."
    )


def _added(walk: Walkthrough) -> str:
    """Say what is added to them."""
    return {
        "nothing": "",
        "distance": " Distance: the query times a vector that was learned for each distance of a key, scaled "
        "alike, is added; that is how this model knows where words stand.",
        "recovered": " Rest: what else this model adds, such as a term for positions. It is recovered from "
        "the weights, up to a constant that changes none of them.",
    }[walk.scores.addition]


def _masked(walk: Walkthrough) -> str:
    """Say which keys are hidden, and what goes to none."""
    found, many = walk.scores, nouns(walk).tokens
    hidden = int((~found.visible).sum())
    mask = (
        f"{hidden} of the {len(walk.keys)} {many} are hidden from this query (−∞)" if hidden else "none here"
    )
    lost = f" {percent(found.lost)} goes to none of the {many}: to a learned sink, or to what is not shown."
    return f" Mask: {mask}.{lost if found.lost else ''}"


def _why_scaled(walk: Walkthrough) -> str:
    """Say what scaling is for, above the numbers that show it."""
    usual = ", in most models," if walk.scores.scale == 1 else ","
    return (
        "What the scale is for: the longer queries and keys are, the larger are their products, as √d_k. "
        f"Unscaled{usual} softmax gives nearly all to one key, and hardly learns any more. Entropy says how "
        f"far weights spread: as far as 2^entropy {nouns(walk).tokens} that are read alike."
    )


def _mixture(walk: Walkthrough) -> Iterator[Block]:
    first = walk.mixture.order[0]
    yield tables.shapes(walk, 4)
    yield para(
        f"What {walk.head} says about {{}} is the sum of all values, each times its weight; the longest term "
        f"first. Of the {walk.projections.d_v} numbers of each vector, {_followed(walk.projections.d_v)}.",
        _query(walk),
    )
    yield tables.mixture(walk)
    yield para(
        "share: how much of the sum a term makes, measured along it (term · sum / sum · sum); below 0 it "
        f"pulls the other way. {{}} makes {percent(float(walk.mixture.shares[first]))}.",
        name_of(walk.keys, first),
    )


def _concatenation(walk: Walkthrough) -> Iterator[Block]:
    d_v, heads, place = walk.projections.d_v, len(walk.heads), walk.place
    yield tables.shapes(walk, 5)
    yield para(
        f"The other {heads - 1} heads do the same with matrices of their own. Their sums are put side by "
        f"side: {heads} × {d_v} = {heads * d_v} numbers, of which [{place * d_v}] to "
        f"[{(place + 1) * d_v - 1}] are those of {walk.head}."
        if heads > 1
        else f"This layer has a single head: its {d_v} numbers are all there is."
    )
    yield tables.strip(walk)


def _joining(walk: Walkthrough) -> Iterator[Block]:
    found = walk.joining
    if found is None:
        yield para(
            "What this model makes of the heads' sums is not one matrix, or does not show: how much of the "
            "result comes from each head is not known."
        )
        return
    yield tables.shapes(walk, 6)
    yield para(
        f"One more matrix mixes the heads into one vector of {len(found.output)} numbers. "
        f"{_parts(walk, found)} Of each, its length, {_followed(len(found.output))}, and its share, measured "
        "as above:"
    )
    yield tables.joining(walk, found)
    yield para(
        f"{walk.head} makes {percent(float(found.shares[walk.place]))} of what comes out. That is added to "
        "the vector {} came in with, and goes on to the rest of the layer.",
        _query(walk),
    )


def _parts(walk: Walkthrough, found: Joining) -> str:
    bias = " and a bias, the same for every text" if found.bias.any() else ""
    return (
        f"Each head meets rows of its own in it, so what comes out is a sum of {len(walk.heads)} parts{bias}."
    )


def closing(walk: Walkthrough) -> Iterator[Paragraph]:
    """Say how many links one head has, two have, and all have."""
    found = walk.coverage
    if found is None:
        yield para("In this text no head of this layer has a link worth telling: each spreads its weights.")
        yield para(CAUTION)
        return
    yield para(
        "A link (brown → fox: brown looks at fox) is a weight of at least twice an even share, most of it "
        f"beyond what the head's other queries give that key. The {found.heads} heads of layer "
        f"{walk.head.layer} have {found.every} different links here."
    )
    yield _head(walk, found.first)
    if found.second is None:
        yield para("No other head of this layer adds a link to these.")
    else:
        yield _head(walk, found.second)
        yield para(
            f"Alone, {found.first.head} has {_of(len(found.first.links), found.every)} and "
            f"{found.second.head} {_of(len(found.second.links), found.every)}. Together they have "
            f"{_of(found.both, found.every)}; all {found.heads} heads have {found.every}."
        )
    yield para(CAUTION)


def _head(walk: Walkthrough, covered: Covered) -> Paragraph:
    told = reads(walk, covered)
    return para(f"Head {covered.head} reads {'{}' * len(told)}.", *told)


def _of(count: int, every: int) -> str:
    return f"{count} of {every} ({share_of(count / every)})"


def _query(walk: Walkthrough) -> Word:
    return name_of(walk.queries, walk.position)


def _followed(length: int) -> str:
    """Name the numbers that are followed of vectors of a length."""
    return "all of them" if length <= FOLLOWED else f"the {FOLLOWED} in which the sum is largest"
