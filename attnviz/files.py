"""The one place that opens output files: each appears whole or not at all, nothing is replaced unasked."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attnviz.errors import OutputExists, Unwritable


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to, and rename it to `path` if all went well.

    Args:
        path: where the file shall appear; its folder is made if it is not there.
        force: replace what is there.

    Raises:
        OutputExists: something is there and `force` is off.
        Unwritable: the folder or file cannot be made.
    """
    refuse_existing(path, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files only their owner can read
        temporary.replace(path)
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def refuse_existing(path: Path, *, force: bool) -> None:
    """Fail before any work is done if `path` could not be written in the end.

    Raises:
        OutputExists: a file is there and `force` is off.
        Unwritable: a folder is there, or a file stands where a folder would have to be.
    """
    if path.is_dir():
        raise Unwritable(f"cannot write {path}: it is a folder")
    if path.exists() and not force:
        raise OutputExists(f"will not replace {path}: it is already there")
    for parent in path.parents:
        if parent.exists():
            if not parent.is_dir():
                raise Unwritable(f"cannot write {path}: {parent} is not a folder")
            if not os.access(parent, os.W_OK):
                raise Unwritable(f"cannot write {path}: no permission to write in {parent}")
            return


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
