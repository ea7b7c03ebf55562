"""Turn what the libraries raise into one clear line each."""

from collections.abc import Iterator
from contextlib import contextmanager

from attnviz.errors import Damaged, UnsafeModel, UnsupportedModel


@contextmanager
def named_faults(name: str, what: str) -> Iterator[None]:
    """Name whatever goes wrong while a library reads a part of a model.

    Their errors share no base class: safetensors derives from Exception alone and tokenizers raises Exception
    itself, so all are caught and each keeps the library's own first line.

    Args:
        name: the model.
        what: the part that is read, such as "the weights".

    Raises:
        UnsupportedModel: a package is missing for it.
        UnsafeModel: it would run code that came with the model.
        Damaged: it cannot be read.
    """
    try:
        yield
    except ImportError as error:
        raise UnsupportedModel(f"a package is missing to read {what} of {name}: {brief(error)}") from error
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise UnsafeModel(f"to read {what} of {name} would run code that comes with it") from error
        raise Damaged(f"cannot read {what} of {name}: {brief(error)}") from error


def brief(error: Exception) -> str:
    """The first line of a library's message, which often goes on with advice for programmers."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
