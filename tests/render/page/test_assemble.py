"""Modules linked into one scope, and everything put into its place."""

import re
import shutil
import subprocess
import tomllib
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

import attnviz
from attnviz.render.page.assemble import assemble, imports, link, read_program
from tests.render.page.bare import FRAME
from tests.render.page.opened import opened

PROGRAM = Path(str(files("attnviz.render.page"))) / "program"


def tree(folder, **modules):
    """Write modules, `shell__x="..."` into shell/x.js."""
    for name, source in modules.items():
        path = folder / f"{name.replace('__', '/')}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return folder


def test_modules_stand_after_what_they_need_each_once(tmp_path):
    tree(
        tmp_path,
        main='import { a } from "./core/a.js";\nimport { b } from "./b.js";\na(b);\n',
        b='import {\n  a,\n  c,\n} from "./core/a.js";\nexport const b = a(c);\n',
        core__a='import { d } from "./d.js";\nexport function a(x) {\n  d(x);\n}\nexport const c = 1;\n',
        core__d="export const d = (x) => x;\n",
    )
    assert link(tmp_path) == (
        "const d = (x) => x;\nfunction a(x) {\n  d(x);\n}\nconst c = 1;\nconst b = a(c);\na(b);\n"
    )


def test_only_what_no_reader_of_the_page_needs_is_left_out(tmp_path):
    tree(
        tmp_path,
        main="// A line.\n\n/**\n * @returns {string}\n */\nexport async function f() {\n"
        '  /** @type {string} */\n  const url = "a//b"; // kept\n  // gone\n  return url;\n}\nexport {};\n',
    )
    assert link(tmp_path) == 'async function f() {\n  const url = "a//b"; // kept\n  return url;\n}\n'


def test_a_type_before_an_expression_takes_no_code_with_it(tmp_path):
    code = "/** @type {X} */ (a).b();\nc();\n"
    assert link(tree(tmp_path, main=f"{code}/** gone */\nd();\n")) == f"{code}d();\n"


def test_modules_that_need_each_other_are_both_there_once(tmp_path):
    tree(
        tmp_path,
        main='import { a } from "./a.js";\na();\n',
        a='import { b } from "./b.js";\nexport function a() {\n  b();\n}\n',
        b='import { a } from "./a.js";\nexport function b() {\n  a();\n}\n',
    )
    assert link(tmp_path).count("function a") == link(tmp_path).count("function b") == 1


def test_paths_lead_from_the_module_that_names_them():
    source = 'import { a } from "../core/a.js";\nimport { b } from "./b.js";\n'
    assert list(imports("views/x.js", source)) == [(["a"], "core/a.js"), (["b"], "views/b.js")]


@pytest.mark.parametrize(
    ("modules", "word"),
    [
        ({"main": 'import { a } from "./a.js";', "a": "const a = 1;"}, "exports no such name"),
        (
            {"main": 'import { a } from "./a.js";\nconst b = 1;', "a": "export const a = 1;\nlet b = 2;"},
            "b is declared",
        ),
        ({"main": 'import { a as b } from "./a.js";', "a": "export const a = 1;"}, "exports no such name"),
        ({"main": 'import a from "./a.js";', "a": "export const a = 1;"}, "cannot link"),
        ({"main": 'import * as a from "./a.js";', "a": ""}, "cannot link"),
        ({"main": 'import "./a.js";', "a": ""}, "cannot link"),
        ({"main": 'const a = await import("./a.js");'}, "cannot link"),
        ({"main": "export default 1;"}, "cannot link"),
        ({"main": 'export { a } from "./a.js";'}, "cannot link"),
        ({"main": 'const a = "</script>";'}, "cannot stand inside"),
        ({"main": 'const a = "<!--";'}, "cannot stand inside"),
        ({"main": 'const a = "<SCRIPT>";'}, "cannot stand inside"),
    ],
)
def test_what_cannot_be_linked_is_refused(tmp_path, modules, word):
    with pytest.raises(ValueError, match=word):
        link(tree(tmp_path, **modules))


