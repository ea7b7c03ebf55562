"""A story as one HTML file: it asks nobody for anything, runs nothing, and shows every token as text."""

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.record import Attention
from attnviz.render.labels import clusters
from attnviz.render.theme import THEMES, Theme
from attnviz.render.walkthrough.blocks import (
    Arrow,
    Block,
    Column,
    Formula,
    Page,
    Paragraph,
    Piece,
    Points,
    Shapes,
    Story,
    Strip,
    Table,
    Term,
    Word,
)
from attnviz.render.walkthrough.drawings import NAME, SMALL, WIDTH, Drawing, Square, flow, square
from attnviz.render.walkthrough.tell import Level, tell

# Nothing is fetched, nothing is run and nothing is sent, whatever else the file may come to hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

# The scale of weights in so many steps, each a class, so that it can be dark on dark pages.
_STEPS = 32

# A label at the side of the square has at most so many letters.
_LABEL = 14

# The square's cells are as large as its paper allows, up to this.
_LARGEST_CELL = 26.0

# A drawing is enlarged by so much where there is room; one of few tokens is at least so wide.
_ENLARGED, _NARROWEST = 1.3, 220.0

_STYLE = """
:root { color-scheme: light dark; %(light)s }
@media (prefers-color-scheme: dark) { :root { %(dark)s } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.1rem 4rem; max-width: 46rem; background: var(--page);
  color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 .3rem; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 3rem 0 .8rem; padding-top: 1rem;
  border-top: 1px solid var(--rule); text-wrap: balance; }
h2 small { display: block; color: var(--muted); font-size: .8rem; font-weight: 400; }
.about, figcaption, .source { color: var(--muted); }
.about { margin: 0 0 2rem; }
dfn { font-style: italic; font-weight: 600; }
figure { margin: 1.8rem 0; }
figcaption { font-size: .85rem; line-height: 1.4; margin-top: .6rem; max-width: 36rem; }
figure > svg { display: block; width: 100%%; height: auto; }
.scroll { overflow-x: auto; margin: 1.2rem 0; }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .9rem .15rem 0; text-align: right; white-space: nowrap; font-weight: 400; }
thead th { color: var(--muted); border-bottom: 1px solid var(--rule); }
.left, tbody th { text-align: left; }
tbody th { min-width: 5.5rem; white-space: normal; overflow-wrap: anywhere; position: sticky; left: 0;
  background: var(--page); }
.strong th, .strong td { font-weight: 700; }
.closing th, .closing td { font-weight: 700; border-top: 1px solid var(--rule); }
.lengths { width: 7rem; min-width: 4rem; padding-right: 0; }
.lengths svg { display: block; width: 7rem; height: .6rem; }
.shapes { list-style: none; padding: 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
.shapes li { display: flex; flex-wrap: wrap; gap: 0 .6rem; margin: .3rem 0; }
.shapes .by, .shapes .says { color: var(--muted); }
.strip { display: flex; flex-wrap: wrap; list-style: none; padding: 0; gap: 2px; font-size: .85rem; }
.strip li { border: 1px solid var(--rule); padding: .1rem .5rem; color: var(--muted); }
.strip .chosen { border-color: var(--accent); background: var(--accent); color: var(--page);
  font-weight: 700; }
.formula { margin: 1.2rem 0 1.2rem 1.2rem; font: 1.1rem/1.5 ui-serif, Georgia, serif; }
.source { font-size: .85rem; display: block; }
svg text { font-family: system-ui, sans-serif; fill: var(--ink); }
svg .name { font-weight: 700; } svg .size, svg .deed, svg .axis { fill: var(--muted); }
.matrix { fill: var(--box); stroke: var(--muted); stroke-width: .8; } .part { fill: var(--accent); }
.way { fill: none; stroke: var(--muted); stroke-width: .9; } .tip { fill: var(--muted); }
.frame { fill: none; stroke: var(--accent); stroke-width: 2; } .edge { fill: none; stroke: var(--rule); }
.hidden { fill: var(--hidden); } .bar { fill: var(--accent); }
.below { fill: none; stroke: var(--accent); stroke-dasharray: 2 2; }
%(levels)s
@media print {
  :root { %(light)s } body { max-width: none; padding: 0; font-size: 10pt; }
  h2, figcaption { break-after: avoid; } figure, tr, .shapes, .strip { break-inside: avoid; }
  figure > svg { max-height: 20cm; }
  .scroll { overflow: visible; } table { font-size: 8pt; }
  svg, .chosen { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def html(walk: Walkthrough, record: Attention, level: Level) -> str:
    """Write a walk as one HTML file with drawings of the shapes and of the weights.

    Args:
        walk: what to tell.
        record: what the walk was made of.
        level: of the telling; see `attnviz.render.walkthrough.tell`.

    Raises:
        OutOfRange: the record lacks the head that is followed.
    """
    story = tell(walk, level)
    drawn = _whole_way(flow(walk, level)), _weights(square(walk, record, level))
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(story.title)}: {escape(story.about)}</title>",
        f"<style>{_style()}</style>",
        "</head>",
        "<body>",
        "<main>",
        "<header>",
        f"<h1>{escape(story.title)}</h1>",
        f'<p class="about"><bdi>{escape(story.about)}</bdi></p>',
        "</header>",
        *_pages(story, level, *drawn),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _style() -> str:
    levels = "\n".join(f".w{step} {{ fill: var(--w{step}); }}" for step in range(_STEPS + 1))
    return _STYLE % {"light": _variables("light"), "dark": _variables("dark"), "levels": levels}


def _variables(name: str) -> str:
    theme: Theme = THEMES[name]
    light = name == "light"
    known = {
        "page": theme.background,
        "ink": theme.foreground,
        "muted": theme.muted if not light else "#595959",
        "rule": theme.rule,
        "hidden": theme.masked,
        "box": "#deebf7" if light else "#1d2b3a",
        "accent": "#d55e00" if light else "#ffa04d",
    }
    known |= {
        f"w{step}": "#{:02x}{:02x}{:02x}".format(*theme.color(step / _STEPS)) for step in range(_STEPS + 1)
    }
    return " ".join(f"--{key}: {value};" for key, value in known.items())


def _pages(story: Story, level: Level, way: str, weights: str) -> Iterator[str]:
    """Write every page; the weights where they are made, the whole way where its words are known."""
    last = len(story.pages) - 1
    if level != "beginner":
        yield way
    for number, page in enumerate(story.pages):
        step = f"<small>Step {number + 1} of {last}</small> " if number < last else ""
        yield f'<section id="{f"step-{number + 1}" if number < last else "heads"}">'
        yield f"<h2>{step}{escape(page.title)}</h2>"
        yield from _page(page)
        if number == 2:
            yield weights
        if number == last - 1 and level == "beginner":
            yield way
        yield "</section>"


def _page(page: Page) -> Iterator[str]:
    for block in page.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"<p>{_text(block)}</p>"
    elif isinstance(block, Points):
        yield "<ul>"
        yield from (f"<li>{_text(paragraph)}</li>" for paragraph in block.paragraphs)
        yield "</ul>"
    elif isinstance(block, Formula):
        source = f'<span class="source">({escape(block.source)})</span>' if block.source else ""
        yield f'<p class="formula">{escape(block.plain)}{source}</p>'
    elif isinstance(block, Shapes):
        yield '<ul class="shapes">'
        yield from map(_arrow, block.arrows)
        yield "</ul>"
    elif isinstance(block, Strip):
        yield from _strip(block)
    else:
        yield from _table(block)


def _text(paragraph: Paragraph) -> str:
    return "".join(map(_piece, paragraph.pieces))


def _piece(piece: Piece) -> str:
    if isinstance(piece, Word):
        word = f"<strong><bdi>{escape(piece.text)}</bdi></strong>"
        return word if piece.alone else f"“{word}”"
    if isinstance(piece, Term):
        return f"<dfn>{escape(piece.text)}</dfn>"
    return escape(piece)


def _arrow(arrow: Arrow) -> str:
    by = f"── {escape(str(arrow.by))} ─▶" if str(arrow.by) else "──▶"
    says = f'<span class="says">{escape(arrow.says)}</span>' if arrow.says else ""
    return (
        f'<li><span>{escape(str(arrow.source))}</span><span class="by">{by}</span>'
        f"<strong>{escape(str(arrow.result))}</strong>{says}</li>"
    )


def _strip(strip: Strip) -> Iterator[str]:
    yield '<ol class="strip">'
    for place, label in enumerate(strip.labels):
        chosen = ' class="chosen"' if place == strip.chosen else ""
        yield f"<li{chosen}>{escape(label)}</li>"
    yield "</ol>"


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    titles = "".join(_cell("th", column.title, column, ' scope="col"') for column in table.columns)
    bars = table.bars.values if table.bars is not None else ()
    yield f"<thead><tr>{titles}{'<td></td>' if bars else ''}</tr></thead>"
    yield "<tbody>"
    largest = max(1.0, *(abs(value) for value in bars if value is not None)) if bars else 1.0
    for row in range(table.height):
        names, *others = table.columns
        cells = [_cell("th", names.cells[row], names, ' scope="row"')]
        cells += [_cell("td", column.cells[row], column) for column in others]
        if bars:
            cells.append(f'<td class="lengths">{_bar(bars[row], largest)}</td>')
        yield f"<tr{_row_class(table, row)}>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _cell(tag: str, text: str, column: Column, more: str = "") -> str:
    align = ' class="left"' if column.align == "left" else ""
    # Left to right, so that the place of a token stays before it.
    return f'<{tag}{align}{more}><bdi dir="ltr">{escape(text.strip())}</bdi></{tag}>'


def _row_class(table: Table, row: int) -> str:
    if table.closed and row == table.height - 1:
        return ' class="closing"'
    return ' class="strong"' if row in table.marked else ""


def _bar(value: float | None, largest: float) -> str:
    """Draw a number as a length; below 0 hollow, so that it needs no colour."""
    if value is None:
        return ""
    kind, length = ("below" if value < 0 else "bar"), abs(value) / largest * 100
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" y="1" width="{length:.2f}" height="6"/></svg>'
    )


def _whole_way(drawing: Drawing) -> str:
    """Draw all shapes."""
    parts = [
        f'<rect class="{rect.kind}" x="{rect.corner[0]:.1f}" y="{rect.corner[1]:.1f}" '
        f'width="{rect.width:.1f}" height="{rect.height:.1f}"/>'
        for rect in drawing.rects
    ]
    for stroke in drawing.strokes:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in stroke.points)
        parts.append(f'<polyline class="way" fill="none" stroke="currentColor" points="{points}"/>')
        if stroke.has_head:
            x, y = stroke.points[-1]
            parts.append(f'<path class="tip" d="M{x:.1f} {y:.1f}l-3.5 -6h7z"/>')
    parts += [
        _svg_text(label.at, label.text, label.kind, NAME if label.kind == "name" else SMALL, label.anchor)
        for label in drawing.labels
    ]
    return _figure(parts, (WIDTH, drawing.height), "The shapes on the way, step by step", drawing.caption)


def _weights(found: Square) -> str:
    """Draw the weights of a head, the row of the query framed."""
    rows, columns = found.weights.shape
    labels = [_short(text) for text in (*found.rows, *found.columns)]
    left = 26 + SMALL * 0.62 * max(map(_letters, labels[:rows]))
    cell = min((WIDTH - left - 6) / columns, _LARGEST_CELL)
    letter = min(SMALL, cell * 0.95)
    bottom = 6 + rows * cell
    parts = [
        _svg_cell(found, row, column, (left + column * cell, 6 + row * cell), cell)
        for row in range(rows)
        for column in range(columns)
    ]
    parts.append(_outline("edge", (left, 6), columns * cell, rows * cell))
    parts.append(_outline("frame", (left, 6 + found.chosen * cell), columns * cell, cell))
    for row, text in enumerate(labels[:rows]):
        kind = "name" if row == found.chosen else "label"
        parts.append(_svg_text((left - 5, 6 + (row + 0.5) * cell), text, kind, letter, "end"))
    for column, text in enumerate(labels[rows:]):
        at = left + (column + 0.5) * cell, bottom + 5
        parts.append(_svg_text(at, text, "label", letter, "end", turned=True))
    reach = bottom + 12 + letter * 0.62 * max(map(_letters, labels[rows:]))
    middle = left + columns * cell / 2
    parts.append(_svg_text((middle, reach + 8), f"{found.names[1]} →", "axis", SMALL, "middle"))
    parts.append(
        _svg_text((9, 6 + rows * cell / 2), f"← {found.names[0]}", "axis", SMALL, "middle", turned=True)
    )
    parts += _legend(found, left, reach + 24)
    return _figure(
        parts,
        (max(left + columns * cell + 6, _NARROWEST), reach + 46),
        "The weights of one head",
        found.caption,
    )


def _svg_cell(found: Square, row: int, column: int, corner: tuple[float, float], cell: float) -> str:
    weight = float(found.weights[row, column])
    seen = bool(found.visible[row, column])
    kind = f"w{round(weight / found.top * _STEPS)}" if seen else "hidden"
    told = f"{found.rows[row]} → {found.columns[column]}: {f'{weight:.4f}' if seen else 'hidden'}"
    x, y = corner
    return (
        f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{cell:.2f}" height="{cell:.2f}">'
        f"<title>{escape(told)}</title></rect>"
    )


def _legend(found: Square, left: float, top: float) -> list[str]:
    """Draw the scale of colours between its two ends."""
    each, start = 2.5, left + 14
    parts = [_svg_text((left, top + 4), "0", "axis", SMALL, "start")]
    parts += [_outline(f"w{step}", (start + step * each, top), each + 0.3, 8) for step in range(_STEPS + 1)]
    width = (_STEPS + 1) * each
    parts.append(_outline("edge", (start, top), width, 8))
    parts.append(_svg_text((start + width + 6, top + 4), f"{found.top:.4f}", "axis", SMALL, "start"))
    return parts


def _outline(kind: str, corner: tuple[float, float], width: float, height: float) -> str:
    x, y = corner
    hollow = ' fill="none" stroke="currentColor"' if kind in ("edge", "frame") else ""
    return f'<rect class="{kind}"{hollow} x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'


def _svg_text(
    at: tuple[float, float], text: str, kind: str, size: float, anchor: str, *, turned: bool = False
) -> str:
    x, y = at
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" text-anchor="{anchor}" '
        f'dominant-baseline="central"{turn}>{escape(text)}</text>'
    )


def _figure(parts: Sequence[str], size: tuple[float, float], name: str, caption: str) -> str:
    drawn = "\n".join(parts)
    width, height = size
    return (
        f'<figure>\n<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width: {width * _ENLARGED:.0f}px" '
        f'role="img" aria-label="{escape(name)}">\n'
        f"{drawn}\n</svg>\n<figcaption><bdi>{escape(caption)}</bdi></figcaption>\n</figure>"
    )


def _letters(text: str) -> int:
    """Count letters, those of East Asia twice: they are as wide as two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _short(text: str) -> str:
    """Cut a label between characters that belong together."""
    if _letters(text) <= _LABEL:
        return text
    kept = ""
    for cluster in clusters(text):
        if _letters(kept + cluster) > _LABEL - 1:
            break
        kept += cluster
    return f"{kept}…"
