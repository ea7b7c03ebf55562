"""Nobody is kept from the page: no barrier in any view, at any size, by day or by night."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.render.page.accessibility import (
    FOCUSED,
    barriers,
    focusable,
    missed,
    moving,
    pale,
    small,
    unnamed,
    wide,
)
from tests.render.page.conftest import Visiting


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [
        (360, 740, "light"),
        pytest.param(1280, 800, "light", marks=pytest.mark.long),
        (1280, 800, "dark"),
    ],
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


def begin(visit: Visiting, path: Path, fragment: str = "", **viewer: Any) -> Page:
    page = visit(path, fragment, **viewer).page
    page.wait_for_selector(":root[data-opened]")
    return page


def walk(page: Page) -> Iterator[str]:
    """Show every view in turn."""
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_timeout(50)
        yield tab.inner_text()


def told(faults: list[str]) -> None:
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


PICKED = "#query=3&key=4&other=L1H1"
SIZES = [(320, 640), (360, 740), (1280, 800)]


def test_everything_that_takes_the_focus_has_a_name_and_a_role(visit: Visiting, fox_page: Path) -> None:
    page = begin(visit, fox_page, PICKED)
    faults = []
    for view in walk(page):
        for node in focusable(page):
            role, name = node["role"]["value"], node.get("name", {}).get("value", "").strip()
            if role in ("RootWebArea", "tabpanel"):
                continue
            if not name or role in ("generic", "none", "paragraph", "Canvas"):
                faults.append(f"{view}: {role} “{name}”")
    told(faults)


def from_the_top(page: Page) -> None:
    """Begin with the tab key where a page that is just opened does."""
    page.evaluate("() => { globalThis.order = []; scrollTo(0, 0); }")
    page.locator("body").evaluate("body => { body.tabIndex = -1; body.focus(); }")
    page.locator("body").evaluate("body => body.removeAttribute('tabindex')")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 800)])
def test_the_tab_key_reaches_every_control_in_order_and_shows_where_it_is(
    visit: Visiting, fox_page: Path, width: int, height: int
) -> None:
    page = begin(visit, fox_page, PICKED, width=width, height=height)
    faults = []
    for view in walk(page):
        from_the_top(page)
        for _ in range(400):
            page.keyboard.press("Tab")
            found = page.evaluate(FOCUSED)
            if found is None or found["again"]:
                break
            faults += [
                f"{view}: {found['what']}: {fault}"
                for fault, right in (
                    ("no ring", found["ring"]),
                    ("out of sight", found["seen"]),
                    ("before the last one", found["after"]),
                )
                if not right
            ]
        faults += [f"{view}: {one}: not reached" for one in missed(page)]
    told(faults)


def test_tabs_are_chosen_with_arrow_keys(visit: Visiting, fox_page: Path) -> None:
    page = begin(visit, fox_page)
    page.get_by_role("tab", selected=True).focus()
    names = [tab.inner_text() for tab in page.get_by_role("tab").all()]
    seen = []
    for _ in names:
        page.keyboard.press("ArrowRight")
        seen.append(page.get_by_role("tab", selected=True).inner_text())
    assert sorted(seen) == sorted(names)
    assert page.evaluate("document.activeElement.getAttribute('role')") == "tab"


def test_the_page_says_what_it_is_made_of(visit: Visiting, fox_page: Path) -> None:
    page = begin(visit, fox_page)
    for _ in walk(page):
        counted = (
            "(what) => [...document.querySelectorAll(what)].filter((one) => one.checkVisibility()).length"
        )
        assert page.evaluate(counted, "h1") == 1
        assert page.evaluate(counted, "main") == 1
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.title()
        assert page.get_by_role("banner").count() == 1
        assert page.get_by_role("contentinfo").count() == 1
        assert page.get_by_role("navigation").count() == 1
        assert page.locator("[aria-live=polite], [role=status]").count() >= 1
        assert (
            page.locator("[tabindex]").evaluate_all("all => all.filter((one) => one.tabIndex > 0).length")
            == 0
        )


def test_every_drawing_has_a_name(visit: Visiting, fox_page: Path) -> None:
    page = begin(visit, fox_page, PICKED)
    told([f"{view}: {drawing}" for view in walk(page) for drawing in unnamed(page)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_are_seen(visit: Visiting, fox_page: Path, scheme: str) -> None:
    page = begin(visit, fox_page, PICKED, scheme=scheme)
    told([f"{view}: {control}" for view in walk(page) for control in pale(page)])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_targets_are_large_enough_for_a_finger(
    visit: Visiting, fox_page: Path, width: int, height: int
) -> None:
    page = begin(visit, fox_page, PICKED, width=width, height=height)
    told([f"{view}: {target}" for view in walk(page) for target in small(page)])


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_view_is_wider_than_the_screen(visit: Visiting, fox_page: Path, width: int) -> None:
    page = begin(visit, fox_page, PICKED, width=width, height=740)
    faults = []
    for view in walk(page):
        faults += [f"{view}: {one}" for one in wide(page)]
    told(faults)


def test_letters_twice_as_large_fit_too(visit: Visiting, fox_page: Path) -> None:
    page = begin(visit, fox_page, PICKED)
    page.evaluate("document.documentElement.style.fontSize = '30px'")
    faults = []
    for view in walk(page):
        faults += [f"{view}: {one}" for one in wide(page)]
        room = page.locator("#view").evaluate("view => view.getBoundingClientRect().height")
        if room < 150:
            faults.append(f"{view}: {room:.0f} pixels for the view")
    told(faults)


def test_nothing_moves_for_who_asked_for_it(visit: Visiting, fox_page: Path) -> None:
    page = begin(visit, fox_page, PICKED)
    told([f"{view}: {one}" for view in walk(page) for one in moving(page)])


def test_what_happens_is_said(visit: Visiting, fox_page: Path) -> None:
    """Filtering, sorting and picking are told to who does not see them."""
    page = begin(visit, fox_page, "#view=table")
    live = page.locator("[role=status]")
    page.fill("#table-filter", "lazy")
    assert "of 16 heads" in " ".join(live.all_inner_texts())
    page.locator(".table-pick").first.click()
    assert "picked" in " ".join(live.all_inner_texts())


def test_nothing_is_told_by_colour_alone(visit: Visiting, fox_page: Path) -> None:
    """What is chosen is said by an attribute, and marked by more than a hue."""
    page = begin(visit, fox_page, "#view=table&head=L1H2")
    assert page.locator("[role=tab][aria-selected=true]").count() == 1
    picked = page.locator(".table-picked .table-pick")
    assert picked.get_attribute("aria-current") == "true"
    edge = "one => getComputedStyle(one).borderInlineStartColor"
    assert picked.evaluate(edge) != page.locator(".table-pick").first.evaluate(edge)


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


@pytest.mark.parametrize(
    ("find", "body", "style"),
    [
        (missed, "<button>a", ""),
        (unnamed, "<canvas></canvas>", ""),
        (unnamed, "<div role=img><svg></svg></div>", ""),
        (pale, "<select class=a><option>b</select>", "select { border: 1px solid #ccc; background: #fff }"),
        (pale, "<button class=a>b", "button { border: 0; background: #fff; color: #999 }"),
        (
            pale,
            "<p><button>b</p>",
            "p { background: #222 } button { background: #333; border: 0; color: #777 }",
        ),
        (small, "<button>a", "button { width: 20px; height: 40px }"),
        (small, "<label><input type=checkbox></label>", "label { display: block; height: 20px }"),
        (wide, "<p>a", "p { width: 3000px }"),
        (moving, "<p>a", "p { transition: color 1s }"),
        (moving, "<p>a", "@keyframes b { to { top: 0 } } p { animation: b 3s infinite }"),
    ],
)
def test_what_is_looked_for_is_found(
    visit: Visiting, find: Callable[[Page], list[str]], body: str, style: str
) -> None:
    page = visit(written(body, style)).page
    page.evaluate("globalThis.order = []")
    assert find(page)
    plain = visit(written("<button>a<br>b", "button { border: 2px solid #000; padding: 20px }")).page
    plain.evaluate("globalThis.order = [...document.querySelectorAll('button')]")
    assert not find(plain)


def test_a_focus_that_is_not_seen_is_found(visit: Visiting) -> None:
    page = visit(written("<button>a</button><button>b", "button:nth-child(2) { outline: none }")).page
    rings = []
    for _ in range(2):
        page.keyboard.press("Tab")
        rings.append(page.evaluate(FOCUSED)["ring"])
    assert sorted(rings) == [False, True]


def test_a_control_without_a_name_is_found(visit: Visiting) -> None:
    nodes = focusable(visit(written("<button></button><input title=a>")).page)
    assert sorted(node["name"]["value"] for node in nodes if node["role"]["value"] != "RootWebArea") == [
        "",
        "a",
    ]
