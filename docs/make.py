"""Make the generated pages of docs/ and the outputs in README.md anew, or check that they are up to date.

    python docs/make.py            write
    python docs/make.py --check    compare, and fail on a difference

In README.md a line `<!-- run: attnviz ... -->` stands before a block that holds what the command prints.
"""

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from attnviz.analysis.comparison import compare
from attnviz.analysis.distance import distance
from attnviz.analysis.divergence import divergence
from attnviz.analysis.entropy import breadth, entropy
from attnviz.analysis.focus import focus
from attnviz.analysis.grouping import group
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.parts import between_parts
from attnviz.analysis.patterns import PATTERNS, find_pattern
from attnviz.analysis.words import merge_words

ROOT = Path(__file__).parent.parent
MEASURES = (
    entropy,
    breadth,
    distance,
    divergence,
    find_pattern,
    focus,
    compare,
    group,
    merge_words,
    drop_special,
    between_parts,
)
MEASURES_HEAD = """# Measures

Generated from the docstrings by `make docs`. Everywhere: entropy and divergence in bits, distance in tokens,
indices from 0. Averages are over the queries the user wrote, special tokens aside; nothing is renormalised.

Patterns known: {patterns}, self.
"""
RUN_BLOCK = re.compile(r"(<!-- run: (.+?) -->\n```\w*\n).*?^(```\n)", re.DOTALL | re.MULTILINE)


def main() -> int:
    """Write or check, as the command line says."""
    readme = ROOT / "README.md"
    pages = {
        readme: RUN_BLOCK.sub(_fill, readme.read_text(encoding="utf-8")),
        ROOT / "docs" / "measures.md": measures_page(),
    }
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


def measures_page() -> str:
    """Give docs/measures.md: every measure's own docstring."""
    return MEASURES_HEAD.format(patterns=", ".join(PATTERNS)) + "".join(map(_section, MEASURES))


def _section(measure: object) -> str:
    name = getattr(measure, "__name__", "")
    place = inspect.getmodule(measure)
    text = inspect.getdoc(measure) or ""
    story, _, example = text.partition("\n>>>")
    code = f"\n```python\n>>>{example}\n```\n" if example else ""
    return f"\n## {name}\n\n`{place.__name__ if place else ''}.{name}`\n\n{_as_markdown(story)}\n{code}"


def _as_markdown(story: str) -> str:
    """Turn a docstring's sections into bold words and lists."""
    titled = re.sub(r"^(Shape|Args|Returns|Raises|Attributes):$", r"**\1**\n", story, flags=re.MULTILINE)
    return re.sub(r"^    (?=\S)", "- ", titled, flags=re.MULTILINE).strip()


def _fill(block: re.Match[str]) -> str:
    """Run the command of one README block and put what it prints into the block."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    program, *arguments = shlex.split(block[2])
    if program != "attnviz":
        raise SystemExit(f"README.md runs {program!r}: only attnviz is run")
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{block[2]}\n{done.stderr}")
    lines = [line.rstrip() for line in done.stdout.strip("\n").split("\n")]
    return block[1] + "".join(f"{line}\n" for line in lines) + block[3]


if __name__ == "__main__":
    sys.exit(main())
