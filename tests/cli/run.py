"""Run a command as a user does, in this process, and keep what it prints."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from attnviz.cli import main

FOX = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


def attnviz(*arguments: object, stdin: bytes = b"") -> Done:
    return captured(lambda: main([str(argument) for argument in arguments]), stdin)


def captured(run: Callable[[], int], stdin: bytes = b"") -> Done:
    """Run anything that gives an exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _standard_input(stdin):
        code = run()
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _standard_input(content: bytes):
    import sys

    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(content))
    try:
        yield
    finally:
        sys.stdin = before
