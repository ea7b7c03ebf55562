"""The lines in a real browser: those the record has, as many as it has, and what is said of them."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

import attnviz
from attnviz.record import Attention, from_arrays
from attnviz.render.page import page
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting

SAMPLES = Path(__file__).parents[3] / "samples"
SVG = "{http://www.w3.org/2000/svg}"

# A weight is written with four digits.
WRITTEN = 5e-5

INK = """([x, y]) => {
  const canvas = document.querySelector(".lines-canvas");
  const density = canvas.width / canvas.clientWidth;
  const blank = new OffscreenCanvas(canvas.width, canvas.height);
  const copy = blank.getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const [left, top] = [Math.round(x * canvas.width), Math.round(y * density) - 1];
  const data = copy.getImageData(left, top, 1, 3).data;
  return Math.max(data[3], data[7], data[11]);
}"""


@pytest.fixture(scope="module")
def long() -> Attention:
    """512 tokens of a decoder."""
    logits = np.random.default_rng(2).normal(size=(1, 3, 512, 512)) * 3
    weights = np.exp(logits) * np.tri(512)
    weights /= weights.sum(-1, keepdims=True)
    return from_arrays(weights.astype(np.float32), [f"t{place}" for place in range(512)], causal=True)


@pytest.fixture(scope="module")
def long_page(long: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(long).save(tmp_path_factory.mktemp("long") / "long.html")


def begin(visit: Visiting, given: str | Path, fragment: str = "", **viewer: object) -> Page:
    on: Page = visit(given, f"#view=lines&{fragment}", **viewer).page
    on.wait_for_function("() => document.documentElement.dataset.opened === '1'")
    return on


def token(on: Page, side: str, place: int) -> Locator:
    return on.locator(f".lines-{side} .lines-token").nth(place)


def tokens(on: Page, side: str) -> list[str]:
    return on.locator(f".lines-{side} .lines-text").all_inner_texts()


def values(on: Page, side: str) -> list[str]:
    return on.locator(f".lines-{side} .lines-value").all_inner_texts()


def drawn(on: Page) -> tuple[int, int]:
    """How many weights are drawn, of how many."""
    found = re.search(r"drawn: ([\d,]+) of ([\d,]+)", on.locator(".lines-told").inner_text())
    assert found is not None
    few, all_ = (int(number.replace(",", "")) for number in found.groups())
    return few, all_


def linked(on: Page, field: str) -> None:
    """The link says so, or will in a moment."""
    on.wait_for_function("(field) => location.hash.includes(field)", arg=field)


def said(on: Page) -> str:
    return on.locator(".saying").inner_text()


def error(row: NDArray[np.floating]) -> float:
    """How far a weight may be off: by its level, and by its last digit."""
    return float(row.max()) / 255 + WRITTEN


def picture(on: Page) -> ET.Element:
    on.get_by_text("Take away").click()
    with on.expect_download() as waiting:
        on.get_by_text("Save the view as SVG").click()
    return ET.fromstring(waiting.value.path().read_text("utf-8"))


@pytest.mark.parametrize("about", [0.02, 0.1, 0.35])
def test_each_weight_from_the_threshold_up_is_a_line(
    visit: Visiting, fox: Attention, fox_page: Path, about: float
) -> None:
    weights = fox.head("L0H3")
    # A weight within rounding of the threshold could be on either side of it.
    threshold = next(each for each in np.arange(about, 1, 0.002) if np.abs(weights - each).min() > 1 / 500)
    on = begin(visit, fox_page, f"head=L0H3&threshold={threshold:.3f}")
    assert drawn(on)[0] == (weights >= threshold).sum() > 0
    share = weights[weights >= threshold].sum() / len(weights)
    assert f"{share:.0%}".replace("%", " % of the mass") in on.locator(".lines-told").inner_text()
    assert len(list(picture(on).iter(f"{SVG}path"))) == (weights >= threshold).sum()


def test_lines_stand_where_the_weights_are(visit: Visiting) -> None:
    on = begin(visit, page(from_arrays(np.eye(4, dtype=np.float32)[[1, 0, 2, 2]], list("abcd"))))
    box = token(on, "query", 0).bounding_box()
    assert box is not None
    pitch = box["height"]
    middle = [on.evaluate(INK, [0.5, place * pitch]) for place in (1, 2.5, 3, 3.5)]
    assert middle == [255, 255, 255, 0]
    # Line 0 to 1 begins at the height of 0 and ends at that of 1.
    assert on.evaluate(INK, [0.01, 0.5 * pitch]) == 255
    assert on.evaluate(INK, [0.99, 1.5 * pitch]) == 255


def test_pointing_at_a_query_says_what_it_reads(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "head=L0H7")
    row = fox.head("L0H7")[4]
    token(on, "query", 4).hover()
    assert "on" in (token(on, "query", 4).get_attribute("class") or "")
    told = re.findall(r"(\S+?)(?: \(\d+\))? ([.\d]+)(?:,|$)", said(on).split(" reads ")[1])
    assert len(told) == 4
    order = np.argsort(-row, kind="stable")
    for (text, number), key in zip(told, order, strict=False):
        assert text == fox.keys[key].text
        assert float(number) == pytest.approx(row[key], abs=error(row))
    for shown, weight in zip(values(on, "key"), row, strict=True):
        assert float(shown or 0) == pytest.approx(weight, abs=0.005 + error(row))
    assert values(on, "query") == [""] * len(row)
    on.mouse.move(0, 0)
    assert values(on, "key") == [""] * len(row)


def test_pointing_at_a_key_says_who_reads_it(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "head=L1H7")
    weights = fox.head("L1H7")
    token(on, "key", 3).hover()
    assert said(on).startswith("fox is read by ")
    for shown, row in zip(values(on, "query"), weights, strict=True):
        assert float(shown or 0) == pytest.approx(row[3], abs=0.005 + error(row))
    assert drawn(on)[0] == (weights[:, 3] > weights.max() / 1000).sum()


def test_a_line_is_pointed_at_and_picked(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "head=L0H0")
    rows = on.locator(".lines-query .lines-token")
    box = rows.nth(4).bounding_box()
    canvas = on.locator(".lines-canvas").bounding_box()
    assert box is not None
    assert canvas is not None
    x = canvas["x"] + canvas["width"] / 2
    on.mouse.move(x, box["y"] + box["height"])
    weight = fox.head("L0H0")[4, 5]
    assert said(on).startswith("L0H0: jumps reads over ")
    assert float(said(on).rsplit(" ", 1)[1]) == pytest.approx(weight, abs=error(fox.head("L0H0")[4]))
    on.mouse.click(x, box["y"] + box["height"])
    linked(on, "query=4")
    linked(on, "key=5")


def test_a_token_is_picked_and_let_go(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    token(on, "query", 2).click()
    linked(on, "query=2")
    token(on, "key", 5).click()
    linked(on, "key=5")
    on.mouse.move(0, 0)
    assert token(on, "query", 2).get_attribute("aria-selected") == "true"
    assert token(on, "key", 5).get_attribute("aria-selected") == "true"
    token(on, "query", 2).click()
    on.wait_for_function("() => !location.hash.includes('query=2')")
    assert token(on, "query", 2).get_attribute("aria-selected") == "false"


def test_a_pick_of_another_view_is_shown(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "head=L0H0&query=6")
    assert on.locator(".lines-query [aria-selected=true]").inner_text().strip() == "the"
    assert "% of what the reads" in on.locator(".lines-told").inner_text()


def test_the_keyboard_walks_and_picks(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    token(on, "query", 0).focus()
    for key in ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown"]:
        on.keyboard.press(key)
    focused = "() => [document.activeElement.dataset.place, document.activeElement.parentElement.className]"
    place, side = on.evaluate(focused)
    assert (place, "lines-key" in side) == ("3", True)
    assert said(on).startswith("fox is read by ")
    on.keyboard.press("Enter")
    linked(on, "key=3")
    on.keyboard.press("End")
    assert on.evaluate(focused)[0] == "9"
    on.keyboard.press("ArrowDown")
    assert on.evaluate(focused)[0] == "9"
    on.keyboard.press("ArrowLeft")
    assert "lines-query" in on.evaluate(focused)[1]
    on.keyboard.press("Home")
    assert on.evaluate(focused)[0] == "0"
    assert on.locator(".lines-side [tabindex='0']").count() == 2


def test_several_heads_are_drawn_together(visit: Visiting, fox: Attention, fox_page: Path) -> None:
    on = begin(visit, fox_page, "head=L0H0&threshold=0.2")
    on.get_by_role("button", name="H4", exact=True).click()
    linked(on, "also=4")
    count = sum((fox.head(head) >= 0.2).sum() for head in ["L0H0", "L0H4"])
    assert drawn(on)[0] == count
    pressed = on.locator(".lines-switch[aria-pressed=true]").all_inner_texts()
    assert [text.strip() for text in pressed] == ["H0", "H4"]
    token(on, "query", 4).hover()
    weights = np.stack([fox.head(head)[4] for head in ["L0H0", "L0H4"]])
    shown = values(on, "key")
    for key in range(len(shown)):
        if weights[:, key].max() > 0.02:
            head, number = shown[key].split(" ")
            assert head == ["H0", "H4"][int(weights[:, key].argmax())]
            assert float(number) == pytest.approx(weights[:, key].max(), abs=0.01)
    strokes = {path.get("stroke") for path in picture(on).iter(f"{SVG}path")}
    assert len(strokes) == 2
    on.get_by_role("button", name="H0", exact=True).click()
    linked(on, "head=L0H4")


def test_no_more_heads_than_colours(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "head=L0H0&also=1,2,3,4,5")
    on.get_by_role("button", name="H7", exact=True).click()
    assert "At most 6 heads" in said(on)
    assert on.locator(".lines-switch[aria-pressed=true]").count() == 6


def test_two_sides_of_two_texts(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "form.translation.safetensors")
    on = begin(visit, page(record), "threshold=0.1")
    assert tokens(on, "query") == [label.text for label in record.queries]
    assert len(tokens(on, "key")) == len(record.keys)
    assert drawn(on)[0] == (record.weights[0, 0] >= 0.1).sum()


def test_special_tokens_are_told_and_hidden(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "minilm.safetensors")
    on = begin(visit, page(record), "head=L3H4")
    assert tokens(on, "key")[0] == "[CLS]"
    assert "lines-special" in (token(on, "key", 0).get_attribute("class") or "")
    on.get_by_text("Special tokens").click()
    assert "[CLS]" not in tokens(on, "key")
    inside = record.head("L3H4")[1:-1]
    hidden = 1 - inside[:, 1:-1].sum() / len(inside)
    assert f"{round(hidden * 100)} % is on hidden tokens" in on.locator(".lines-told").inner_text()


def test_steps_of_generation(visit: Visiting) -> None:
    record = attnviz.read(SAMPLES / "form.continuation.safetensors")
    made = [place for place, each in enumerate(record.queries) if each.kind == "generated"]
    on = begin(visit, page(record), "threshold=0.01")
    for step in [1, 3]:
        on.evaluate(
            "(step) => (location.hash = location.hash.replace(/&step=.*/, '') + `&step=${step}`)", step
        )
        last = made[0] + step - 1
        expect(on.locator(".lines-query .lines-token")).to_have_count(last + 1)
        expect(on.locator(".lines-key .lines-token")).to_have_count(last + 1)
        assert drawn(on)[0] == (record.weights[0, 0, : last + 1, : last + 1] >= 0.01).sum()
        assert "lines-newest" in (token(on, "query", last).get_attribute("class") or "")
        expected = on.locator(".lines-expected").inner_text()
        prediction = record.predictions[last]
        assert f"after {record.queries[last].text}" in expected
        assert expected.endswith(
            f"{prediction.text.strip()} {prediction.probability:.2f}".replace(" 0.", " .")
        )
    assert "generated" in (token(on, "query", made[0]).text_content() or "")


def test_long_texts_scroll_in_step(visit: Visiting, long: Attention, long_page: Path) -> None:
    on = begin(visit, long_page, "head=L0H1&query=300")
    expect(token(on, "query", 300)).to_be_in_viewport()
    box, other = (token(on, side, 300).bounding_box() for side in ("query", "key"))
    assert box is not None
    assert other is not None
    assert box["y"] == other["y"]
    assert on.locator(".lines-hint:visible").count() >= 1
    on.locator(".lines-hint-key.lines-hint-above").click()
    strongest = int(long.head("L0H1")[300, :250].argmax())
    expect(token(on, "key", strongest)).to_be_in_viewport()
    on.evaluate("document.querySelector('.lines-scroll').scrollTop = 3000")
    expect(token(on, "query", 300)).not_to_be_in_viewport()


def test_only_the_strongest_lines_of_a_long_text(visit: Visiting, long: Attention, long_page: Path) -> None:
    on = begin(visit, long_page, "head=L0H1")
    few, every = drawn(on)
    assert few == 1500
    assert few < every <= (long.head("L0H1") > 0).sum()
    least = np.sort(long.head("L0H1").ravel())[-1500:].sum() / 512
    assert f"the strongest, {round(least * 100)} % of the mass" in on.locator(".lines-told").inner_text()


def test_text_from_right_to_left_and_what_acts(visit: Visiting) -> None:
    said_ = ["ذهب", "我们", "</script>", "<b>", "\u202eabc", "x" * 60]
    weights = np.random.default_rng(5).dirichlet(np.ones(6), size=6).astype(np.float32)
    on = begin(visit, page(from_arrays(weights, said_)))
    shown = tokens(on, "query")
    assert shown[:4] == said_[:4]
    assert "\u202e" not in shown[4]
    box = token(on, "query", 5).bounding_box()
    canvas = on.locator(".lines-canvas").bounding_box()
    assert box is not None
    assert canvas is not None
    assert box["x"] + box["width"] <= canvas["x"] + 1


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_everything_is_in_its_place(visit: Visiting, fox_page: Path, width: int) -> None:
    on = begin(visit, fox_page, "query=3", width=width)
    assert on.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    canvas = on.locator(".lines-canvas").bounding_box()
    key = token(on, "key", 0).bounding_box()
    assert canvas is not None
    assert key is not None
    assert abs(canvas["x"] + canvas["width"] - key["x"]) <= 1
    assert canvas["width"] > 40


@pytest.mark.long  # test_accessibility.py looks at every view, with less picked
def test_no_barriers(visit: Visiting, fox_page: Path) -> None:
    record = attnviz.read(SAMPLES / "form.continuation.safetensors")
    for scheme in ["light", "dark"]:
        assert barriers(begin(visit, fox_page, "query=3&also=1,2", scheme=scheme), "#view") == []
        assert barriers(begin(visit, page(record), "key=3&step=2", scheme=scheme), "#view") == []


def test_the_picture_has_every_row(visit: Visiting, long_page: Path, long: Attention) -> None:
    drawn_ = picture(begin(visit, long_page))
    texts = ["".join(text.itertext()) for text in drawn_.iter(f"{SVG}text")]
    assert {label.text for label in long.queries} <= set(texts)
    assert {"from (query)", "to (key)", "L0H0"} <= set(texts)
