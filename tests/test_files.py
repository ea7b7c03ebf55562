"""Files appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from attnviz.errors import OutputExists, Unwritable
from attnviz.files import whole_file, whole_folder


def test_a_file_appears_with_its_content_and_folder(tmp_path: Path) -> None:
    target = tmp_path / "new" / "x.txt"
    with whole_file(target) as temporary:
        temporary.write_text("all of it")
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert os.listdir(target.parent) == ["x.txt"]


def test_the_usual_permissions_hold(tmp_path: Path) -> None:
    with whole_file(tmp_path / "x") as temporary:
        temporary.write_text("")
    (tmp_path / "y").write_text("")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == stat.S_IMODE((tmp_path / "y").stat().st_mode)


def write_half(path: Path) -> None:
    with whole_file(path, force=True) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "x.txt")
    assert os.listdir(tmp_path) == []


def test_an_interrupted_write_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("good")
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "x.txt")
    assert (tmp_path / "x.txt").read_text() == "good"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_what_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("good")
    with pytest.raises(OutputExists, match="already there"), whole_file(target):
        pytest.fail("the work began")
    with whole_file(target, force=True) as temporary:
        temporary.write_text("better")
    assert target.read_text() == "better"


@pytest.mark.parametrize("name", [".", "file/x.txt", "file/deep/x.txt"])
def test_what_cannot_be_written_is_said_before_the_work(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable), whole_file(tmp_path / name):
        pytest.fail("the work began")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Unwritable, match="no permission"), whole_file(tmp_path / "x"):
        pytest.fail("the work began")


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    target = tmp_path / "pictures"
    with whole_folder(target) as temporary:
        (temporary / "a").write_text("a")
        assert not target.exists()
    assert os.listdir(target) == ["a"]
    assert os.listdir(tmp_path) == ["pictures"]


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    def fill_half() -> None:
        with whole_folder(tmp_path / "pictures") as temporary:
            (temporary / "a").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_half()
    assert os.listdir(tmp_path) == []


def test_a_full_folder_is_filled_only_when_asked_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(OutputExists, match="not empty"), whole_folder(tmp_path):
        pytest.fail("the work began")
    with whole_folder(tmp_path, force=True) as temporary:
        (temporary / "new").write_text("new")
    assert sorted(os.listdir(tmp_path)) == ["new", "old"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="not a folder"), whole_folder(tmp_path / "file"):
        pytest.fail("the work began")
