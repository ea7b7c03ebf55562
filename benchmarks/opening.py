"""A page opened from disk in a fresh headless Chromium: when it painted, when all was drawn, how it moves."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, Request, Route, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from benchmarks import bertviz
from tests.render.page.browsing import chromium, launch

# What is in a page once it is drawn; the program of ours says so itself.
OURS = "document.querySelector('html[data-ready]')"
BERTVIZ = "document.querySelector('#vis svg line')"

# Two frames later it is on screen. Told by the console, for a page that is stuck answers no question.
WATCH = """(() => {
  const painted = new Promise((done) =>
    new PerformanceObserver((list) => {
      for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
    }).observe({ type: "paint", buffered: true }));
  const drawn = new Promise((done) => {
    const shown = () => requestAnimationFrame(() => done(performance.now()));
    const look = () => requestAnimationFrame((%s) ? shown : look);
    look();
  });
  Promise.all([painted, drawn]).then((times) => console.log("benchmark " + JSON.stringify(times)));
})()"""

# The time between frames, as they come.
COUNT = """() => {
  const frames = (window.benchmarkFrames = []);
  let last = performance.now();
  const note = (now) => { frames.push(now - last); last = now; requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""


@dataclass(frozen=True)
class Opening:
    """A page opened once, in seconds; None for what never came."""

    painted: float | None
    drawn: float | None
    requests: int  # for anything beside the file


def opened(file: Path, drawn: str, *, limit: float, network: bool = True) -> Opening:
    """Open a file and wait until it is drawn, or until the limit; a network has bertviz's libraries only."""
    requests: list[str] = []
    with fresh(network=network) as page:
        page.add_init_script(WATCH % drawn)
        page.on("request", lambda request: note(request, requests))
        try:
            painted, ready = told(page, file, limit)
        except TooLate:
            return Opening(None, None, len(requests))
    return Opening(painted / 1000, max(painted, ready) / 1000, len(requests))


def told(page: Page, file: Path, limit: float) -> tuple[float, float]:
    """Open a file and wait for what it tells."""
    with page.expect_console_message(
        lambda message: message.text.startswith("benchmark "), timeout=1000 * limit
    ) as message:
        page.goto(file.as_uri(), wait_until="commit", timeout=1000 * limit)
    painted, drawn = json.loads(message.value.text.removeprefix("benchmark "))
    return painted, drawn


def frames(file: Path, fragment: str, *, seconds: float) -> list[float]:
    """Zoom into a heatmap of ours and drag it in circles, and give the seconds between its frames."""
    with fresh(network=False) as page:
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        x, y = middle(page)
        page.mouse.move(x, y)
        page.evaluate(COUNT)
        for _ in range(10):
            page.mouse.wheel(0, -100)
            page.wait_for_timeout(30)
        page.mouse.down()
        start = time.perf_counter()
        while (now := time.perf_counter() - start) < seconds:
            page.mouse.move(x + 150 * math.sin(3 * now), y + 100 * math.cos(3 * now))
        page.mouse.up()
        return [round(frame / 1000, 5) for frame in page.evaluate("benchmarkFrames")]


def browser() -> str:
    """Name the browser and its version."""
    with fresh(network=False) as page:
        assert page.context.browser is not None
        return f"Chromium {page.context.browser.version}"


def middle(page: Page) -> tuple[float, float]:
    """Find the middle of the largest picture on screen."""
    boxes = [box for canvas in page.locator("canvas").all() if (box := canvas.bounding_box())]
    box = max(boxes, key=lambda box: box["width"] * box["height"])
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@contextmanager
def fresh(*, network: bool) -> Iterator[Page]:
    """Give an empty tab of a new browser, which nothing is remembered from."""
    if chromium() is None:
        raise SystemExit("no browser: the page is measured in chromium (apt-get install chromium)")
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
