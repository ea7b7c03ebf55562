"""One line on a terminal for a whole download, where the hub's library draws three."""

from typing import Any

from huggingface_hub.utils.tqdm import tqdm

# What the library calls the bar that counts the bytes that have come; the others count the same, or files.
_BYTES = "huggingface_hub.snapshot_download"


def one_bar(name: str, size: int) -> type[tqdm]:
    """Make the class of bars that a download of several files asks for: only the one of all bytes is drawn.

    Args:
        name: what is downloaded.
        size: how many bytes will come.
    """

    class OneBar(tqdm):
        """A bar that stays what it was made as."""

        def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - a bar takes what tqdm takes
            shown = named.get("name") == _BYTES
            own = {"desc": f"downloading {name}", "bar_format": None, "leave": False, "unit": "B"}
            super().__init__(*given, **{**named, **own, "disable": not shown})  # type: ignore[no-untyped-call]

        @property
        def total(self) -> int:
            """All bytes; the library would learn them file by file, and the bar would run backwards."""
            return size

        @total.setter
        def total(self, value: object) -> None:
            pass

        def set_description(self, *_: object, **__: object) -> None:
            """Keep the words it was made with."""

        def set_postfix_str(self, *_: object, **__: object) -> None:
            """Show the bar's own rate and no other."""

    return OneBar
