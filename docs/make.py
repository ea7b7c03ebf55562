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
from collections import Counter
from pathlib import Path

from attnviz.analysis.comparing.grouping import group
from attnviz.analysis.comparing.heads import compare
from attnviz.analysis.focus import focus
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.measures.entropy import breadth, entropy
from attnviz.analysis.parts import between_parts
from attnviz.analysis.patterns.cells import PATTERNS
from attnviz.analysis.patterns.find import find_pattern
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
ARCHITECTURES_HEAD = """# Architectures

Generated from `tests/sources/architectures.py` by `make docs`. `tests/sources/test_parity.py` builds each of
these {count} architectures tiny and random, captures every layer of every block, and holds it, layer by layer
in order, against what a second model of the same seed gives itself when it runs its plain attention and is
asked for its weights. They agree within 1e-5 but where the last column says otherwise; what the captured
model gives is its usual output within 1e-4. Nothing is read by a model's name: an architecture that is not
listed is captured, or refused, by what it does.

Ways to the weights, from the most to the least that is seen: `table`, transformers' table of attention
functions ({table}); `sdpa`, torch's fused attention ({sdpa}); `multihead`, torch's multi-head attention
({multihead}); `softmax`, attention written by hand ({softmax}).
"""
COLUMNS = "| architecture | attention | seen by | held against its own weights |\n|---|---|---|---|\n"
RUN_BLOCK = re.compile(r"(<!-- run: (.+?) -->\n```\w*\n).*?^(```\n)", re.DOTALL | re.MULTILINE)


def main() -> int:
    """Write or check, as the command line says."""
    readme = ROOT / "README.md"
    pages = {
        readme: RUN_BLOCK.sub(_fill, readme.read_text(encoding="utf-8")),
        ROOT / "docs" / "measures.md": measures_page(),
        ROOT / "docs" / "architectures.md": architectures_page(),
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


def architectures_page() -> str:
    """Give docs/architectures.md: what is held against a model's own weights, and every exception."""
    # Only now: torch and transformers take seconds.
    sys.path.insert(0, str(ROOT))
    from tests.sources.architectures import ARCHITECTURES, KINDS

    ways = Counter(way for one in ARCHITECTURES.values() for way in one.path.split(" and "))
    page = ARCHITECTURES_HEAD.format(count=len(ARCHITECTURES), **ways)
    for kind, members in KINDS.items():
        page += f"\n## {kind.capitalize()}\n\n{COLUMNS}"
        for name, one in members.items():
            page += f"| {name} | {', '.join(one.counts)} | {one.path} | {one.exception or 'within 1e-5'} |\n"
    return page


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
