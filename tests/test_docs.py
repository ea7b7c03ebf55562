"""What the pages of docs/ show of Python is what Python gives."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
SHOWING = sorted(path.name for path in DOCS.glob("*.md") if ">>> " in path.read_text(encoding="utf-8"))


def test_there_are_such_pages() -> None:
    assert "long.md" in SHOWING


@pytest.mark.parametrize("name", [name for name in SHOWING if name != "measures.md"])  # made of docstrings
def test_a_page_shows_what_python_gives(name: str) -> None:
    done = doctest.testfile(str(DOCS / name), module_relative=False, encoding="utf-8")
    assert done.attempted > 0
    assert done.failed == 0
