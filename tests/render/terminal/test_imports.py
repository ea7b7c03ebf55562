import subprocess
import sys

VIEWS = "attnviz.render.terminal.heatmap, attnviz.render.terminal.focus, attnviz.render.terminal.comparison"
HEAVY = "torch transformers matplotlib typer pygments markdown_it rich.markdown rich.syntax rich.progress"


def test_views_import_nothing_heavy():
    script = f"import sys, {VIEWS}; print(*sorted(set('{HEAVY}'.split()) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
