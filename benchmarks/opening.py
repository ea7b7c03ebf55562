"""A page opened from disk in a fresh headless Chromium: when it painted, when all was drawn, how it moves."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, Request, Route, sync_playwright

from benchmarks import bertviz
from tests.render.page.browsing import chromium, launch


@dataclass(frozen=True)
class Kind:
    """How a maker's pages are handled."""

    drawn: str  # what is in the document once the first view stands there
    whole: str  # the same once every head it shows does
    large: str  # what is moved: the largest of these
    fragment: str = ""  # the view that is moved
    wheel: int = 100  # what one notch of the wheel sends to see more
    held: bool = False  # whether the button is held while the mouse moves
    network: bool = True  # whether it finds bertviz's libraries


OURS = Kind(
    "html[data-ready]",
    "html[data-opened]",
    "main canvas",
    "#view=heatmap&head=L3H7",
    wheel=-100,
    held=True,
    network=False,
)
BERTVIZ = Kind("#vis svg line", "#vis svg line", "#vis svg")


@dataclass(frozen=True)
class Opening:
    """A page opened once, in seconds; None for what never came."""

    painted: float | None
    drawn: float | None
    whole: float | None
    requests: int  # for anything beside the file


# Each time in milliseconds, told by the console, for a page that is stuck answers no question.
TOLD = "benchmark "
WATCH = """(() => {
  const tell = (times) => console.log("benchmark " + JSON.stringify(times));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) tell({ painted: entry.startTime });
  }).observe({ type: "paint", buffered: true });
  const watch = (name, selector) => {
    // Two frames later it is on screen.
    const passed = () => requestAnimationFrame(() => tell({ [name]: performance.now() }));
    const look = () => requestAnimationFrame(document.querySelector(selector) ? passed : look);
    look();
  };
  watch("drawn", "%s");
  watch("whole", "%s");
})()"""

# The times between frames, as they come.
COUNT = """() => {
  const frames = (window.benchmarkFrames = []);
  const note = (last) => requestAnimationFrame((now) => { frames.push(now - last); note(now); });
  requestAnimationFrame(note);
}"""


def opened(file: Path, kind: Kind, *, limit: float, network: bool = True) -> Opening:
    """Open a file and wait until it is drawn, or until the limit, in seconds."""
    requests: list[str] = []
    times: dict[str, float] = {}
    with fresh(network=network and kind.network) as page:
        page.add_init_script(WATCH % (kind.drawn, kind.whole))
        page.on("request", lambda request: note(request, requests))
        page.on("console", lambda message: hear(message.text, times))
        page.goto(file.as_uri(), wait_until="commit", timeout=1000 * limit)
        wait_for(page, lambda: {"painted", "whole"} <= {*times}, limit)
    painted, drawn, whole = (times.get(name) for name in ("painted", "drawn", "whole"))
    # What is drawn before the first paint is seen with it.
    return Opening(painted, later(drawn, painted), later(whole, painted), len(requests))


def hear(told: str, times: dict[str, float]) -> None:
    """Write down a time, in seconds, if one was told."""
    if told.startswith(TOLD):
        times.update((name, time / 1000) for name, time in json.loads(told.removeprefix(TOLD)).items())


def later(time: float | None, other: float | None) -> float | None:
    """Give the later of two times; None if one never came."""
    return None if time is None or other is None else max(time, other)


def wait_for(page: Page, happened: Callable[[], bool], limit: float) -> None:
    """Wait until something happened, or until the limit, in seconds; what happens is heard meanwhile."""
    end = time.perf_counter() + limit
    while not happened() and time.perf_counter() < end:
        page.wait_for_timeout(50)


def frames(file: Path, kind: Kind, *, seconds: float, limit: float) -> tuple[float, ...]:
    """Turn the wheel over a view, move the mouse about in it, and give the seconds between the frames."""
    with fresh(network=kind.network) as page:
        page.set_default_timeout(1000 * limit)
        page.goto(file.as_uri() + kind.fragment)
        page.wait_for_selector(kind.whole, state="attached")
        x, y = middle(page, kind.large)
        page.mouse.move(x, y)
        page.evaluate(COUNT)
        for _ in range(10):
            page.mouse.wheel(0, kind.wheel)
            page.wait_for_timeout(50)
        move_about(page, x, y, seconds, held=kind.held)
        return tuple(round(frame / 1000, 4) for frame in page.evaluate("benchmarkFrames"))


def move_about(page: Page, x: float, y: float, seconds: float, *, held: bool) -> None:
    """Move the mouse in circles, a round in two seconds."""
    if held:
        page.mouse.down()
    start = time.perf_counter()
    while (now := time.perf_counter() - start) < seconds:
        page.mouse.move(x + 150 * math.sin(3 * now), y + 150 * math.cos(3 * now))
    if held:
        page.mouse.up()


def middle(page: Page, selector: str) -> tuple[float, float]:
    """Find the middle of what is seen of the largest such element."""
    boxes = [box for each in page.locator(selector).all() if (box := each.bounding_box())]
    box = max(boxes, key=lambda box: box["width"] * box["height"])
    screen = page.viewport_size or {"width": 0, "height": 0}
    right = min(box["x"] + box["width"], screen["width"])
    bottom = min(box["y"] + box["height"], screen["height"])
    return (max(box["x"], 0) + right) / 2, (max(box["y"], 0) + bottom) / 2


def browser() -> str:
    """Name the browser and its version."""
    with fresh(network=False) as page:
        assert page.context.browser is not None
        return f"Chromium {page.context.browser.version}"


@contextmanager
def fresh(*, network: bool) -> Iterator[Page]:
    """Give an empty tab of a new browser, which remembers nothing."""
    if chromium() is None:
        raise SystemExit("no browser: pages are measured in chromium (apt-get install chromium)")
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.route(bertviz.HOST + "**", serve if network else refuse)
        yield page


def serve(route: Route) -> None:
    """Give bertviz the library it asks for at once, as no network would."""
    route.fulfill(path=bertviz.library(route.request.url), content_type="text/javascript")


def refuse(route: Route) -> None:
    """There is no network."""
    route.abort()


def note(request: Request, requests: list[str]) -> None:
    """Write down what is asked for; addresses that hold their own content ask nobody."""
    if not request.url.startswith(("file:", "data:", "blob:")):
        requests.append(request.url)
