"""A browser for the tests of the page, and pages opened in it."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

import attnviz
from attnviz.render.page import page
from tests.render.page.browsing import Profile, Viewer, Visit, chromium, launch

Visiting = Callable[..., Visit]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    if chromium() is None:
        pytest.skip("no browser: this needs chromium (apt-get install chromium)")
    # Pages of a profile share a process.
    with sync_playwright() as playwright, launch(playwright, "--renderer-process-limit=1") as browser:
        yield browser


@pytest.fixture(scope="session")
def profiles(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Viewer, int], Profile]:
    """Profiles for each kind of viewer, numbered from 0, each made once."""
    empty = tmp_path_factory.mktemp("profiles") / "empty.html"
    empty.write_text("<!doctype html>")

    @cache
    def numbered(viewer: Viewer, _number: int) -> Profile:
        return Profile(browser, viewer).keep(empty)

    return numbered


@pytest.fixture
def visit(profiles: Callable[[Viewer, int], Profile], tmp_path: Path) -> Iterator[Visiting]:
    """Open a page's text, or its file: `visit(html, "#view=grid", width=360, scheme="dark")`.

    Whatever a page complained of or asked for fails its test in the end, except where the test cleared
    the lists because it meant to.
    """
    visits: list[Visit] = []
    used: list[Profile] = []

    def opened(given: str | Path, fragment: str = "", **viewer: Any) -> Visit:
        path = given if isinstance(given, Path) else tmp_path / f"page-{len(visits)}.html"
        if isinstance(given, str):
            path.write_text(given, encoding="utf-8", newline="")
        free = (profiles(Viewer(**viewer), number) for number in count())
        used.append(next(profile for profile in free if profile not in used))
        visits.append(used[-1].open(path, fragment))
        return visits[-1]

    yield opened
    for each in visits:
        if not each.page.is_closed():
            each.settle()
    for profile in used:
        profile.end()
    for each in visits:
        each.assert_clean()


@pytest.fixture(scope="session")
def fox() -> attnviz.Attention:
    """A sentence read by the built-in model."""
    return attnviz.load("builtin").attend("The quick brown fox jumps over the lazy dog.")


@pytest.fixture(scope="session")
def fox_page(fox: attnviz.Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that sentence, as a file."""
    return page(fox).save(tmp_path_factory.mktemp("fox") / "fox.html")
