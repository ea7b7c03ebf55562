"""A Firefox without a window, spoken to in WebDriver BiDi, which it understands by itself.

No driver stands between: Firefox opens a WebSocket, takes commands as JSON and tells what happens. Only what
the tests of the page need is here.
"""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = ("firefox-esr", "firefox")
SECONDS = 60

# Told like an error of the page's own, so that both arrive on one way.
WATCH = """() => document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`${event.effectiveDirective} forbids ${event.blockedURI || event.sample}`))"""

# Every host is behind a proxy that nobody runs; the file itself is not.
PREFERENCES = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.allow_hijacking_localhost": True,
    "network.dns.disabled": True,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.sessionstore.resume_from_crash": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "intl.accept_languages": "en-US",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "ui.prefersReducedMotion": 1,
}

KEYS = {
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Tab": "\ue004",
}
KEYS |= {"Enter": "\ue007", "Escape": "\ue00c"}


class Refused(Exception):
    """Firefox did not do what it was told, or a script of a test threw."""


def firefox() -> str | None:
    """Where this machine's own Firefox is."""
    return next(filter(None, map(shutil.which, FIREFOX)), None)


@contextmanager
def running(profile: Path) -> Iterator["Browser"]:
    """A Firefox with a new profile; it ends with the block."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = [firefox() or FIREFOX[0], "--headless", "--no-remote", "--profile", str(profile)]
    command += ["--remote-debugging-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(f"{address_told(profile)}/session", max_size=None, open_timeout=SECONDS) as socket:
            browser = Browser(socket)
            browser.begin()
            yield browser
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def address_told(profile: Path) -> str:
    """Where Firefox listens, which it writes into its profile once it does."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with suppress(FileNotFoundError, json.JSONDecodeError):  # not there yet, or not all of it
            told = json.loads((profile / "WebDriverBiDiServer.json").read_text())
            return f"ws://{told['ws_host']}:{told['ws_port']}"
        time.sleep(0.05)
    raise Refused("Firefox listens nowhere")


@dataclass
class Browser:
    """One session: commands out, answers and events in."""

    socket: ClientConnection
    sent: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    def begin(self) -> None:
        """Ask for what the tests listen to."""
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.send("script.addPreloadScript", functionDeclaration=WATCH)

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Give a command and wait for its answer; keep the events that come in between."""
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        while (message := json.loads(self.socket.recv(timeout=SECONDS))).get("id") != self.sent:
            self.events.append(message)
        if message["type"] == "error":
            raise Refused(f"{method}: {message['message']}")
        return dict(message["result"])

    def open_file(self, path: Path, fragment: str = "", width: int = 1280, height: int = 800) -> "Page":
        """Open a file in a tab of its own and wait until it is loaded."""
        tab = self.send("browsingContext.create", type="tab")["context"]
        self.send("browsingContext.setViewport", context=tab, viewport={"width": width, "height": height})
        page = Page(self, tab, path.as_uri())
        self.send("browsingContext.navigate", context=tab, url=page.address + fragment, wait="complete")
        return page


@dataclass
class Page:
    """A tab with a page."""

    browser: Browser
    tab: str
    address: str

    def evaluate(self, expression: str) -> Any:
        """What a JavaScript expression of plain values gives, once its promise is kept."""
        answer = self.browser.send(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value))",
            target={"context": self.tab},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise Refused(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, expression: str, seconds: float = 20) -> None:
        """Wait until an expression holds."""
        again = (
            "if (performance.now() > end) fail(new Error('waited in vain')); else requestAnimationFrame(look)"
        )
        look = f"const look = () => {{ if ({expression}) done(); else {again}; }}; look();"
        end = f"const end = performance.now() + {seconds * 1000};"
        self.evaluate(f"new Promise((done, fail) => {{ {end} {look} }})")

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element, which must be in sight."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.evaluate(f"((box) => [box.x + box.width / 2, box.y + box.height / 2])({box})")
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.act({"type": "pointer", "id": "mouse", "actions": moves})

    def press(self, *names: str) -> None:
        """Press keys, one after the other."""
        values = [KEYS.get(name, name) for name in names]
        strokes = [{"type": kind, "value": value} for value in values for kind in ("keyDown", "keyUp")]
        self.act({"type": "key", "id": "keyboard", "actions": strokes})

    def act(self, source: dict[str, Any]) -> None:
        self.browser.send("input.performActions", context=self.tab, actions=[source])

    def screenshot(self) -> bytes:
        """What is in sight, as PNG."""
        answer = self.browser.send("browsingContext.captureScreenshot", context=self.tab)
        return base64.b64decode(answer["data"])

    def told(self, method: str) -> list[dict[str, Any]]:
        """What happened in this tab so far."""
        self.evaluate("new Promise((done) => setTimeout(done))")
        events = [event["params"] for event in self.browser.events if event["method"] == method]
        return [event for event in events if self.tab in (event.get("context"), source_of(event))]

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions, violations of the policy."""
        return [event["text"] for event in self.told("log.entryAdded") if event["level"] in ("error", "warn")]

    def requests(self) -> list[str]:
        """Everything asked for beside the file itself, save addresses that hold their own content."""
        asked = [event["request"]["url"].split("#")[0] for event in self.told("network.beforeRequestSent")]
        return [url for url in asked if url != self.address and not url.startswith(("data:", "blob:"))]

    def assert_clean(self) -> None:
        """Nothing was complained of, and nothing was asked for."""
        assert not (complaints := self.complaints()), complaints
        assert not (requests := self.requests()), requests


def source_of(event: dict[str, Any]) -> str | None:
    """The tab a line of the console comes from."""
    source: dict[str, str] = event.get("source", {})
    return source.get("context")
