"""Program, style sheet, facts and buffers put together as one HTML file.

`program/page.html` is the frame. In it `@@name@@` stands for what is put in; each of these names stands there
at least once, and no other:

    @@lang@@      attribute: the page's language, such as "en"
    @@policy@@    attribute: the Content-Security-Policy, of `<meta http-equiv="Content-Security-Policy" ...>`
    @@title@@     text: the page's title
    @@style@@     all that is between `<style>` and `</style>`: the style sheets of `program/styles/`,
                  `base.css` first and the others, one for each view, by name
    @@essence@@   text: what there is to see, for `<noscript>`
    @@facts@@     all that is between `<script type="application/json" id="facts">` and `</script>`
    @@buffers@@   elements: the program and one for each buffer, as below
    @@program@@   all that is between `<script type="module">` and `</script>`: `program/start.js`

Text and attributes are escaped here. `<script type="module">` stands last, so that facts and buffers are
there when it runs. A buffer of the facts, such as number 3, is

    <script type="application/octet-stream" id="buffer-3">eNrtwTEBAAAAwqD1T...</script>

base64 of the zlib format (what `DecompressionStream("deflate")` reads) of its bytes, numbers little-endian,
with no white space around it. A buffer of no bytes is written like any other. The program, all modules linked
into one, is packed the same way in the element `program`: it would take a third of a short text's page. The
script that opens it adds it to the page as a script like any other, which the policy allows by its hash.
"""

import re
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from posixpath import dirname, join, normpath

_FRAME, _STYLES, _FIRST_STYLE = "page.html", "styles", "base.css"
_START, _MAIN = "start.js", "main.js"

_PLACEHOLDER = re.compile(r"@@([a-z]+)@@")

_IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"(\.{1,2}/[^"]+)";[ \t]*\n?', re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|class|const|let)\b)", re.MULTILINE)
_EXPORTS = re.compile(r"^export\s*\{([^}]*)\};[ \t]*\n?", re.MULTILINE)
_OTHER_LINKS = re.compile(r"^(?:import|export)\b.*|\bimport\s*\(", re.MULTILINE)
_COMMENTS = re.compile(r"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/[ \t]*|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_DECLARED = re.compile(
    r"^(?:export\s+)?(?:async\s+)?(?:function\*?|class|const|let)\s+([\w$]+)", re.MULTILINE
)
_STYLE_COMMENTS = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
_BLANK = re.compile(r"\n\s*\n")

# What would end a script or style element before its end, or hide its end.
_ENDING = re.compile(r"</script|<script|</style|<!--", re.IGNORECASE)


