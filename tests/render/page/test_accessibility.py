"""Nobody is kept from the page: no barrier in any view, at any size, by day or by night."""

from pathlib import Path

import pytest

from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(360, 740, "light"), (1280, 800, "light"), (1280, 800, "dark")]
)
def test_no_view_has_a_barrier(visit: Visiting, fox_page: Path, width: int, height: int, scheme: str) -> None:
    page = visit(fox_page, width=width, height=height, scheme=scheme).page
    page.wait_for_selector(":root[data-ready]")
    found: dict[str, list[str]] = {}
    tabs = page.get_by_role("tab").all()
    assert len(tabs) >= 6
    for tab in tabs:
        tab.click()
        for barrier in barriers(page):
            found.setdefault(barrier, []).append(tab.inner_text())
    if found:
        pytest.fail(
            "\n".join(f"{', '.join(views)}: {barrier}" for barrier, views in found.items()), pytrace=False
        )


def test_the_help_has_no_barrier(visit: Visiting, fox_page: Path) -> None:
    page = visit(fox_page).page
    page.wait_for_selector(":root[data-ready]")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    assert barriers(page) == []


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
