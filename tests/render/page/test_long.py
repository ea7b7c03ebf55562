"""The page of a text too long for every weight, in a browser: cells, links, the words around them."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import attnviz
from attnviz.analysis.streaming.digest import Digest
from attnviz.record import Attention
from attnviz.render.page import page
from tests.render.page.accessibility import barriers, pale, small, unnamed, wide
from tests.render.page.conftest import Visiting
from tests.render.page.digests import digest
from tests.render.page.mapping import plot, said
from tests.render.page.test_safety import QUIET, SOUND, TOKENS
from tests.render.page.test_safety import record as of_tokens

WORDS = ["treaty", "river", "engine", "copper", "the", "of", "was", "signed", "and", "."]
COUNT, CELLS, TOP = 1600, 64, 3
HEIGHT = COUNT // CELLS


@pytest.fixture(scope="module")
def whole() -> Attention:
    """A text of 1,600 tokens that no page of every weight would be made of here: each token is told apart."""
    generator = np.random.default_rng(5)
    rows, columns = np.mgrid[:COUNT, :COUNT]
    band = np.exp(-np.abs(rows - columns - 3) / 4) + 1e-3 * generator.random((COUNT, COUNT))
    far = np.exp(-np.abs(rows - columns - 700) / 9) + (columns == 0) + 1e-3 * generator.random((COUNT, COUNT))
    weights = np.tril(np.stack([band, far]))
    weights /= weights.sum(axis=-1, keepdims=True)
    texts = [("" if at == 0 else " ") + WORDS[at % 10] + str(at // 10) for at in range(COUNT)]
    made = attnviz.from_arrays(weights.astype(np.float32), texts, causal=True)
    return replace(made, text="".join(texts))


@pytest.fixture(scope="module")
def long(whole: Attention) -> Digest:
    found: Digest = digest(whole, CELLS, TOP)
    return found


@pytest.fixture(scope="module")
def path(long: Digest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(long).save(tmp_path_factory.mktemp("long") / "long.html")


def begin(visit: Visiting, path: Path, fragment: str = "", **viewer: Any) -> Page:
    on: Page = visit(path, f"#{fragment}", **viewer).page
    on.wait_for_selector(":root[data-opened]")
    return on


def numbers(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"(largest|mean) (\S+?)(?=[,;]|$)", text)}


@pytest.mark.parametrize("statistic", ["self", "self.mean"])
@pytest.mark.parametrize("cell", [(40, 40), (50, 22), (60, 0), (30, 7)])
def test_a_cell_tells_its_largest_and_its_mean_on_either_map(
    visit: Visiting, long: Digest, path: Path, statistic: str, cell: tuple[int, int]
) -> None:
    on = begin(visit, path, f"view=heatmap&map={statistic}&head=L0H1")
    on.mouse.move(*plot(on, (CELLS, CELLS)).at(cell))
    told = said(on)
    first, left = cell[0] * HEIGHT, cell[1] * HEIGHT
    assert told.startswith(f"queries {first:,} to {first + HEIGHT - 1:,}")
    assert f"keys {left:,} to {left + HEIGHT - 1:,}" in told
    found = numbers(told)
    for name, record in (("largest", long.maxima), ("mean", long.means)):
        row = record.head("L0H1")[cell[0]]
        assert found[name] == pytest.approx(row[cell[1]], abs=float(row.max()) / 255 + 6e-5)


def test_a_cell_names_its_link_only_where_it_is_the_largest(
    visit: Visiting, whole: Attention, path: Path
) -> None:
    on = begin(visit, path, "view=heatmap&head=L0H1")
    weights = whole.head("L0H1")
    for cell in [(50, 22), (60, 0), (30, 7), (45, 30)]:
        on.mouse.move(*plot(on, (CELLS, CELLS)).at(cell))
        rows, columns = (slice(at * HEIGHT, (at + 1) * HEIGHT) for at in cell)
        block = weights[rows, columns]
        link = re.search(r"; \S+ ([\d,]+) reads \S+ ([\d,]+): (\S+)$", said(on))
        query, key = (int(at) for at in np.unravel_index(block.argmax(), block.shape))
        expected = rows.start + query, columns.start + key
        is_top = (weights[expected[0]] > block.max()).sum() < TOP
        assert (link is not None) == bool(is_top), said(on)
        if link:
            found = tuple(int(link[place].replace(",", "")) for place in (1, 2))
            assert weights[found] == pytest.approx(block.max(), rel=5e-3)
            assert float(link[3]) == pytest.approx(weights[found], rel=5e-3)


def test_the_line_says_how_far_it_is_pooled_and_why_what_is_off(visit: Visiting, path: Path) -> None:
    on = begin(visit, path, "view=heatmap")
    note = on.locator(".pooling .note")
    assert "1,600 x 1,600 pooled to 64 x 64, maximum per cell." in note.inner_text()
    assert "the 3 largest weights of each query" in note.inner_text()
    on.get_by_role("button", name="Mean").click()
    assert "mean per cell" in note.inner_text()
    on.wait_for_function("() => location.hash.includes('map=self.mean')")
    for name in ("Whole words", "Special tokens"):
        switch = on.get_by_label(name)
        assert switch.is_disabled()
        reason = switch.locator("xpath=..").get_attribute("title") or ""
        assert "off: each cell stands for several weights" in reason
    tab = on.get_by_role("tab", name="q · k")
    assert tab.get_attribute("aria-disabled") == "true"
    tab.dispatch_event("click")
    assert said(on).startswith("q · k is off: ")
    assert on.get_by_role("tab", name="Heatmap").get_attribute("aria-selected") == "true"
    on.keyboard.press("w")
    assert said(on).startswith("off: each cell")


def test_a_picked_row_lists_whom_each_of_its_queries_reads(visit: Visiting, long: Digest, path: Path) -> None:
    on = begin(visit, path, "view=heatmap&head=L0H1&query=50")
    lines = on.locator(".heatmap-query").all_inner_texts()
    assert len(lines) == HEIGHT
    assert long.top is not None
    for step in (0, 7, 24):
        query = 50 * HEIGHT + step
        keys, weights = long.top.positions[0, 1, query], long.top.weights[0, 1, query]
        name, *told = lines[step].split("\n")
        assert name.endswith(f" {query:,}")
        found = re.findall(r"([\d,]+) (\.\d+|\d\.\d+)(?=,|$)", " ".join(told))
        assert [int(key.replace(",", "")) for key, _ in found] == keys.tolist()
        assert [float(weight) for _, weight in found] == pytest.approx(weights.tolist(), rel=5e-3)
    on.locator(".heatmap-query").nth(7).click()
    on.wait_for_selector(".text-view")
    assert f"{50 * HEIGHT + 7:,} reads of each word" in on.locator(".text-lead").inner_text()


def test_the_text_shows_what_is_around_the_pick_and_never_all_of_it(
    visit: Visiting, long: Digest, whole: Attention, path: Path
) -> None:
    query = 1257
    on = begin(visit, path, f"view=text&head=L0H1&query={query // HEIGHT}&queryToken={query}")
    words = on.locator(".text-word")
    assert 100 < words.count() <= 420
    picked = on.locator(".text-word[aria-pressed=true]")
    assert picked.all_inner_texts() == [whole.queries[query].text.strip()]
    assert on.locator(".text-run").count() == HEIGHT
    assert long.top is not None
    keys = long.top.positions[0, 1, query]
    items = on.locator(".text-section").first.locator(".text-link .text-name").all_inner_texts()
    assert [int(item.split()[-1].replace(",", "")) for item in items] == keys.tolist()
    excerpt = on.locator(".text-excerpt").first.inner_text()
    assert excerpt.count(" ") >= 4
    assert whole.keys[int(keys[0])].text.strip() in excerpt


def test_a_pressed_word_is_asked_whom_it_reads_and_stays_where_it_is(
    visit: Visiting, long: Digest, path: Path
) -> None:
    on = begin(visit, path, "view=text&head=L0H0&query=40")
    word = on.locator(".text-word").nth(90)
    word.scroll_into_view_if_needed()
    before, text = word.bounding_box(), word.inner_text()
    word.click()
    on.wait_for_function("() => location.hash.includes('queryToken=')")
    assert on.locator(".text-word[aria-pressed=true]").inner_text() == text
    assert word.bounding_box() == before
    token = int(re.search(r"queryToken=(\d+)", on.url)[1])  # type: ignore[index]
    on.get_by_role("button", name="Who reads it").click()
    on.wait_for_function("() => location.hash.includes('keyToken=')")
    assert long.top is not None
    readers = np.argwhere(long.top.positions[0, 0] == token)
    weights = np.sort(long.top.weights[0, 0][readers[:, 0], readers[:, 1]])[::-1]
    found = on.locator(".text-section").first.locator(".text-number").all_inner_texts()
    assert [float(one) for one in found] == pytest.approx(weights[: len(found)].tolist(), rel=5e-3)
    # The first listed is followed: it is then what is picked.
    on.locator(".text-link").first.click()
    on.wait_for_function(f"() => !location.hash.includes('keyToken={token}')")


def test_the_lines_are_the_top_keys_of_the_row_on_screen(visit: Visiting, long: Digest, path: Path) -> None:
    on = begin(visit, path, "view=lines&head=L0H1&query=50")
    queries = on.locator(".lines-query .lines-token")
    first = 50 * HEIGHT
    assert queries.count() == HEIGHT
    assert queries.first.inner_text().startswith(f"{first:,} ")
    assert long.top is not None
    keys = np.unique(long.top.positions[0, 1, first : first + HEIGHT])
    assert on.locator(".lines-key .lines-token").count() == len(keys)
    told = on.locator(".lines-told").inner_text()
    share = long.top.weights[0, 1, first : first + HEIGHT].sum() / HEIGHT
    assert "of the 3 largest weights of each query" in told
    assert abs(int(re.search(r"(\d+) % of the mass", told)[1]) / 100 - share) < 0.08  # type: ignore[index]
    on.get_by_role("button", name="Later").click()
    on.wait_for_function("() => location.hash.includes('query=51')")
    assert queries.first.inner_text().startswith(f"{first + HEIGHT:,} ")
    queries.nth(3).click()
    on.wait_for_function(f"() => location.hash.includes('queryToken={first + HEIGHT + 3}')")


def test_a_token_is_found_wherever_it_is(visit: Visiting, path: Path) -> None:
    on = begin(visit, path, "view=text")
    on.get_by_label("Find").fill("treaty123")
    on.wait_for_function("() => location.hash.includes('queryToken=1230')")
    assert on.locator(".text-word[aria-pressed=true]").inner_text() == "treaty123"
    assert on.locator(".stepper output").inner_text() == "1 of 1"


def test_compared_are_cells_and_it_says_so(visit: Visiting, long: Digest, path: Path) -> None:
    on = begin(visit, path, "view=compare&head=L0H0&other=L0H1")
    told = on.locator(".compare-apart").inner_text()
    assert "no divergence in bits can be told" in told
    seen = np.tri(CELLS, dtype=bool)
    apart = np.abs(long.maxima.head("L0H0") - long.maxima.head("L0H1"))[seen].mean()
    assert float(re.search(r"differ by (\S+)", told)[1]) == pytest.approx(apart, abs=3e-3)  # type: ignore[index]
    assert "bits" not in on.locator(".compare-rows").inner_text()
    options = on.locator("#compare-second option").all_inner_texts()
    assert options == ["L0H0", "L0H1"]


def test_the_table_has_every_measure_and_its_links_lead_to_their_tokens(visit: Visiting, path: Path) -> None:
    on = begin(visit, path, "view=table")
    titles = on.locator(".table-heads thead").inner_text()
    for name in ("participation", "gini", "sink", "induction mass"):
        assert name in titles
    on.locator(".table-follow").first.click()
    on.wait_for_function("() => /queryToken=.*keyToken=/.test(location.hash)")


def test_cells_alone_turn_off_what_needs_single_weights(
    visit: Visiting, long: Digest, tmp_path: Path
) -> None:
    on = begin(visit, page(long.means).save(tmp_path / "means.html"), "view=lines")
    for name in ("Lines", "Text", "q · k"):
        assert on.get_by_role("tab", name=name).get_attribute("aria-disabled") == "true"
    assert on.get_by_role("tab", name="Table").count() == 0
    assert on.get_by_role("button", name="Maximum").count() == 0
    on.mouse.move(*plot(on, (CELLS, CELLS)).at((40, 40)))
    assert "mean " in said(on)
    assert "largest" not in said(on)
    assert "strongest cells" in on.locator(".heatmap-title").first.inner_text()


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [
        (360, 740, "dark"),
        (1280, 800, "light"),
        pytest.param(1920, 1080, "dark", marks=pytest.mark.long),
    ],
)
def test_no_view_of_it_has_a_barrier(
    visit: Visiting, path: Path, width: int, height: int, scheme: str
) -> None:
    on = begin(visit, path, "query=50&queryToken=1257", width=width, height=height, scheme=scheme)
    faults = []
    for tab in on.get_by_role("tab").all():
        if tab.get_attribute("aria-disabled"):
            continue
        tab.click()
        on.wait_for_timeout(60)
        for find in (barriers, pale, small, unnamed, wide):
            faults += [f"{tab.inner_text()}: {fault}" for fault in find(on)]
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def test_the_text_is_reached_and_read_with_keys_alone(visit: Visiting, path: Path) -> None:
    on = begin(visit, path, "view=text&head=L0H0&query=50&queryToken=1257")
    on.locator(".text-word[aria-pressed=true]").focus()
    on.keyboard.press("ArrowRight")
    assert "1,258" in said(on)
    on.keyboard.press("Enter")
    on.wait_for_function("() => location.hash.includes('queryToken=1258')")
    assert on.evaluate("document.activeElement.classList.contains('text-word')")
    on.keyboard.press("Escape")
    on.wait_for_function("() => !location.hash.includes('queryToken')")


def test_hostile_tokens_stay_text_in_labels_links_and_words(visit: Visiting, tmp_path: Path) -> None:
    made = of_tokens(TOKENS * 3)
    long = digest(made, 12, 3)
    on = begin(visit, page(long).save(tmp_path / "hostile.html"), "view=heatmap&query=3&key=2&head=L1H0")
    for tab in on.get_by_role("tab").all():
        if tab.get_attribute("aria-disabled"):
            continue
        tab.click()
        on.wait_for_timeout(60)
        found = on.evaluate(SOUND)
        assert found.pop("wide") <= 0, tab.inner_text()
        assert found == QUIET, tab.inner_text()
    on.get_by_role("tab", name="Text").click()
    for word in on.locator(".text-word").all()[:: len(TOKENS) // 6]:
        word.click()
    assert {**on.evaluate(SOUND), "wide": 0} == {**QUIET, "wide": 0}
