"""`attnviz align`: say when each word of a sound was said."""

from dataclasses import replace
from typing import TYPE_CHECKING

from attnviz.cli.options import BlockName, Given, Heads, Output

if TYPE_CHECKING:
    from attnviz.analysis.alignment import Alignment

PICTURES = (".png", ".svg", ".pdf")


def align(given: Given, which: Heads, out: Output) -> None:
    """Say when each word of a sound was said: the weights of a decoder that writes it down, read as times.

    The words are the model's own, or those of --target. Without --head the heads its authors name are used,
    or all of the upper half of its layers. -o writes .txt, .json, .png, .svg or .pdf.
    """
    from attnviz.analysis.alignment import align as line_up
    from attnviz.cli.inputs import attend
    from attnviz.cli.outputs import check_output, show, write
    from attnviz.render.machine.alignment import alignment_json
    from attnviz.render.terminal.timeline import Timeline

    check_output(out, ".txt", ".json", *PICTURES)
    asked = which.layer is not None or which.head is not None
    meant = which if asked else replace(which, layer="all")
    across = meant if meant.block else replace(meant, block=BlockName.cross)
    record, heads = attend(given, across, default="all")
    found = line_up(record, heads if asked else None)
    if out.output is not None and out.output.suffix.lower() in PICTURES:
        write(out.output, _picture(found, out), force=out.force)
        print(alignment_json(found) if out.json else out.output)
    else:
        show(Timeline(found), alignment_json(found), out)


def _picture(found: "Alignment", out: Output) -> bytes:
    from attnviz.render.figure import encode
    from attnviz.render.figure.timeline import timeline

    assert out.output is not None
    return encode(timeline(found, theme=out.theme or "light"), out.output.suffix)
