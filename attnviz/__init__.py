"""See what every attention head of a transformer looks at.

Public names are found when they are first used (PEP 562), so `import attnviz` costs nothing and only what
runs a pretrained network imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.analysis.alignment import align as align
    from attnviz.analysis.comparing.heads import compare as compare
    from attnviz.analysis.focus import focus as focus
    from attnviz.analysis.hidden import drop_special as drop_special
    from attnviz.analysis.parts import between_parts as between_parts
    from attnviz.analysis.words import merge_words as merge_words
    from attnviz.errors import AttnvizError as AttnvizError
    from attnviz.record import Attention as Attention
    from attnviz.record import Token as Token
    from attnviz.record import from_arrays as from_arrays
    from attnviz.render.figure import heatmap as heatmap
    from attnviz.render.figure.overlay import overlay as overlay
    from attnviz.selection import HeadId as HeadId
    from attnviz.selection import Selection as Selection
    from attnviz.sources import load as load
    from attnviz.store import read as read
    from attnviz.store import save as save

__version__ = "0.1.0"

_HOMES = {
    "Attention": "attnviz.record",
    "AttnvizError": "attnviz.errors",
    "HeadId": "attnviz.selection",
    "Selection": "attnviz.selection",
    "Token": "attnviz.record",
    "align": "attnviz.analysis.alignment",
    "between_parts": "attnviz.analysis.parts",
    "compare": "attnviz.analysis.comparing.heads",
    "drop_special": "attnviz.analysis.hidden",
    "focus": "attnviz.analysis.focus",
    "from_arrays": "attnviz.record",
    "heatmap": "attnviz.render.figure",
    "load": "attnviz.sources",
    "merge_words": "attnviz.analysis.words",
    "overlay": "attnviz.render.figure.overlay",
    "read": "attnviz.store",
    "save": "attnviz.store",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'attnviz' has no attribute {name!r}: it has {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
