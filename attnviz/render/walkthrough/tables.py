"""The tables of a walk, for all who want to do the sums themselves."""

from collections.abc import Iterator, Sequence

import numpy as np

from attnviz.analysis.walkthrough.steps import Joining, Numbers, Walkthrough
from attnviz.render.walkthrough.blocks import Arrow, Bars, Column, Matrix, Shapes, Strip, Table, shown
from attnviz.render.walkthrough.numbers import (
    EXAMPLES,
    FOLLOWED,
    MOST_HEADS,
    exact,
    keys_to_show,
    nouns,
    numbered,
    percent_cell,
)

# A smaller weight would be written as 0.
_WRITTEN = 5e-7


def inputs(walk: Walkthrough) -> Table | None:
    """Show how the vectors that come in begin; nothing where the record does not hold them."""
    vectors = walk.projections.inputs
    if vectors is None:
        return None
    places = sorted({*keys_to_show(walk), walk.position})
    names = Column("token", numbered(walk.keys, places), "left")
    marked = tuple(row for row, place in enumerate(places) if place == walk.position)
    return Table((names, *_beginnings([vectors[place] for place in places], "x")), marked=marked)


def vectors(walk: Walkthrough) -> Table:
    """Show how the query's query, and the key and value of the key it reads most, begin."""
    found, strongest = walk.projections, walk.strongest
    query, key = shown(walk.query.text), shown(walk.keys[strongest].text)
    names = Column("", (f"q of {query}", f"k of {key}", f"v of {key}"), "left")
    return Table((names, *_beginnings([found.query, found.keys[strongest], found.values[strongest]])))


def product(walk: Walkthrough) -> Table:
    """Show the largest products of which one score is the sum, and what the others come to."""
    query, key = walk.projections.query, walk.projections.keys[walk.strongest]
    each = query * key
    largest = np.sort(np.argsort(-abs(each), kind="stable")[:EXAMPLES]).tolist()
    rest = float(each.sum() - each[largest].sum())
    others = len(each) - len(largest)
    more = [f"{others} others together"] if others else []
    blank = ("",) * len(more)
    return Table(
        (
            Column("number", (*(f"[{at}]" for at in largest), *more, "q·k"), "left"),
            Column("q", (*(exact(query[at]) for at in largest), *blank, "")),
            Column("k", (*(exact(key[at]) for at in largest), *blank, "")),
            Column(
                "q × k",
                (
                    *(exact(each[at]) for at in largest),
                    *([exact(rest)] if more else []),
                    exact(float(each.sum())),
                ),
            ),
        ),
        closed=True,
    )


def scores(walk: Walkthrough) -> Table:
    """Show the way from products to weights, one line for each key."""
    found, places = walk.scores, keys_to_show(walk)
    columns = [Column("q·k", tuple(exact(found.products[place]) for place in places))]
    if found.scale != 1:
        columns.append(_numbers(f"× {found.scale:.4g}", found.scaled, places))
    if found.addition != "nothing":
        columns.append(
            _numbers("+ distance" if found.addition == "distance" else "+ rest", found.added, places)
        )
    if found.addition != "nothing" or not found.visible[places].all():
        columns.append(_numbers("= logit", found.logits, places))
    columns.append(_numbers("e^(…-max)", found.exponentials, places))
    columns.append(_numbers("weight", found.weights, places))
    names = list(numbered(walk.keys, places))
    rows = [list(column.cells) for column in columns]
    bars: list[float | None] = [float(found.weights[place]) for place in places]
    hidden = [place for place in range(len(walk.keys)) if place not in places]
    if hidden:
        last = (float(found.exponentials[hidden].sum()), float(found.weights[hidden].sum()))
        _append(names, rows, f"{len(hidden)} others", last)
        bars.append(last[1])
    if found.lost:
        _append(names, rows, "nowhere", (found.lost_exponential, found.lost))
        bars.append(found.lost)
    _append(names, rows, "sum", (found.total, float(found.weights.sum() + found.lost)))
    titled = [Column(column.title, tuple(cells)) for column, cells in zip(columns, rows, strict=True)]
    return Table(
        (Column("token", tuple(names), "left"), *titled),
        Bars((*bars, None)),
        tuple(row for row, place in enumerate(places) if place == walk.strongest),
        closed=True,
    )


