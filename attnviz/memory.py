"""How much memory there is, and how much something may take."""

import re
from contextvars import ContextVar
from pathlib import Path

from attnviz.errors import RequestError

# What a size may be given in, in bytes.
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)

# What weights may take of the free memory if nobody says how much.
_SHARE = 0.25

_CGROUP = Path("/sys/fs/cgroup")

# How many bytes were allowed, where somebody said so.
_ALLOWED: ContextVar[int | None] = ContextVar("allowed", default=None)


def parse_size(text: str, option: str) -> int:
    """Read a number of bytes.

    Args:
        text: such as "500MB", "2 GB" or "1.5g"; a thousand to the next unit.
        option: where it was given, for what may go wrong.

    Raises:
        RequestError: that is no size above 0.

    >>> parse_size("1.5 GB", "--max-memory")
    1500000000
    """
    found = _SIZE.fullmatch(text.strip())
    size = round(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if not size:
        raise RequestError(f"no size: got {option} {text}, allowed a number with kB, MB or GB")
    return size


def told(size: float) -> str:
    """Write a number of bytes for people.

    >>> told(154_600_000_000), told(25_000_000), told(900)
    ('155 GB', '25 MB', '900 bytes')
    """
    for unit, bytes_ in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_:
            digits = 1 if size < 10 * bytes_ else 0
            return f"{size / bytes_:.{digits}f} {unit}"
    return f"{size:.0f} bytes"


def allow(size: int) -> None:
    """Allow weights so many bytes, in this context (see `contextvars`) and those made of it."""
    _ALLOWED.set(size)


def limit() -> int | None:
    """Say how many bytes somebody allowed, if anybody did."""
    return _ALLOWED.get()


def budget() -> int:
    """Say how many bytes weights may take: what was allowed, or else a quarter of what is free."""
    return int(_SHARE * free()) if (allowed := limit()) is None else allowed


def free() -> int:
    """Say how many bytes this process can still take without the machine, or its container, running out."""
    import psutil  # takes some time to import, and most inputs are short

    machine = int(psutil.virtual_memory().available)
    return min(machine, _left_to_container())


def _left_to_container() -> int:
    """What a container's limit leaves (control groups, version 2); without bound where there is none."""
    try:
        limit, used = (int((_CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        return max(limit - used, 0)
    except (OSError, ValueError):  # no such group, or "max"
        return 2**63
