"""Keep libraries from talking on stderr: what matters of theirs becomes an error or a note of ours."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils import logging as hub_logging
from transformers.utils import logging as transformers_logging


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings, log lines and progress bars of transformers, the hub and torch, and restore them."""
    loggers = (transformers_logging, hub_logging)
    levels = [log.get_verbosity() for log in loggers]
    bars = transformers_logging.is_progress_bar_enabled()
    for log in loggers:
        log.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
