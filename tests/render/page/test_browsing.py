"""The fixtures the page is tested with: they must see what goes wrong."""

import os
import shutil
from pathlib import Path

import pytest

from tests.render.page.browsing import chromium
from tests.render.page.conftest import Visiting
from tests.render.page.firefox import firefox

TSC = Path(__file__).parents[3] / "node_modules" / ".bin" / "tsc"
STRICT = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; script-src 'nonce-none'\">"


def written(body: str, head: str = "") -> str:
    return f"<!doctype html><html lang=en><head><meta charset=utf-8><title>t</title>{head}</head><body>{body}"


@pytest.mark.skipif(not os.environ.get("CI"), reason="only CI promises browsers, node and tsc")
def test_ci_has_what_the_page_is_tested_with() -> None:
    assert chromium()
    assert firefox()
    assert shutil.which("node")
    assert TSC.exists()


def test_a_quiet_page_is_open_and_clean(visit: Visiting) -> None:
    seen = visit(written("<p id=a>héllo 你好"), "#x=1")
    assert seen.page.inner_text("#a") == "héllo 你好"
    assert seen.page.evaluate("location.hash") == "#x=1"
    seen.assert_clean()


def test_a_viewer_has_a_size_a_scheme_and_a_language(visit: Visiting) -> None:
    page = visit(written(""), width=360, height=740, scheme="dark", locale="de-DE", touch=True, scale=2).page
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    asked = f"[innerWidth, innerHeight, {dark}, navigator.language, devicePixelRatio]"
    assert page.evaluate(asked) == [360, 740, True, "de-DE", 2]
    assert page.evaluate("matchMedia('(pointer: coarse)').matches || navigator.maxTouchPoints > 0")


@pytest.mark.parametrize(
    "tag",
    [
        "<img src='https://example.org/a.png'>",
        "<script src='//example.org/a.js'></script>",
        "<link rel=stylesheet href='https://example.org/a.css'>",
        "<script>fetch('https://example.org/a').catch(() => 0)</script>",
        "<style>@font-face{font-family:a;src:url(https://example.org/a.woff)} p{font-family:a}</style><p>a",
        "<img src='beside.png'>",
    ],
)
def test_a_page_that_asks_for_anything_is_caught(visit: Visiting, tag: str) -> None:
    seen = visit(written(tag))
    seen.page.wait_for_load_state("networkidle")
    assert len(seen.requests) == 1
    seen.requests.clear()
    seen.complaints.clear()


@pytest.mark.parametrize("source", ["data:image/gif;base64,R0lGODlhAQABAAAAACw=", "blob"])
def test_content_that_comes_with_the_page_is_no_request(visit: Visiting, source: str) -> None:
    script = "<script>i.src = URL.createObjectURL(new Blob(['<svg xmlns=\"http://www.w3.org/2000/svg\"/>'],{type:'image/svg+xml'}))</script>"
    seen = visit(written(f"<img id=i src='{source}'>" if source != "blob" else f"<img id=i>{script}"))
    seen.page.wait_for_load_state("networkidle")
    assert seen.requests == []
    seen.complaints.clear()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("console.error('oh')", "oh"),
        ("console.warn('hm')", "hm"),
        ("throw new Error('broken')", "broken"),
        ("Promise.reject(new Error('forgotten'))", "forgotten"),
    ],
)
def test_a_page_that_fails_is_caught(visit: Visiting, script: str, said: str) -> None:
    seen = visit(written(f"<script>{script}</script>"))
    assert [said in complaint for complaint in seen.complaints] == [True]
    seen.complaints.clear()


@pytest.mark.parametrize(
    ("tag", "directive"),
    [
        ("<script>1</script>", "script-src-elem"),
        ("<p style='color: red'>", "style-src-attr"),
        ("<img src=x onerror='1'>", "script-src-attr"),
        ("<img src='https://example.org/a.png'>", "img-src"),
    ],
)
def test_what_a_policy_forbids_is_caught(visit: Visiting, tag: str, directive: str) -> None:
    seen = visit(written(tag, STRICT))
    assert any(complaint.startswith(f"{directive} forbids") for complaint in seen.complaints)
    seen.complaints.clear()
    seen.requests.clear()


def test_a_strict_policy_does_not_hinder_a_test(visit: Visiting) -> None:
    page = visit(written("<p id=a>b", STRICT)).page
    page.wait_for_function("document.querySelector('#a').textContent === 'b'")
    assert page.evaluate("() => document.querySelector('#a').textContent") == "b"
    assert page.locator("#a").evaluate("(element) => element.textContent") == "b"
