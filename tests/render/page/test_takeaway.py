"""What is taken away from the page, in a real browser: pictures, numbers, links, paper."""

import csv
import io
import xml.etree.ElementTree as ET
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Page

from attnviz import store
from attnviz.record import Attention
from tests.render.page.conftest import Visiting
from tests.render.page.tiny import SAID, begin, made, said, written


@pytest.fixture(scope="module")
def record() -> Attention:
    return made()


@pytest.fixture(scope="module")
def tiny(record: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(record, tmp_path_factory.mktemp("tiny"))


def saved(on: Page, item: str) -> Download:
    on.get_by_text("Take away").click()
    with on.expect_download() as waiting:
        on.get_by_role("button", name=item).click()
    return waiting.value


@pytest.mark.parametrize(
    ("name", "head", "heading"),
    [
        ("grid", "", "Heads: self-attention"),
        ("heatmap", "-L1H1", "L1H1"),
        ("lines", "-L1H1", "L1H1, lines: self-attention"),
        ("compare", "-L1H1", "L1H1"),
        ("table", "", "Table: self-attention"),
    ],
)
def test_a_view_is_saved_as_svg(visit: Visiting, tiny: Path, name: str, head: str, heading: str) -> None:
    on = begin(visit, tiny, f"#view={name}&head=L1H1").page
    file = saved(on, "Save the view as SVG")
    assert file.suggested_filename == f"unbelievable-it-is-it{head}-{name}.svg"
    root = ET.fromstring(file.path().read_text("utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0].startswith(heading)
    assert any("tiny, drawn by attnviz" in text for text in texts)
    assert "Attention shows what a head reads, not why the model answered." in " ".join(texts)
    assert said(on) == f"Saved: {file.suggested_filename}"


def test_a_view_is_saved_as_png(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#theme=dark").page
    drawn = ET.fromstring(saved(on, "Save the view as SVG").path().read_text("utf-8"))
    file = saved(on, "Save the view as PNG")
    assert file.suggested_filename == "unbelievable-it-is-it-L0H0-heatmap.png"
    with Image.open(file.path()) as picture:
        width, height = (float(drawn.attrib[side]) for side in ("width", "height"))
        assert picture.size == (np.ceil(2 * width), np.ceil(2 * height))
        assert picture.convert("RGB").getpixel((0, 0)) == (0x11, 0x14, 0x18)
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_numbers_are_saved_in_the_package_s_own_columns(
    visit: Visiting, tiny: Path, record: Attention, tmp_path: Path
) -> None:
    on = begin(visit, tiny, "#head=L4H1&words=true&special=false").page
    file = saved(on, "Save the head’s numbers")
    assert file.suggested_filename == "unbelievable-it-is-it-L4H1-weights.csv"
    ours = table(store.save(record, tmp_path / "record.csv").read_bytes().decode("utf-8"))
    head = [row for row in ours if row[:2] == ["4", "1"]]
    theirs = table(file.path().read_bytes().decode("utf-8"))
    assert theirs[0] == ours[0]
    assert [row[:-1] for row in theirs[1:]] == [row[:-1] for row in head]
    exact, got = (
        np.array([float(row[-1]) for row in rows]).reshape(len(SAID), -1) for rows in (head, theirs[1:])
    )
    assert (np.abs(got - exact) <= exact.max(-1, keepdims=True) / 500).all()


def test_numbers_and_a_link_are_copied(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#head=L1H0").page
    on.context.grant_permissions(["clipboard-read", "clipboard-write"])
    on.get_by_text("Take away").click()
    on.get_by_role("button", name="Copy the head’s numbers").click()
    on.get_by_text("Copied: every weight of L1H0").wait_for()
    assert len(table(on.evaluate("navigator.clipboard.readText()"))) == 1 + len(SAID) ** 2
    on.get_by_label("Log scale").click()
    on.get_by_text("Take away").click()
    on.get_by_role("button", name="Copy a link").click()
    on.get_by_text("Copied: a link").wait_for()
    assert on.evaluate("navigator.clipboard.readText()") == f"{tiny.as_uri()}#head=L1H0&scale=log"


def test_where_nothing_may_be_copied_the_text_is_there_to_take(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    refused = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    on.evaluate(f"() => {{ navigator.clipboard.writeText = () => {refused}; }}")
    on.get_by_text("Take away").click()
    on.get_by_role("button", name="Copy the head’s numbers").click()
    window = on.get_by_role("dialog", name="Copy by hand")
    area = window.locator("textarea")
    assert len(table(area.input_value())) == 1 + len(SAID) ** 2
    chosen = "(area) => area.selectionEnd - area.selectionStart === area.value.length"
    assert area.evaluate(chosen)
    window.get_by_role("button", name="Close").click()
    area.wait_for(state="detached")


def test_the_page_works_inside_a_sandbox(visit: Visiting, tiny: Path) -> None:
    """As in a notebook: no address of its own, no clipboard, no files."""
    inside = escape(tiny.read_text("utf-8"))
    frame = f'<iframe sandbox="allow-scripts" width="900" height="700" srcdoc="{inside}">'
    seen = visit(f"<!doctype html><title>t</title>{frame}")
    within = seen.page.frame_locator("iframe")
    within.locator("html[data-opened]").wait_for()
    within.get_by_role("tab", name="Text").click()
    within.get_by_role("tabpanel", name="Text").wait_for()
    within.get_by_label("Log scale").click()
    seen.page.wait_for_timeout(400)
    within.get_by_text("Take away").click()
    within.get_by_role("button", name="Copy the head’s numbers").click()
    within.get_by_role("dialog", name="Copy by hand").wait_for()
    # Chromium says so itself when a page may not copy; nothing else may be wrong.
    seen.settle()
    seen.complaints[:] = [said for said in seen.complaints if "lipboard" not in said]


def test_print_is_ink_on_paper(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#theme=dark").page
    on.emulate_media(media="print")
    on.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert on.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    canvas = on.locator(".paper canvas")
    white = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 1, 1).data]"
    assert canvas.evaluate(white) == [255, 255, 255, 255]
    assert canvas.is_visible()
    for gone in ["#view", ".tabs", ".options", "nav.rail", ".page-menu"]:
        assert not on.locator(gone).is_visible(), gone
    assert on.get_by_role("heading", level=1).is_visible()
    on.evaluate("dispatchEvent(new Event('afterprint'))")
    assert on.locator(".paper canvas").count() == 0


def test_a_table_is_printed_as_it_is(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#view=text").page
    assert len(on.pdf()) > 5_000
