"""A record in a notebook: a frame that stands alone, and never a long wait."""

import re
from dataclasses import replace

import numpy as np
import pytest

import attnviz
from attnviz.render.page import page
from attnviz.render.page.framed import HEAVY, frame
from attnviz.render.page.notebook import MOST_BYTES, _shares, inline
from attnviz.render.page.written import Page
from tests.render import samples
from tests.render.page.bare import bare_program
from tests.render.page.digests import digest
from tests.render.page.opened import Element, _Reader, opened

__all__ = ["bare_program"]


def framed(html) -> Element:
    reader = _Reader()
    reader.feed(html)
    [found] = [element for element in reader.elements if element.tag == "iframe"]
    return found


def even(layers, heads, count):
    """Weights of any size for next to nothing: every row is the same."""
    row = np.full(count, 1 / count, np.float32)
    return np.broadcast_to(row, (layers, heads, count, count))


def record_of(layers, heads, count):
    weights = even(layers, heads, count).copy()
    weights.flags.writeable = False
    return attnviz.from_arrays(weights, [f"w{place}" for place in range(count)])


def test_the_frame_holds_the_page_and_reaches_nothing():
    found = framed(inline(samples.fox()))
    assert found.attributes["sandbox"].split() == ["allow-scripts", "allow-downloads"]
    inside = opened(found.attributes["srcdoc"])
    assert inside.facts["inline"] is True
    assert inside.weights().shape == samples.fox().weights.shape
    assert found.attributes["title"]
    assert found.attributes["width"] == "100%"


def test_whatever_is_in_a_page_stays_inside_the_frame():
    text = "\"'<>&</iframe><script>&quot;</script>"
    html = frame(text, text)
    assert framed(html).attributes["srcdoc"] == text
    assert framed(html).attributes["title"] == text
    assert html.count("<script") == 0


def test_odd_records_are_shown_too():
    assert opened(framed(inline(samples.odd())).attributes["srcdoc"]).weights().shape == (1, 1, 10, 10)


def test_the_same_record_is_shown_the_same():
    assert inline(samples.fox()) == inline(samples.fox())


def test_small_records_are_whole():
    html = inline(samples.fox())
    assert "Made smaller" not in html
    assert opened(framed(html).attributes["srcdoc"]).map("self")["focus"]


def test_large_records_are_pooled_and_say_how_to_see_all():
    weights = samples.soft(400, 400, 2, 12)
    record = attnviz.from_arrays(weights, [f"w{place}" for place in range(400)])
    html = inline(record)
    found = opened(framed(html).attributes["srcdoc"])
    assert 100 < len(found.sides("self")[0]) < 400
    assert len(html) < 1.15 * MOST_BYTES
    assert "attnviz.page(record).save(" in html
    assert "400 x 400" in re.sub(r"<iframe.*</iframe>", "", html, flags=re.DOTALL)


def test_of_many_heads_some_are_shown():
    html = inline(record_of(8, 8, 1024))
    found = opened(framed(html).attributes["srcdoc"]).map("self")
    assert len(found["layers"]) * len(found["heads"]) <= 32
    assert "only layers" in html


def test_what_hardly_fits_memory_is_only_named():
    weights = np.lib.stride_tricks.as_strided(np.ones(1, np.float32), (1, 1, 1 << 15, 1 << 15), (0, 0, 0, 0))
    record = object.__new__(attnviz.Attention)
    known = samples.fox()
    for name, value in {**vars(known), "weights": weights, "model": "<huge>"}.items():
        object.__setattr__(record, name, value)
    html = inline(record)
    assert "<iframe" not in html
    assert "&lt;huge&gt;" in html


@pytest.mark.parametrize(
    "shape", [(32, 32, 40), (32, 32, 150), (6, 12, 512), (1, 1, 6000), (4, 16, 1024)], ids=str
)
def test_nothing_is_heavy(shape):
    assert len(inline(record_of(*shape))) < 1.2 * MOST_BYTES


@pytest.mark.parametrize("layers", [1, 3, 32])
@pytest.mark.parametrize("heads", [1, 5, 32])
@pytest.mark.parametrize("most", [1, 2, 7, 40, 2000])
def test_heads_kept_are_as_many_as_can_be_in_rows_and_columns(layers, heads, most):
    down, across = _shares(layers, heads, most)
    assert 1 <= down <= layers
    assert 1 <= across <= heads
    assert down * across <= most
    assert (
        (down, across) == (layers, heads)
        or (down + 1) * across > most
        or (down == layers and across * (down + 1) > most)
        or down * (across + 1) > most
    )


def test_parts_keep_what_their_layers_see():
    record = replace(samples.windowed(layers=4, heads=4), sinks=())
    from attnviz.render.page.notebook import _part

    part = _part(record, [0, 3], [1, 2])
    assert (part.layers, part.heads, set(part.sight)) == ((0, 3), (1, 2), {0})
    assert np.array_equal(part.weights, record.weights[[0, 3]][:, [1, 2]])


def test_a_page_too_heavy_for_a_notebook_says_so():
    html = Page("x" * (HEAVY + 1), "10 MB: <many> weights")._repr_html_()
    assert html.startswith("<p>10 MB: &lt;many&gt; weights. Too large")


def test_a_page_shows_itself():
    made = page(samples.fox())
    assert framed(made._repr_html_()).attributes["srcdoc"] == made


def test_a_digest_shows_itself_whole_where_it_is_small():
    made = digest(samples.long(60), cells=20)
    html = made._repr_html_()
    inside = opened(framed(html).attributes["srcdoc"])
    assert inside.facts["inline"] is True
    assert inside.weights().shape[-2:] == (20, 20)
    assert [one["title"] for one in inside.facts["maps"]] == [
        "self-attention, maxima",
        "self-attention, means",
    ]
    assert "smaller" not in html


def test_a_large_digest_is_made_smaller_and_says_so():
    made = digest(record_of(2, 16, 360), cells=180)
    noise = np.random.default_rng(0).random(made.maxima.weights.shape, dtype=np.float32)
    noise.flags.writeable = False
    maxima, means = (replace(cells, weights=noise) for cells in (made.maxima, made.means))
    html = replace(made, maxima=maxima, means=means)._repr_html_()
    assert len(framed(html).attributes["srcdoc"]) <= MOST_BYTES
    assert "Made smaller to fit here: 4,147,200 weights pooled to" in html
    assert "attnviz.page(digest)" in html


def test_a_digest_too_large_at_any_size_is_told_of():
    record = attnviz.from_arrays(even(1, 1, 800), ["x" * 3000] * 800)
    html = digest(record, cells=8)._repr_html_()
    assert "<iframe" not in html
    assert "800 queries x 800 keys in 8 x 8 cells" in html
    assert "too large to show here" in html
