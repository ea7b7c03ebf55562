"""Sizes, and how much there is."""

from pathlib import Path

import psutil
import pytest

from attnviz import memory
from attnviz.errors import RequestError


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("2 g", 2_000_000_000), ("0.5kb", 500), ("12", 12)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert memory.parse_size(text, "--max-memory") == size


@pytest.mark.parametrize("text", ["", "0", "-1GB", "many", "1e9", "GB", "5 XB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="no size: got --max-memory"):
        memory.parse_size(text, "--max-memory")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_940_000, "9.9 MB"),
        (154.6e9, "155 GB"),
        (3e15, "3000 TB"),
    ],
)
def test_sizes_are_told(size: float, said: str) -> None:
    assert memory.told(size) == said


def test_a_quarter_of_what_is_free_is_the_budget() -> None:
    assert 0 < memory.free() <= psutil.virtual_memory().total
    assert 0.2 * memory.free() < memory.budget() < 0.3 * memory.free()


def test_a_container_may_have_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.free() > 5000
    (tmp_path / "memory.max").write_text("6000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.free() == 5000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free() > 5000
