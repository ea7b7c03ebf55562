"""A record as a file and back: one safetensors file that loads equal, and .npz, .json and .csv for others."""

import csv
import json
import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from attnviz.errors import AttnvizError, Damaged, NotFound, UnknownSuffix
from attnviz.files import whole_file
from attnviz.record import Attention, Token
from attnviz.selection import HeadId

SCHEMA = "attnviz/record/1"

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
        Damaged: it is truncated, garbled, or no record of attnviz.
    """
    from safetensors import SafetensorError, safe_open

    source = Path(path)
    if not source.is_file():
        raise NotFound(f"no such record: {source}")
    if source.suffix.lower() != ".safetensors":
        raise UnknownSuffix(f"cannot read {source.name!r} back: got {source.suffix!r}, allowed .safetensors")
    try:
        with safe_open(source, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("attnviz", "null"))
            if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
                raise Damaged(f"not a record: {source} does not say {SCHEMA}")
            return _from_facts(facts, file.get_tensor("weights"))
    except Damaged:
        raise
    except (
        SafetensorError,
        AttnvizError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OSError,
    ) as error:
        raise Damaged(f"damaged record: {source} ({error})") from error


def facts(record: Attention) -> dict[str, Any]:
    """Give everything of a record but its weights, as the JSON of docs/record.md."""
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
        "queries": [token.facts() for token in record.queries],
        "keys": [token.facts() for token in record.keys],
        "versions": dict(_versions()),
    }


def _from_facts(facts: dict[str, Any], weights: np.ndarray) -> Attention:
    weights.flags.writeable = False
    return Attention(
        queries=tuple(_token(token) for token in facts["queries"]),
        keys=tuple(_token(token) for token in facts["keys"]),
        weights=weights,
        layers=tuple(facts["layers"]),
        heads=tuple(facts["heads"]),
        model=facts["model"],
        text=facts["text"],
        block=facts["block"],
        causal=facts["causal"],
        revision=facts["revision"],
        taught={HeadId.parse(head): pattern for head, pattern in facts["taught"].items()},
    )


def _token(facts: dict[str, Any]) -> Token:
    span = facts["span"]
    return Token(**{**facts, "span": None if span is None else (span[0], span[1])})


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

    save_file({"weights": np.ascontiguousarray(record.weights)}, path, {"attnviz": json.dumps(facts(record))})


def _write_npz(record: Attention, path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            weights=record.weights,
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
    path.write_text(json.dumps({**facts(record), "weights": nested}), encoding="utf-8")


def _write_csv(record: Attention, path: Path) -> None:
    queries = [_one_line(token.text) for token in record.queries]
    keys = [_one_line(token.text) for token in record.keys]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["layer", "head", "query", "query_token", "key", "key_token", "weight"])
        for head in record.head_ids:
            for (i, j), weight in np.ndenumerate(record.head(head)):
                table.writerow([head.layer, head.index, i, queries[i], j, keys[j], str(weight)])


def _one_line(text: str) -> str:
    """Escape what a table shown in a terminal would act on, and what UTF-8 cannot hold."""
    return _UNSHOWABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


WRITERS: dict[str, Callable[[Attention, Path], None]] = {
    ".safetensors": _write_safetensors,
    ".npz": _write_npz,
    ".json": _write_json,
    ".csv": _write_csv,
}
