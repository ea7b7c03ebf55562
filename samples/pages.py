"""Pictures of the interactive page in a real Chromium, where one and playwright are installed."""

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Shot:
    """A page, opened by a link and looked at.

    Attributes:
        command: what writes the page, without the file name.
        link: what stands behind the # of its address.
        size: of the screen.
        scheme: "light" or "dark".
        point: what the mouse points at, a share of the view's width and height.
    """

    command: str
    link: str
    size: tuple[int, int] = (1280, 800)
    scheme: str = "light"
    point: tuple[float, float] | None = None


_FOX = "page --file texts/fox.txt"
_MINILM = "page --record minilm.safetensors --block self"
_PHONE = (390, 780)

SHOTS = {
    "page.heatmap.png": Shot(_FOX, "head=L1H0&query=1&key=3"),
    "page.text.png": Shot(_FOX, "head=L1H0&view=text&query=1"),
    "page.product.png": Shot(_FOX, "head=L1H0&view=product&query=1&key=3"),
    "page.table.dark.png": Shot(_FOX, "head=L1H0&view=table", scheme="dark"),
    "page.compare.png": Shot(_FOX, "head=L1H0&view=compare&other=L1H1"),
    "page.heads.dark.png": Shot(_MINILM, "view=grid&head=L3H4", (1600, 900), "dark"),
    "page.lines.png": Shot(_MINILM, "view=lines&head=L3H4&special=false", (1280, 800)),
    "page.phone.png": Shot(_FOX, "head=L1H0&query=1&key=3", _PHONE),
    "page.phone.dark.png": Shot(_FOX, "head=L1H0&view=text&query=1", _PHONE, "dark"),
    "page.picture.png": Shot("page --record form.picture.safetensors", "view=picture&query=28"),
}


def browser() -> str | None:
    """Where this machine's Chromium is, if it can be driven."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None) if find_spec("playwright") else None


def take(pages: dict[str, Path], folder: Path) -> None:
    """Look at each page.

    Args:
        pages: by the command that wrote it.
        folder: where the pictures go.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser())
        for name, shot in SHOTS.items():
            width, height = shot.size
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme=shot.scheme,
                device_scale_factor=2 if width < 600 else 1,
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(f"{pages[shot.command].as_uri()}#{shot.link}")
            page.wait_for_selector("html[data-opened]")
            page.screenshot(path=folder / name)
            print(folder / name, file=sys.stderr)
            context.close()
        chromium.close()
