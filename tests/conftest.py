"""What holds for every test."""

import gc
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

# Machines are shared and noisy: how long an example takes says nothing. All else stays as it was set.
settings.register_profile("attnviz", parent=settings(), deadline=None)
settings.load_profile("attnviz")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from what stays to the end: the libraries, and thousands of tests.

    While they are read, nothing is garbage; later it would go through all of them every few tests, which was
    an eighth of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Give each process tests that follow each other, so that what those of a file share is made once.

    A process that is done takes over half of what another still has. Anything else `--dist` names is kept.
    """
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None
