"""Which installed fonts can write a text, and what stands where none of them can."""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from matplotlib import font_manager
from matplotlib.font_manager import FontEntry, FontPath, FontProperties
from matplotlib.textpath import TextToPath

from attnviz.render.labels import clusters

# It comes with matplotlib, so a text in Latin, Greek, Cyrillic, Arabic or Hebrew looks the same everywhere.
BASE = "DejaVu Sans"

# They shape what stands around them and draw nothing themselves.
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")

# The Debian package with letters of a script; the script is the first word of the letters' Unicode names.
_PACKAGES = dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"), "fonts-noto-cjk")
_LETTERS, _SYMBOLS = "fonts-noto-core", "fonts-symbola"

_MEASURER = TextToPath()
_warned: set[str] = set()


@dataclass(frozen=True)
class Lettering:
    """How the words of one figure are written.

    Attributes:
        families: the fonts, in the order in which a character is looked for.
        spelled: for characters that none of them has, what is written instead.
    """

    families: tuple[str, ...] = (BASE,)
    spelled: Mapping[str, str] = field(default_factory=dict)

    def spell(self, text: str) -> str:
        """Replace the characters that no font has."""
        if not self.spelled:
            return text
        return "".join(self.spelled.get(cluster, cluster) for cluster in clusters(text))

    def measure(self, text: str) -> tuple[float, float]:
        """Give width and height of a text on one line, in units of the letter size."""
        return _measured(text, self.families)

    def style(self, size: float, color: str, weight: str = "normal") -> dict[str, Any]:
        """Give what every text artist is made with: no character of it is taken for markup.

        Args:
            size: the letter size in points.
            color: a hex colour.
            weight: "normal" or "bold".
        """
        return {
            "fontfamily": list(self.families),
            "fontsize": size,
            "fontweight": weight,
            "color": color,
            "parse_math": False,
            "usetex": False,
        }


def letter(texts: Iterable[str], faces: Sequence[FontEntry] | None = None) -> Lettering:
    """Choose fonts that together have every character, and spell out what none has.

    Warns once for each script that no font has.

    Args:
        texts: everything the figure will say.
        faces: the fonts to choose from; None means all that are installed.
    """
    wanted = frozenset(cluster for text in texts for cluster in clusters(text) if not cluster.isascii())
    installed = font_manager.fontManager.ttflist if faces is None else faces
    families, missing = _choose(wanted, tuple(installed))
    _warn(missing)
    return Lettering(families, {cluster: _spelling(cluster) for cluster in missing})


def has_postscript_outlines(families: Iterable[str]) -> bool:
    """Say whether one of the fonts has PostScript outlines, which a PDF cannot embed as TrueType."""
    return any(_is_postscript(family) for family in families)


@lru_cache(maxsize=256)
def _choose(wanted: frozenset[str], faces: tuple[FontEntry, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the families chosen and, in order, the clusters that none of them has."""
    base = font_manager.findfont(BASE)
    families, missing = [BASE], {cluster for cluster in wanted if not _covers(base, cluster)}
    for face in _by_preference(faces, "".join(missing)):
        if not missing:
            break
        path = FontPath(face.fname, face.index)
        found = {cluster for cluster in missing if _covers(path, cluster)}
        if found:
            families.append(face.name)
            missing -= found
    return tuple(families), tuple(sorted(missing))


def _by_preference(faces: Iterable[FontEntry], text: str) -> list[FontEntry]:
    """Give one upright regular face of each family, the likeliest to suit the text first."""
    upright = (face for face in faces if face.style == "normal" and face.weight in (400, "normal", "regular"))
    fit = {face.name: face for face in upright if not _draws_boxes_or_colors(face.name)}
    region = f"CJK {_han_region(text)}"

    def rank(face: FontEntry) -> tuple[bool, bool, bool, str]:
        name = face.name
        return (not name.endswith(region), not name.startswith("Noto Sans"), "Sans" not in name, name)

    return sorted(fit.values(), key=rank)


def _draws_boxes_or_colors(family: str) -> bool:
    # The first draws a box for anything; the second holds bitmaps, which matplotlib leaves out.
    return family.startswith("Last Resort") or "color" in family.lower()


def _han_region(text: str) -> str:
    """Say whose forms of the Han characters a text is written with."""
    names = {unicodedata.name(char, "").partition(" ")[0] for char in text}
    if names & {"HIRAGANA", "KATAKANA"}:
        return "JP"
    return "KR" if "HANGUL" in names else "SC"


@lru_cache(maxsize=4096)
def _covers(path: FontPath, cluster: str) -> bool:
    # One font must have a letter and its accents together: shaping never mixes fonts within a cluster.
    try:
        font = font_manager.get_font(path)
    except (OSError, RuntimeError):
        return False
    return font.scalable and all(char in _JOINERS or font.get_char_index(ord(char)) for char in cluster)


def _spelling(cluster: str) -> str:
    """Write a cluster that no font has: symbols by name, letters by code point.

    >>> _spelling("\U0001f98a"), _spelling("\u0915")
    ('‹fox face›', 'U+0915')
    """
    base = font_manager.findfont(BASE)
    return "".join(char if _covers(base, char) else _name(char) for char in cluster if char not in _JOINERS)


def _name(char: str) -> str:
    name = unicodedata.name(char, "").lower()
    return f"‹{name}›" if name and unicodedata.category(char) == "So" else f"U+{ord(char):04X}"


def _warn(missing: Iterable[str]) -> None:
    """Say once for each script which letters no font has, and where to find them."""
    base = font_manager.findfont(BASE)
    for char in (char for cluster in missing for char in cluster if not _covers(base, char)):
        script, package = _script(char)
        if script in _warned:
            continue
        _warned.add(script)
        warnings.warn(
            f"no installed font has {script} such as U+{ord(char):04X}: they are spelled out; "
            f"the Debian package {package} has them",
            stacklevel=6,
        )


def _script(char: str) -> tuple[str, str]:
    """Name a character's script and the package that has it."""
    if not unicodedata.category(char).startswith(("L", "M", "N")):
        return "symbols", _SYMBOLS
    first = re.split(r"[ -]", unicodedata.name(char, "rare"))[0]
    return f"{first if first == 'CJK' else first.title()} characters", _PACKAGES.get(first, _LETTERS)


@lru_cache(maxsize=8192)
def _measured(text: str, families: tuple[str, ...]) -> tuple[float, float]:
    scale = 100.0
    font = FontProperties(family=list(families), size=scale)
    width, height, _ = _MEASURER.get_text_width_height_descent(text, font, ismath=False)
    return width / scale, height / scale


@lru_cache(maxsize=64)
def _is_postscript(family: str) -> bool:
    try:
        font_manager.get_font(font_manager.findfont(family)).get_ps_font_info()
    except (ValueError, RuntimeError):
        return False
    return True
