"""A command on a terminal of its own: what it prints there, a window that changes its size, Ctrl-C."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

_PATIENCE = 60.0


class Terminal:
    """A process whose standard streams are a terminal."""

    def __init__(self, command: list[str], width: int, height: int) -> None:
        self._own, theirs = pty.openpty()
        self.resize(width, height)
        kept = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**kept, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.text = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._own)

    def resize(self, width: int, height: int) -> None:
        """Change the window; the process is told as a window manager would."""
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._own, b"\x03")

    def until(self, what: str, start: int = 0) -> int:
        """Wait for a text to be printed behind a place; give the place behind it."""
        deadline = time.monotonic() + _PATIENCE
        while what not in self.text[start:]:
            assert time.monotonic() < deadline, f"never saw {what!r} in {self.text[start:][-2000:]!r}"
            assert self._read(), f"ended before {what!r}: {self.text[start:][-2000:]!r}"
        return self.text.index(what, start) + len(what)

    def wait(self) -> int:
        """Read to the end; give the exit code."""
        deadline = time.monotonic() + _PATIENCE
        while self._read():
            assert time.monotonic() < deadline, f"never ended: {self.text[-2000:]!r}"
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Take what there is; say whether there may be more."""
        ready, _, _ = select.select([self._own], [], [], 0.1)
        if not ready:
            return True
        try:
            content = os.read(self._own, 65536)
        except OSError:  # what Linux says when the other end is closed
            return False
        self.text += content.decode(errors="replace")
        return bool(content)
