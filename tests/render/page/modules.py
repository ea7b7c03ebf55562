"""What the program's modules must keep to, so that linking them into one scope changes nothing.

All of it is read from the text of a module, formatted as `make format` leaves it: what stands at the top of a
module starts its line.
"""

import re
from collections.abc import Mapping

COMMENT = re.compile(r"/\*\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)
IMPORT = re.compile(
    r'^import \{\s*([\w$]+(?:,\s+[\w$]+)*),?\s*\} from "(\.{1,2}/[\w./-]+\.js)";$', re.MULTILINE
)
NAMED = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class|const|let) ([\w$]+)", re.MULTILINE)
EXPORTED = re.compile(r"^export (?:async )?(?:function\*?|class|const|let) ([\w$]+)", re.MULTILINE)

# What no module says, in code: each is a way for text to act, or for the page to ask somebody.
FORBIDDEN = {
    "ends its script": r"</script|<!--",
    "writes markup": r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|createContextualFragment)\b"
    r"|\bdocument\.write|\bDOMParser\b|\bsrcdoc\b",
    "runs text": r"\beval\b|\bFunction\(|\bimport\(|\bset(?:Timeout|Interval)\(\s*[\"'`]|javascript:",
    "asks a host": r"\b(?:fetch|sendBeacon|importScripts)\("
    r"|\b(?:XMLHttpRequest|WebSocket|WebTransport|EventSource)\b",
    "starts a worker": r"\b(?:Shared|Service)?Worker\b|\bserviceWorker\b",
    "names a host": r"\b(?:https?|wss?):(?!//www\.w3\.org/)|[\"'`]//\w",
    "sets an inline handler": r"\bsetAttribute\(\s*[\"'`]on|[\s\"'`<]on[a-z]+=[\"'`\\]",
    "sets an inline style": r"\bsetAttribute\(\s*[\"'`]style|<[^>`]*\sstyle=",
    "stops at a debugger": r"\bdebugger\b",
    "speaks to the console": r"\bconsole\.",
    "keeps something": r"\b(?:localStorage|sessionStorage|indexedDB)\b|\bdocument\.cookie\b",
}


def code_of(source: str) -> str:
    """A module without its comments, which the linker drops too."""
    return COMMENT.sub("", source)


def module_faults(source: str) -> list[str]:
    """What is wrong with a module whatever the others are."""
    code = code_of(source)
    return [
        *(fault for fault, pattern in FORBIDDEN.items() if re.search(pattern, code)),
        *import_faults(code),
        *top_faults(code),
    ]


def import_faults(code: str) -> list[str]:
    """Imports and exports that the linker does not know."""
    imports = len(re.findall(r"^\s*import\b", code, re.MULTILINE))
    exports = re.findall(
        r"^\s*export\b(?! (?:async |function|class|const|let|\{\};$)).*$", code, re.MULTILINE
    )
    faults = ["imports in another form"] if imports != len(IMPORT.findall(code)) else []
    return faults + [f"exports in another form: {line}" for line in exports]


def top_faults(code: str) -> list[str]:
    """Names at the top of a module in a form that `names_of` does not read."""
    several = r"^(?:export )?(?:(?:const|let|var) [\[{]|var\b|(?:const|let) [\w$]+,)"
    return [f"names in another form: {match}" for match in re.findall(several, code, re.MULTILINE)]


def names_of(source: str) -> list[str]:
    """Every name at the top of a module, in the order of the text."""
    return NAMED.findall(code_of(source))


def imports_of(place: str, source: str) -> dict[str, list[str]]:
    """The modules a module takes names from, by their place in the program, and the names."""
    folder = place.rpartition("/")[0]
    return {
        resolved(folder, target): re.split(r",\s+", names)
        for names, target in IMPORT.findall(code_of(source))
    }


def resolved(folder: str, target: str) -> str:
    """Where a relative import leads from a folder of the program."""
    parts = folder.split("/") if folder else []
    for part in target.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def clashes(program: Mapping[str, str]) -> list[str]:
    """Names that stand at the top of several modules, or of one twice, and where."""
    places: dict[str, list[str]] = {}
    for place, source in sorted(program.items()):
        for name in names_of(source):
            places.setdefault(name, []).append(place)
    return [f"{name}: {', '.join(found)}" for name, found in places.items() if len(found) > 1]


def dangling(program: Mapping[str, str]) -> list[str]:
    """Names that are imported and exported nowhere."""
    return [
        f"{place} takes {name} of {target}, which has none"
        for place, source in program.items()
        for target, names in imports_of(place, source).items()
        for name in names
        if name not in EXPORTED.findall(program.get(target, ""))
    ]


def cycles(program: Mapping[str, str]) -> list[str]:
    """Modules that need themselves by way of others: no order puts each after what it needs."""
    needed = {place: set(imports_of(place, source)) & set(program) for place, source in program.items()}
    while free := {place for place, needs in needed.items() if not needs}:
        needed = {place: needs - free for place, needs in needed.items() if place not in free}
    return [f"{place} needs itself" for place in sorted(needed)]


def unreached(program: Mapping[str, str], start: str) -> list[str]:
    """Modules that no import leads to, and that are more than types: the page would miss them."""
    seen, open_ends = set(), [start]
    while open_ends:
        place = open_ends.pop()
        if place not in seen:
            seen.add(place)
            open_ends += [target for target in imports_of(place, program[place]) if target in program]
    return [f"{place} is not imported" for place in sorted(set(program) - seen) if names_of(program[place])]
