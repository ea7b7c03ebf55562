"""The table in a real browser: every cell is what `attnviz.focus` says, in the words of the terminal."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import attnviz
from attnviz.analysis.effect import Effect, Effects
from attnviz.analysis.focus import Focus, HeadFocus, Link
from attnviz.analysis.patterns.find import NO_PATTERN
from attnviz.analysis.patterns.naming import BROAD
from attnviz.analysis.through.view import view
from attnviz.record import Attention, Token
from attnviz.render.labels import printable
from attnviz.render.page import Page, page
from attnviz.render.terminal.cells import weight_text
from attnviz.render.terminal.sentences import coverage, decimals
from tests.render.page.browsing import Visit
from tests.render.page.conftest import Visiting

SAMPLES = Path(__file__).parents[3] / "samples"
READ = """() => [...document.querySelectorAll(".table-row")].map((row) =>
  [...row.cells].map((cell) => cell.innerText.replace(/\\s+/g, " ").trim()))"""
NEAR = 0.1


def sample(name: str) -> Attention:
    return attnviz.read(SAMPLES / f"{name}.safetensors")


def word(text: str, token: Token) -> str:
    """As in a terminal, but whole."""
    if token.kind == "patch" and token.place is not None:
        return "row {:.0f} column {:.0f}".format(*token.place)
    shown = printable(text)
    return shown if any(char.isalnum() for char in shown) else f"“{shown}”"


def told(share: float, sign: str = "-") -> str:
    return decimals(share, sign).replace("-", "−")


def link_text(found: Focus, link: Link) -> str:
    source = word(link.source, found.queries[link.source_position])
    target = word(link.target, found.tokens[link.target_position])
    return " ".join(f"{source} → {target} {weight_text(link.weight)}".split())


def shape(head: HeadFocus) -> list[str]:
    """The cells of pattern, score and margin."""
    found = head.pattern
    if found.label == BROAD:
        return [BROAD, told(found.score), ""]
    if found.label != NO_PATTERN:
        error = "" if np.isnan(found.error) else f" ±{told(found.error)}"
        return [found.label, told(found.score), told(found.over_chance, "+") + error]
    if found.over_chance < NEAR:
        return [NO_PATTERN, "", ""]
    return [f"{NO_PATTERN} nearest: {found.nearest}", told(found.score), told(found.over_chance, "+")]


def cells(found: Focus, head: HeadFocus, one: str) -> list[str]:
    words = [f"{word(w.token, found.tokens[w.position])} {w.mass:.1f}" for w in head.words]
    masses = [head.self_mass.mean, head.special_mass.mean, head.hidden_mass]
    return [
        str(head.head),
        " ".join(" ".join(words).split()) or f"no {one} in particular",
        link_text(found, head.links[0]) if head.links else "",
        *shape(head),
        f"{head.entropy.mean:.2f}",
        f"{head.breadth.mean:.1f}",
        f"{head.distance.mean:.1f}",
        *(weight_text(mass) for mass in masses),
    ]


def shown(visit: Visit) -> list[list[str]]:
    found: list[list[str]] = visit.page.evaluate(READ)
    return found


def heads(visit: Visit) -> list[str]:
    return [row[0] for row in shown(visit)]


def wait_for_link(visit: Visit, part: str) -> None:
    """The link is written a little after the state changed."""
    visit.page.wait_for_function(
        "part => decodeURIComponent(location.hash.replaceAll('+', ' ')).includes(part)", arg=part
    )


def show(visit: Visiting, page: Page | Path, fragment: str = "", **viewer: int) -> Visit:
    seen = visit(page, f"#view=table{fragment}", **viewer)
    seen.page.wait_for_selector(":root[data-ready]")
    return seen


@pytest.fixture
def table(visit: Visiting, fox_page: Path) -> Visit:
    return show(visit, fox_page)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("fox", "word"),
        ("minilm", "word"),
        ("minilm.pair", "word"),
        ("form.continuation", "word"),
        ("form.translation", "word"),
        ("form.picture", "patch"),
    ],
)
def test_every_cell_is_what_focus_says(visit: Visiting, name: str, one: str) -> None:
    record = sample(name)
    found = attnviz.focus(record)
    seen = show(visit, page(record))
    seen.page.evaluate("() => document.querySelector('.table-rest button')?.click()")
    assert [row[:12] for row in shown(seen)] == [cells(found, head, one) for head in found.heads]
    assert f"together they link {coverage(found, found.together)}" in seen.page.inner_text(".table-together")


def test_a_relation_stands_where_the_terminal_has_one(table: Visit) -> None:
    titles = table.page.locator(".table-heads thead th").all_inner_texts()
    assert [title.split("\n")[0].strip("▲ ") for title in titles][-1] == "grammar"
    told = {row[0]: row[-1] for row in shown(table)}
    assert told["L1H0"] == "modifier -> noun → its governor .93 (+.24)"
    assert told["L1H1"] == ""
    assert told["L1H3"].startswith("verb <-> object .94")


def test_effects_stand_beside_heads_with_their_unit(visit: Visiting, fox: Attention) -> None:
    entries = tuple(
        Effect((head,), head, np.array([0.01, 0.05]) * (place + 1)) for place, head in enumerate(fox.head_ids)
    )
    effects = Effects("next token", fox.queries[:2], 0, 1.0, 0.0, entries)
    seen = show(visit, page(fox, effects=effects), "&sort=-effect")
    column = seen.page.locator(".table-heads thead .table-effect")
    assert column.inner_text().split() == ["▼without", "it", "bits"]
    assert heads(seen)[0] == str(fox.head_ids[-1])
    assert shown(seen)[-1][12] == "0.030 ±0.020"


ORDERS: dict[str, tuple[Callable[[HeadFocus], Any], bool]] = {
    "head": (lambda head: (head.head.layer, head.head.index), False),
    "focuses on": (lambda head: head.words[0].mass if head.words else None, True),
    "strongest link": (lambda head: head.links[0].weight if head.links else None, True),
    "pattern": (lambda head: head.pattern.label, False),
    "entropy": (lambda head: head.entropy.mean, True),
    "breadth": (lambda head: head.breadth.mean, True),
    "distance": (lambda head: head.distance.mean, True),
    "self": (lambda head: head.self_mass.mean, True),
    "special": (lambda head: head.special_mass.mean, True),
    "aside": (lambda head: head.hidden_mass, True),
}


@pytest.mark.parametrize("title", [title for title in ORDERS if title != "head"])
def test_a_title_sorts_its_column_and_then_the_other_way(table: Visit, fox: Attention, title: str) -> None:
    value, falls = ORDERS[title]
    found = attnviz.focus(fox).heads
    # As the file has them: numbers of float32, written short.
    known = [(str(head.head), value(head)) for head in found]
    known = [(name, np.float32(one) if isinstance(one, float) else one) for name, one in known]
    told = [one for one in known if one[1] is not None]
    silent = [name for name, one in known if one is None]
    button = table.page.get_by_role("columnheader", name=title).get_by_role("button")
    for falling in (falls, not falls):
        button.click()
        expected = [name for name, _ in sorted(told, key=lambda one: one[1], reverse=falling)]
        assert heads(table) == expected + silent
        way = "descending" if falling else "ascending"
        assert table.page.locator("th[aria-sort]").evaluate_all("all => all.map(one => one.ariaSort)") == [
            way
        ]
    wait_for_link(table, "sort=")


def test_a_link_holds_order_and_filter(visit: Visiting, fox_page: Path) -> None:
    seen = show(visit, fox_page, "&sort=-entropy&filter=%5Bprevious%5D+jumps")
    assert heads(seen) == ["L0H7", "L0H4"]
    assert seen.page.input_value("#table-filter") == "jumps"
    assert seen.page.input_value("#table-patterns") == "previous"
    assert seen.page.inner_text(".table-count") == "2 of 16 heads"


def test_a_text_filters_rows_while_it_is_typed(table: Visit, fox: Attention) -> None:
    table.page.locator("#table-filter").press_sequentially("lazy dog")
    found = attnviz.focus(fox)
    told = {
        str(head.head): " ".join(
            [*(w.token for w in head.words), *(f"{a.source} {a.target}" for a in head.links)]
        )
        for head in found.heads
    }
    assert heads(table) == [name for name, text in told.items() if "lazy" in text and "dog" in text]
    assert 0 < len(heads(table)) < 16
    assert table.page.evaluate("document.activeElement.id") == "table-filter"
    wait_for_link(table, "filter=lazy dog")


def test_nothing_that_passes_is_said(table: Visit) -> None:
    table.page.fill("#table-filter", "zebra")
    assert heads(table) == []
    assert table.page.inner_text(".table-rest") == "No head has all of this."
    assert table.page.inner_text(".table-count") == "0 of 16 heads"


def test_patterns_are_offered_with_their_counts(table: Visit, fox: Attention) -> None:
    counts = Counter(head.pattern.label for head in attnviz.focus(fox).heads)
    offered = table.page.locator("#table-patterns option").all_inner_texts()
    assert offered == ["any", *(f"{label} ({count})" for label, count in counts.most_common())]
    table.page.select_option("#table-patterns", "previous")
    assert len(heads(table)) == counts["previous"]
    assert {row[3] for row in shown(table)} == {"previous"}


def test_evidence_opens_in_place(table: Visit, fox: Attention) -> None:
    found = attnviz.focus(fox)
    head = next(head for head in found.heads if head.pattern.label == "previous")
    opener = table.page.get_by_role("button", name=f"previous: evidence of {head.head}")
    assert opener.get_attribute("aria-expanded") == "false"
    opener.click()
    row = table.page.locator(f"#{opener.get_attribute('aria-controls')}")
    links = [" ".join(text.split()) for text in row.locator("ul").first.locator("li").all_inner_texts()]
    assert links == [
        f"{word(str(one.query), fox.keys[0])} → {word(one.key, fox.keys[0])} {weight_text(one.weight)}"
        for one in head.pattern.evidence
    ]
    assert row.evaluate("row => row.previousElementSibling.dataset.head") == str(head.head)
    opener.click()
    assert table.page.locator(".table-evidence").count() == 0


def test_a_pattern_of_one_key_has_evidence_without_a_query(table: Visit, fox: Attention) -> None:
    head = next(head for head in attnviz.focus(fox).heads if head.pattern.label == "vertical")
    table.page.get_by_role("button", name=f"vertical: evidence of {head.head}").click()
    first = table.page.locator(".table-evidence ul").first.locator("button").first
    assert " ".join(first.inner_text().split()) == f"at “.” {weight_text(head.pattern.evidence[0].weight)}"
    first.click()
    wait_for_link(table, "key=9")
    assert "query=" not in table.page.url


def test_a_link_shows_itself_in_the_heatmap(table: Visit, fox: Attention) -> None:
    head = attnviz.focus(fox).heads[8]
    row = table.page.locator(f".table-row[data-head={head.head}]")
    row.locator(".table-follow").click()
    link = head.links[0]
    wait_for_link(table, f"head={head.head}")
    wait_for_link(table, f"query={link.source_position}&key={link.target_position}")
    # The heatmap is the view a page opens with, so its name need not stand in the link.
    assert table.page.locator("[role=tab][aria-selected=true]").inner_text() == "Heatmap"


def test_a_head_is_picked_by_its_name_and_marked(table: Visit) -> None:
    table.page.get_by_role("button", name="L1H2", exact=True).and_(table.page.locator(".table-pick")).click()
    wait_for_link(table, "head=L1H2")
    marked = table.page.locator(".table-pick[aria-current=true]")
    assert marked.all_inner_texts() == ["L1H2"]
    wide = "one => getComputedStyle(one).borderInlineStartColor"
    assert marked.evaluate(wide) != table.page.locator(".table-pick").first.evaluate(wide)


def test_arrow_keys_go_from_row_to_row(table: Visit) -> None:
    focused = "document.activeElement.closest('tr').dataset.head + document.activeElement.classList[0]"
    table.page.locator(".table-open").first.focus()
    table.page.keyboard.press("Enter")
    table.page.keyboard.press("ArrowDown")
    assert table.page.evaluate(focused) == "L0H1table-open"
    table.page.keyboard.press("ArrowUp")
    assert table.page.evaluate(focused) == "L0H0table-open"
    table.page.keyboard.press("ArrowUp")
    assert table.page.evaluate(focused) == "L0H0table-open"


def test_titles_stay_while_rows_scroll_and_heads_while_columns_do(visit: Visiting, fox_page: Path) -> None:
    seen = show(visit, fox_page, width=360, height=740)
    box = seen.page.locator(".table-box")
    box.evaluate("box => box.scrollTo(300, 200)")
    place = "one => [one.getBoundingClientRect().x, one.getBoundingClientRect().y]"
    corner = box.evaluate(place)
    assert seen.page.locator(".table-heads thead th").first.evaluate(place) == pytest.approx(corner, abs=2)
    assert seen.page.locator(".table-row .table-head").nth(5).evaluate(place)[0] == pytest.approx(
        corner[0], abs=2
    )
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_thousand_heads_are_made_as_a_reader_comes_to_them(visit: Visiting) -> None:
    random = np.random.default_rng(0)
    weights = random.dirichlet(np.ones(8), size=(32, 32, 8)).astype(np.float32)
    seen = show(visit, page(attnviz.from_arrays(weights, list("abcdefgh"))), "&head=L2H3")
    rows = seen.page.locator(".table-row")
    assert rows.count() < 400
    assert "1024 heads" in seen.page.inner_text(".table-together")
    assert seen.page.locator(".table-row[data-head=L2H3]").count() == 1
    seen.page.locator(".table-rest button").evaluate("button => button.click()")
    assert rows.count() == 1024
    seen.page.get_by_role("button", name="entropy").click()
    assert rows.count() < 400


def test_every_row_is_there_for_print(visit: Visiting) -> None:
    weights = np.full((16, 16, 4, 4), 0.25, np.float32)
    seen = show(visit, page(attnviz.from_arrays(weights, list("abcd"))))
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert seen.page.locator(".table-row").count() == 256


def test_paper_is_wide_enough(visit: Visiting, fox_page: Path) -> None:
    seen = show(visit, fox_page, width=760, height=1050)
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 760
    assert seen.page.locator(".table-row").last.is_visible()


def test_rows_are_taken_away_as_csv(table: Visit, fox: Attention) -> None:
    table.page.select_option("#table-patterns", "previous")
    with table.page.expect_download() as taken:
        table.page.get_by_role("button", name="Save rows").click()
    assert taken.value.suggested_filename.endswith("-focus.csv")
    rows = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text("utf-8"), newline="")))
    found = [head for head in attnviz.focus(fox).heads if head.pattern.label == "previous"]
    assert [row["head"] for row in rows] == [str(head.head) for head in found]
    for row, head in zip(rows, found, strict=True):
        assert float(row["entropy"]) == pytest.approx(head.entropy.mean, rel=1e-6)
        assert float(row["over_chance"]) == pytest.approx(head.pattern.over_chance, rel=1e-6)
        assert row["word_1"] == (head.words[0].token if head.words else "")
        assert row["link_1_to"] == (head.links[0].target if head.links else "")


def test_a_view_that_has_no_focus_offers_its_blocks_own_map(visit: Visiting, fox: Attention) -> None:
    rollout = view(fox, "rollout")
    seen = show(visit, page([fox, rollout]), "&map=self.rollout")
    assert seen.page.locator(".table-row").count() == 0
    assert "rollout of self-attention" in seen.page.inner_text(".table-nothing")
    seen.page.get_by_role("button", name="Show self-attention").click()
    assert seen.page.locator(".table-row").count() == 16


def test_the_table_is_drawn_as_a_picture(visit: Visiting) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(6), size=(8, 8, 6)).astype(np.float32)
    record = attnviz.from_arrays(weights, ["a", "b", "</text>", "d" * 5000, "e", "f"])
    seen = show(visit, page(record), "&sort=-entropy")
    order = heads(seen)[:40]
    seen.page.get_by_text("Take away").click()
    with seen.page.expect_download() as taken:
        seen.page.get_by_role("button", name="SVG").first.click()
    svg = Path(taken.value.path()).read_text("utf-8")
    assert [head for head in order if f">{head}</text>" in svg] == order
    assert svg.count("</text>") == svg.count("<text")
    assert "and 24 more heads" in svg
    width = float(svg.split('width="')[1].split('"')[0])
    assert width < 2500
