"""The page around the views, in a real browser: controls, links, keys, help, room for all of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Locator, Page

from attnviz.record import Attention
from attnviz.render.page import page
from attnviz.render.theme import luminance
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting
from tests.render.page.tiny import begin, comes_to_show, fields, made, opened, said, shown, slide, written

LONG = "white space, “quotes”; a\ttab \x00 \u202eand what acts </script><b>"
VIEWS = ["grid", "heatmap", "lines", "text", "compare", "table"]


@pytest.fixture(scope="module")
def record() -> Attention:
    return made()


@pytest.fixture(scope="module")
def tiny(record: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(record, tmp_path_factory.mktemp("tiny"))


def test_the_page_opens_on_a_heatmap_with_all_that_tells_whose_it_is(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    assert on.get_by_role("heading", level=1).inner_text() == "unbelievable it is it"
    assert "tiny, 3 layers of 2 heads" in on.get_by_role("banner").inner_text()
    assert "not why the model answered" in on.get_by_role("banner").inner_text()
    assert re.search(r"weights within 1/\d+ of", on.get_by_role("contentinfo").inner_text())
    assert on.get_by_role("tab", selected=True).inner_text() == "Heatmap"
    assert fields(on) == {}


CONTROLS: dict[str, tuple[Callable[[Page], object], dict[str, str]]] = {
    "head": (lambda on: on.get_by_label("Head", exact=True).select_option("L4H1"), {"head": "L4H1"}),
    "next head": (lambda on: on.get_by_role("button", name="Next head").click(), {"head": "L0H1"}),
    "layer": (lambda on: slide(on, "Layer", 2), {"head": "L4H0"}),
    "words": (lambda on: on.get_by_label("Whole words").click(), {"words": "true"}),
    "special": (lambda on: on.get_by_label("Special tokens").click(), {"special": "false"}),
    "scale": (lambda on: on.get_by_label("Log scale").click(), {"scale": "log"}),
    "threshold": (lambda on: slide(on, "Hide weights below", 8), {"threshold": "0.2"}),
    "step": (lambda on: slide(on, "Generated tokens", 1), {"step": "1"}),
    "map": (
        lambda on: on.get_by_label("Map", exact=True).select_option("self.rollout"),
        {"map": "self.rollout", "head": "L0"},
    ),
    "theme": (lambda on: on.get_by_role("button", name="Theme").dblclick(), {"theme": "dark"}),
    "search": (lambda on: on.get_by_label("Find").fill("so"), {"search": "so", "query": "7"}),
    "tab": (lambda on: on.get_by_role("tab", name="Text").click(), {"view": "text"}),
}


def test_every_control_changes_the_view_and_the_link(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    before = shown(on)
    for name, (move, expected) in CONTROLS.items():
        move(on)
        assert fields(on) == expected, name
        assert shown(on) != before, name
        on.evaluate("location.hash = ''")
        on.wait_for_timeout(50)
    assert comes_to_show(on, before)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_link_opens_the_same_view(visit: Visiting, tiny: Path, width: int) -> None:
    fragment = "#view=lines&head=L4H1&words=true&special=false&query=4&scale=log&threshold=0.05&theme=dark"
    first = begin(visit, tiny, fragment, width=width).page
    first.evaluate("scrollTo(0, 0)")
    assert fields(first) == dict(parse_qsl(fragment[1:]))  # in whatever order
    again = begin(visit, tiny, first.evaluate("location.hash"), width=width).page
    assert "drawn: " in first.locator("#view").inner_text()
    assert first.locator("main").inner_text() == again.locator("main").inner_text()


@pytest.mark.parametrize(
    "fragment",
    ["#view=none&head=L9H9&map=x", "#__proto__=1&constructor=2", "#%E0%A4&zoom=1,2", "#query=99&step=99"],
)
def test_a_link_that_names_nothing_here_opens_the_page(visit: Visiting, tiny: Path, fragment: str) -> None:
    on = begin(visit, tiny, fragment).page
    assert on.get_by_role("tab", selected=True).inner_text() == "Heatmap"
    assert on.get_by_label("Head", exact=True).input_value() == "L0H0"


def test_a_link_changed_by_hand_is_followed(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    on.evaluate("location.hash = '#view=text&head=L1H1'")
    on.get_by_role("tab", selected=True).get_by_text("Text").wait_for()
    assert on.get_by_label("Head", exact=True).input_value() == "L1H1"
    on.go_back()
    on.get_by_role("tab", selected=True).get_by_text("Heatmap").wait_for()


def test_hidden_mass_is_the_record_s(visit: Visiting, tiny: Path, record: Attention) -> None:
    on = begin(visit, tiny, "#head=L1H1&special=false").page
    mass = record.weights[1, 1][1:, 0].mean()
    assert on.locator("#hidden-mass").inner_text() == f"hidden: {round(100 * mass)} % of the mass"


def test_a_step_says_what_the_model_expected(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    slide(on, "Generated tokens", 0)
    assert "0 of 2; next: “next6” .70" in on.locator(".option-row").inner_text()
    slide(on, "Generated tokens", 2)
    assert "2 of 2; next: “next8” .90" in on.locator(".option-row").inner_text()
    assert "step" not in fields(on)


def test_a_generation_plays_to_its_end(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    on.get_by_role("button", name="Play the generation").click()
    on.get_by_role("button", name="Pause").wait_for()
    assert fields(on)["step"] in ("0", "1")
    on.get_by_role("button", name="Play the generation").wait_for(timeout=5000)
    assert "step" not in fields(on)


def test_a_search_goes_from_match_to_match(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    row = on.locator(".search")
    on.get_by_label("Find").fill("IT")
    assert "1 of 3" in row.inner_text()
    on.get_by_role("button", name="Next match").click()
    assert fields(on)["query"] == "6"
    on.get_by_label("Find").press("Enter")
    on.get_by_label("Find").press("Enter")
    assert fields(on)["query"] == "4"
    on.get_by_role("button", name="Previous match").click()
    assert "3 of 3" in row.inner_text()
    assert said(on) == "it, query 8: match 3 of 3"
    on.get_by_label("Find").fill("zebra")
    assert "none" in row.inner_text()
    assert on.get_by_role("button", name="Next match").is_disabled()


def test_reset_puts_everything_back(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    before = shown(on)
    assert not on.get_by_role("button", name="Reset").is_visible()
    on.get_by_label("Log scale").click()
    on.get_by_label("Head", exact=True).select_option("L4H1")
    on.get_by_role("button", name="Reset").click()
    assert fields(on) == {}
    assert comes_to_show(on, before)


def test_everything_is_done_with_keys_alone(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    on.keyboard.press("Tab")
    assert on.evaluate("document.activeElement.textContent") == "Skip to the view"
    on.keyboard.press("Enter")
    assert on.evaluate("document.activeElement.id") == "view"
    for key in ["2", "]", "]", "}", "{", "[", "w", "s", "l", "t", "t"]:
        on.keyboard.press(key)
    assert fields(on) == {
        "head": "L0H1",
        "words": "true",
        "special": "false",
        "scale": "log",
        "theme": "dark",
    }
    on.keyboard.press("/")
    on.keyboard.type("wl]so")
    assert fields(on)["search"] == "wl]so"
    assert fields(on)["head"] == "L0H1"
    on.keyboard.press("Shift+Tab")
    on.keyboard.press("4")
    assert fields(on)["view"] == "text"


def test_what_a_key_did_is_said(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    told = {}
    for key in "]wslt,":
        on.keyboard.press(key)
        told[key] = said(on)
    assert re.match(r"L0H1 · \w", told["]"])
    assert re.match(r"hidden: \d+ % of the mass", told["s"])
    assert [told[key] for key in "wlt"] == ["whole words", "log scale", "theme: light"]
    assert told[","] == "1 of 2; next: “next7” .80"


def test_tabs_are_walked_with_arrows(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    on.get_by_role("tab", selected=True).focus()
    on.keyboard.press("ArrowRight")
    assert on.evaluate("document.activeElement.textContent") == "Lines"
    on.keyboard.press("Home")
    on.keyboard.press("ArrowLeft")
    assert on.get_by_role("tab", selected=True).inner_text() == "Table"
    assert on.evaluate("document.activeElement.textContent") == "Table"
    assert on.locator("[role=tab][tabindex='0']").count() == 1
    assert on.get_by_role("tabpanel", name="Table").count() == 1


def walk(on: Page, most: int = 200) -> list[str]:
    """Everything the Tab key reaches, in order, until it starts again."""
    seen: list[str] = []
    for _ in range(most):
        on.keyboard.press("Tab")
        name = on.evaluate(
            """() => { const at = document.activeElement; if (at === document.body) return "";
              return at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent; }"""
        )
        if not name:
            break
        seen.append(name)
    return seen


def test_the_tab_key_reaches_every_control_in_order(visit: Visiting, tiny: Path) -> None:
    reached = walk(begin(visit, tiny, "#head=L0H1").page)
    order = [
        "Skip to the view",
        "Take away",
        "Theme: auto",
        "Help",
        "Map",
        "Head",
        "Previous head",
        "Next head",
    ]
    order += ["Layer", "Heatmap", "Whole words", "Special tokens", "Log scale", "Hide weights below"]
    order += ["Play the generation", "Generated tokens", "Find"]
    assert [name for name in reached if name in order] == order


def test_help_lists_every_key_and_gives_the_focus_back(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    on.get_by_role("tab", name="Heatmap").focus()
    on.keyboard.press("?")
    window = on.get_by_role("dialog", name="Help")
    listed = set(window.locator("kbd").all_inner_texts())
    assert {"1", "8", "[", "]", "{", "}", "w", "s", "l", "t", "/", "?", "Esc", ",", "."} <= listed
    on.keyboard.press("w")
    assert fields(on) == {}
    on.keyboard.press("Escape")
    assert not window.is_visible()
    assert on.evaluate("document.activeElement.textContent") == "Heatmap"


def test_single_keys_can_be_turned_off(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny).page
    on.get_by_role("button", name="Help").click()
    on.get_by_label("Single keys act").uncheck()
    on.get_by_role("button", name="Close").click()
    on.keyboard.press("w")
    assert fields(on) == {}


def test_escape_lets_go_of_a_pick(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#query=4&key=1").page
    on.keyboard.press("Escape")
    assert fields(on) == {}


def sideways(on: Page) -> int:
    return int(on.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_a_phone_never_scrolls_sideways(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#search=it", width=360, height=740, touch=True).page
    on.get_by_text("Options and search").click()
    on.get_by_text("Take away").click()
    for name in VIEWS:
        on.evaluate(f"location.hash = '#view={name}&search=it'")
        on.locator(f"#view[data-view={name}]").wait_for()
        assert sideways(on) <= 0, name


def test_on_a_phone_everything_is_large_enough_to_touch(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#search=it", width=360, height=740, touch=True).page
    on.get_by_text("Options and search").click()
    on.get_by_text("Take away").click()
    shell = "header :is(button, summary), nav :is(select, button, input), .tab"
    options = ".options :is(button, input, label.switch)"
    small = on.locator(f"{shell}, {options}").evaluate_all(
        """(all) => all.filter((one) => one.checkVisibility() && !one.matches("[type=checkbox]"))
          .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])
          .filter(([, height]) => height < 39.5)"""
    )
    assert small == []


def test_no_text_leaves_its_button(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, "#search=it", width=360, height=740).page
    on.get_by_text("Options and search").click()
    on.get_by_text("Take away").click()
    beyond = """(all) => all.filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth)
      .map((one) => one.textContent)"""
    assert on.locator(".button, .tab, .switch, .drop-list").evaluate_all(beyond) == []


def place(found: Locator) -> dict[str, float]:
    """Where something is on screen."""
    return dict(found.evaluate("(one) => one.getBoundingClientRect().toJSON()"))


def test_wide_screens_show_the_heads_beside_the_view(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, width=1920, height=1080).page
    rail, main = place(on.locator("nav.rail .view")), place(on.locator("#view"))
    assert rail["x"] + rail["width"] <= main["x"]
    assert main["width"] > 1300
    assert on.evaluate("document.documentElement.scrollHeight") == 1080
    on.get_by_role("tab", name="Heads").click()
    assert not on.locator("nav.rail .view").is_visible()
    other = begin(visit, tiny, "#view=grid", width=1920, height=1080).page
    assert not other.locator("nav.rail .view").is_visible()


def test_the_view_follows_the_window(visit: Visiting, tiny: Path) -> None:
    on = begin(visit, tiny, width=1280).page
    on.set_viewport_size({"width": 360, "height": 740})
    on.wait_for_timeout(200)
    assert sideways(on) <= 0
    on.set_viewport_size({"width": 1280, "height": 800})
    on.wait_for_timeout(200)
    assert comes_to_show(on, shown(begin(visit, tiny, width=1280).page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_system_s_theme_is_followed_until_one_is_chosen(visit: Visiting, tiny: Path, scheme: str) -> None:
    on = begin(visit, tiny, scheme=scheme).page
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    colors = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 20, 24)"}
    assert on.evaluate(ground) == colors[scheme]
    on.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    on.wait_for_timeout(50)
    assert on.evaluate(ground) != colors[scheme]
    on.get_by_role("button", name="Theme: auto").click()
    assert on.evaluate(ground) == colors["light"]


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(360, "dark"), (1280, "light"), pytest.param(1280, "dark", marks=pytest.mark.long)],
)
def test_nothing_keeps_anybody_out(visit: Visiting, tiny: Path, width: int, scheme: str) -> None:
    on = begin(visit, tiny, "#special=false&search=it&head=L1H0", width=width, scheme=scheme).page
    on.locator("details:not(.drop)").evaluate_all("(all) => all.forEach((one) => (one.open = true))")
    assert barriers(on) == []
    on.get_by_text("Take away").click()
    assert barriers(on, "header") == []
    on.get_by_role("button", name="Help").click()
    assert barriers(on, "dialog") == []


def test_what_acts_in_a_title_stays_text(visit: Visiting, record: Attention) -> None:
    on = visit(str(page(replace(record, text=LONG)))).page
    opened(on)
    assert "</script><b>" in on.get_by_role("banner").inner_text()
    assert on.locator("header b").count() == 0


def test_a_damaged_file_says_so(visit: Visiting, tiny: Path) -> None:
    text = tiny.read_text("utf-8")
    broken = re.sub(r'(id="buffer-\d+">)[^<]+', r"\1eNoAAA==", text)
    seen = visit(broken)
    seen.page.get_by_role("alert").get_by_text("could not be opened").wait_for()


# The ratios of WCAG 2.2 AA: text, and edges of what is pressed.
RATIOS = {"--foreground": 4.5, "--muted": 4.5, "--accent": 4.5, "--edge": 3}

GROUNDS = ["--background", "--surface", "--surface-strong", "--tint"]

# A canvas gives any form of a colour as red, green and blue.
PAINTED = """(names) => names.map((name) => {
  const probe = document.createElement("p");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(probe).color;
  probe.remove();
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out_from_what_they_stand_on(visit: Visiting, tiny: Path, scheme: str) -> None:
    on = begin(visit, tiny, scheme=scheme).page
    for ground in GROUNDS:
        below, *above = (luminance(tuple(color)) for color in on.evaluate(PAINTED, [ground, *RATIOS]))
        for (name, least), light in zip(RATIOS.items(), above, strict=True):
            ratio = (max(light, below) + 0.05) / (min(light, below) + 0.05)
            assert ratio >= least, f"{name} on {ground}: {ratio:.2f}"
