"""Whatever a text, a model or a link says stays text: nothing acts, nothing is asked for, nothing breaks."""

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Dialog, Page

import attnviz
from attnviz.analysis.through.view import view
from attnviz.record import Attention, Token
from attnviz.render.labels import printable
from attnviz.render.page import page
from tests.render.page.browsing import Viewer, Visit, open_file
from tests.render.page.conftest import Visiting

# An element of this name, or this number, is there only if a text was taken for more than text.
MARK = "attnviz-taken"
ACT = "globalThis.taken=1"

HOSTILE = [
    "</script>",
    f"<!--<script>{ACT}</script>",
    f"</script><script>{ACT}</script>",
    f"<img src=x onerror={ACT}>",
    f"<{MARK}>",
    f"</style></title></textarea><{MARK}>",
    f"<svg onload={ACT}>",
    f"javascript:{ACT}",
    "\"'`><" + MARK + ">",
    f"'onmouseover='{ACT}'",
    "{{title}}",
    f"${{{ACT}}}",
    f"{{{{constructor.constructor('{ACT}')()}}}}",
    "@@facts@@",
    "&lt;b&gt;&#0;&amp",
    "]]><![CDATA[",
    "\\u0022\\",
    "__proto__",
    "constructor",
    "toString",
    "=HYPERLINK(1)",
    "..\\../etc/passwd",
    "%00%0a#?&=",
]
CHARACTERS = [
    "\x00",
    "\x1b[31m",
    "\r\n\t",
    "\u202emirrored\u202c",
    "\u2066\u2067open",
    "\u2028\u2029",
    "\ufeff\u200b\u00ad",
    "\ud800",
    "\udc00x\ud83d",
    "\ufffe\U0010ffff",
    "👩‍👩‍👧‍👦🏳️‍🌈🇫🇷",
    "न\u200dमस्ते",
    "z̴̧̢̛͔͍̹͉a̶l̷g̸o̵" + "\u0335" * 40,
    "السلام",
    "שלום",
    "ﷺ𒐫",
    "汉字",
    "",
    " ",
    "x" * 10_000,
]
TOKENS = HOSTILE + CHARACTERS

# What turns the text beside it around, and characters that act on a terminal or a file.
ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

SOUND = """() => {
  const every = [...document.querySelectorAll("*")];
  return {
    taken: globalThis.taken ?? null,
    marked: document.querySelectorAll("attnviz-taken, img[src=x], svg[onload]").length,
    handlers: every.filter((one) => one.getAttributeNames().some((name) => name.startsWith("on"))).length,
    scripts: [...document.scripts].filter((one) => one.text.includes("globalThis.taken") && !one.type).length,
    frames: document.querySelectorAll("iframe, object, embed, base, form, link").length,
    polluted: Object.keys(Object.prototype).length,
    wide: document.documentElement.scrollWidth - innerWidth,
  };
}"""
QUIET = {"taken": None, "marked": 0, "handlers": 0, "scripts": 0, "frames": 0, "polluted": 0}

# Every text a reader may meet: what is written, and what attributes say.
SAID = """() => {
  const said = [document.title];
  for (const one of document.body.querySelectorAll("*")) {
    if (one.closest("script, style, noscript")) continue;
    for (const node of one.childNodes) if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
    for (const name of ["title", "aria-label", "aria-description", "aria-valuetext", "alt", "placeholder"])
      if (one.hasAttribute(name)) said.push(one.getAttribute(name));
  }
  return said.map((text) => encodeURIComponent(text.toWellFormed()) + (text.isWellFormed() ? "" : " LONE"));
}"""


def record(tokens: list[str], **known: Any) -> Attention:
    count = len(tokens)
    weights = np.random.default_rng(0).dirichlet(np.full(count, 0.1), size=(2, 2, count)).astype(np.float32)
    made = attnviz.from_arrays(weights, tokens, **known)
    sides = tuple(
        Token(
            token.text, place, kind="special" if place == 0 else "generated" if place == count - 1 else "text"
        )
        for place, token in enumerate(made.queries)
    )
    return replace(made, queries=sides, keys=sides, text=" ".join(tokens))


@pytest.fixture(scope="module")
def hostile() -> Attention:
    return record(TOKENS, model=f"</title><img src=x onerror={ACT}>\u202e/../'\"")


