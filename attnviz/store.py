"""A record as a file and back: one safetensors file that loads equal, and .npz, .json and .csv for others."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import UnknownSuffix
from attnviz.files import tensor_file, whole_file
from attnviz.record import STATISTICS, Attention, Mask, Pooling, Prediction, Token
from attnviz.relation import Followed
from attnviz.selection import HeadId

SCHEMA = "attnviz/record/1"

_TENSORS = {"weights", "sight", "picture"}

_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def save(record: Attention, path: str | Path, *, force: bool = False) -> Path:
    """Write a record; the suffix chooses the format.

    Args:
        record: one text's attention; its internals are not kept.
        path: ends in .safetensors, .npz, .json or .csv; only the first can be read back.
        force: replace what is there.

    Returns:
        The path written.

    Raises:
        UnknownSuffix: the suffix names no format.
        OutputExists: something is there and `force` is off.
        Unwritable: the file cannot be made.
    """
    target = Path(path)
    write = WRITERS[known_suffix(target)]
    with whole_file(target, force=force) as temporary:
        write(record, temporary)
    return target


def known_suffix(path: Path) -> str:
    """Give a record file's suffix.

    Raises:
        UnknownSuffix: it names no format.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise UnknownSuffix(f"no such format: got {path.name!r}, allowed {' '.join(WRITERS)}")
    return suffix


def read(path: str | Path) -> Attention:
    """Read a record back from its .safetensors file; it equals the one written.

    Raises:
        NotFound: there is no such file.
        UnknownSuffix: it is of a format that is only written.
        Damaged: it is truncated, garbled, or no record of attnviz; of a digest the message says that
            `attnviz.read_digest` reads it.
    """
    source = Path(path)
    if source.is_file() and source.suffix.lower() != ".safetensors":
        raise UnknownSuffix(f"cannot read {source.name!r} back: got {source.suffix!r}, allowed .safetensors")
    with tensor_file(source, "record", SCHEMA) as (told, file):
        return from_facts(told, {name: file.get_tensor(name) for name in _TENSORS & set(file.keys())})


def facts(record: Attention) -> dict[str, Any]:
    """Give everything of a record but its arrays, as the JSON of docs/record.md.

    What only some records have is left out of the others.
    """
    rare = {
        "sight": _layers_of_masks(record),
        "sinks": list(record.sinks),
        "heads_per_key": record.heads_per_key if record.heads_per_key > 1 else None,
        "predictions": [prediction.facts() for prediction in record.predictions],
        "aligning": [str(head) for head in record.aligning],
        "dropped": float(record.dropped),
        "renormalized": record.renormalized,
        "follows": {str(head): found.facts() for head, found in record.follows.items()},
        "view": record.view if record.view != "weights" else None,
        "answer": record.answer,
        "pooling": None if record.pooling is None else asdict(record.pooling),
    }
    return {
        "schema": SCHEMA,
        "model": record.model,
        "revision": record.revision,
        "text": record.text,
        "block": record.block,
        "causal": record.causal,
        "layers": list(record.layers),
        "heads": list(record.heads),
        "taught": {str(head): pattern for head, pattern in record.taught.items()},
        **{name: value for name, value in rare.items() if value},
        "queries": [token.facts() for token in record.queries],
        "keys": [token.facts() for token in record.keys],
        "versions": dict(_versions()),
    }


def masks(record: Attention) -> tuple[list[Mask], dict[int, int]]:
    """Give each different mask of a record once, and for each layer that has one its place among them.

    >>> from attnviz import from_arrays
    >>> window = [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    >>> record = from_arrays([[[[1, 0, 0], [0, 1, 0], [0, 0, 1]]]] * 2, "abc", visible=window)
    >>> masks(record)[1]
    {0: 0, 1: 0}
    """
    places: dict[bytes, int] = {}
    different: list[Mask] = []
    layers = {}
    for layer, mask in record.sight.items():
        content = np.packbits(mask).tobytes()
        if content not in places:
            places[content] = len(different)
            different.append(mask)
        layers[layer] = places[content]
    return different, layers


def _layers_of_masks(record: Attention) -> dict[str, int]:
    return {str(layer): place for layer, place in masks(record)[1].items()}


def rare_arrays(record: Attention) -> dict[str, Any]:
    """Give the arrays that only some records have beside their weights, by the names they have in files."""
    different, _ = masks(record)
    found = {}
    if different:
        found["sight"] = np.stack(different)
    if record.picture is not None:
        found["picture"] = np.ascontiguousarray(record.picture)
    return found


