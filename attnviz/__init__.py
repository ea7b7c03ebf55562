"""See what every attention head of a transformer looks at.

Public names are found when they are first used (PEP 562), so `import attnviz` costs nothing and only what
runs a pretrained network imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.analysis.alignment import align as align
    from attnviz.analysis.comparing.contrast import contrast as contrast
    from attnviz.analysis.comparing.heads import compare as compare
    from attnviz.analysis.focus import focus as focus
    from attnviz.analysis.hidden import drop_special as drop_special
    from attnviz.analysis.measures.table import measure as measure
    from attnviz.analysis.parts import between_parts as between_parts
    from attnviz.analysis.patterns.find import find_patterns as find_patterns
    from attnviz.analysis.ranking import rank as rank
    from attnviz.analysis.streaming.digest import Digest as Digest
    from attnviz.analysis.through.view import view as view
    from attnviz.analysis.words import merge_words as merge_words
    from attnviz.errors import AttnvizError as AttnvizError
    from attnviz.record import Attention as Attention
    from attnviz.record import Token as Token
    from attnviz.record import from_arrays as from_arrays
    from attnviz.render.figure import heatmap as heatmap
    from attnviz.render.figure.overlay import overlay as overlay
    from attnviz.render.page.notebook import inline as inline
    from attnviz.render.page.written import page as page
    from attnviz.selection import HeadId as HeadId
    from attnviz.selection import Selection as Selection
    from attnviz.sources import load as load
    from attnviz.store import read as read
    from attnviz.store import save as save
    from attnviz.studies.ablation import ablate as ablate
    from attnviz.studies.digest import digest as digest
    from attnviz.studies.digest_files import read_digest as read_digest
    from attnviz.studies.digest_files import save_digest as save_digest
    from attnviz.window import Window as Window

__version__ = "0.1.0"

_HOMES = {
    "Attention": "attnviz.record",
    "AttnvizError": "attnviz.errors",
    "Digest": "attnviz.analysis.streaming.digest",
    "HeadId": "attnviz.selection",
    "Selection": "attnviz.selection",
    "Token": "attnviz.record",
    "Window": "attnviz.window",
    "ablate": "attnviz.studies.ablation",
    "align": "attnviz.analysis.alignment",
    "between_parts": "attnviz.analysis.parts",
    "compare": "attnviz.analysis.comparing.heads",
    "contrast": "attnviz.analysis.comparing.contrast",
    "digest": "attnviz.studies.digest",
    "drop_special": "attnviz.analysis.hidden",
    "find_patterns": "attnviz.analysis.patterns.find",
    "focus": "attnviz.analysis.focus",
    "from_arrays": "attnviz.record",
    "heatmap": "attnviz.render.figure",
    "inline": "attnviz.render.page.notebook",
    "load": "attnviz.sources",
    "measure": "attnviz.analysis.measures.table",
    "merge_words": "attnviz.analysis.words",
    "overlay": "attnviz.render.figure.overlay",
    "page": "attnviz.render.page.written",
    "rank": "attnviz.analysis.ranking",
    "read": "attnviz.store",
    "read_digest": "attnviz.studies.digest_files",
    "save": "attnviz.store",
    "save_digest": "attnviz.studies.digest_files",
    "view": "attnviz.analysis.through.view",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'attnviz' has no attribute {name!r}: it has {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
