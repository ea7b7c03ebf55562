"""Records shown inside a notebook, in a real browser."""

from pathlib import Path

import attnviz
from attnviz.render.page.notebook import inline
from tests.render.page.conftest import Visiting
from tests.render.samples import odd


def test_several_stand_beside_each_other_and_each_opens(visit: Visiting, tmp_path: Path) -> None:
    fox = attnviz.load("builtin").attend("The quick brown fox jumps over the lazy dog.")
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{inline(fox)}{inline(odd())}{inline(fox)}", "utf-8")
    seen = visit(path)
    frames = seen.page.frames[1:]
    for frame in frames:
        frame.wait_for_selector("html[data-ready]")
    assert [
        frame.evaluate("JSON.parse(document.getElementById('facts').textContent).model") for frame in frames
    ] == [
        "builtin",
        "odd[/]",
        "builtin",
    ]
    assert all(frame.evaluate("document.querySelector('main').children.length > 0") for frame in frames)


def test_a_frame_reaches_nothing_around_it(visit: Visiting, tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><p id=mine>mine</p>{inline(odd())}", "utf-8")
    frame = visit(path).page.frames[1]
    tried = "(() => { try { return parent.document.title; } catch (error) { return error.name; } })()"
    assert frame.evaluate(tried) == "SecurityError"
