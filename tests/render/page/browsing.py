"""A page opened from disk in a real Chromium, with the network cut, and all it complained of."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

# The shell has no window to keep, so each page opens in half the time.
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

# A violation of the Content-Security-Policy, told as soon as the document meets it.
WATCH = """document.addEventListener("securitypolicyviolation", (event) =>
  tellViolation(`${event.effectiveDirective} forbids ${event.blockedURI || event.sample}`));"""


@dataclass(frozen=True)
class Viewer:
    """Who looks: a phone or a wide screen, by day or by night, from anywhere."""

    width: int = 1280
    height: int = 800
    scheme: Literal["light", "dark"] = "light"
    locale: str = "en-US"
    touch: bool = False
    scale: float = 1
    motion: Literal["reduce", "no-preference"] = "reduce"


@dataclass(frozen=True)
class Visit:
    """A page that is open, and what went wrong on it so far."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)  # console errors and warnings, exceptions, violations
    requests: list[str] = field(default_factory=list)  # everything asked for beside the file itself

    def settle(self) -> None:
        """Let what has happened on the page so far arrive here."""
        self.page.evaluate("new Promise((done) => setTimeout(done))")

    def assert_clean(self) -> None:
        """Nothing was complained of, and nothing was asked for."""
        if not self.page.is_closed():
            self.settle()
        assert not self.complaints, self.complaints
        assert not self.requests, self.requests


def chromium() -> str | None:
    """Where this machine's own Chromium is."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def launch(playwright: Playwright) -> Browser:
    """A Chromium without a window."""
    return playwright.chromium.launch(executable_path=chromium(), args=["--disable-gpu"])


def open_file(browser: Browser, path: Path, viewer: Viewer, fragment: str = "") -> Visit:
    """Open a file as a double click does, in a profile of its own that cannot reach any host."""
    context = browser.new_context(
        viewport={"width": viewer.width, "height": viewer.height},
        color_scheme=viewer.scheme,
        locale=viewer.locale,
        has_touch=viewer.touch,
        device_scale_factor=viewer.scale,
        reduced_motion=viewer.motion,
        accept_downloads=True,
    )
    context.set_offline(True)
    context.set_default_timeout(20_000)
    visit = Visit(context.new_page(), path.as_uri())
    watch(context, visit)
    visit.page.goto(visit.address + fragment)
    visit.settle()
    return visit


def watch(context: BrowserContext, visit: Visit) -> None:
    """Write down what the page complains of and asks for from now on."""
    context.expose_function("tellViolation", lambda violation: visit.complaints.append(violation))
    context.add_init_script(WATCH)
    visit.page.on("console", lambda message: note_message(visit, message))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    context.on("request", lambda request: note_request(visit, request))


def note_message(visit: Visit, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        visit.complaints.append(message.text)


def note_request(visit: Visit, request: Request) -> None:
    """Addresses that hold their own content, such as `data:`, ask nobody for anything."""
    address = request.url.split("#")[0]
    if address != visit.address and not address.startswith(("data:", "blob:")):
        visit.requests.append(address)
