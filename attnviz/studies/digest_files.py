"""A digest as a file and back: one safetensors file that loads equal, and .npz, .json and .csv for others."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz import store
from attnviz.analysis.measures.measured import Measured
from attnviz.analysis.streaming.digest import Digest
from attnviz.analysis.streaming.topkeys import Top
from attnviz.errors import RequestError, UnknownSuffix
from attnviz.files import DIGEST, tensor_file, whole_file
from attnviz.frame import Frame, frame_of
from attnviz.record import Attention, Prediction
from attnviz.studies.digest_focus import focus_facts, focus_from

SCHEMA = DIGEST

Facts = dict[str, Any]
Arrays = dict[str, NDArray[Any]]

# What is told of a record anew here, or differs between the two of a digest.
_ANEW = ("schema", "versions", "pooling")

_STATISTICS = ("means", "spreads", "over_chance")

_FIRST_KEY = "measure_first_key"


def save_digest(digest: Digest, path: str | Path, *, force: bool = False) -> Path:
    """Write a digest; the suffix chooses the format.

    Args:
        digest: what is left of an input.
        path: ends in .safetensors, .npz, .json or .csv; only the first can be read back, and the last holds
            the top keys alone.
        force: replace what is there.

    Returns:
        The path written.

    Raises:
        UnknownSuffix: the suffix names no format.
        RequestError: a table of top keys is asked for, and there are none.
        OutputExists: something is there and `force` is off.
        Unwritable: the file cannot be made.
    """
    target = Path(path)
    write = WRITERS[store.known_suffix(target)]
    with whole_file(target, force=force) as temporary:
        write(digest, temporary)
    return target


def read_digest(path: str | Path) -> Digest:
    """Read a digest back from its .safetensors file; it equals the one written.

    Raises:
        NotFound: there is no such file.
        UnknownSuffix: it is of a format that is only written.
        Damaged: it is truncated, garbled, or no digest of attnviz.
    """
    source = Path(path)
    if source.is_file() and source.suffix.lower() != ".safetensors":
        raise UnknownSuffix(f"cannot read {source.name!r} back: got {source.suffix!r}, allowed .safetensors")
    with tensor_file(source, "digest", SCHEMA) as (told, file):
        return _from_facts(told, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118


def facts(digest: Digest) -> Facts:
    """Give everything of a digest but its arrays, as the JSON of docs/record.md."""
    frame, of_maps = digest.frame, store.facts(digest.maxima)
    keys = [token.facts() for token in frame.keys]
    return {
        "schema": SCHEMA,
        **{name: fact for name, fact in of_maps.items() if name not in _ANEW},
        "pooling": {"queries": len(frame.queries), "keys": len(frame.keys)},
        "query_tokens": [token.facts() for token in frame.queries],
        **({"key_tokens": keys} if frame.keys != frame.queries else {}),
        **({"predictions": [one.facts() for one in frame.predictions]} if frame.predictions else {}),
        **({"top": digest.top.most} if digest.top else {}),
        **({"measured": _measured_facts(digest.measured)} if digest.measured else {}),
        **({"focus": focus_facts(digest.focus)} if digest.focus else {}),
        "left_out": dict(digest.left_out),
        "versions": of_maps["versions"],
    }


def arrays(digest: Digest) -> Arrays:
    """Give the arrays of a digest, by the names they have in files."""
    top, measured, picture = digest.top, digest.measured, digest.frame.picture
    found: Arrays = {"maxima": digest.maxima.weights, "means": digest.means.weights}
    if top is not None:
        found |= {"top_positions": top.positions, "top_weights": top.weights}
    if measured is not None:
        shape = len(digest.frame.layers), len(digest.frame.heads), len(measured.names)
        found |= {f"measure_{name}": getattr(measured, name).reshape(shape) for name in _STATISTICS}
        found[_FIRST_KEY] = measured.first_key.reshape(shape[:2])
    if picture is not None:
        found["picture"] = picture
    found |= store.rare_arrays(digest.maxima)
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def _measured_facts(measured: Measured) -> Facts:
    return {
        "names": list(measured.names),
        "units": list(measured.units),
        "counted": measured.counted,
        "sink_rate": measured.sink_rate,
    }


def _from_facts(told: Facts, held: Arrays) -> Digest:
    maxima, means = (
        store.from_facts(
            {**told, "predictions": (), "pooling": {**told["pooling"], "statistic": statistic}},
            {"weights": held[name], **{rare: held[rare] for rare in ("sight",) if rare in held}},
        )
        for name, statistic in (("maxima", "maximum"), ("means", "mean"))
    )
    frame = _frame(told, maxima, held.get("picture"))
    return Digest(
        frame=frame,
        maxima=maxima,
        means=means,
        top=_top(held, frame, told["top"]) if "top" in told else None,
        measured=_measured(told["measured"], held, frame) if "measured" in told else None,
        focus=focus_from(told["focus"], frame) if "focus" in told else None,
        left_out=dict(told["left_out"]),
    )


def _frame(told: Facts, maxima: Attention, picture: NDArray[np.uint8] | None) -> Frame:
    queries = store.tokens_of(told["query_tokens"])
    keys = store.tokens_of(told["key_tokens"]) if "key_tokens" in told else queries
    pooled = told["pooling"]
    _expect("tokens", (len(queries), len(keys)), (pooled["queries"], pooled["keys"]))
    return replace(
        frame_of(maxima),
        queries=queries,
        keys=keys,
        predictions=tuple(Prediction(**one) for one in told.get("predictions", ())),
        picture=picture,
    )


def _top(held: Arrays, frame: Frame, most: int) -> Top:
    shape = len(frame.layers), len(frame.heads), len(frame.queries), most
    top = Top(*(_read_only(held[name]) for name in ("top_positions", "top_weights")))
    for array in (top.positions, top.weights):
        _expect("top keys", array.shape, shape)
    if top.positions.min() < -1 or top.positions.max() >= len(frame.keys):
        raise ValueError(f"a top key that is not there: allowed -1 to {len(frame.keys) - 1}")
    return top


def _measured(told: Facts, held: Arrays, frame: Frame) -> Measured:
    names = tuple(told["names"])
    for name in _STATISTICS:
        shape = len(frame.layers), len(frame.heads), len(names)
        _expect(f"measure_{name}", held[f"measure_{name}"].shape, shape)
    _expect("units", (len(told["units"]),), (len(names),))
    _expect(_FIRST_KEY, held[_FIRST_KEY].shape, (len(frame.layers), len(frame.heads)))
    means, spreads, above = (
        _read_only(held[f"measure_{name}"].reshape(-1, len(names))) for name in _STATISTICS
    )
    return Measured(
        model=frame.model,
        text=frame.text,
        block=frame.block,
        view=frame.view,
        heads=frame.head_ids,
        names=names,
        units=tuple(told["units"]),
        means=means,
        spreads=spreads,
        over_chance=above,
        counted=told["counted"],
        queries=frame.queries,
        first_key=_read_only(held[_FIRST_KEY].reshape(-1)),
    )


def _expect(what: str, got: tuple[int, ...], allowed: tuple[int, ...]) -> None:
    if got != allowed:
        raise ValueError(f"{what} do not fit: got {got}, allowed {allowed}")


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def _write_safetensors(digest: Digest, path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays(digest), path, {"attnviz": json.dumps(facts(digest))})


def _write_npz(digest: Digest, path: Path) -> None:
    numbers: Arrays = {
        "layers": np.array(digest.frame.layers),
        "heads": np.array(digest.frame.heads),
        "meta": np.array(json.dumps(facts(digest))),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **numbers, **arrays(digest))


def _write_json(digest: Digest, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(facts(digest))[:-1])
        for name, array in arrays(digest).items():
            if name != "picture":
                file.write(f', "{_IN_JSON.get(name, name)}": ')
                file.writelines(_nested(array))
        file.write("}")


def _nested(array: NDArray[Any]) -> Iterator[str]:
    """Write an array as nested lists, row by row: as Python's own, those of a long input would not fit."""
    if array.ndim == 1:
        # str of a float32 is the shortest decimal that reads back to it.
        numbers = array.tolist() if array.dtype == bool else array.astype(str).tolist()
        yield "[" + ", ".join(_PLAIN.get(str(number), str(number)) for number in numbers) + "]"
        return
    for place, part in enumerate(array):
        yield ", " if place else "["
        yield from _nested(part)
    yield "]"