@dataclass(frozen=True)
class Program:
    """The page without what it shows: the same for every page.

    Attributes:
        frame: the HTML, with placeholders.
        style: the style sheet.
        start: the script that opens the program.
        script: the program: the modules, linked.
    """

    frame: str
    style: str
    start: str
    script: str

    @cached_property
    def packed(self) -> str:
        """The program as text: compressed, in base64."""
        return b64encode(zlib.compress(self.script.encode(), 9)).decode("ascii")

    @property
    def policy(self) -> str:
        """What the page may do: run these scripts, use this style sheet, show pictures it holds itself."""
        sources = {
            "default-src": "'none'",
            "script-src": f"{_hash(self.start)} {_hash(self.script)}",
            "style-src": _hash(self.style),
            "img-src": "data: blob:",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        return "; ".join(f"{name} {allowed}" for name, allowed in sources.items())

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return sum(len(part.encode()) for part in (self.frame, self.style, self.start, self.packed))


def assemble(
    program: Program, *, title: str, essence: str, facts: str, buffers: Iterable[str], lang: str = "en"
) -> str:
    """Put a page together.

    Args:
        program: the page without what it shows.
        title: in any letters.
        essence: what there is to see, for who has no JavaScript.
        facts: JSON that holds no "<".
        buffers: each as base64.
        lang: the language of the page's own words.
    """
    return _filled(
        program.frame,
        {
            "lang": escape(lang),
            "policy": program.policy,
            "title": escape(title),
            "style": program.style,
            "essence": escape(essence),
            "facts": facts,
            "buffers": "\n".join(_packed(program.packed, buffers)),
            "program": program.start,
        },
    )


@cache
def shipped() -> Program:
    """Give the program of this version, linked once."""
    return read_program(files(__package__) / "program")


def read_program(folder: Traversable) -> Program:
    """Read and link a program.

    Raises:
        ValueError: a module does what linking cannot follow; see `link`.
    """
    start = _stripped(_text(folder, _START))
    _refuse_ending(_START, start)
    return Program(_text(folder, _FRAME), _style(folder / _STYLES), start, link(folder))


def _style(folder: Traversable) -> str:
    """Put the style sheets of a folder into one."""
    names = sorted(sheet.name for sheet in folder.iterdir() if sheet.name.endswith(".css"))
    names.sort(key=lambda name: name != _FIRST_STYLE)
    style = "".join(_text(folder, name) for name in names)
    _refuse_ending(_STYLES, style)
    return _BLANK.sub("\n", _STYLE_COMMENTS.sub("", style))


def link(folder: Traversable, main: str = _MAIN) -> str:
    """Put the modules a main module needs, and it itself, into one scope, in the order a browser runs them.

    Modules import by name only, as in `import { a, b } from "./x.js";`, and declare what they export where
    it stands. All their names share one scope, so no two modules may declare the same one. JSDoc and comments
    that fill a line are left out.

    Raises:
        ValueError: a module imports in another way, or what is not exported; a name is declared twice; or
            a text would end the script element.
    """
    sources: dict[str, str] = {}
    _visit(folder, main, sources)
    _refuse_twice_declared(sources)
    linked = "".join(_stripped(source) for source in sources.values())
    _refuse_ending(main, linked)
    return linked


def _visit(
    folder: Traversable, name: str, done: dict[str, str], opened: frozenset[str] = frozenset()
) -> None:
    """Collect a module after all it imports; of modules that import each other the one met first is last."""
    if name in done or name in opened:
        return
    source = _text(folder, name)
    for names, target in imports(name, source):
        _visit(folder, target, done, opened | {name})
        _refuse_unexported(name, names, target, done.get(target) or _text(folder, target))
    done[name] = source


def imports(name: str, source: str) -> Iterator[tuple[list[str], str]]:
    """List what a module imports: the names, and the module they are from."""
    for found in _IMPORT.finditer(source):
        yield _names(found[1]), normpath(join(dirname(name), found[2]))


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _refuse_unexported(name: str, names: Sequence[str], target: str, source: str) -> None:
    exported = {found[1] for found in _DECLARED.finditer(source) if found[0].startswith("export")}
    exported |= {one for found in _EXPORTS.finditer(source) for one in _names(found[1])}
    if missing := set(names) - exported:
        raise ValueError(
            f"{name} imports {', '.join(sorted(missing))} from {target}, which exports no such name"
        )


def _refuse_twice_declared(sources: Mapping[str, str]) -> None:
    homes: dict[str, str] = {}
    for name, source in sources.items():
        for found in _DECLARED.finditer(source):
            if found[1] in homes:
                raise ValueError(f"{found[1]} is declared in {homes[found[1]]} and again in {name}")
            homes[found[1]] = name


def _stripped(source: str) -> str:
    """Take out what only single modules need."""
    text = _EXPORT.sub("", _EXPORTS.sub("", _IMPORT.sub("", _COMMENTS.sub("", source))))
    if other := _OTHER_LINKS.search(text):
        raise ValueError(
            f"cannot link {other[0]!r}: allowed are named imports of whole names, and exports in place"
        )
    return _BLANK.sub("\n", text).strip("\n") + "\n"


def _refuse_ending(name: str, text: str) -> None:
    if found := _ENDING.search(text):
        raise ValueError(f"{name}: {found[0]!r} cannot stand inside a page")


def _filled(frame: str, parts: Mapping[str, str]) -> str:
    """Put each part in its place, in one pass, so that no part is looked through for places."""
    pieces = _PLACEHOLDER.split(frame)
    if missing := set(parts) ^ set(pieces[1::2]):
        raise ValueError(f"{_FRAME} and what is put into it differ: {', '.join(sorted(missing))}")
    return "".join(parts[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def _packed(program: str, buffers: Iterable[str]) -> Iterator[str]:
    """Write what no browser runs as it stands: the program, and the buffers."""
    named = chain([("program", program)], ((f"buffer-{number}", text) for number, text in enumerate(buffers)))
    for name, text in named:
        yield f'<script type="application/octet-stream" id="{name}">{text}</script>'


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _text(folder: Traversable, name: str) -> str:
    # A browser reads every line end as one character, and so does what a policy's hash is made of.
    return folder.joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
