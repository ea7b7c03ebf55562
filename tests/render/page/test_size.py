"""How large pages are: what is said before, what is refused, and what pooling keeps."""

from bisect import bisect_right
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import attnviz
from attnviz.errors import BudgetError, RequestError
from attnviz.prompt import Prompt
from attnviz.render.page import page
from attnviz.render.page.assemble import read_program
from attnviz.render.page.contents import gather
from attnviz.render.page.notebook import inline
from attnviz.render.page.pooled import labels
from attnviz.render.page.size import estimate
from attnviz.render.page.vectors import vectors_fit
from attnviz.render.page.written import plan
from attnviz.render.pooling import pool
from tests.render import samples
from tests.render.page.bare import bare_program
from tests.render.page.opened import opened
from tests.sources.conftest import minilm

__all__ = ["bare_program", "minilm"]

# What the program, its style sheets and its frame may take of a page, packed.
PROGRAM = 250_000

TEXTS = Path(__file__).parents[3] / "samples" / "texts"


def of_minilm(folder, count):
    """The real MiniLM on whole words of real text: as many as give so many tokens at most."""
    from transformers import AutoTokenizer

    words = (TEXTS / "sentences.txt").read_text("utf-8").split() * 8
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sizes = [len(tokenizer(" ".join(words[:many]))["input_ids"]) for many in range(1, count)]
    return attnviz.load(str(folder)).attend(" ".join(words[: bisect_right(sizes, count)]))


@pytest.fixture(scope="module")
def short(minilm):
    return of_minilm(minilm, 128)


@pytest.fixture(scope="module")
def long(minilm):
    return of_minilm(minilm, 512)


def test_the_program_takes_no_more_than_its_part():
    assert read_program(files("attnviz.render.page") / "program").size < PROGRAM


def test_128_tokens_and_72_heads_take_less_than_promised(short):
    found = page(short)
    assert short.weights.shape[:2] == (6, 12)
    assert 120 < len(short.keys) <= 128
    assert found.size + PROGRAM < 1_200_000
    assert found.size + PROGRAM < short.weights.size * 1.04


def test_512_tokens_and_72_heads_take_less_than_promised(long):
    found = page(long)
    assert 500 < len(long.keys) <= 512
    assert found.size + PROGRAM < 12_000_000
    assert found.size + PROGRAM < long.weights.size


@pytest.mark.parametrize("name", ["short", "long"])
def test_estimates_of_a_real_model_are_near(name, request):
    planned = plan(request.getfixturevalue(name))
    assert planned.estimate == pytest.approx(planned.write().size, rel=0.15)


@pytest.mark.parametrize(
    "record",
    [
        samples.fox(),
        samples.windowed(4, 4, 200, 16),
        samples.sinking(2, 8),
        samples.patched(14, 14, 4),
        samples.continued(6),
    ],
    ids=["fox", "windowed", "sinking", "patched", "continued"],
)
def test_estimates_of_other_records_are_near(record):
    planned = plan(record)
    assert planned.estimate == pytest.approx(planned.write().size, rel=0.15, abs=0.05 * PROGRAM)


def test_estimates_count_vectors_and_pictures():
    record = attnviz.load("builtin").attend((TEXTS / "sentences.txt").read_text("utf-8"), internals=True)
    for contents in (gather(record, vectors=True), gather(record, vectors=False)):
        assert estimate(contents) == pytest.approx(page(record, vectors=contents.vectors).size, rel=0.15)
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    seen = replace(samples.patched(), picture=pixels)
    assert estimate(gather(seen)) == pytest.approx(page(seen).size, rel=0.05)


def test_a_page_too_large_is_refused_in_a_line():
    with pytest.raises(BudgetError, match=r"got about \d+ kB.*allowed 5 kB") as caught:
        page(noise(), max_size=5_000)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def noise(queries=120, keys=120, heads=6, **changes):
    weights = samples.soft(queries, keys, 1, heads)
    words = [f"w{place}" for place in range(max(queries, keys))]
    record = attnviz.from_arrays(weights, words[:queries], None if queries == keys else words[:keys])
    return replace(record, **changes)


def test_pooling_keeps_the_largest_of_each_cell():
    record = noise()
    found = opened(page(record, max_size=40_000, pool=True))
    side, _ = found.sides("self")
    count = len(side)
    assert 20 < count < 100
    expected = pool(record.weights, count, count)
    assert np.abs(found.weights() - expected).max() <= 1 / 255
    assert [token["shown"] for token in side] == labels(record.queries, count)
    [sequence] = found.facts["sequences"]
    assert (sequence["pooled"], sequence["words"]) == (True, None)
    assert f"pooled 120 x 120 to {count} x {count}, maximum per cell" in found.map("self")["about"]


@pytest.mark.parametrize("most", [25_000, 40_000, 80_000, 120_000])
def test_pooled_pages_are_as_large_as_allowed_and_no_larger(most):
    whole = page(noise()).size
    found = page(noise(), max_size=most, pool=True)
    assert found.size <= most
    assert found.size > 0.8 * min(most, whole)


def test_only_sides_that_are_longer_are_pooled():
    found = opened(page(noise(20, 400), max_size=40_000, pool=True))
    assert len(found.sides("cross")[0]) == 20
    assert 20 < len(found.sides("cross")[1]) < 400
    assert [side["pooled"] for side in found.facts["sequences"]] == [False, True]


def test_what_fits_is_not_pooled():
    assert page(noise(), pool=True) == page(noise())


def test_pooled_masks_show_what_any_of_a_run_sees():
    record = samples.windowed(layers=2, count=200, heads=8, width=30)
    found = opened(page(record, max_size=30_000, pool=True))
    count = len(found.sides("self")[0])
    assert count < 200
    for layer in (0, 1):
        expected = pool(record.visible(layer).astype(float), count, count) > 0
        assert np.array_equal(found.visible("self", layer), expected)


def test_what_heads_read_points_at_the_runs_it_is_in():
    found = opened(page(noise(heads=2), max_size=14_000, pool=True))
    side = found.sides("self")[0]
    assert len(side) < 120
    for head in found.map("self")["focus"]:
        for link in head["links"]:
            first, _, last = side[link["to_position"]]["shown"].partition("…")
            assert int(first[1:]) <= int(link["to"][1:]) <= int((last or first)[1:])


def test_what_pooling_cannot_help_is_refused():
    with pytest.raises(BudgetError):
        page(noise(), max_size=100, pool=True)


def test_vectors_of_short_texts_are_worth_keeping():
    reading = attnviz.load("builtin")
    [short] = reading.read(Prompt("The fox.")).outlines.values()
    [long] = reading.read(Prompt("The fox. " * 200)).outlines.values()
    assert (vectors_fit(short), vectors_fit(long)) == (True, False)


def test_a_page_is_saved_whole_and_not_over_another(tmp_path):
    made = page(samples.fox())
    path = made.save(tmp_path / "new" / "fox.html")
    assert path.read_bytes() == str(made).encode()
    assert path.stat().st_size == made.size
    with pytest.raises(RequestError):
        made.save(path)
    made.save(path, force=True)


def test_a_page_tells_its_size():
    assert page(noise()).told.endswith("86,400 weights")
    assert "pooled" in page(noise(), max_size=40_000, pool=True).told


def test_sizes_of_real_records_stay_small_in_a_notebook(long):
    assert len(inline(long)) < 2_300_000