# As in a record's: what the facts call "sight" says which layer has which of the masks.
_IN_JSON = {"sight": "masks"}

# What JSON has another word for.
_PLAIN = {"nan": "null", "True": "true", "False": "false"}


def _write_csv(digest: Digest, path: Path) -> None:
    top, frame = digest.top, digest.frame
    if top is None:
        why = digest.left_out.get("top keys", "none were asked for")
        raise RequestError(f"a table holds the top keys of each query: {why}")
    queries, keys = ([store.one_line(token.text) for token in side] for side in (frame.queries, frame.keys))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        columns = ["layer", "head", "query", "query_token", "key", "key_token", "weight"]
        table.writerow([*columns, f"rank_of_{top.most}"])
        for layer, head, i in np.ndindex(top.positions.shape[:3]):
            name = frame.layers[layer], frame.heads[head], i, queries[i]
            rows = zip(top.positions[layer, head, i].tolist(), top.weights[layer, head, i], strict=True)
            for rank, (j, weight) in enumerate(rows, 1):
                if j >= 0:
                    table.writerow([*name, j, keys[j], str(weight), rank])


WRITERS: dict[str, Callable[[Digest, Path], None]] = {
    ".safetensors": _write_safetensors,
    ".npz": _write_npz,
    ".json": _write_json,
    ".csv": _write_csv,
}
