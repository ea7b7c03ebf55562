"""`attnviz explain -o`: the files with drawings."""

from pathlib import Path

import pytest

from tests.cli.run import FOX, attnviz


def test_a_page_for_a_browser(tmp_path: Path) -> None:
    path = tmp_path / "fox.html"
    done = attnviz("explain", FOX, "--query", "fox", "-o", path)
    assert (done.code, done.out.strip()) == (0, str(path))
    written = path.read_text(encoding="utf-8")
    assert written.startswith("<!DOCTYPE html>")
    assert "at fox, place 3" in written
    assert written.count("<figure>") == 2
    assert attnviz("explain", FOX, "-o", path).code == 2  # it is in the way
    assert attnviz("explain", FOX, "--level", "beginner", "-o", path, "--force").code == 0
    assert "How a program reads a sentence" in path.read_text(encoding="utf-8")


def test_pages_to_print(tmp_path: Path) -> None:
    path = tmp_path / "fox.PDF"
    done = attnviz("explain", FOX, "-o", path)
    assert (done.code, done.out.strip()) == (0, str(path))
    assert path.read_bytes().startswith(b"%PDF")
    again = tmp_path / "again.pdf"
    assert attnviz("explain", FOX, "-o", again).code == 0
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["fox.png", "fox"])
def test_other_files_are_refused_before_any_work(name: str, tmp_path: Path) -> None:
    done = attnviz("explain", FOX, "-o", tmp_path / name)
    assert done.code == 2
    assert "allowed .txt .md .json .html .pdf" in done.err
