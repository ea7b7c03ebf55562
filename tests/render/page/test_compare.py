"""The comparison in a real browser: three maps, and the package's own divergence."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

import attnviz
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.words import merge_words
from attnviz.record import Attention, from_arrays
from attnviz.render.page import page
from attnviz.render.theme import THEMES
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting
from tests.render.page.mapping import pixel, plot, said, some_cells

SAMPLES = Path(__file__).parents[3] / "samples"

FIRST, SECOND = "L2H0", "L4H5"

# A divergence of weights of 8 bits, written with two decimals.
CLOSE = 0.012


@pytest.fixture(scope="module")
def pair() -> Attention:
    return attnviz.read(SAMPLES / "minilm.pair.safetensors")


@pytest.fixture(scope="module")
def pair_page(pair: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(pair).save(tmp_path_factory.mktemp("pair") / "pair.html")


def begin(visit: Visiting, given: str | Path, fragment: str = "", **viewer: object) -> Page:
    on: Page = visit(given, f"#view=compare{fragment}", **viewer).page
    on.wait_for_function("() => document.documentElement.dataset.ready === '1'")
    on.wait_for_selector(".compare-apart strong")
    return on


def apart(on: Page) -> tuple[float, float]:
    """The mean and the spread that stand above the maps."""
    mean, spread = re.findall(r"[\d.]+", on.locator(".compare-apart strong").inner_text())
    return float(mean), float(spread)


def named(on: Page, label: str) -> str:
    return str(on.get_by_label(label, exact=True).input_value()).split("/")[1]


@pytest.mark.parametrize(("first", "second"), [("L0H0", "L0H1"), ("L1H0", "L1H7"), ("L0H3", "L1H5")])
def test_the_divergence_is_the_package_s(
    visit: Visiting, fox: Attention, fox_page: Path, first: str, second: str
) -> None:
    on = begin(visit, fox_page, f"&head={first}&other={second}")
    [found] = attnviz.compare(fox, first, second).pairs
    assert apart(on) == pytest.approx((found.divergence, found.spread), abs=CLOSE)


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("special", [True, False])
def test_words_and_hidden_tokens_change_it_as_in_the_package(
    visit: Visiting, pair: Attention, pair_page: Path, words: bool, special: bool
) -> None:
    switches = f"&words={words}&special={special}".lower()
    on = begin(visit, pair_page, f"&head={FIRST}&other={SECOND}{switches}")
    shown = pair if special else drop_special(pair)
    shown = merge_words(shown) if words else shown
    [found] = attnviz.compare(shown, FIRST, SECOND).pairs
    assert apart(on) == pytest.approx((found.divergence, found.spread), abs=CLOSE)


def test_rows_that_lack_mass_count_it_as_one_more_key(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "form.continuation.safetensors")
    on = begin(visit, page(record), "&head=L0H0&other=L0H1")
    [found] = attnviz.compare(record, "L0H0", "L0H1").pairs
    assert apart(on) == pytest.approx((found.divergence, found.spread), abs=CLOSE)


def test_mass_on_many_small_weights_is_not_lost(visit: Visiting) -> None:
    generator = np.random.default_rng(1)
    weights = generator.dirichlet(np.full(400, 0.2), size=(1, 2, 400)).astype(np.float32)
    weights *= 0.4
    weights[0, 0, :, 0] += 0.6
    weights[0, 1, :, 1] += 0.6
    record = from_arrays(weights[0], [f"w{place}" for place in range(400)])
    on = begin(visit, page(record), "&head=L0H0&other=L0H1")
    [found] = attnviz.compare(record, "L0H0", "L0H1").pairs
    assert apart(on)[0] == pytest.approx(found.divergence, abs=0.025)


def test_the_queries_listed_are_those_that_differ_most(
    visit: Visiting, fox: Attention, fox_page: Path
) -> None:
    on = begin(visit, fox_page, "&head=L1H0&other=L1H4")
    bits = divergence(*(fox.head(head).astype(np.float64) for head in ("L1H0", "L1H4")))
    numbers = [float(text) for text in on.locator(".compare-row .heatmap-number").all_inner_texts()]
    assert numbers == pytest.approx(sorted(bits, reverse=True)[: len(numbers)], abs=CLOSE)
    row = on.locator(".compare-row").nth(1)
    name = row.locator(".heatmap-name").inner_text()
    row.click()
    on.wait_for_function("() => location.hash.includes('query=')")
    query = int(re.findall(r"query=(\d+)", on.url)[0])
    assert fox.queries[query].text == name
    assert row.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_crosshair_says_both_heads(visit: Visiting, fox: Attention, fox_page: Path, number: int) -> None:
    on = begin(visit, fox_page, "&head=L1H0&other=L1H7")
    first, second = fox.head("L1H0"), fox.head("L1H7")
    for cell in some_cells(first, 4, seed=number):
        on.mouse.move(*plot(on, (10, 10), number).at(cell))
        told = re.fullmatch(r"(.+) reads (.+): A (\S+), B (\S+), B − A ([+−]?)(\S+)", said(on))
        assert told, said(on)
        assert told[1].split(" (")[0] == fox.queries[cell[0]].text
        assert float(told[3]) == pytest.approx(first[cell], abs=1 / 255)
        assert float(told[4]) == pytest.approx(second[cell], abs=1 / 255)
        sign = -1 if told[5] == "−" else 1
        assert sign * float(told[6]) == pytest.approx(second[cell] - first[cell], abs=2 / 255)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_difference_has_the_theme_s_colour(
    visit: Visiting, fox: Attention, fox_page: Path, scheme: str
) -> None:
    on = begin(visit, fox_page, "&head=L1H0&other=L1H7", scheme=scheme)
    difference = fox.head("L1H7") - fox.head("L1H0")
    limit = float(np.abs(difference).max())
    shown = plot(on, (10, 10), 2)
    for cell in [(1, 3), (3, 3), (3, 4), (5, 5), (0, 0)]:
        wanted = THEMES[scheme].difference(float(difference[cell]) / limit)
        assert pixel(on, shown.at(cell, across=0.12, down=0.12)) == pytest.approx(wanted, abs=4), cell


def test_where_no_head_is_named_the_one_most_unlike_is_chosen_and_said(
    visit: Visiting, fox: Attention, fox_page: Path
) -> None:
    on = begin(visit, fox_page, "&head=L1H0")
    heads = [f"L1H{number}" for number in range(8)]
    pairs = attnviz.compare(fox, *heads).pairs
    with_first = [pair for pair in pairs if "L1H0" in map(str, (pair.first, pair.second))]
    most = max(pair.divergence for pair in with_first)
    assert apart(on)[0] == pytest.approx(most, abs=CLOSE)
    chosen = named(on, "Head B")
    assert f"{chosen} was chosen for B" in on.locator(".compare-apart").inner_text()
    assert "other=" not in on.url


def test_heads_are_picked_and_swapped(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0")
    on.get_by_label("Head B").select_option(label="L0H4")
    on.wait_for_function("() => location.hash.includes('other=L0H4')")
    [found] = attnviz.compare(fox, "L1H0", "L0H4").pairs
    assert apart(on)[0] == pytest.approx(found.divergence, abs=CLOSE)
    on.get_by_role("button", name="Swap A and B").click()
    on.wait_for_function("() => location.hash.includes('other=L1H0')")
    assert (named(on, "Head A"), named(on, "Head B")) == ("L0H4", "L1H0")
    assert apart(on)[0] == pytest.approx(found.divergence, abs=CLOSE)
    on.get_by_label("Head A").select_option(label="L1H2")
    on.wait_for_function("() => location.hash.includes('head=L1H2')")
    assert named(on, "Head B") == "L1H0"


def test_it_is_offered_only_where_there_are_two_heads(visit: Visiting, fox_page: Path) -> None:
    alone = visit(page(from_arrays([[1.0, 0.0], [0.5, 0.5]], ["a", "b"])), "#view=compare").page
    alone.wait_for_function("() => document.documentElement.dataset.ready === '1'")
    assert alone.locator(".compare").count() == 0
    assert begin(visit, fox_page).locator(".compare").count() == 1


def test_on_a_phone_the_maps_stand_below_each_other(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0", width=360, height=740)
    tops = [plot(on, (10, 10), number) for number in range(3)]
    assert tops[0].y < tops[1].y < tops[2].y
    assert {round(top.x) for top in tops} == {round(tops[0].x)}
    assert on.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_picture_taken_away_holds_all_three_maps(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0&other=L1H7")
    with on.expect_download() as waiting:
        on.get_by_text("Take away").click()
        on.get_by_role("button", name="SVG").click()
    svg = waiting.value.path().read_text("utf-8")
    assert svg.count(">brown</text>") == 4
    for text in ("A  L1H0", "B  L1H7", "B − A"):
        assert f">{text}</text>" in svg


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_anybody(visit: Visiting, fox_page: Path, scheme: str) -> None:
    on = begin(visit, fox_page, "&head=L1H0&query=3&key=3", scheme=scheme)
    assert barriers(on, "main") == []
