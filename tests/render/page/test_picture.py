"""Weights over a picture in a real browser: what is laid over a patch is what the record says."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Position

import attnviz
from attnviz.analysis.patches import gaze
from attnviz.record import Attention, Token
from attnviz.render.page import page
from attnviz.selection import HeadId
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting
from tests.render.page.test_text import SVG, saved_svg

SAMPLES = Path(__file__).parents[3] / "samples"
SIDE = 12


@pytest.fixture(scope="module")
def shapes() -> Attention:
    """A disc and a square, and a class token before the patches."""
    return attnviz.read(SAMPLES / "form.picture.safetensors")


@pytest.fixture(scope="module")
def shapes_page(shapes: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(shapes).save(tmp_path_factory.mktemp("shapes") / "shapes.html")


def asked() -> Attention:
    """A text that reads a picture of 2 rows and 3 columns, in cross-attention."""
    words = tuple(Token(text, word=place) for place, text in enumerate(["what", "is", "this"]))
    places = [(row, column) for row in range(2) for column in range(3)]
    patches = tuple(Token(f"r{row}c{column}", kind="patch", place=(row, column)) for row, column in places)
    weights = np.random.default_rng(2).dirichlet(np.ones(6), size=(1, 2, 3)).astype(np.float32)
    pixels = np.full((40, 60, 3), 128, np.uint8)
    return Attention(
        words, patches, weights, (0,), (0, 1), "tiny", "what is this", block="cross", picture=pixels
    )


def begin(visit: Visiting, given: str | Path, fragment: str = "", **viewer: object) -> Page:
    on = visit(given, f"#view=picture{fragment}", **viewer).page
    on.wait_for_function("() => document.documentElement.dataset.opened === '1'")
    return on


def canvas(on: Page) -> Locator:
    return on.locator(".picture-canvas")


def middle(on: Page, row: int, column: int, shape: tuple[int, int] = (SIDE, SIDE)) -> Position:
    box = canvas(on).bounding_box()
    assert box is not None
    return {"x": (column + 0.5) * box["width"] / shape[1], "y": (row + 0.5) * box["height"] / shape[0]}


def color_at(on: Page, row: int, column: int) -> list[int]:
    """The colour in the middle of a patch, on the canvas."""
    at = middle(on, row, column)
    # Read from a copy: a canvas that is read again and again makes the browser complain.
    read = """([x, y]) => { const shown = document.querySelector('.picture-canvas');
      const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
      const scale = shown.width / shown.clientWidth;
      copy.drawImage(shown, x * scale, y * scale, 1, 1, 0, 0, 1, 1);
      return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3) }"""
    found: list[int] = on.evaluate(read, [at["x"], at["y"]])
    return found


def told(on: Page) -> float:
    [number] = re.findall(r": (\S+)", on.locator(".saying").inner_text())
    return float(number)


@pytest.mark.parametrize("head", ["L11H0", "L11H3"])
@pytest.mark.parametrize("place", [None, (4, 1), (0, 0)])
def test_each_patch_tells_its_weight(
    visit: Visiting, shapes: Attention, shapes_page: Path, head: str, place: tuple[int, int] | None
) -> None:
    picked = "" if place is None else f"&query={1 + place[0] * SIDE + place[1]}"
    on = begin(visit, shapes_page, f"&head={head}{picked}")
    wanted = gaze(shapes, HeadId.parse(head), place)
    for row, column in [(0, 0), (3, 4), (9, 8), (11, 11)]:
        canvas(on).hover(position=middle(on, row, column))
        assert abs(told(on) - wanted.weights[row, column]) <= np.nanmax(wanted.weights) / 255 + 1e-4
    if wanted.aside >= 0.005:
        assert f"{wanted.aside:.2f}".lstrip("0") in on.locator(".text-lead").inner_text()


@pytest.mark.parametrize("look", ["colours", "light", "frames"])
def test_looks_differ_where_weights_do(visit: Visiting, shapes_page: Path, look: str) -> None:
    on = begin(visit, shapes_page, "&head=L11H1&query=1")
    on.get_by_label("How weights are shown").select_option(look)
    on.get_by_label("How dense").fill("100")
    # Both are of the same blue in the picture; the first is next to the disc's middle, the other far from it.
    near, far = color_at(on, 3, 1), color_at(on, 11, 0)
    # A frame leaves the middle of its patch as it is.
    assert (np.abs(np.array(near) - far).max() > 8) == (look != "frames")
    if look == "light":
        assert sum(near) > sum(far)
        assert sum(far) < 12


def test_no_density_leaves_the_picture_as_it_is(
    visit: Visiting, shapes: Attention, shapes_page: Path
) -> None:
    on = begin(visit, shapes_page, "&head=L11H1&query=1")
    on.get_by_label("How dense").fill("0")
    assert shapes.picture is not None
    for row, column in [(3, 4), (9, 8), (11, 0)]:
        wanted = shapes.picture[row * 16 + 8, column * 16 + 8]
        assert np.abs(np.array(color_at(on, row, column)) - wanted).max() <= 3


def test_a_press_picks_a_patch_and_turning_asks_who_reads_it(
    visit: Visiting, shapes: Attention, shapes_page: Path
) -> None:
    on = begin(visit, shapes_page, "&head=L11H0")
    canvas(on).click(position=middle(on, 5, 6))
    position = 1 + 5 * SIDE + 6
    on.wait_for_function(f"() => location.hash.includes('query={position}')")
    on.get_by_role("button", name="Who reads it").click()
    on.wait_for_function(f"() => location.hash.includes('key={position}')")
    canvas(on).hover(position=middle(on, 5, 7))
    assert abs(told(on) - shapes.head("L11H0")[position + 1, position]) <= 1 / 255
    canvas(on).click(position=middle(on, 5, 6))
    on.wait_for_function("() => !location.hash.includes('key=')")


def test_the_class_token_stands_beside_and_can_be_picked(
    visit: Visiting, shapes: Attention, shapes_page: Path
) -> None:
    on = begin(visit, shapes_page, "&head=L11H0&query=50&special=false")
    chip = on.locator(".text-word")
    assert chip.all_inner_texts() == ["[CLS]"]
    written = chip.get_attribute("data-weight")
    assert written is not None
    assert abs(float(written) - shapes.head("L11H0")[50, 0]) < 0.0051 + 1 / 255
    chip.click()
    on.wait_for_function("() => location.hash.includes('query=0')")


def test_arrows_go_from_patch_to_patch(visit: Visiting, shapes: Attention, shapes_page: Path) -> None:
    on = begin(visit, shapes_page, "&head=L11H1&query=1")
    canvas(on).focus()
    for key in ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"]:
        on.keyboard.press(key)
    assert on.locator(".saying").inner_text().startswith("row 0 column 0 → row 1 column 1: ")
    assert abs(told(on) - shapes.head("L11H1")[1, 1 + SIDE + 1]) <= shapes.head("L11H1")[1].max() / 255 + 1e-4
    on.keyboard.press("Enter")
    on.wait_for_function(f"() => location.hash.includes('query={1 + SIDE + 1}')")


def test_words_read_a_picture_in_cross_attention(visit: Visiting) -> None:
    record = asked()
    on = begin(visit, page(record))
    mean = record.head("L0H0").mean(axis=0)
    canvas(on).hover(position=middle(on, 1, 2, (2, 3)))
    assert abs(told_of_mean(on) - mean[5]) <= 1 / 255
    on.get_by_role("group", name="Queries").get_by_text("is", exact=True).click()
    on.wait_for_function("() => location.hash.includes('query=1')")
    canvas(on).hover(position=middle(on, 0, 1, (2, 3)))
    assert abs(told(on) - record.head("L0H0")[1, 1]) <= 1 / 255
    canvas(on).click(position=middle(on, 0, 1, (2, 3)))
    on.wait_for_function("() => location.hash.includes('key=1')")
    shown = on.locator(".text-word").evaluate_all("els => els.map((el) => Number(el.dataset.weight ?? 0))")
    np.testing.assert_allclose(shown, record.head("L0H0")[:, 1], atol=0.0051 + 1 / 255)


def told_of_mean(on: Page) -> float:
    return float(on.locator(".saying").inner_text().split(": ")[1].split(" ")[0])


def test_is_offered_only_with_a_picture(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    assert on.get_by_role("tab", name="Text").count() == 1
    assert on.get_by_role("tab", name="Picture").count() == 0


def test_is_taken_away_as_a_picture(
    visit: Visiting, shapes: Attention, shapes_page: Path, tmp_path: Path
) -> None:
    on = begin(visit, shapes_page, "&query=50&head=L11H3")
    on.wait_for_selector(".text-item")
    drawn = saved_svg(on, tmp_path)
    assert shapes.picture is not None
    [image] = drawn.iter(f"{SVG}image")
    assert str(image.get("href")).startswith("data:image/png")
    said = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
    assert any("r4c1" in line for line in said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keeps_nobody_out(visit: Visiting, shapes_page: Path, scheme: str) -> None:
    on = begin(visit, shapes_page, "&head=L11H3&query=50", scheme=scheme)
    assert barriers(on, ".text-view") == []


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_fits_its_place(visit: Visiting, shapes_page: Path, width: int) -> None:
    on = begin(visit, shapes_page, "&query=50", width=width)
    box = canvas(on).bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(box["height"], abs=1)
    assert box["x"] + box["width"] <= width