@pytest.fixture(scope="module")
def hostile_page(hostile: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = page(
        [hostile, view(hostile, "rollout")], title=f"</title><script>{ACT}</script>\u202e\x00{{{{x}}}}"
    )
    return whole.save(tmp_path_factory.mktemp("safety") / "hostile <img onerror=1> '#%41.html")


def ready(seen: Visit) -> Page:
    """A page whose program has done what it does by itself; a dialog is a complaint from now on."""

    def note(dialog: Dialog) -> None:
        seen.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    seen.page.on("dialog", note)
    seen.page.wait_for_selector(":root[data-opened]")
    return seen.page


def views(on: Page) -> list[str]:
    return [tab.inner_text() for tab in on.get_by_role("tab").all()]


def assert_sound(on: Page, where: str = "") -> None:
    found = on.evaluate(SOUND)
    wide = found.pop("wide")
    assert found == QUIET, where
    assert wide <= 0, f"{where}: {wide} pixels too wide"


def walk(on: Page) -> Iterator[str]:
    """Show every view in turn."""
    for name in views(on):
        on.get_by_role("tab", name=name, exact=True).click()
        on.wait_for_timeout(50)
        yield name


def touch_all(on: Page) -> None:
    """Point at what is shown here and there, so that what is told on pointing is told."""
    box = on.locator("#view").bounding_box()
    assert box
    for across in (0.15, 0.4, 0.7):
        for down in (0.2, 0.5, 0.8):
            on.mouse.move(box["x"] + box["width"] * across, box["y"] + min(box["height"], 600) * down)


WORDS = "&words=true&special=false&scale=log"


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        (360, 740, ""),
        (1280, 800, WORDS),
        pytest.param(1280, 800, "", marks=pytest.mark.long),
        pytest.param(360, 740, WORDS, marks=pytest.mark.long),
    ],
)
def test_tokens_stay_text_in_every_view(
    visit: Visiting, hostile_page: Path, width: int, height: int, words: str
) -> None:
    seen = visit(hostile_page, f"#query=3&key=40&other=L1H1{words}", width=width, height=height)
    on = ready(seen)
    for name in walk(on):
        touch_all(on)
        assert_sound(on, name)
        assert on.locator("#view").inner_text().strip() or on.locator("#view canvas").count(), name
    seen.assert_clean()


@pytest.mark.parametrize(("width", "height"), [(360, 740), pytest.param(1280, 800, marks=pytest.mark.long)])
def test_a_very_long_token_leaves_everything_its_room(
    visit: Visiting, hostile_page: Path, width: int, height: int
) -> None:
    long = TOKENS.index("x" * 10_000)
    on = ready(visit(hostile_page, f"#query={long}&key={long}&other=L1H1", width=width, height=height))
    tall = "(which) => document.querySelector(which)?.getBoundingClientRect().height ?? 0"
    for name in walk(on):
        touch_all(on)
        assert on.evaluate(tall, "#view") > 250, name
        assert on.evaluate(tall, ".saying") < 90, name
        assert on.evaluate(tall, ".head") < 300, name
        assert on.evaluate(tall, ".text-lead") < 120
        assert on.evaluate(tall, ".heatmap-title") < 120
        assert_sound(on, name)


@pytest.mark.long
def test_no_text_on_the_page_acts_on_what_stands_beside_it(visit: Visiting, hostile_page: Path) -> None:
    on = ready(visit(hostile_page, "#query=30&key=27&other=L1H1"))
    for name in walk(on):
        touch_all(on)
        for button in on.locator("#view .table-open").all()[:4]:
            button.click()
        for said in on.evaluate(SAID):
            assert not said.endswith(" LONE"), (name, said[:80])
            # Where a token is named within a sentence, the page itself keeps the two apart.
            text = re.sub(r"\u2068([^\u2068\u2069]*)\u2069", r"\1", unquote(said))
            assert not ACTING.search(text), (name, text[:80])


def test_the_text_view_and_the_table_show_tokens_as_they_are(
    visit: Visiting, hostile_page: Path, hostile: Attention
) -> None:
    on = ready(visit(hostile_page, "#view=text"))
    text = on.locator("#view").evaluate("view => view.textContent")
    for token in HOSTILE:
        assert printable(token) in text, token
    on.get_by_role("tab", name="Table").click()
    told = {word.token for head in attnviz.focus(hostile).heads for word in head.words} & set(HOSTILE)
    assert told
    for token in told:
        on.fill("#table-filter", printable(token))
        assert printable(token) in "".join(on.locator(".table-row").all_inner_texts())
        assert_sound(on, token)


def test_title_and_model_stay_text(visit: Visiting, hostile_page: Path) -> None:
    on = ready(visit(hostile_page))
    assert on.title().startswith(f"</title><script>{ACT}</script>")
    assert not ACTING.search(on.title())
    assert "<img src=x onerror=" in on.locator("body").inner_text()
    assert_sound(on)


def test_nothing_in_a_token_is_a_name_of_a_file(visit: Visiting, hostile_page: Path, tmp_path: Path) -> None:
    """What is taken away is well formed, and holds tokens as text."""
    on = ready(visit(hostile_page, "#query=3&key=40&other=L1H1"))
    for name in walk(on):
        for kind in ("SVG", "PNG", "CSV"):
            taken = take(on, kind, tmp_path)
            if taken is None:
                continue
            path, suggested = taken
            assert all(
                unicodedata.category(char)[0] != "C" and char not in '/\\:<>"|?*' for char in suggested
            )
            assert len(suggested) < 120
            check_file(path, kind, name)
    assert_sound(on)


