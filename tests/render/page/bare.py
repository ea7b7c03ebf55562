"""A page without its program: what Python writes, whatever the modules are like at the moment."""

import pytest

from attnviz.render.page import assemble

FRAME = """<!doctype html>
<html lang="@@lang@@"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="@@policy@@"><title>@@title@@</title>
<style>@@style@@</style></head><body><noscript><p>@@essence@@</p></noscript>
<script type="application/json" id="facts">@@facts@@</script>
@@buffers@@
<script type="module">@@program@@</script></body></html>
"""


@pytest.fixture(scope="module", autouse=True)
def bare_program():
    program = assemble.Program(FRAME, "body { margin: 0 }", "start();", "run();")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "shipped", lambda: program)
        yield
