"""The page's program: its units under node, its types, and the rules that let its modules be linked."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import attnviz
from tests.render.page.conftest import Visiting
from tests.render.page.modules import FORBIDDEN, clashes, cycles, dangling, module_faults, names_of, unreached

PROGRAM = Path(attnviz.__file__).parent / "render" / "page" / "program"
HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TSC = ROOT / "node_modules" / ".bin" / "tsc"
MODULES = {path.relative_to(PROGRAM).as_posix(): path.read_text("utf-8") for path in PROGRAM.rglob("*.js")}

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="no node (apt-get install nodejs)")


def run(*command: str | Path) -> str:
    """What a command says when it fails; nothing when it does not."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def told(faults: list[str]) -> None:
    """Fail with every fault there is, whole: where in this file it was found says nothing."""
    if said := "\n".join(filter(None, faults)):
        pytest.fail(said, pytrace=False)


def under_node(path: Path) -> str:
    return run("node", "--test", "--test-reporter=spec", path)


@needs_node
@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.js")), ids=lambda path: path.name)
def test_units(path: Path) -> None:
    told([under_node(path)])


@needs_node
def test_a_unit_that_fails_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.test.mjs"
    path.write_text('import test from "node:test"; test("one", () => { throw new Error("no"); });')
    assert "no" in under_node(path)
    path.write_text('import test from "node:test"; test("one", () => {});')
    assert under_node(path) == ""


@needs_node
@pytest.mark.skipif(not TSC.exists(), reason="no tsc (npm ci)")
class TestTypes:
    @pytest.mark.parametrize("project", [ROOT, HERE], ids=["program", "tests"])
    def test_are_right(self, project: Path) -> None:
        told([run(TSC, "-p", project)])

    @pytest.mark.parametrize(
        "code",
        [
            "/** @type {number} */ export const x = 'text';",
            "export function x(a) { return a; }",
            "document.querySelector('p').textContent = '';",
            "export function x() { const unused = 1; }",
            "process.exit();",
        ],
    )
    def test_that_are_wrong_are_seen(self, tmp_path: Path, code: str) -> None:
        (tmp_path / "x.js").write_text(code)
        (tmp_path / "tsconfig.json").write_text(f'{{"extends": "{ROOT}/tsconfig.json", "include": ["x.js"]}}')
        assert "x.js(1," in run(TSC, "-p", tmp_path)


@pytest.mark.parametrize("place", sorted(MODULES))
def test_every_module_can_be_linked(place: str) -> None:
    told(module_faults(MODULES[place]))


def test_the_modules_fit_together() -> None:
    told(clashes(MODULES) + dangling(MODULES) + cycles(MODULES) + unreached(MODULES, "main.js"))


def test_no_name_hides_one_of_the_browser(visit: Visiting) -> None:
    """A module's own `history` would be everybody's in one scope. To tsc each module has its scope."""
    page = visit("<!doctype html><title>t</title>").page
    hidden = "(names) => names.filter((name) => name in globalThis)"
    assert page.evaluate(hidden, ["history", "heatmapView"]) == ["history"]
    names = [name for source in MODULES.values() for name in names_of(source)]
    assert page.evaluate(hidden, names) == []


def test_the_whole_program_is_shipped() -> None:
    """An installed package holds what pyproject.toml names, and no more."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    named = tools["setuptools"]["package-data"]["attnviz.render.page"]
    shipped = {path for pattern in named for path in PROGRAM.parent.glob(pattern)}
    assert shipped == {path for path in PROGRAM.rglob("*") if path.is_file()}


FAULTS = [
    ("const x = '</script>';", "ends its script"),
    ("const x = '<!--';", "ends its script"),
    ("x.innerHTML = y;", "writes markup"),
    ("x.outerHTML = y;", "writes markup"),
    ("x.insertAdjacentHTML('beforeend', y);", "writes markup"),
    ("document.write(x);", "writes markup"),
    ("eval(x);", "runs text"),
    ("new Function(x);", "runs text"),
    ("setTimeout('x()', 1);", "runs text"),
    ('const x = await import("./x.js");', "runs text"),
    ("fetch(x);", "asks a host"),
    ("new XMLHttpRequest();", "asks a host"),
    ("new WebSocket(x);", "asks a host"),
    ("new Worker(x);", "starts a worker"),
    ('const x = "https://example.org/";', "names a host"),
    ('const x = "//example.org/x.js";', "names a host"),
    ('x.setAttribute("onclick", y);', "sets an inline handler"),
    ("const x = `<p onclick='y'>`;", "sets an inline handler"),
    ('x.setAttribute("style", y);', "sets an inline style"),
    ("debugger;", "stops at a debugger"),
    ('console.log("x");', "speaks to the console"),
    ("localStorage.x = 1;", "keeps something"),
    ('import x from "./x.js";', "imports in another form"),
    ('import * as x from "./x.js";', "imports in another form"),
    ('import { x as y } from "./x.js";', "imports in another form"),
    ('import "./x.js";', "imports in another form"),
    ('import { x } from "x";', "imports in another form"),
    ("export default function x() {}", "exports in another form: export default function x() {}"),
    ('export { x } from "./x.js";', 'exports in another form: export { x } from "./x.js";'),
    ("const x = 1;\nexport { x };", "exports in another form: export { x };"),
    ("const { x, y } = z;", "names in another form: const {"),
    ("let x, y;", "names in another form: let x,"),
    ("var x = 1;", "names in another form: var"),
]


@pytest.mark.parametrize(("source", "fault"), FAULTS, ids=[source for source, _ in FAULTS])
def test_a_module_that_breaks_a_rule_is_seen(source: str, fault: str) -> None:
    assert module_faults(source) == [fault]


@pytest.mark.parametrize(
    "source",
    [
        'import { a } from "./x.js";\nimport {\n  b,\n  c,\n} from "../core/y.js";',
        "// console.log(innerHTML)\n/** @type {import('./x.js').X} */\nconst x = 1;",
        'const NAMESPACE = "http://www.w3.org/2000/svg";',
        "export {};",
        "export async function x() {}\nexport const y = () => 1;\nexport class Z {}",
        "x.onclick = () => {};\nconst important = 1;\nx.style.color = y;",
        "x.addEventListener('click', y);\nconst evaluate = 1;\nprefetch(x);",
    ],
)
def test_a_module_that_keeps_to_them_is_left_alone(source: str) -> None:
    assert module_faults(source) == []


def test_modules_that_do_not_fit_together_are_seen() -> None:
    takes = 'import { x } from "./core/b.js";\nexport const y = x;'
    assert clashes({"a.js": "const x = 1;", "b.js": "  const x = 1;\nexport function x() {}"}) == [
        "x: a.js, b.js"
    ]
    assert clashes({"a.js": "const x = 1;\nfunction y() {\n  const x = 2;\n}"}) == []
    nowhere = "a.js takes x of core/b.js, which has none"
    assert dangling({"a.js": takes, "core/b.js": "const x = 1;"}) == [nowhere]
    assert dangling({"a.js": takes}) == [nowhere]
    assert dangling({"a.js": takes, "core/b.js": "export const x = 1;"}) == []
    round_trip = {"a.js": takes, "core/b.js": 'import { y } from "../a.js";\nexport const x = 1;', "c.js": ""}
    assert cycles(round_trip) == ["a.js needs itself", "core/b.js needs itself"]
    assert unreached({**round_trip, "d.js": "const z = 1;"}, "a.js") == ["d.js is not imported"]


def test_no_rule_is_without_a_proof() -> None:
    assert set(FORBIDDEN) <= {fault for _, fault in FAULTS}
