"""The heatmap in a real browser: what is under the crosshair is what the record says."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

import attnviz
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.words import merge_words
from attnviz.record import Attention, Token, from_arrays
from attnviz.render.labels import printable
from attnviz.render.page import page
from attnviz.render.theme import THEMES, rgb
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting
from tests.render.page.mapping import Cell, number, off, pixel, plot, said, some_cells

SAMPLES = Path(__file__).parents[3] / "samples"

SHAPES = {"one": (1, 1), "wide": (3, 40), "high": (60, 2)}


@pytest.fixture(scope="module")
def pieces() -> Attention:
    """Words of several pieces, a special token at either end, two heads of two layers."""
    said_words = ["[CLS]", "un", "believ", "able", "dogs", "bark", "ing", "twice", "[SEP]"]
    words = [None, 0, 0, 0, 1, 2, 2, 3, None]
    tokens = tuple(
        Token(text, kind="special" if word is None else "text", word=word)
        for text, word in zip(said_words, words, strict=True)
    )
    shape = (2, 2, len(tokens), len(tokens))
    weights = np.random.default_rng(5).dirichlet(np.full(len(tokens), 0.4), size=shape[:3])
    return Attention(tokens, tokens, weights.astype(np.float32), (0, 1), (0, 1), "tiny")


@pytest.fixture(scope="module")
def long() -> Attention:
    """300 tokens, with one cell that stands alone."""
    count = 300
    weights = np.random.default_rng(2).dirichlet(np.full(count, 0.3), size=count).astype(np.float32) / 2
    weights[211, 33] = 0.45
    return from_arrays(weights, [f"w{place}" for place in range(count)])


@pytest.fixture(scope="module")
def long_page(long: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(long).save(tmp_path_factory.mktemp("long") / "long.html")


def begin(visit: Visiting, given: str | Path, fragment: str = "", **viewer: object) -> Page:
    on: Page = visit(given, f"#view=heatmap{fragment}", **viewer).page
    on.wait_for_function("() => document.documentElement.dataset.ready === '1'")
    on.wait_for_selector(".map-surface")
    return on


def hover(on: Page, record: Attention, cell: Cell) -> str:
    on.mouse.move(*plot(on, (len(record.queries), len(record.keys))).at(cell))
    return said(on)


@pytest.mark.parametrize("head", ["L0H0", "L1H0", "L1H6"])
def test_the_cell_under_the_mouse_is_the_record_s(
    visit: Visiting, fox: Attention, fox_page: Path, head: str
) -> None:
    on, weights = begin(visit, fox_page, f"&head={head}"), fox.head(head)
    for cell in some_cells(weights, 6):
        told = hover(on, fox, cell)
        assert told.startswith(f"{fox.queries[cell[0]].text} reads {fox.keys[cell[1]].text}: ")
        assert number(told) == pytest.approx(weights[cell], abs=off(weights, cell))


def test_keys_move_the_crosshair_and_pick(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on, weights = begin(visit, fox_page, "&head=L1H0"), fox.head("L1H0")
    on.locator(".map-top").focus()
    for key in ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"]:
        on.keyboard.press(key)
    assert said(on).startswith("fox reads fox: ")
    assert number(said(on)) == pytest.approx(weights[3, 3], abs=off(weights, (3, 3)))
    on.keyboard.press("End")
    assert said(on).startswith("fox reads .: ")
    on.keyboard.press("Enter")
    on.wait_for_function("() => location.hash.includes('query=3') && location.hash.includes('key=9')")
    on.keyboard.press("Escape")
    on.wait_for_function("() => !location.hash.includes('query=')")


def test_a_click_picks_and_a_second_lets_go(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0")
    spot = plot(on, (10, 10)).at((2, 3))
    on.mouse.click(*spot)
    on.wait_for_function("() => location.hash.includes('query=2') && location.hash.includes('key=3')")
    assert on.locator(".heatmap-title").all_inner_texts() == ["brown reads", "fox is read by"]
    on.wait_for_timeout(600)
    on.mouse.click(*spot)
    on.wait_for_function("() => !location.hash.includes('query=')")


def test_the_lists_beside_the_map_are_the_row_and_the_column(
    visit: Visiting, fox: Attention, fox_page: Path
) -> None:
    on, weights = begin(visit, fox_page, "&head=L0H0"), fox.head("L0H0")
    hover(on, fox, (4, 2))
    reads, read_by = on.locator(".heatmap-list").all()
    found = [float(text) for text in reads.locator(".heatmap-number").all_inner_texts()]
    assert found == pytest.approx(sorted(weights[4], reverse=True)[: len(found)], abs=off(weights, (4, 2)))
    found = [float(text) for text in read_by.locator(".heatmap-number").all_inner_texts()]
    assert found == pytest.approx(sorted(weights[:, 2], reverse=True)[: len(found)], abs=1 / 255)


def test_zoomed_by_the_wheel_the_cell_under_the_mouse_stays(
    visit: Visiting, long: Attention, long_page: Path
) -> None:
    on, weights = begin(visit, long_page), long.head("L0H0")
    assert hover(on, long, (211, 33)).startswith("w211 reads w33: .45")
    for _ in range(4):
        on.mouse.wheel(0, -300)
    on.wait_for_function("() => location.hash.includes('zoom=')")
    on.wait_for_timeout(100)
    assert said(on).startswith("w211 reads w33: .45")
    shown = plot(on, weights.shape)
    assert shown.window[2] < 100
    for row in range(int(shown.window[0]) + 1, int(shown.window[0] + shown.window[2]), 4):
        cell = row, int(shown.window[1] + shown.window[3] / 2)
        on.mouse.move(*shown.at(cell))
        assert number(said(on)) == pytest.approx(weights[cell], abs=off(weights, cell))


def test_a_link_reopens_what_was_in_sight(visit: Visiting, long: Attention, long_page: Path) -> None:
    on, weights = begin(visit, long_page, "&zoom=200,20,30,30"), long.head("L0H0")
    assert plot(on, weights.shape).window == (200, 20, 30, 30)
    for cell in [(211, 33), (200, 20), (229, 49)]:
        assert number(hover(on, long, cell)) == pytest.approx(weights[cell], abs=off(weights, cell))


def test_keys_zoom_and_what_is_dragged_moves(visit: Visiting, long_page: Path) -> None:
    on = begin(visit, long_page)
    on.locator(".map-top").focus()
    for _ in range(5):
        on.keyboard.press("+")
    on.wait_for_function("() => location.hash.includes('zoom=')")
    on.wait_for_timeout(400)
    before = plot(on, (300, 300))
    assert before.window[2] == pytest.approx(300 / 1.5**5, abs=0.01)
    cell = int(before.window[0]) + 9, int(before.window[1]) + 9
    on.mouse.move(*before.at(cell))
    on.mouse.down()
    on.mouse.move(*before.at((cell[0] - 6, cell[1] - 6)), steps=4)
    on.mouse.up()
    on.wait_for_timeout(400)
    after = plot(on, (300, 300))
    assert after.window[:2] == pytest.approx((before.window[0] + 6, before.window[1] + 6), abs=0.1)
    assert "query=" not in on.url
    on.locator(".map-top").focus()
    on.keyboard.press("0")
    on.wait_for_function("() => !location.hash.includes('zoom=')")


def test_a_box_drawn_with_shift_is_shown_large(visit: Visiting, long_page: Path) -> None:
    on = begin(visit, long_page)
    whole = plot(on, (300, 300))
    on.keyboard.down("Shift")
    on.mouse.move(*whole.at((100, 100), across=0, down=0))
    on.mouse.down()
    on.mouse.move(*whole.at((160, 160), across=0, down=0), steps=4)
    on.mouse.up()
    on.keyboard.up("Shift")
    on.wait_for_function("() => location.hash.includes('zoom=')")
    on.wait_for_timeout(400)
    assert plot(on, (300, 300)).window == pytest.approx((100, 100, 60, 60), abs=2)


@pytest.mark.parametrize("special", ["true", "false"])
def test_words_and_hidden_tokens_are_the_package_s(visit: Visiting, pieces: Attention, special: str) -> None:
    shown = merge_words(pieces if special == "true" else drop_special(pieces))
    on = begin(visit, page(pieces), f"&head=L1H1&words=true&special={special}")
    weights = shown.head("L1H1")
    allowed = float(pieces.head("L1H1").max()) * 3 / 255
    for cell in some_cells(weights, 5):
        told = hover(on, shown, cell)
        assert told.startswith(f"{shown.queries[cell[0]].text} reads {shown.keys[cell[1]].text}: ")
        assert number(told) == pytest.approx(weights[cell], abs=allowed)


def test_the_hidden_mass_of_a_row_is_told(visit: Visiting, pieces: Attention) -> None:
    on = begin(visit, page(pieces), "&head=L0H1&special=false")
    shown = drop_special(pieces)
    hover(on, shown, (2, 2))
    hidden = 1 - shown.head("L0H1")[2].sum()
    share, about = on.locator(".heatmap-note").first.inner_text().split(" % ")
    assert about == "on hidden tokens"
    assert int(share) == pytest.approx(hidden * 100, abs=1)


def test_merging_words_keeps_the_same_tokens_in_sight(visit: Visiting, pieces: Attention) -> None:
    on = begin(visit, page(pieces), "&zoom=4,4,4,4")
    on.get_by_label("Whole words").click()
    on.wait_for_function("() => location.hash.includes('words=true')")
    on.wait_for_timeout(400)
    merged = merge_words(pieces)
    first, left = plot(on, (len(merged.queries), len(merged.keys))).window[:2]
    assert [merged.queries[int(first)].text, merged.keys[int(left)].text] == ["dogs", "dogs"]


def test_masked_cells_say_why(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "form.continuation.safetensors")
    on = begin(visit, page(record), "&head=L0H1")
    assert hover(on, record, (1, 5)).endswith("cannot see was: a later key")
    assert hover(on, record, (14, 0)).endswith("cannot see Once: outside its window")
    masked = plot(on, (15, 15)).at((1, 10))
    assert pixel(on, masked) == rgb(THEMES["light"].masked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_cell_has_the_theme_s_colour(
    visit: Visiting, fox: Attention, fox_page: Path, scheme: str, scale: str
) -> None:
    on = begin(visit, fox_page, f"&head=L1H0&scale={scale}", scheme=scheme)
    weights, shown = fox.head("L1H0"), plot(on, (10, 10))
    for cell in [(1, 3), (3, 3), (3, 4), (1, 4), (1, 2)]:
        share = float(weights[cell] / weights.max())
        if scale == "log":
            share = max(0.0, 1 + np.log10(max(share, 1e-9)) / 3)
        wanted = THEMES[scheme].color(share)
        # A corner of the cell: its middle holds the number.
        found = pixel(on, shown.at(cell, across=0.15, down=0.15))
        assert found == pytest.approx(wanted, abs=6 if scale == "log" else 2), cell


def test_a_cell_smaller_than_a_pixel_is_not_lost(visit: Visiting) -> None:
    weights = np.full((900, 900), 1e-6, np.float32)
    weights[623, 411] = 0.9
    on = begin(visit, page(from_arrays(weights, [f"w{place}" for place in range(900)])), width=360)
    darkest = on.evaluate(
        """() => {
          const canvas = document.querySelector('.map-base');
          const [box] = JSON.parse(document.querySelector('.map-surface').dataset.plots);
          const drawn = canvas.getContext('2d');
          const { data } = drawn.getImageData(box.x + 1, box.y + 1, box.width - 2, box.height - 2);
          let least = 255;
          for (let at = 0; at < data.length; at += 4) least = Math.min(least, data[at]);
          return least;
        }"""
    )
    assert darkest == rgb(THEMES["light"].scale[-1])[0]


def test_weights_below_the_threshold_are_left_out(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0&threshold=0.5", scheme="dark")
    assert pixel(on, plot(on, (10, 10)).at((3, 4), across=0.15, down=0.15)) == (0, 0, 0)
    assert hover(on, fox, (3, 4)).endswith("below the threshold")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("width", [360, 1280])
def test_maps_of_any_shape_fit(visit: Visiting, shape: tuple[int, int], width: int) -> None:
    weights = np.full(shape, 1 / shape[1], np.float32)
    weights[-1] = 0
    record = from_arrays(weights, [f"q{i}" for i in range(shape[0])], [f"k{j}" for j in range(shape[1])])
    on = begin(visit, page(record), width=width)
    told = hover(on, record, (0, shape[1] - 1))
    if shape[0] > 1:
        assert number(told) == pytest.approx(1 / shape[1], abs=0.001)
    assert on.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    surface = on.locator(".map-surface").bounding_box()
    assert surface is not None
    assert surface["width"] <= width


def test_a_tap_points_and_one_finger_scrolls(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0", width=360, height=740, touch=True)
    on.touchscreen.tap(*plot(on, (10, 10)).at((3, 4)))
    assert said(on).startswith("fox reads jumps: .2")
    assert on.locator(".map-top").evaluate("el => getComputedStyle(el).touchAction") == "pan-x pan-y"


def test_two_fingers_zoom(visit: Visiting, long_page: Path) -> None:
    on = begin(visit, long_page, width=360, height=740, touch=True)
    spot = plot(on, (300, 300)).at((150, 150))
    session = on.context.new_cdp_session(on)

    def fingers(kind: str, apart: float) -> None:
        points = [{"x": spot[0] + side * apart, "y": spot[1], "id": n} for n, side in enumerate((-1, 1))]
        points = [] if kind == "touchEnd" else points
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 20)
    for apart in (30, 40, 60):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    on.wait_for_function("() => location.hash.includes('zoom=')")
    on.wait_for_timeout(400)
    window = plot(on, (300, 300)).window
    assert window[2] == pytest.approx(100, abs=1)
    assert window[0] + window[2] / 2 == pytest.approx(150.5, abs=1)
    assert on.locator(".map-top").evaluate("el => getComputedStyle(el).touchAction") == "none"


def test_the_picture_taken_away_has_every_label(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H0")
    with on.expect_download() as waiting:
        on.get_by_text("Take away").click()
        on.get_by_role("button", name="SVG").click()
    svg = waiting.value.path().read_text("utf-8")
    for token in fox.queries:
        assert svg.count(f">{printable(token.text)}</text>") >= 2
    assert ">.92</text>" in svg
    assert "<title>" in svg


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_anybody(visit: Visiting, fox_page: Path, scheme: str) -> None:
    on = begin(visit, fox_page, "&head=L1H0&query=3&key=3", scheme=scheme)
    assert barriers(on, "main") == []
    assert on.locator(".map-top").get_attribute("aria-label") == "L1H0: 10 queries, 10 keys"


def test_panning_a_long_map_draws_what_was_drawn_before(visit: Visiting, long_page: Path) -> None:
    on = begin(visit, long_page, "&zoom=100,100,60,60")
    on.locator(".map-top").focus()
    made = on.evaluate(
        """async () => {
          const canvas = document.querySelector('.map-top');
          const press = async () => {
            const key = new KeyboardEvent("keydown", { key: "ArrowRight", shiftKey: true, bubbles: true });
            canvas.dispatchEvent(key);
            await new Promise((done) => requestAnimationFrame(done));
          };
          await press();
          let made = 0;
          const usual = CanvasRenderingContext2D.prototype.putImageData;
          CanvasRenderingContext2D.prototype.putImageData = function (...given) {
            made += 1;
            return usual.apply(this, given);
          };
          for (let step = 0; step < 10; step += 1) await press();
          return made;
        }"""
    )
    assert made == 0
    # The link follows once the keys have rested.
    on.wait_for_function("() => !location.hash.includes('zoom=100%2C100')")
