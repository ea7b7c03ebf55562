"""The command line: one verb per file. The only room with Typer, paths, exit codes and printing."""

import sys
from collections.abc import Sequence
from contextvars import copy_context


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no exception, and nothing it sets, leaves here."""
    from attnviz.cli.app import app
    from attnviz.cli.faults import guarded

    given = list(sys.argv[1:] if arguments is None else arguments)

    def run() -> int:
        return guarded(
            lambda: app(given, prog_name="attnviz", standalone_mode=False), debug="--debug" in given
        )

    return copy_context().run(run)
