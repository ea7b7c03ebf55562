"""What is done at once is handed on in one order, and ends together."""

from contextvars import ContextVar
from threading import get_ident

import numpy as np
import pytest
import torch

from attnviz.errors import CaptureFailed
from attnviz.selection import Selection
from attnviz.sources.huggingface.streaming.cores import on_cores
from tests.sources.architectures import ARCHITECTURES
from tests.sources.huggingface.streaming.long_texts import kept, streamed, text_feed

CPU = torch.device("cpu")
LIMIT = ContextVar("limit", default=0)


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def in_turns(items, turns=4):
    """Work on items so that each notes its turns, the later ones of each round being done first."""
    came, where = [], set()

    def work(core, item, turn):
        for number in range(turns):
            torch.ones(64, 64 * (len(items) - item)).exp()
            with turn():
                came.append((item, number))
                where.add((core, get_ident()))

    on_cores(work, items, CPU)
    return came, where


def test_turns_are_taken_in_one_order_however_long_the_work_takes(threads):
    items = range(7)
    came, _ = in_turns(items)
    waves = [items[first : first + threads] for first in range(0, len(items), threads)]
    assert came == [(item, turn) for wave in waves for turn in range(4) for item in wave]


def test_as_many_work_as_there_are_threads(threads):
    _, where = in_turns(range(7))
    assert {core for core, _ in where} == set(range(threads))


def test_each_has_its_share_of_the_threads_and_all_are_there_afterwards(threads):
    shares = []

    def work(_core, _item, turn):
        with turn():
            shares.append(torch.get_num_threads())

    on_cores(work, range(2), CPU)
    assert shares == [max(1, threads // 2)] * 2 if threads > 1 else [1, 1]
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("threads")
def test_what_is_set_around_it_is_set_within():
    LIMIT.set(7)
    found = []

    def work(_core, _item, turn):
        with turn():
            found.append((LIMIT.get(), torch.is_grad_enabled()))

    with torch.no_grad():
        on_cores(work, range(3), CPU)
    assert found == [(7, False)] * 3


@pytest.mark.parametrize("failing", range(3))
@pytest.mark.parametrize("in_turn", [True, False])
def test_what_one_raises_is_raised_and_nobody_waits_for_ever(threads, failing, in_turn):
    later = []

    def work(_core, item, turn):
        for number in range(3):
            if item == failing and number == 1 and not in_turn:
                raise CaptureFailed(f"the work on {item}")
            with turn():
                if item == failing and number == 1:
                    raise CaptureFailed(f"the work on {item}")
                later.append((item, number))

    with pytest.raises(CaptureFailed, match=f"the work on {failing}"):
        on_cores(work, range(3), CPU)
    assert not {(failing, 1), (failing, 2)} & set(later)
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("threads")
def test_rows_are_the_same_and_come_in_order_on_any_number_of_cores():
    feed = text_feed(ARCHITECTURES["gpt2"].build())
    ours = kept(streamed(feed), Selection())
    again = kept(streamed(feed), Selection())
    torch.set_num_threads(1)
    alone = kept(streamed(feed), Selection())
    np.testing.assert_array_equal(ours.weights, again.weights)
    np.testing.assert_allclose(ours.weights, alone.weights, atol=1e-6)
    assert ours.blocks == again.blocks