def program(folder, frame=FRAME, **styles):
    tree(folder, main="run();\n", start="// Why.\nstart();\nexport {};\n")
    (folder / "page.html").write_text(frame, encoding="utf-8")
    (folder / "styles").mkdir()
    for name, text in styles.items():
        (folder / "styles" / f"{name}.css").write_text(text, encoding="utf-8", newline="")
    return read_program(folder)


def test_style_sheets_stand_one_after_the_other_the_base_first(tmp_path):
    made = program(tmp_path, zoo="z { top: 0 }\n", base="/* all */\nb { top: 0 }\r\n", axe="a { top: 0 }\n")
    assert made.style == "b { top: 0 }\na { top: 0 }\nz { top: 0 }\n"


def hashed(text):
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def put(made, **parts):
    usual = {"title": "t", "essence": "e", "facts": "{}", "buffers": ["AA=="]}
    return assemble(made, **(usual | parts))


def test_the_policy_allows_this_script_and_this_style_alone(tmp_path):
    text = put(program(tmp_path, base="b { top: 0 }\n"))
    found = opened(text)
    [policy] = [one.attributes["content"] for one in found.all("meta") if "http-equiv" in one.attributes]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    scripts = [found.all("script")[-1].text, "run();\n"]
    assert rules["script-src"].split() == [hashed(text) for text in scripts]
    assert rules["style-src"] == hashed(found.all("style")[0].text)
    assert rules["img-src"] == "data: blob:"
    assert "unsafe" not in policy


def test_the_program_is_packed_and_what_opens_it_is_not(tmp_path):
    found = opened(put(program(tmp_path)))
    assert found.all("script")[-1].text == "start();\n"
    assert zlib.decompress(b64decode(found.by_id("program").text)) == b"run();\n"


def test_parts_are_not_looked_through_for_places(tmp_path):
    text = put(program(tmp_path), title="@@facts@@", facts='{"a":"@@program@@"}')
    assert "<title>@@facts@@</title>" in text
    assert opened(text).facts == {"a": "@@program@@"}


def test_titles_and_languages_are_escaped(tmp_path):
    text = put(program(tmp_path), title="</title><b>", essence="</noscript>&", lang='"><b>')
    found = opened(text)
    assert not found.all("b")
    assert found.all("title")[0].text == "</title><b>"
    assert found.all("html")[0].attributes["lang"] == '"><b>'
    assert "&lt;/noscript&gt;&amp;" in text


def test_buffers_are_numbered(tmp_path):
    found = opened(put(program(tmp_path), buffers=["AA==", "", "BB=="]))
    assert [found.by_id(f"buffer-{number}").text for number in range(3)] == ["AA==", "", "BB=="]


@pytest.mark.parametrize("frame", [FRAME.replace("@@title@@", ""), FRAME + "@@more@@"])
def test_a_frame_with_other_places_is_refused(tmp_path, frame):
    with pytest.raises(ValueError, match=r"title|more"):
        put(program(tmp_path, frame))


def test_the_program_ships_with_the_package():
    settings = tomllib.loads((Path(attnviz.__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["attnviz.render.page"]
    shipped = {path for pattern in patterns for path in PROGRAM.parent.glob(pattern)}
    assert {path for path in PROGRAM.rglob("*") if path.is_file()} <= shipped


def test_the_programs_own_modules_link(tmp_path):
    made = read_program(PROGRAM)
    names = re.findall(r"^(?:async )?(?:function\*?|class|const|let) ([\w$]+)", made.script, re.MULTILINE)
    assert len(names) == len(set(names)) > 100
    if node := shutil.which("node"):
        (tmp_path / "linked.mjs").write_text(made.script, encoding="utf-8")
        done = subprocess.run(
            [node, "--check", tmp_path / "linked.mjs"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