def from_facts(facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Attention:
    """Make a record of what `facts` said of it and its arrays.

    Raises:
        RequestError: they do not fit each other.
        LookupError, TypeError, ValueError, AttributeError: they are no facts of a record.
    """
    weights = arrays["weights"]
    weights.flags.writeable = False
    return Attention(
        queries=tokens_of(facts["queries"]),
        keys=tokens_of(facts["keys"]),
        weights=weights,
        layers=tuple(facts["layers"]),
        heads=tuple(facts["heads"]),
        model=facts["model"],
        text=facts["text"],
        block=facts["block"],
        causal=facts["causal"],
        sight=_sight(facts.get("sight", {}), arrays),
        sinks=tuple(facts.get("sinks", ())),
        heads_per_key=facts.get("heads_per_key", 1),
        predictions=tuple(Prediction(**prediction) for prediction in facts.get("predictions", ())),
        picture=arrays.get("picture"),
        aligning=tuple(HeadId.parse(head) for head in facts.get("aligning", ())),
        revision=facts["revision"],
        taught={HeadId.parse(head): pattern for head, pattern in facts["taught"].items()},
        follows=_follows(facts.get("follows", {})),
        dropped=facts.get("dropped", 0.0),
        renormalized=facts.get("renormalized", False),
        view=facts.get("view", "weights"),
        answer=facts.get("answer"),
        pooling=_pooling(facts.get("pooling")),
    )


def _follows(relations: dict[str, Any]) -> dict[HeadId, Followed]:
    named = {HeadId.parse(name): fields for name, fields in relations.items()}
    return {head: Followed(head=head, **fields) for head, fields in named.items()}


def _sight(layers: dict[str, int], arrays: dict[str, NDArray[Any]]) -> dict[int, Mask]:
    """Give each layer its mask; layers that see alike share one."""
    different = list(arrays["sight"].astype(bool)) if layers else []
    if not all(0 <= place < len(different) for place in layers.values()):
        raise ValueError(f"a layer has a mask that is not among the {len(different)} in the file")
    return {int(layer): different[place] for layer, place in layers.items()}


def tokens_of(facts: list[dict[str, Any]]) -> tuple[Token, ...]:
    """Make tokens of what was said of them."""
    return tuple(_token(token) for token in facts)


def _token(facts: dict[str, Any]) -> Token:
    pairs = {name: _two(facts.get(name)) for name in ("place", "run")}
    return Token(**{**facts, "span": _two(facts["span"]), **pairs})


def _pooling(facts: dict[str, Any] | None) -> Pooling | None:
    if facts is None:
        return None
    if facts["statistic"] not in STATISTICS:
        raise ValueError(f"no such statistic: got {facts['statistic']!r}, allowed {', '.join(STATISTICS)}")
    return Pooling(**facts)


def _two(numbers: list[Any] | None) -> tuple[Any, Any] | None:
    return None if numbers is None else (numbers[0], numbers[1])


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Name the libraries that had a hand in the numbers."""
    found = []
    for library in ("attnviz", "numpy", "safetensors", "torch", "transformers"):
        try:
            found.append((library, version(library)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def _write_safetensors(record: Attention, path: Path) -> None:
    from safetensors.numpy import save_file

    arrays = {"weights": np.ascontiguousarray(record.weights), **rare_arrays(record)}
    save_file(arrays, path, {"attnviz": json.dumps(facts(record))})


def _write_npz(record: Attention, path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            weights=record.weights,
            **rare_arrays(record),
            layers=np.array(record.layers),
            heads=np.array(record.heads),
            queries=np.array([token.text for token in record.queries]),
            keys=np.array([token.text for token in record.keys]),
            special_queries=np.array([token.is_special for token in record.queries]),
            special_keys=np.array([token.is_special for token in record.keys]),
            meta=np.array(json.dumps(facts(record))),
        )


def _write_json(record: Attention, path: Path) -> None:
    # str of a float32 is the shortest decimal that reads back to it; as a double it would show noise.
    nested = [
        [[[float(str(weight)) for weight in row] for row in head] for head in layer]
        for layer in record.weights
    ]
    seen = {"masks": [mask.tolist() for mask in masks(record)[0]]} if record.sight else {}
    path.write_text(json.dumps({**facts(record), **seen, "weights": nested}), encoding="utf-8")


def _write_csv(record: Attention, path: Path) -> None:
    queries = [one_line(token.text) for token in record.queries]
    keys = [one_line(token.text) for token in record.keys]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["layer", "head", "query", "query_token", "key", "key_token", "weight"])
        for head in record.head_ids:
            for (i, j), weight in np.ndenumerate(record.head(head)):
                table.writerow([head.layer, head.index, i, queries[i], j, keys[j], str(weight)])


def one_line(text: str) -> str:
    """Escape what a table shown in a terminal would act on, and what UTF-8 cannot hold."""
    return _UNSHOWABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


WRITERS: dict[str, Callable[[Attention, Path], None]] = {
    ".safetensors": _write_safetensors,
    ".npz": _write_npz,
    ".json": _write_json,
    ".csv": _write_csv,
}
