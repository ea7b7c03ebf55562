"""The one place that opens files of ours: each is written whole or not at all, and read with care."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, Damaged, NotFound, OutputExists, Unwritable

# What a .safetensors file may say it is, and what reads it.
DIGEST = "attnviz/digest/1"
READERS = {
    "attnviz/record/1": "attnviz.read",
    DIGEST: "attnviz.read_digest",
    "attnviz/history/1": "attnviz.history.read_history",
}


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


@contextmanager
def whole_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill, and move what it holds to `path` if all went well.

    Args:
        path: where the files shall appear; an empty folder may be there.
        force: replace files of the same names; others stay.

    Raises:
        OutputExists: the folder holds something and `force` is off.
        Unwritable: it cannot be made.
    """
    refuse_full(path, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".", dir=path.parent))
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from error
    try:
        yield temporary
        path.mkdir(exist_ok=True)
        for made in sorted(temporary.iterdir()):
            made.replace(path / made.name)
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_full(path: Path, *, force: bool) -> None:
    """Fail before any work is done if the folder `path` could not be filled in the end.

    Raises:
        OutputExists: it holds something and `force` is off.
        Unwritable: a file is there, or stands where a folder would have to be.
    """
    if path.exists() and not path.is_dir():
        raise Unwritable(f"cannot write {path}: it is not a folder")
    _refuse_unreachable(path)
    if path.is_dir() and not force and any(path.iterdir()):
        raise OutputExists(f"will not write into {path}: it is not empty")


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
    _refuse_unreachable(path)


def _refuse_unreachable(path: Path) -> None:
    """Fail if the nearest folder above `path` that is there is none, or may not be written in."""
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    if not nearest.is_dir():
        raise Unwritable(f"cannot write {path}: {nearest} is not a folder")
    if not os.access(nearest, os.W_OK):
        raise Unwritable(f"cannot write {path}: no permission to write in {nearest}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _is_another(schema: object) -> str:
    """Say what reads a file of another kind of ours."""
    reader = READERS.get(schema) if isinstance(schema, str) else None
    return f"; it says {schema}, which {reader} reads" if reader else ""


def schema_of(path: Path) -> str | None:
    """Give the schema a .safetensors file says it has; None if it says none, or is no such file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("attnviz", "null"))
    except (OSError, ValueError, SafetensorError):
        return None
    schema = facts.get("schema") if isinstance(facts, dict) else None
    return schema if isinstance(schema, str) else None


@contextmanager
def tensor_file(path: Path, what: str, schema: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Open a .safetensors file of ours; whatever goes wrong while it is read means that it is damaged.

    Args:
        path: the file.
        what: it is, such as "record".
        schema: what its facts must say.

    Returns:
        Its facts, the JSON under "attnviz" in its header, and the open file.

    Raises:
        NotFound: there is no such file.
        Damaged: it is truncated, garbled or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise NotFound(f"no such {what}: {path}")
    wrong = (AttnvizError, LookupError, TypeError, ValueError, AttributeError, OSError, SafetensorError)
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("attnviz", "null"))
            told = facts.get("schema") if isinstance(facts, dict) else None
            if told != schema:
                raise Damaged(f"not a {what}: {path} does not say {schema}{_is_another(told)}")
            yield facts, file
    except Damaged:
        raise
    except wrong as error:
        raise Damaged(f"damaged {what}: {path} ({error})") from error
