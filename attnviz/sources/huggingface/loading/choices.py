"""How a model is to be loaded, and what of that can be refused before torch is imported."""

from dataclasses import dataclass
from typing import Any

from attnviz.errors import RequestError

AUTO, CPU = "auto", "cpu"
PRECISIONS = ("float32", "float16", "bfloat16")
_DEVICES = (CPU, "cuda", "mps")


@dataclass(frozen=True)
class Choices:
    """How a model is to be loaded.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto", "float32", "float16" or "bfloat16".
        trust_remote_code: whether code that comes with the model may run.
    """

    device: str = AUTO
    dtype: str = AUTO
    trust_remote_code: bool = False

    @property
    def safely(self) -> dict[str, Any]:
        """Say it as the library takes it.

        Left to itself the library asks on stdin whether to run a model's own code, and looks on the hub for
        more files.
        """
        return {"trust_remote_code": self.trust_remote_code, "local_files_only": True}

    def refuse_unknown(self) -> None:
        """Fail if no machine has such a device, or no such precision is known.

        Raises:
            RequestError: so it is.
        """
        self.refuse_unknown_dtype()
        if self.device not in (AUTO, *_DEVICES):
            allowed = ", ".join((AUTO, *_DEVICES))
            raise RequestError(f"no such device: got {self.device}, allowed {allowed}")

    def refuse_unknown_dtype(self) -> None:
        """Fail if no such precision is known.

        Raises:
            RequestError: so it is.
        """
        if self.dtype not in (AUTO, *PRECISIONS):
            allowed = ", ".join((AUTO, *PRECISIONS))
            raise RequestError(f"no such dtype: got {self.dtype}, allowed {allowed}")


AS_USUAL = Choices()