def take(on: Page, kind: str, folder: Path) -> tuple[Path, str] | None:
    """Save what is shown as a file; nothing where this view has no such file."""
    on.locator("summary", has_text="Take away").click()
    button = on.locator(".drop-list button", has_text=kind).filter(has_not_text="Copy").first
    with on.expect_download() as taken:
        button.click()
    path = folder / f"taken.{kind.lower()}"
    taken.value.save_as(path)
    if on.locator("details.drop[open]").count():
        on.keyboard.press("Escape")
    return path, taken.value.suggested_filename


DRAWN = {"svg", "title", "rect", "polyline", "path", "text", "image", "clipPath", "g"}


def check_file(path: Path, kind: str, where: str) -> None:
    if kind == "SVG":
        for one in ET.parse(path).iter():
            assert one.tag.split("}")[-1] in DRAWN, where
            assert not [name for name in one.attrib if name.lower().startswith("on")]
            assert all(
                value.startswith("data:image/") for name, value in one.attrib.items() if "href" in name
            )
    elif kind == "PNG":
        assert path.read_bytes().startswith(b"\x89PNG")
    else:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline="")))
        assert len({len(row) for row in rows}) == 1
        assert len(rows) == 1 + len(TOKENS) ** 2


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    tokens=st.lists(st.text(st.characters(codec=None), max_size=30), min_size=20, max_size=40),
    model=st.text(max_size=60),
)
def test_any_tokens_stay_text(browser: Browser, tmp_path: Path, tokens: list[str], model: str) -> None:
    path = tmp_path / "any.html"
    path.write_text(page(record(tokens, model=model or "m")), encoding="utf-8", newline="")
    seen = open_file(browser, path, Viewer(width=360, height=740), "#query=1&key=2")
    try:
        on = ready(seen)
        for name in walk(on):
            assert_sound(on, name)
        seen.assert_clean()
    finally:
        seen.page.context.close()


FRAGMENTS = [
    "#view=<script>alert(1)</script>",
    "#view=__proto__",
    "#view=constructor&head=constructor&map=constructor",
    "#map=__proto__&otherMap=__proto__&other=__proto__",
    "#__proto__=1&constructor=1&toString=1&hasOwnProperty=1&valueOf=1",
    "#head=L99999999999H99999999999",
    "#head=-1&also=,,,;;%2C&tiles=%00",
    "#query=99999999999999999999&key=1e308&step=-1",
    "#query=NaN&key=Infinity&threshold=NaN&step=0x10",
    "#threshold=-1e-400&threshold=2",
    "#zoom=1e308,1e308,1e-320,1e308",
    "#zoom=0,0,99999999,99999999&view=heatmap",
    "#zoom=5000,5000,1,1&view=heatmap",
    "#zoom=-1,NaN,,",
    "#zoom=0,0,0.0001,0.0001&view=lines",
    "#%",
    "#%E0%A4%A",
    "#%00%ff%c0%ae",
    "#&&&===&=&",
    "#" + "a" * 20_000,
    "#search=%3Cimg%20src%3Dx%20onerror%3D1%3E&filter=%5B%3Cimg%3E%5D%20(((&sort=-__proto__&view=table",
    "#filter=%5Bconstructor%5D&view=table",
    "#theme=<b>&scale=__proto__&words=1&special=null&together=x",
    "#view=compare&other=L0H0&otherMap=self.rollout&map=self.rollout&head=L1",
    "#view=compare&other=L99H1&map=self&query=43",
    "#view=product&query=1&key=1",
    "#view=picture&query=1",
    "#step=1&query=43&key=43&view=text",
    "#javascript:alert(1)",
    "#view",
]


@pytest.fixture(scope="module")
def fragments_seen(browser: Browser, hostile_page: Path) -> Iterator[Visit]:
    seen = open_file(browser, hostile_page, Viewer())
    ready(seen)
    yield seen
    seen.page.context.close()


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda fragment: fragment[:50])
def test_a_link_that_is_nonsense_opens_a_sound_page(fragments_seen: Visit, fragment: str) -> None:
    seen = fragments_seen
    on = seen.page
    for way in ("typed", "opened"):
        if way == "typed":
            on.goto(seen.address + fragment)
        else:
            on.reload()
        on.wait_for_selector(":root[data-opened]")
        on.wait_for_timeout(50)
        assert_sound(on, way)
        assert on.locator("[role=tab][aria-selected=true]").count() == 1
        chosen = on.locator("#rail select").evaluate_all("all => all.map((one) => one.selectedIndex)")
        assert all(place >= 0 for place in chosen)
        assert on.locator("#view").inner_text().strip() or on.locator("#view canvas").count()
        seen.assert_clean()
