"""The list of verbs is told without reading any of them, and says the same as they do."""

import subprocess
import sys
from inspect import getdoc

import pytest

from attnviz.cli.verbs import VERBS, verb
from tests.cli.run import attnviz


@pytest.mark.parametrize("name", VERBS)
def test_the_list_says_of_a_verb_what_its_own_help_says_first(name: str) -> None:
    first = getdoc(verb(name).callback).split("\n\n")[0]
    assert VERBS[name] == " ".join(first.split())


def test_the_list_of_verbs_reads_none_of_them() -> None:
    program = (
        "import sys; from attnviz.cli import main; main(['--help']); "
        "print('read', *[name for name in sys.modules if name.startswith('attnviz')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    read = set(done.stderr.splitlines()[-1].split()[1:])
    assert read & {f"attnviz.cli.{name}" for name in VERBS} == set()
    assert len(read) <= 8, read


def test_a_verb_misspelled_is_named_with_the_one_that_was_meant() -> None:
    done = attnviz("heatmp", "a fox")
    assert done.code == 2
    assert "heatmp" in done.err
    assert "heatmap" in done.err
