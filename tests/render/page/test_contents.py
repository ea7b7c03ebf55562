"""What fits on one page, and what its maps are called."""

from dataclasses import replace

import pytest

import attnviz
from attnviz.errors import MissingInternals, RequestError
from attnviz.record import Token
from attnviz.render.page import page
from attnviz.render.page.contents import gather, id_of, title_of
from attnviz.render.page.pooled import labels, place_of
from tests.render.page.bare import bare_program
from tests.render.samples import crossed, fox

__all__ = ["bare_program"]


@pytest.mark.parametrize(
    ("block", "view", "name", "title"),
    [
        ("self", "weights", "self", "self-attention"),
        ("cross", "weights", "cross", "cross-attention"),
        ("decoder", "norms", "decoder.norms", "norms of decoder self-attention"),
        ("self", "rollout", "self.rollout", "rollout of self-attention"),
    ],
)
def test_maps_are_named_for_their_block_and_view(block, view, name, title):
    record = replace(fox(), block=block, view=view)
    assert (id_of(record), title_of(record)) == (name, title)


def test_a_record_alone_is_a_page():
    assert gather(fox()).records == gather([fox()]).records


def test_sides_that_are_equal_are_one():
    across = replace(crossed(), text="x")
    within = replace(
        fox(), text="x", model="crossed", block="decoder", queries=across.queries, keys=across.queries,
        weights=fox().weights[..., :7, :7] / 2,
    )  # fmt: skip
    assert gather([within, across]).sides == (across.queries, across.keys)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"text": "else"}, "another text"),
        ({"model": "else"}, "another model"),
        ({"revision": "2"}, "model"),
        ({}, "twice"),
    ],
)
def test_records_that_do_not_belong_together_are_refused(change, word):
    other = replace(fox(), **({"block": "decoder"} | change if change else {}))
    with pytest.raises(RequestError, match=word) as caught:
        page([fox(), other])
    assert "\n" not in str(caught.value)


def test_nothing_is_no_page():
    with pytest.raises(RequestError, match="no record"):
        page([])


def test_vectors_nobody_kept_are_not_promised():
    with pytest.raises(MissingInternals):
        page(fox(), vectors=True)


def test_the_title_is_the_text_on_one_line_or_the_model():
    assert gather(replace(fox(), text="a\n<b>\x00")).title == "a <b>␀"
    assert gather(replace(fox(), text="")).title == "Attention of sample"
    assert len(gather(replace(fox(), text="word " * 9999)).title) <= 80
    assert gather(fox(), title="mine").title == "mine"


@pytest.mark.parametrize(("count", "runs"), [(7, 3), (10, 10), (512, 100), (9, 1)])
def test_every_token_is_in_the_run_its_label_says(count, runs):
    side = [Token(f"t{place}") for place in range(count)]
    found = labels(side, runs)
    assert len(found) == min(count, runs)
    for place in range(count):
        first, _, last = found[place_of(place, side, runs)].partition("…")
        assert int(first[1:]) <= place <= int((last or first)[1:])


def test_the_page_is_public():
    assert attnviz.render.page.page is page
