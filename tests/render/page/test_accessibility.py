"""The search for barriers must find them."""

import pytest

from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting


def written(body: str, style: str = "", lang: str = "lang=en") -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        f'<meta http-equiv=Content-Security-Policy content="{policy}"><title>t</title><style>{style}</style>'
    )
    return f"<!doctype html><html {lang}><head>{head}</head><body><main><h1>t</h1>{body}</main></body></html>"


def test_a_page_without_barriers(visit: Visiting) -> None:
    assert barriers(visit(written("<p>a<button>b</button>")).page) == []


@pytest.mark.parametrize(
    ("html", "rule"),
    [
        (written("<p>pale", style="p { color: #999; background: #fff }"), "color-contrast"),
        (written("<button></button>"), "button-name"),
        (written("<p role=nonsense>a"), "aria-roles"),
        (written("<div role=grid><div role=cell>a</div></div>"), "aria-required-parent"),
        (written("<input>"), "label"),
        (written("<p>a", lang=""), "html-has-lang"),
        (written("<p tabindex=3>a"), "tabindex"),
        (written("<h3>a</h3>"), "heading-order"),
    ],
)
def test_a_barrier_is_found(visit: Visiting, html: str, rule: str) -> None:
    assert any(barrier.startswith(f"{rule} at ") for barrier in barriers(visit(html).page))
