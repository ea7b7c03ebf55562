"""A page small enough to reckon with, which has something for every control, and how a test handles it."""

from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
from playwright.sync_api import Page

from attnviz.analysis.through.view import view
from attnviz.record import Attention, Prediction, Token
from attnviz.render.page import page
from tests.render.page.browsing import Visit
from tests.render.page.conftest import Visiting

# Milliseconds of quiet after which the link has caught up, and some more.
LINKED = 220

LAYERS, HEADS = (0, 1, 4), (0, 1)
SAID = ["[CLS]", "un", "believ", "able", "it", "is", "it", "so", "it"]
WORDS = [None, 0, 0, 0, 1, 2, 3, 4, 5]
KINDS = ["special", *["text"] * 6, "generated", "generated"]


def tokens() -> tuple[Token, ...]:
    return tuple(
        Token(text, number, kind=kind, word=word)  # type: ignore[arg-type]
        for number, (text, kind, word) in enumerate(zip(SAID, KINDS, WORDS, strict=True))
    )


def made() -> Attention:
    """A record with everything a control is for."""
    count = len(SAID)
    logits = np.random.default_rng(0).normal(size=(len(LAYERS), len(HEADS), count, count)) * 2
    weights = np.exp(logits) * np.tri(count)
    return Attention(
        tokens(),
        tokens(),
        (weights / weights.sum(-1, keepdims=True)).astype(np.float32),
        LAYERS,
        HEADS,
        "tiny",
        "unbelievable it is it",
        causal=True,
        predictions=tuple(Prediction(f"next{place}", 0.1 * (place + 1)) for place in range(count)),
    )


def written(record: Attention, folder: Path) -> Path:
    """Its page, with a second map."""
    rollout = view(record, "rollout", attending=LAYERS)
    return page([record, rollout]).save(folder / "tiny.html")


def begin(visit: Visiting, path: Path, fragment: str = "", **viewer: object) -> Visit:
    seen = visit(path, fragment, **viewer)
    opened(seen.page)
    return seen


def opened(on: Page) -> None:
    on.wait_for_function("() => document.documentElement.dataset.opened === '1'")


def fields(on: Page) -> dict[str, str]:
    """What stands behind the # once the link has caught up."""
    # The page waits for quiet before it writes its link, by a timer that was set before this one.
    on.evaluate(f"new Promise((done) => setTimeout(done, {LINKED}))")
    found = parse_qs(on.evaluate("location.hash").removeprefix("#"), keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}


def shown(on: Page) -> bytes:
    """The view as it is on screen, with nothing pointed at, once it has come to rest."""
    on.mouse.move(1, 1)
    seen, before = b"", None
    while seen != before:
        on.wait_for_timeout(50)
        before, seen = seen, on.locator("#view").screenshot()
    return seen


def comes_to_show(on: Page, picture: bytes) -> bool:
    """Whether the view comes to look like this, on a machine however busy."""
    for _ in range(10):
        if shown(on) == picture:
            return True
        on.wait_for_timeout(200)
    return False


def slide(on: Page, label: str, value: int) -> None:
    on.get_by_label(label, exact=True).fill(str(value))


def said(on: Page) -> str:
    return on.locator(".saying").inner_text()
