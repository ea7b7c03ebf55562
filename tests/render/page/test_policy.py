"""The page's own policy: even what got into a page as markup, or ran in it, could neither act nor ask."""

from pathlib import Path

import pytest

from tests.render.page.browsing import Visit
from tests.render.page.conftest import Visiting
from tests.render.page.test_safety import ACT, ready

INJECTED = {
    "an inline script": f"<script>{ACT}</script>",
    "a module": f"<script type=module>{ACT}</script>",
    "a handler": f"<img src=data: onerror={ACT}>",
    "a style": "<style>body { display: none }</style>",
    "an inline style": '<p style="position: fixed">a',
    "a script of a host": "<script src=https://example.org/a.js></script>",
    "a style of a host": "<link rel=stylesheet href=https://example.org/a.css>",
    "a picture of a host": "<img src=https://example.org/a.png>",
    "a frame": "<iframe srcdoc='<script>parent.taken=1</script>'></iframe>",
    "a frame of a host": "<iframe src=https://example.org></iframe>",
    "an object": "<object data=https://example.org/a.svg></object>",
    "a base": "<base href=https://example.org/>",
    "a script that is data": f"<script src='data:text/javascript,{ACT}'></script>",
}


def assert_forbidden(seen: Visit) -> None:
    """Something was tried, and the policy stopped it: also what a browser lists as asked for."""
    for _ in range(100):
        if any(" forbids " in complaint for complaint in seen.complaints):
            break
        seen.page.wait_for_timeout(50)
    stopped = " ".join(complaint for complaint in seen.complaints if " forbids " in complaint)
    assert stopped
    assert all(address.rstrip("?") in stopped for address in seen.requests)
    seen.complaints.clear()
    seen.requests.clear()


@pytest.mark.parametrize("tag", INJECTED.values(), ids=INJECTED)
def test_what_is_written_into_a_page_does_not_run(visit: Visiting, fox_page: Path, tag: str) -> None:
    """Even if text were taken for markup, the page's own policy would not let it act."""
    whole = fox_page.read_text("utf-8").replace("<body>", f"<body>{tag}", 1)
    assert tag in whole
    seen = visit(whole)
    on = ready(seen)
    assert on.evaluate("globalThis.taken ?? null") is None
    assert on.evaluate("getComputedStyle(document.body).display") != "none"
    assert on.evaluate(
        "[...document.querySelectorAll('p[style]')].every(p => getComputedStyle(p).position === 'static')"
    )
    assert on.evaluate("document.baseURI === location.href")
    if "srcdoc" not in tag:
        assert_forbidden(seen)
    seen.complaints.clear()


DONE = {
    "fetch": "fetch('https://example.org/').catch(() => 0)",
    "a beacon": "navigator.sendBeacon('https://example.org/', 'a')",
    "a socket": "new WebSocket('wss://example.org/')",
    "a request": "const a = new XMLHttpRequest(); a.open('GET', 'https://example.org/'); a.send()",
    "a picture": "new Image().src = 'https://example.org/a.png'",
    "a worker": "new Worker('data:text/javascript,1')",
    "a module": "import('data:text/javascript,1').catch(() => 0)",
    "a form": "document.body.append(Object.assign(document.createElement('form'), {action: 'https://example.org/'}));"
    "document.forms[0].submit()",
    "a font": "new FontFace('a', 'url(https://example.org/a.woff)').load().catch(() => 0)",
}


@pytest.mark.parametrize("act", DONE.values(), ids=DONE)
def test_a_program_that_is_not_the_pages_asks_nobody(visit: Visiting, fox_page: Path, act: str) -> None:
    seen = visit(fox_page)
    on = ready(seen)
    on.evaluate(f"() => {{ try {{ {act} }} catch {{}} }}")
    assert_forbidden(seen)


def test_text_is_never_evaluated(visit: Visiting, fox_page: Path) -> None:
    seen = visit(fox_page)
    on = ready(seen)
    tried = """() => new Promise((done) => setTimeout(() => {
      const late = () => setTimeout("globalThis.taken = 1");
      const ways = [() => eval("1"), () => new Function("return 1")(), late];
      const ran = ways.map((way) => { try { return way(); } catch { return "refused"; } });
      setTimeout(() => done([ran[0], ran[1], globalThis.taken ?? null]), 50);
    }))"""
    assert on.evaluate(tried) == ["refused", "refused", None]
    assert seen.complaints
    seen.complaints.clear()
