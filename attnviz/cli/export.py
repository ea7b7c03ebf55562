"""`attnviz export`: take everything away, to use or draw again without the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attnviz.cli.options import Given, Heads, Output, Showing
from attnviz.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType

    from attnviz.analysis.findings import Focus
    from attnviz.analysis.measures.measured import Measured
    from attnviz.cli.looking import Look
    from attnviz.record import Attention
    from attnviz.selection import HeadId


# Words and links that the focus table tells of each head.
_TOLD = 3


def export(given: Given, which: Heads, showing: Showing, out: Output) -> None:
    """Write the record as .safetensors, .npz, .json or .csv, or fill a folder (-o pictures/).

    A folder gets one PNG per head, the grid, the focus table, every measure and the record; of a model with
    several blocks, a folder for each. Without --layer every layer is meant. --record shows a .safetensors
    record again. Of a text too long to hold all its weights a digest is written: pooled maps, the keys each
    query reads most (the whole of .csv), every measure.
    """
    from attnviz.cli.looking import look
    from attnviz.files import refuse_existing, refuse_full
    from attnviz.store import known_suffix

    if out.output is None:
        raise RequestError("no output: got nothing, allowed -o with a file name or a folder")
    if out.output.is_dir() or out.output.suffix == "":
        refuse_full(out.output, force=out.force)
        _fill(out.output, _looks(given, which, showing), out)
    else:
        known_suffix(out.output)
        refuse_existing(out.output, force=out.force)
        seen = look(given, which, showing, default="all")
        _save(seen, out.output, force=out.force)
    print(out.output)


def _save(seen: "Look", path: Path, *, force: bool) -> None:
    """Write all weights or, where these do not fit, what they come to."""
    from attnviz.cli.streamed import digested
    from attnviz.store import save
    from attnviz.studies.digest_files import save_digest

    if seen.record is not None:
        save(seen.record, path, force=force)
    else:
        save_digest(digested(seen), path, force=force)


def _looks(given: Given, which: Heads, showing: Showing) -> "dict[str, Look]":
    """Look at the block asked for or, where none was, at every one: by the folder it goes to."""
    from attnviz.cli.inputs import open_source
    from attnviz.cli.looking import look, look_over

    if which.block is not None:
        return {"": look(given, which, showing, default="all")}
    opened, prompt = open_source(given)
    reading = opened.read(prompt)
    folders = {block: block if len(reading.outlines) > 1 else "" for block in reading.outlines}
    return {
        folders[block]: look_over(opened, reading, outline, which, showing, default="all")
        for block, outline in reading.outlines.items()
    }


def _fill(folder: Path, looks: "dict[str, Look]", out: Output) -> None:
    """Write a folder of everything, with progress on stderr; it appears whole or not at all."""
    from rich.console import Console
    from rich.progress import track

    from attnviz.files import whole_folder

    kept = {name: _kept(seen) for name, seen in looks.items()}
    with whole_folder(folder, force=out.force) as temporary:
        track_on = Console(stderr=True)
        for _ in track(
            _write_each(temporary, kept, out),
            "writing",
            total=sum(len(one.heads) + 4 for one in kept.values()),
            console=track_on,
            disable=not track_on.is_terminal,
        ):
            pass


@dataclass(frozen=True)
class _Kept:
    """What of one block goes into a folder.

    Attributes:
        drawn: the weights, or the maxima of cells where they do not fit.
        heads: those to draw.
        measured: their measures; None where a saved digest lacks them.
        focus: what they read; None likewise.
        save: writes the record or the digest into a folder.
    """

    drawn: "Attention"
    heads: "Sequence[HeadId]"
    measured: "Measured | None"
    focus: "Focus | None"
    save: "Callable[[Path], object]"


def _kept(seen: "Look") -> _Kept:
    """Make everything of one block that is not drawn."""
    from attnviz.cli.streamed import digested, focused, measured_of
    from attnviz.store import save
    from attnviz.studies.digest_files import save_digest

    record = seen.record
    if record is not None:
        return _Kept(
            record,
            seen.heads,
            measured_of(seen),
            focused(seen, _TOLD),
            lambda folder: save(record, folder / "record.safetensors"),
        )
    digest = digested(seen)
    return _Kept(
        digest.maxima,
        seen.heads,
        digest.measured,
        digest.focus,
        lambda folder: save_digest(digest, folder / "digest.safetensors"),
    )


def _write_each(folder: Path, kept: "dict[str, _Kept]", out: Output) -> "Iterator[None]":
    """Write one block after the other."""
    for name, one in kept.items():
        (folder / name).mkdir(exist_ok=True)
        yield from _write_block(folder / name, one, out)


def _write_block(folder: Path, kept: _Kept, out: Output) -> "Iterator[None]":
    """Write one file after the other, yielding after each."""
    from attnviz.cli.outputs import plain
    from attnviz.render import notes
    from attnviz.render.figure import encode, heatmap
    from attnviz.render.machine.focus import focus_json
    from attnviz.render.machine.measures import measures_json
    from attnviz.render.terminal.focus import FocusTable
    from attnviz.render.terminal.measures import MeasuresTable

    theme, caption = out.theme or "light", " ".join(notes.view(kept.drawn))
    for head in kept.heads:
        picture = encode(heatmap(kept.drawn, heads=[head], theme=theme), ".png")
        (folder / f"{head}.png").write_bytes(picture)
        yield
    (folder / "grid.png").write_bytes(encode(heatmap(kept.drawn, heads=kept.heads, theme=theme), ".png"))
    yield
    tables: dict[str, tuple[RenderableType, str]] = {}
    if kept.measured:
        tables["measures"] = MeasuresTable(kept.measured, caption), measures_json(kept.measured)
    if kept.focus:
        tables["focus"] = FocusTable(kept.focus, caption=caption), focus_json(kept.focus)
    for name, (table, machine) in tables.items():
        (folder / f"{name}.txt").write_text(plain(table, out.width), encoding="utf-8")
        (folder / f"{name}.json").write_text(machine + "\n", encoding="utf-8")
        yield
    kept.save(folder)
    yield
