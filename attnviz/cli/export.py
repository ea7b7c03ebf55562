"""`attnviz export`: take everything away, to use or draw again without the model."""

from pathlib import Path
from typing import TYPE_CHECKING

from attnviz.cli.options import Heads, Input, Model, Output, Tokens, Viewed
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attnviz.record import Attention
    from attnviz.selection import HeadId


def export(source: Input, by: Model, which: Heads, viewed: Viewed, tokens: Tokens, out: Output) -> None:
    """Write the record as .safetensors, .npz, .json or .csv, or fill a folder (-o pictures/).

    A folder gets one PNG per head, the grid, the focus table, every measure and the record; of a model with
    several blocks, a folder for each. Without --layer every layer is meant. --record shows a .safetensors
    record again.
    """
    from attnviz.cli.inputs import attend
    from attnviz.files import refuse_existing, refuse_full
    from attnviz.store import known_suffix, save

    if out.output is None:
        raise RequestError("no output: got nothing, allowed -o with a file name or a folder")
    if out.output.is_dir() or out.output.suffix == "":
        refuse_full(out.output, force=out.force)
        _fill(out.output, _records(source, by, which, viewed, tokens), out)
    else:
        known_suffix(out.output)
        refuse_existing(out.output, force=out.force)
        record, _ = attend(source, by, which, tokens, default="all", viewed=viewed)
        save(record, out.output, force=out.force)
    print(out.output)


def _records(
    source: Input, by: Model, which: Heads, viewed: Viewed, tokens: Tokens
) -> "dict[str, tuple[Attention, Sequence[HeadId]]]":
    """Record the block asked for or, where none was, every one: by the folder it goes to."""
    from attnviz.cli.inputs import attend, open_reading, record_of

    if which.block is not None:
        return {"": attend(source, by, which, tokens, default="all", viewed=viewed)}
    reading = open_reading(source, by)
    folders = {block: block if len(reading.outlines) > 1 else "" for block in reading.outlines}
    return {
        folders[block]: record_of(reading, outline, which, tokens, default="all", viewed=viewed)
        for block, outline in reading.outlines.items()
    }


def _fill(folder: Path, records: "dict[str, tuple[Attention, Sequence[HeadId]]]", out: Output) -> None:
    """Write a folder of everything, with progress on stderr; it appears whole or not at all."""
    from rich.console import Console
    from rich.progress import track

    from attnviz.files import whole_folder

    with whole_folder(folder, force=out.force) as temporary:
        track_on = Console(stderr=True)
        for _ in track(
            _write_each(temporary, records, out),
            "writing",
            total=sum(len(heads) + 4 for _, heads in records.values()),
            console=track_on,
            disable=not track_on.is_terminal,
        ):
            pass


def _write_each(
    folder: Path, records: "dict[str, tuple[Attention, Sequence[HeadId]]]", out: Output
) -> "Iterator[None]":
    """Write one block after the other."""
    for name, (record, heads) in records.items():
        (folder / name).mkdir(exist_ok=True)
        yield from _write_block(folder / name, record, heads, out)


def _write_block(
    folder: Path, record: "Attention", heads: "Sequence[HeadId]", out: Output
) -> "Iterator[None]":
    """Write one file after the other, yielding after each."""
    from attnviz.analysis.focus import focus
    from attnviz.analysis.measures.table import measure
    from attnviz.cli.outputs import plain
    from attnviz.render import notes
    from attnviz.render.figure import encode, heatmap
    from attnviz.render.machine.focus import focus_json
    from attnviz.render.machine.measures import measures_json
    from attnviz.render.terminal.focus import FocusTable
    from attnviz.render.terminal.measures import MeasuresTable
    from attnviz.store import save

    theme, caption = out.theme or "light", " ".join(notes.view(record))
    for head in heads:
        picture = encode(heatmap(record, heads=[head], theme=theme), ".png")
        (folder / f"{head}.png").write_bytes(picture)
        yield
    (folder / "grid.png").write_bytes(encode(heatmap(record, heads=heads, theme=theme), ".png"))
    yield
    measured = measure(record, heads)
    (folder / "measures.txt").write_text(plain(MeasuresTable(measured, caption), out.width), encoding="utf-8")
    (folder / "measures.json").write_text(measures_json(measured) + "\n", encoding="utf-8")
    yield
    found = focus(record, heads)
    (folder / "focus.txt").write_text(plain(FocusTable(found, caption=caption), out.width), encoding="utf-8")
    (folder / "focus.json").write_text(focus_json(found) + "\n", encoding="utf-8")
    yield
    save(record, folder / "record.safetensors")
    yield
