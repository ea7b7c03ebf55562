"""The page in Firefox: it opens, draws, listens, and asks nobody."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import attnviz
from attnviz.render.page import page as attnviz_page
from tests.render.page.firefox import Browser, Refused, firefox, running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if firefox() is None:
        pytest.skip("no Firefox (apt-get install firefox-esr)")
    with running(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def written(folder: Path, body: str, head: str = "") -> Path:
    path = folder / "page.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><title>t</title>{head}<body>{body}", "utf-8")
    return path


def test_a_page_is_seen_clicked_and_typed_into(browser: Browser, tmp_path: Path) -> None:
    body = """<p id=said>héllo 你好</p><button id=press>no</button><script>
        press.onclick = () => { press.textContent = "yes"; };
        addEventListener("keydown", (event) => { said.textContent = event.key; });</script>"""
    page = browser.open_file(written(tmp_path, body), "#x=1", width=360, height=740)
    asked = "[innerWidth, innerHeight, location.hash, said.textContent]"
    assert page.evaluate(asked) == [360, 740, "#x=1", "héllo 你好"]
    page.click("#press")
    page.wait_for("press.textContent === 'yes'")
    page.press("a", "ArrowLeft")
    assert page.evaluate("said.textContent") == "ArrowLeft"
    assert page.screenshot().startswith(b"\x89PNG")
    page.assert_clean()


def test_a_page_that_fails_or_asks_is_caught(browser: Browser, tmp_path: Path) -> None:
    body = """<img src="https://example.org/a.png"><script>
        console.warn("hm"); Promise.reject(new Error("forgotten")); throw new Error("broken");</script>"""
    page = browser.open_file(written(tmp_path, body))
    assert sorted(page.complaints()) == ["Error: broken", "Error: forgotten", "hm"]
    assert page.requests() == ["https://example.org/a.png"]
    with pytest.raises(Refused, match="nowhere"):
        page.evaluate("nowhere")
    with pytest.raises(Refused, match="waited in vain"):
        page.wait_for("false", seconds=0.1)


def test_what_a_policy_forbids_is_caught(browser: Browser, tmp_path: Path) -> None:
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    page = browser.open_file(written(tmp_path, "<img src='https://example.org/a.png'>", policy))
    assert "img-src forbids https://example.org/a.png" in page.complaints()


READY = "'ready' in document.documentElement.dataset"


def test_every_view_of_a_page_opens(browser: Browser, fox_page: Path) -> None:
    page = browser.open_file(fox_page)
    page.wait_for(READY)
    tabs = page.evaluate("[...document.querySelectorAll('[role=tab]:not([hidden])')].map(({ id }) => id)")
    pictures = set()
    for tab in tabs:
        page.click(f"#{tab}")
        page.wait_for(f"document.querySelector('#{tab}').ariaSelected === 'true'")
        page.wait_for("document.querySelector('#view').childElementCount > 0")
        pictures.add(page.screenshot())
    assert len(pictures) == len(tabs) >= 6
    page.assert_clean()


def test_a_page_reads_its_weights(browser: Browser, fox: attnviz.Attention, fox_page: Path) -> None:
    page = browser.open_file(fox_page, "#view=text&head=L0H2&query=4")
    page.wait_for(f"{READY} && document.querySelector('.text-list')")
    items = "[...document.querySelector('.text-list').querySelectorAll('.text-item')]"
    parts = "['.text-name', '.text-number'].map((part) => item.querySelector(part).textContent)"
    row = {fox.keys[key].text: float(weight) for key, weight in enumerate(fox.weights[0, 2, 4])}
    read = {name: float(number) for name, number in page.evaluate(f"{items}.map((item) => {parts})")}
    assert len(read) >= 3
    assert read == pytest.approx({name: row[name] for name in read}, abs=max(row.values()) / 255)


def test_tokens_that_look_like_markup_stay_text(browser: Browser, tmp_path: Path) -> None:
    odd = ["</script>", "<img src=x onerror=alert(1)>", "\"'&amp;<!--", "a\0b", "\u202eevil", "\ud83d"]
    record = attnviz.from_arrays(np.full((1, 1, 6, 6), 1 / 6), odd, odd)
    page = browser.open_file(attnviz_page(record).save(tmp_path / "odd.html"), "#view=text")
    page.wait_for(f"{READY} && document.querySelector('.text-word')")
    words = page.evaluate("[...document.querySelectorAll('.text-word')].map((word) => word.textContent)")
    assert words == [
        "</script>",
        "<img␣src=x␣onerror=alert(1)>",
        "\"'&amp;<!--",
        "a␀b",
        "\\u202eevil",
        "\\ud83d",
    ]
    assert page.evaluate("document.querySelectorAll('img, #view script').length") == 0
    page.assert_clean()


def test_a_page_obeys_the_keyboard(browser: Browser, fox_page: Path) -> None:
    page = browser.open_file(fox_page, width=360, height=740)
    page.wait_for(READY)
    page.press("4")
    page.wait_for("location.hash === '#view=text'")
    page.press("?")
    page.wait_for("document.querySelector('dialog[open]')")
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog[open]')")
    page.assert_clean()
