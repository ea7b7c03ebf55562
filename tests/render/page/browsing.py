"""A page opened from disk in a real Chromium, with the network cut, and all it complained of."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

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


def launch(playwright: Playwright, *more: str) -> Browser:
    """A Chromium without a window."""
    return playwright.chromium.launch(executable_path=chromium(), args=["--disable-gpu", *more])


def open_file(browser: Browser, path: Path, viewer: Viewer, fragment: str = "") -> Visit:
    """Open a file as a double click does, in a profile of its own that cannot reach any host."""
    return Profile(browser, viewer).open(path, fragment)


class Profile:
    """A profile of a browser that cannot reach any host, for one visit after another.

    Pages keep nothing in a browser (`test_program.py` holds that), so a visit leaves nothing to the next.
    """

    def __init__(self, browser: Browser, viewer: Viewer) -> None:
        self._context = browser.new_context(
            viewport={"width": viewer.width, "height": viewer.height},
            color_scheme=viewer.scheme,
            locale=viewer.locale,
            has_touch=viewer.touch,
            device_scale_factor=viewer.scale,
            reduced_motion=viewer.motion,
            accept_downloads=True,
        )
        self._context.set_offline(True)
        self._context.set_default_timeout(20_000)
        self._context.expose_function("tellViolation", self._tell_violation)
        self._context.add_init_script(WATCH)
        self._context.on("request", self._note_request)
        self._visit: Visit | None = None
        self._kept: Page | None = None

    def keep(self, path: Path) -> "Profile":
        """Keep a page open: those after it share its process, and open in two thirds of the time."""
        self._kept = self._context.new_page()
        self._kept.goto(path.as_uri())
        return self

    def open(self, path: Path, fragment: str = "") -> Visit:
        """Open a file as a double click does; write down what it complains of and asks for from now on."""
        self._visit = visit = Visit(self._context.new_page(), path.as_uri())
        visit.page.on("console", lambda message: note_message(visit, message))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.goto(visit.address + fragment)
        visit.settle()
        return visit

    def end(self) -> None:
        """End the visit, with every window it opened and all it was allowed."""
        for page in self._context.pages:
            if page is not self._kept:
                page.close()
        self._context.clear_permissions()

    def _tell_violation(self, violation: str) -> None:
        if self._visit:
            self._visit.complaints.append(violation)

    def _note_request(self, request: Request) -> None:
        if self._visit:
            note_request(self._visit, request)


def note_message(visit: Visit, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        visit.complaints.append(message.text)


def note_request(visit: Visit, request: Request) -> None:
    """Addresses that hold their own content, such as `data:`, ask nobody for anything."""
    address = request.url.split("#")[0]
    if address != visit.address and not address.startswith(("data:", "blob:")):
        visit.requests.append(address)
