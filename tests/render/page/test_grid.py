"""The grid of heads in a real browser: its thumbnails, patterns and numbers are the record's."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

import attnviz
from attnviz.analysis.through.view import view
from attnviz.record import Attention, from_arrays
from attnviz.render.page import page
from attnviz.render.theme import THEMES, Theme, rgb
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting

SAMPLES = Path(__file__).parents[3] / "samples"
SVG = "{http://www.w3.org/2000/svg}"

# A colour comes out of 1,025 shades, of levels that are off by 1/510 of their row's largest weight.
CLOSE = 4

PIXELS = """tile => {
  const canvas = tile.querySelector("canvas");
  const blank = new OffscreenCanvas(canvas.width, canvas.height);
  const copy = blank.getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return [canvas.height, canvas.width, [...copy.getImageData(0, 0, canvas.width, canvas.height).data]];
}"""


@pytest.fixture(scope="module")
def many() -> Attention:
    """Decoder heads of 300 tokens, more than a thumbnail has pixels."""
    logits = np.random.default_rng(1).normal(size=(2, 3, 300, 300)) * 3
    weights = np.exp(logits) * np.tri(300)
    weights /= weights.sum(-1, keepdims=True)
    return from_arrays(weights.astype(np.float32), [f"t{place}" for place in range(300)], causal=True)


def begin(visit: Visiting, given: str | Path, fragment: str = "view=grid", **viewer: object) -> Page:
    on: Page = visit(given, f"#{fragment}", **viewer).page
    on.wait_for_function("() => document.documentElement.dataset.opened === '1'")
    on.wait_for_function("() => document.querySelectorAll('.grid-board:not([data-complete])').length === 0")
    return on


def linked(on: Page, field: str) -> None:
    """The link says so, or will in a moment."""
    on.wait_for_function("(field) => location.hash.includes(field)", arg=field)


def large(on: Page) -> Locator:
    return on.locator("#view .grid-board")


def tile(on: Page, head: str) -> Locator:
    return on.locator(f'#view .grid-tile[data-name="{head}"]')


def pixels(of: Locator) -> NDArray[np.int_]:
    rows, columns, data = of.evaluate(PIXELS)
    found: NDArray[np.int_] = np.array(data).reshape(rows, columns, 4)
    assert (found[..., 3] == 255).all()
    return found[..., :3]


def colors(weights: NDArray[np.floating], top: float, theme: Theme) -> NDArray[np.int_]:
    """What the package's pictures draw these weights with."""
    shown = [theme.color(float(weight) / top) for weight in weights.ravel()]
    return np.array(shown).reshape(*weights.shape, 3)


def largest(weights: NDArray[np.floating], most: tuple[int, int]) -> NDArray[np.floating]:
    """The largest weight of each block of cells."""
    rows, columns = (
        np.arange(count) * room // count for count, room in zip(weights.shape, most, strict=True)
    )
    found = np.zeros(most)
    np.maximum.at(found, (rows[:, None], columns[None]), weights)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_thumbnails_show_the_weights(visit: Visiting, fox: Attention, fox_page: Path, scheme: str) -> None:
    on = begin(visit, fox_page, scheme=scheme)
    top = float(fox.weights.max())
    for head in fox.head_ids:
        found = pixels(tile(on, str(head)))
        assert np.abs(found - colors(fox.head(head), top, THEMES[scheme])).max() <= CLOSE


def test_thumbnails_of_long_texts_lose_no_link(visit: Visiting, many: Attention) -> None:
    on = begin(visit, page(many), width=360)
    found = pixels(tile(on, "L1H2"))
    assert found.shape[0] < 300
    small = largest(many.head("L1H2"), found.shape[:2])
    wanted = colors(small, float(many.weights.max()), THEMES["light"])
    seen = largest(np.tri(300), found.shape[:2]) > 0
    assert np.abs(found - wanted)[seen].max() <= CLOSE
    assert (found[~seen] == rgb(THEMES["light"].masked)).all()


