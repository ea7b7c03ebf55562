"""The map of CONTRIBUTING.md, held against the code's own imports, those inside functions too."""

import ast
from functools import cache
from pathlib import Path

import pytest

import attnviz

PACKAGE = Path(attnviz.__file__).parent

# A module imports strictly lower ranks, and files of its own room; rooms of one rank never import each other.
RANKS = {
    "errors": 0, "arrays": 0,
    "selection": 1, "observe": 1, "files": 1, "prompt": 1, "grid": 1, "window": 1, "memory": 1,
    "runs": 1,
    "relation": 2,
    "record": 3,
    "frame": 4, "history": 4, "outline": 4, "outcome": 4, "store": 4, "corpus": 4,
    "model": 5,
    "anatomy": 6,
    "sources": 7, "analysis": 7,
    "studies": 8, "render": 8,
    "cli": 9, "__main__": 10,
}  # fmt: skip

# The border of a heavy third-party package is a folder, or a file named here.
BORDERS = {
    "torch": ("sources/huggingface/", "model/training/", "model/gradients.py"),
    "transformers": ("sources/huggingface/",),
    "huggingface_hub": ("sources/huggingface/",),
    "tokenizers": ("sources/huggingface/",),
    # An animated picture is several figures in one file, which matplotlib alone cannot write.
    "PIL": ("sources/huggingface/", "render/figure/animation.py"),
    "soundfile": ("sources/huggingface/",),
    "soxr": ("sources/huggingface/",),
    "accelerate": ("sources/huggingface/",),
    "matplotlib": ("render/figure/",),
    "rich": ("render/terminal/", "cli/"),
    "typer": ("cli/",),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def imported(source: str) -> tuple[str, ...]:
    """Name every module a source text imports, wherever the import stands."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def room(dotted: str) -> str:
    """The room of a name inside the package: `attnviz.render.theme` is in `render`."""
    return dotted.split(".")[1] if "." in dotted else ""


def broken_ranks(place: str, source: str) -> list[str]:
    """What a file at this place in the package imports from its own rank or above."""
    here = Path(place).parts[0].removesuffix(".py")
    names = [name for name in imported(source) if name.split(".")[0] == "attnviz"]
    return [
        name
        for name in names
        if room(name) in RANKS and room(name) != here and RANKS[room(name)] >= RANKS[here]
    ]


def crossed_borders(place: str, source: str) -> list[str]:
    """Which heavy packages a file at this place imports from outside their border."""
    packages = {name.split(".")[0] for name in imported(source)}
    return sorted(package for package in packages & set(BORDERS) if not place.startswith(BORDERS[package]))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_import_points_down_and_stays_inside_its_border(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    source = path.read_text(encoding="utf-8")
    if place != "__init__.py":  # the table of public names points everywhere, lazily
        assert broken_ranks(place, source) == []
    assert crossed_borders(place, source) == []


def test_every_room_has_a_rank() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert rooms - {"__init__"} <= set(RANKS)


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("analysis/x.py", "from attnviz.render import theme"),
        ("analysis/x.py", "def f():\n    import attnviz.sources.builtin"),
        ("analysis/x.py", "from attnviz import cli"),
        ("record.py", "from attnviz.store import save"),
    ],
)
def test_an_import_that_points_up_or_aside_is_found(place: str, source: str) -> None:
    assert broken_ranks(place, source)


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("analysis/x.py", "import torch.nn"),
        ("render/terminal/x.py", "def f():\n    from matplotlib.figure import Figure"),
        ("sources/builtin.py", "from transformers import AutoModel"),
        ("render/labels.py", "from rich.text import Text"),
    ],
)
def test_a_heavy_package_outside_its_border_is_found(place: str, source: str) -> None:
    assert crossed_borders(place, source)


def test_an_import_that_points_down_is_allowed() -> None:
    assert not broken_ranks("analysis/x.py", "from attnviz.record import Attention")
    assert not crossed_borders("cli/x.py", "import typer")