def spread(walk: Walkthrough) -> Table:
    """Show how far the weights spread with the scaling and without it."""
    found = walk.scores
    rows = [found.spread, found.otherwise]
    if found.scale == 1:
        names = ("as in this model", f"if scaled, × {found.otherwise.factor:.4g}")
    else:
        names = (f"scaled, × {found.scale:.4g}", "if it were not")
    return Table(
        (
            Column("", names, "left"),
            Column("entropy in bits", tuple(exact(row.entropy) for row in rows)),
            Column("2^entropy", tuple(exact(row.breadth) for row in rows)),
            Column("largest weight", tuple(exact(row.largest) for row in rows)),
        ),
        marked=(0,),
    )


def mixture(walk: Walkthrough) -> Table:
    """Show the weighted sum, longest term first, through the numbers of it that come out largest."""
    found, values, weights = walk.mixture, walk.projections.values, walk.scores.weights
    kept = {place for place in keys_to_show(walk) if weights[place] >= _WRITTEN}
    places = [place for place in found.order if place in kept]
    hidden = [place for place in found.order if place not in kept]
    followed = _largest(found.output)
    names = [*numbered(walk.keys, places)]
    shares = [float(found.shares[place]) for place in places]
    weight = [exact(weights[place]) for place in places]
    numbers = [[exact(values[place, at]) for place in places] for at in followed]
    if hidden:
        mass = float(weights[hidden].sum())
        names.append(f"{len(hidden)} others, on average")
        weight.append(exact(mass))
        shares.append(float(found.shares[hidden].sum()))
        for cells, at in zip(numbers, followed, strict=True):
            cells.append(exact(float(found.terms[hidden, at].sum()) / mass if mass else 0.0))
    for cells, at in zip(numbers, followed, strict=True):
        cells.append(exact(float(found.output[at])))
    columns = [Column(f"v[{at}]", tuple(cells)) for at, cells in zip(followed, numbers, strict=True)]
    return Table(
        (
            Column("token", (*names, "sum of weight × v"), "left"),
            Column("weight", (*weight, "")),
            *columns,
            Column("share", (*map(percent_cell, shares), percent_cell(sum(shares)))),
        ),
        Bars((*shares, None)),
        closed=True,
    )


def joining(walk: Walkthrough, found: Joining) -> Table:
    """Show what each head adds to the numbers of the output that come out largest."""
    followed = _largest(found.output)
    order = np.argsort(-abs(found.shares), kind="stable")[:MOST_HEADS]
    places = sorted({*order.tolist(), walk.place})
    hidden = [place for place in range(len(walk.heads)) if place not in places]
    rows: list[tuple[str, Numbers, float]] = [
        (f"H{walk.heads[place]}", found.contributions[place], float(found.shares[place])) for place in places
    ]
    if hidden:
        rest = found.contributions[hidden].sum(axis=0)
        rows.append((f"{len(hidden)} others", rest, float(found.shares[hidden].sum())))
    if found.bias.any():
        rows.append(("bias", found.bias, found.bias_share))
    total = float(found.shares.sum()) + found.bias_share
    columns = [
        Column(f"o[{at}]", (*(exact(float(part[at])) for _, part, _ in rows), exact(float(found.output[at]))))
        for at in followed
    ]
    lengths = [*(part for _, part, _ in rows), found.output]
    return Table(
        (
            Column("head", (*(name for name, _, _ in rows), "sum"), "left"),
            Column("length", tuple(f"{np.linalg.norm(part):.3f}" for part in lengths)),
            *columns,
            Column("share", (*(percent_cell(share) for _, _, share in rows), percent_cell(total))),
        ),
        Bars((*(share for _, _, share in rows), None)),
        (places.index(walk.place),),
        closed=True,
    )


