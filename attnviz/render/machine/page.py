"""The machine form of a page that was written: what it holds, and how large it is."""

from dataclasses import asdict

from attnviz.render.machine.plain import as_text
from attnviz.render.page.contents import Contents, id_of
from attnviz.render.page.quantize import ERROR

WRITTEN = "attnviz/written/1"


def written_json(contents: Contents, path: str, size: int) -> str:
    """Say what a page holds, as JSON.

    Args:
        contents: what was written; pooled, if it was.
        path: of the file.
        size: of the file, in bytes.
    """
    return as_text(
        {
            "schema": WRITTEN,
            "model": contents.records[0].model,
            "text": contents.records[0].text,
            "path": path,
            "bytes": size,
            "weights": contents.weights,
            "error": ERROR,
            "pooled": contents.runs,
            "maps": [
                {
                    "id": id_of(record),
                    "block": record.block,
                    "view": record.view,
                    "layers": list(record.layers),
                    "heads": list(record.heads),
                    "queries": len(record.queries),
                    "keys": len(record.keys),
                    **({"pooling": asdict(record.pooling)} if record.pooling else {}),
                }
                for record in contents.records
            ],
        }
    )