def test_hidden_tokens_are_in_no_thumbnail(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "minilm.safetensors")
    on = begin(visit, page(record), "view=grid&special=false")
    kept = record.weights[:, :, 1:-1, 1:-1]
    found = pixels(tile(on, "L3H4"))
    assert found.shape[:2] == kept.shape[2:]
    assert np.abs(found - colors(kept[3, 4], float(kept.max()), THEMES["light"])).max() <= CLOSE


def test_the_log_scale_is_the_grid_s_too(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    before = pixels(tile(on, "L0H1"))
    on.get_by_text("Log scale").click()
    after = pixels(tile(on, "L0H1"))
    row, column = np.unravel_index(((fox.head("L0H1") - 0.03) ** 2).argmin(), (10, 10))
    weight = float(fox.head("L0H1")[row, column]) / float(fox.weights.max())
    assert np.abs(after[row, column] - THEMES["light"].color(1 + np.log10(weight) / 3)).max() <= CLOSE
    assert (after[row, column] != before[row, column]).any()


def test_a_head_is_picked_and_looked_at(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    assert tile(on, "L0H0").get_attribute("aria-current") == "true"
    tile(on, "L1H3").click()
    expect(on.locator("#view")).to_have_attribute("data-view", "heatmap")
    linked(on, "head=L1H3")


def test_beside_a_view_heads_change_and_the_view_stays(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "view=lines")
    rail = on.locator("#rail .grid-tile")
    assert rail.count() == 16
    rail.nth(9).click()
    expect(on.locator("#view")).to_have_attribute("data-view", "lines")
    linked(on, "head=L1H1")
    assert rail.nth(9).get_attribute("aria-current") == "true"
    assert on.locator("#rail .grid-chip").count() == 0


def test_arrows_move_over_the_heads_and_enter_picks(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    tile(on, "L0H0").focus()
    for key in ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"]:
        on.keyboard.press(key)
    focused = "() => document.activeElement.dataset.name"
    assert on.evaluate(focused) == "L1H1"
    assert large(on).locator('[tabindex="0"]').count() == 1
    on.keyboard.press("End")
    assert on.evaluate(focused) == "L1H7"
    on.keyboard.press("Control+Home")
    assert on.evaluate(focused) == "L0H0"
    on.keyboard.press("ArrowUp")
    assert on.evaluate(focused) == "L0H0"
    on.keyboard.press("ArrowDown")
    on.keyboard.press("Enter")
    expect(on.locator("#view")).to_have_attribute("data-view", "heatmap")
    linked(on, "head=L1H0")


def test_patterns_are_those_found_and_dim_the_others(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    found = {str(head.head): head.pattern.label for head in attnviz.focus(fox).heads}
    on = begin(visit, fox_page)
    chips = on.locator(".grid-chip").all_inner_texts()
    counts = {label: sum(other == label for other in found.values()) for label in found.values()}
    assert set(chips) == {f"{label} {count}" for label, count in counts.items()} | {f"all {len(found)}"}
    on.get_by_role("button", name=re.compile("^previous")).click()
    dimmed = large(on).locator(".grid-dim").evaluate_all("tiles => tiles.map((tile) => tile.dataset.name)")
    assert set(dimmed) == {head for head, label in found.items() if label != "previous"}
    linked(on, "filter=previous")
    assert "not among those asked for" in (tile(on, dimmed[0]).get_attribute("aria-label") or "")
    on.get_by_role("button", name=re.compile("^previous")).click()
    assert large(on).locator(".grid-dim").count() == 0


def test_a_head_is_named_with_its_pattern_and_link(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    [head] = [head for head in attnviz.focus(fox).heads if str(head.head) == "L0H0"]
    link = head.links[0]
    said = tile(on, "L0H0").get_attribute("aria-label") or ""
    assert said.startswith(f"L0H0, {head.pattern.label}, ")
    assert f"strongest link: {link.source} → {link.target} " in said
    tile(on, "L0H0").hover()
    tip = on.get_by_role("tooltip")
    expect(tip).to_be_visible()
    assert f"{link.source} → {link.target}" in tip.inner_text()
    on.mouse.move(0, 0)
    expect(tip).to_be_hidden()


@pytest.mark.parametrize(("choice", "digits"), [("entropy", 1), ("pattern", 2)])
def test_tiles_show_numbers(
    visit: Visiting, fox: Attention, fox_page: Path, choice: str, digits: int
) -> None:
    on = begin(visit, fox_page)
    on.get_by_label("tiles show").select_option(choice)
    linked(on, f"tiles={choice}")
    for head in attnviz.focus(fox).heads:
        number = head.entropy.mean if choice == "entropy" else head.pattern.score
        shown = float(tile(on, str(head.head)).inner_text())
        assert shown == pytest.approx(number, abs=0.5 * 10**-digits + 1e-6)


def test_heads_of_one_key_head_are_joined(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "form.continuation.safetensors")
    on = begin(visit, page(record))
    assert on.locator("#view .grid-share").count() == 4 // record.heads_per_key
    name = next(iter(record.head_ids))
    assert "shares its keys with H1" in (tile(on, str(name)).get_attribute("aria-label") or "")


def test_maps_of_layers_stand_side_by_side(visit: Visiting) -> None:
    record = view(attnviz.read(SAMPLES / "minilm.safetensors"), "rollout")
    on = begin(visit, page(record))
    assert on.locator("#view .grid-name").all_inner_texts() == [f"L{layer}" for layer in record.layers]
    tops = {box["y"] for box in (tile(on, f"L{layer}").bounding_box() for layer in record.layers) if box}
    assert len(tops) == 1
    found = pixels(tile(on, "L5"))
    wanted = colors(record.weights[5, 0], float(record.weights.max()), THEMES["light"])
    assert np.abs(found - wanted).max() <= CLOSE


def test_a_thousand_heads_fit(visit: Visiting) -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(6, 0.3), size=(32, 32, 6)).astype(np.float32)
    record = from_arrays(weights, list("abcdef"))
    on = begin(visit, page(record))
    assert large(on).locator(".grid-tile").count() == 1024
    found = pixels(tile(on, "L31H31"))
    assert np.abs(found - colors(weights[31, 31], float(weights.max()), THEMES["light"])).max() <= CLOSE
    view_box, board = (on.locator(place).bounding_box() for place in ("#view", "#view .grid-board"))
    assert view_box is not None
    assert board is not None
    assert board["width"] <= view_box["width"]


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_is_wider_than_its_place(visit: Visiting, fox_page: Path, width: int) -> None:
    on = begin(visit, fox_page, width=width)
    assert on.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for place in ["#view .grid-scroll", "#rail .grid-scroll"]:
        if on.locator(place).count() and on.locator(place).is_visible():
            assert on.locator(place).evaluate("el => el.scrollWidth <= el.clientWidth")


@pytest.mark.long  # test_accessibility.py looks at every view, with less picked
def test_no_barriers(visit: Visiting, fox_page: Path) -> None:
    for scheme in ["light", "dark"]:
        for fragment in ["view=grid", "view=grid&filter=previous", "view=grid&tiles=entropy"]:
            assert barriers(begin(visit, fox_page, fragment, scheme=scheme), "#view") == []


def test_the_picture_has_every_head(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    on.get_by_text("Take away").click()
    with on.expect_download() as waiting:
        on.get_by_text("Save the view as SVG").click()
    drawn = ET.fromstring(waiting.value.path().read_text("utf-8"))
    fills = [rect.get("fill") for rect in drawn.iter(f"{SVG}rect")]
    assert len(fills) > fox.weights.size
    assert THEMES["light"].scale[-1] in fills
    texts = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
    assert {"layer", "head", "7"} <= set(texts)