def shapes(walk: Walkthrough, step: int) -> Shapes:
    """Draw the shapes of a step, one arrow for each matrix."""
    found, queries, keys = walk.projections, len(walk.queries), len(walk.keys)
    heads, width = len(walk.heads), found.width
    across = walk.block == "cross"
    x, y = Matrix("X", queries, width), Matrix("Y" if across else "X", keys, width)
    if step == 1:
        return Shapes(
            (Arrow(f"{keys} {nouns(walk).tokens}", "the layers below", y),)
            if not across
            else (
                Arrow(f"{queries} tokens that look", "the layers below", x),
                Arrow(f"{keys} {nouns(walk).tokens} looked at", "their own layers", y),
            )
        )
    if step == 2:
        return Shapes(
            (
                Arrow(
                    x, Matrix("W_Q", width, found.d_k), Matrix("Q", queries, found.d_k), "what we look for"
                ),
                Arrow(y, Matrix("W_K", width, found.d_k), Matrix("K", keys, found.d_k), "what it contains"),
                Arrow(y, Matrix("W_V", width, found.d_v), Matrix("V", keys, found.d_v), "the content"),
            )
        )
    if step == 3:
        logits = Matrix("logits", 1, keys)
        scale = "" if walk.scores.scale == 1 else f"× {walk.scores.scale:.4g}"
        more = {"nothing": "", "distance": " + distance", "recovered": " + rest"}[walk.scores.addition]
        return Shapes(
            (
                Arrow(Matrix("q", 1, found.d_k), Matrix("Kᵀ", found.d_k, keys), Matrix("q·k", 1, keys)),
                Arrow(Matrix("q·k", 1, keys), f"{scale}{more}".strip() or "as they are", logits),
                Arrow(logits, "softmax", Matrix("weights", 1, keys), "sum: 1"),
            )
        )
    if step == 4:
        return Shapes(
            (Arrow(Matrix("weights", 1, keys), Matrix("V", keys, found.d_v), Matrix("z", 1, found.d_v)),)
        )
    whole = Matrix("concat", 1, heads * found.d_v)
    if step == 5:
        return Shapes((Arrow(Matrix(f"{heads} × z", 1, found.d_v), "side by side", whole),))
    out = None if walk.joining is None else len(walk.joining.output)
    return Shapes((Arrow(whole, Matrix("W_O", heads * found.d_v, out), Matrix("o", 1, out)),))


def strip(walk: Walkthrough) -> Strip:
    """Draw the heads' sums side by side."""
    return Strip(tuple(f"H{number}" for number in walk.heads), walk.place)


def _numbers(title: str, numbers: Numbers, places: Sequence[int]) -> Column:
    return Column(title, tuple(exact(float(numbers[place])) for place in places))


def _append(names: list[str], rows: list[list[str]], name: str, last: tuple[float, float]) -> None:
    """Add a row that has something in its last two columns only."""
    names.append(name)
    for cells in rows[:-2]:
        cells.append("")
    for cells, value in zip(rows[-2:], last, strict=True):
        cells.append(exact(value))


def _largest(output: Numbers) -> list[int]:
    """Pick the numbers of a vector that are followed, in order."""
    picked: list[int] = np.sort(np.argsort(-abs(output), kind="stable")[:FOLLOWED]).tolist()
    return picked


def _beginnings(vectors: Sequence[Numbers], name: str = "") -> Iterator[Column]:
    """Show the first numbers of each vector, and that there are more."""
    shortest = min(map(len, vectors))
    count = min(EXAMPLES, shortest)
    for at in range(count):
        more = "…" if at == count - 1 < shortest - 1 else ""
        cells = tuple(f"{vector[at]:.3f} {more}".rstrip() for vector in vectors)
        yield Column(f"{name}[{at}]{'  ' if more else ''}", cells)
