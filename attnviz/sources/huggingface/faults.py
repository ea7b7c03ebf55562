"""Turn what the libraries raise into one clear line each."""

from collections.abc import Iterator
from contextlib import contextmanager

from attnviz.errors import AttnvizError, Damaged, ForeignCode, MissingPackage, ModelTooLarge, SourceError

# How torch words it when there is no memory left; only some devices raise a class of their own.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def named_faults(name: str, what: str) -> Iterator[None]:
    """Name whatever goes wrong while a library reads a part of a model.

    Their errors share no base class: safetensors derives from Exception alone and tokenizers raises Exception
    itself, so all are caught and each keeps the library's own first line.

    Args:
        name: the model.
        what: the part that is read, such as "the weights".

    Raises:
        MissingPackage: a package is missing for it.
        ForeignCode: it would run code that came with the model.
        ModelTooLarge: it does not fit into memory.
        SourceError: this machine does not let it be read.
        Damaged: it cannot be read.
    """
    try:
        yield
    except AttnvizError:
        raise
    except ImportError as error:
        raise MissingPackage(f"a package is missing to read {what} of {name}: {brief(error)}") from error
    except PermissionError as error:
        raise SourceError(f"cannot read {what} of {name}: {error.strerror}") from error
    except Exception as error:
        if is_out_of_memory(error):
            raise ModelTooLarge(f"out of memory: {what} of {name} do not fit") from error
        if "trust_remote_code" in str(error):
            raise ForeignCode(f"to read {what} of {name} would run code that comes with it") from error
        raise Damaged(f"cannot read {what} of {name}: {brief(error)}") from error


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error means that there was not enough memory."""
    said = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in said for words in _OUT_OF_MEMORY)
    )


def brief(error: Exception) -> str:
    """The first line of a library's message, which often goes on with advice for programmers."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return f"no {lines[0]}" if isinstance(error, KeyError) else lines[0]
