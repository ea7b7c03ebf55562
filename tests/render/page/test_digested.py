"""Pages of inputs too long for every weight: what Python writes of a digest, and how much of it fits."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnviz
from attnviz.errors import BudgetError
from attnviz.prompt import Prompt
from attnviz.render.page import page
from attnviz.render.page.contents import gather, id_of, title_of
from attnviz.render.page.digested import bounds_of
from attnviz.render.page.facts import as_json, sequence_fields
from attnviz.render.page.fitting import fit_digests
from attnviz.render.page.pooled import weights_of
from attnviz.render.page.topkeys import (
    CODES,
    LINK_ERROR,
    OCTAVES,
    as_codes,
    as_numbers,
    is_near,
)
from attnviz.render.page.written import LONG_SIZE, plan
from attnviz.studies.digest import Limits, digest_of
from tests.render import samples
from tests.render.page.bare import bare_program
from tests.render.page.digests import digest, pooled
from tests.render.page.opened import opened

__all__ = ["bare_program"]

TEXT = "The quick brown fox jumps over the lazy dog that sleeps. " * 20


@pytest.fixture(scope="module")
def whole():
    return attnviz.load("builtin").attend(TEXT)


@pytest.fixture(scope="module")
def causal():
    count = 97
    weights = np.tril(np.random.default_rng(3).dirichlet(np.ones(count), (2, 3, count)))
    weights /= weights.sum(axis=-1, keepdims=True)
    return attnviz.from_arrays(weights.astype(np.float32), [f"w{at}" for at in range(count)], causal=True)


@pytest.fixture(scope="module")
def long(whole):
    return digest(whole, 32, 4)


@pytest.fixture(scope="module")
def read(long):
    return opened(page(long))


def links(found, name, layer):
    """Read a layer's top keys back: positions and weights (head, rank, query)."""
    facts = found.map(name)
    top, queries = facts["top"], facts["pooling"]["queries"]
    heads, most = len(facts["heads"]), top["most"]
    raw = found.buffer(top["positions"][layer])
    near = raw[:heads].astype(bool)[:, None, None]
    numbers = joined(raw[heads:], top["planes"], (heads, most, queries))
    step = numbers - 1
    here = np.arange(queries) + top["ahead"]
    behind = np.where(step % 2 == 0, here - step // 2, here + (step + 1) // 2)
    positions = np.where(numbers == 0, -1, np.where(near, behind, step))
    codes = joined(found.buffer(top["weights"][layer]), 2, (heads, most, queries))
    return positions, np.where(codes == 0, 0, 2.0 ** ((codes - CODES) / (CODES - 1) * OCTAVES))


def joined(raw, planes, shape):
    parts = raw.reshape(planes, *shape).astype(np.int64)
    return sum(part << (8 * plane) for plane, part in enumerate(parts))


def test_both_maps_are_those_of_the_digest(long, read):
    for name, record in (("self", long.maxima), ("self.mean", long.means)):
        error = np.abs(read.weights(name) - record.weights)
        assert (error <= record.weights.max(axis=-1, keepdims=True) * read.map(name)["error"]).all()
        assert read.map(name)["pooling"]["queries"] == 240
    assert [one["pooling"]["twin"] for one in read.facts["maps"]] == ["self.mean", "self"]


@pytest.mark.parametrize("layer", [0, 1])
def test_top_keys_come_back_exactly_and_their_weights_nearly(long, read, layer):
    positions, weights = links(read, "self", layer)
    assert np.array_equal(np.moveaxis(positions, 1, 2), long.top.positions[layer])
    expected = long.top.weights[layer]
    error = np.abs(np.moveaxis(weights, 1, 2) - expected)
    assert (error <= expected * read.map("self")["top"]["error"] + 2.0**-OCTAVES).all()


def test_what_heads_read_is_said_of_all_weights_and_not_of_cells(whole, read):
    exact, found = opened(page(whole)).map("self")["focus"], read.map("self")["focus"]
    for one, other in zip(exact, found, strict=True):
        for name in ("entropy", "breadth", "distance", "self_mass", "special_mass"):
            assert one[name] == other[name]
        assert {**one["pattern"], "evidence": 0} == {**other["pattern"], "evidence": 0}
        assert [link["weight"] for link in one["links"]] == [link["weight"] for link in other["links"]]
        assert [link["to_position"] for link in one["links"]] == [link["to_token"] for link in other["links"]]
        assert [word["position"] for word in one["focus"]] == [word["at"] for word in other["focus"]]
    side = read.sides("self")[0]
    for link in (link for head in found for link in head["links"]):
        first, last = side[link["from_position"]]["run"]
        assert first <= link["from_token"] <= last


def test_every_measure_is_there_and_exact(long, read):
    facts = read.map("self")
    assert [one["name"] for one in facts["measures"]] == list(long.measured.names)
    for head, means in zip(facts["focus"], long.measured.means, strict=True):
        known = [np.nan if one is None else one for one in head["measures"]]
        assert known == pytest.approx(means.tolist(), rel=1e-6, nan_ok=True)


def test_every_token_is_there_once_for_all_that_are_alike(whole, read):
    [sequence] = read.facts["sequences"]
    types, order = sequence["whole"]["types"], sequence["whole"]["order"]
    assert [types[one]["text"] for one in order] == [token.text for token in whole.queries]
    assert len(types) == len({token.text for token in whole.queries})
    assert sequence["tokens"][1]["shown"] == "lazy…brown"
    assert sequence["tokens"][1]["run"] == [7, 14]


def test_no_row_of_cells_pretends_to_have_a_mass(read):
    for facts in read.facts["maps"]:
        assert facts["masses"] is None
        assert facts["vectors"] is None
        assert facts["predictions"] == []


def test_pooled_further_maxima_are_maxima_and_means_are_means(causal):
    given = gather(digest(causal, 32))
    coarser = replace(given, runs=11)
    for record, statistic in zip(given.records, ("maximum", "mean"), strict=True):
        bounds = bounds_of(record.queries, 11)
        for layer in range(2):
            found = weights_of(coarser, record, layer)
            for row, (first, last) in enumerate(bounds):
                for column, (left, right) in enumerate(bounds):
                    seen = causal.visible(layer)[first : last + 1, left : right + 1]
                    cell = causal.weights[layer, :, first : last + 1, left : right + 1][:, seen]
                    if seen.any():
                        take = np.max if statistic == "maximum" else np.mean
                        assert found[:, row, column] == pytest.approx(take(cell, axis=-1), rel=1e-5)


def test_means_of_windows_are_left_out_where_they_cannot_be_told():
    record = samples.windowed(layers=1, count=200, heads=8, width=30)
    whole = plan(digest(record, 100, 8))
    assert [id_of(one) for one in whole.contents.records] == ["self", "self.mean"]
    less = plan(digest(record, 100, 8), max_size=int(whole.estimate * 0.3))
    assert less.contents.runs < 100
    assert [id_of(one) for one in less.contents.records] == ["self"]


@pytest.mark.parametrize("share", [0.35, 0.5, 0.7, 0.9])
def test_pages_are_as_large_as_allowed_and_no_larger(causal, share):
    given = digest(causal, 48, 16)
    most = int(plan(given).write().size * share)
    found = plan(given, max_size=most)
    made = found.write()
    assert made.size <= most
    assert made.size > 0.5 * most
    assert (found.contents.top, found.contents.runs) != (16, None)


def test_maps_and_top_keys_share_the_room(causal):
    given = digest(causal, 48, 16)
    tight = plan(given, max_size=plan(given).estimate * 7 // 10)
    assert tight.contents.top > 0
    assert tight.contents.runs is None or tight.contents.runs > 12
    assert f"the {tight.contents.top} largest weights of each query (of 16 known)" in tight.told


def test_a_page_tells_in_a_line_what_is_left(long):
    told = plan(long).told
    cells = "921,600 weights pooled to 32 x 32 cells a head, maximum and mean of each"
    assert told.endswith(f"{cells}, the 4 largest weights of each query")
    assert "no weights of single queries" in plan(replace(long, top=None)).told


def test_estimates_are_near(long, causal):
    for known in (long, digest(causal, 48, 16)):
        planned = plan(known)
        assert planned.estimate == pytest.approx(planned.write().size, rel=0.15)


def test_what_does_not_fit_even_so_is_refused(long):
    with pytest.raises(BudgetError, match=r"allowed 5 kB") as caught:
        plan(long, max_size=5_000)
    assert caught.value.exit_code == 4


def test_a_digest_has_less_room_by_default(long, whole):
    assert plan(long).max_size == LONG_SIZE
    assert plan(whole).max_size > LONG_SIZE
    assert fit_digests(gather(long), LONG_SIZE)[0].top == 4


def test_cells_alone_are_a_page_too(long):
    for record, statistic in ((long.maxima, "maximum"), (long.means, "mean")):
        found = opened(page(record))
        [facts] = found.facts["maps"]
        assert facts["pooling"] == {"statistic": statistic, "queries": 240, "keys": 240, "twin": None}
        assert facts["focus"] == []
        assert facts["top"] is None
        assert any("cannot be told" in line for line in facts["about"])
        assert found.facts["sequences"][0]["whole"] is None


def test_both_statistics_given_as_records_belong_together(long):
    found = opened(page([long.maxima, long.means]))
    assert [one["pooling"]["twin"] for one in found.facts["maps"]] == ["self.mean", "self"]
    assert [title_of(one) for one in (long.maxima, long.means)] == [
        "self-attention, maxima",
        "self-attention, means",
    ]


def test_what_was_left_out_is_said(long):
    found = opened(page(replace(long, left_out={"top": "no room for it"})))
    assert "top left out: no room for it" in found.map("self")["about"]


def test_a_digest_of_a_model_is_a_page():
    reading = attnviz.load("builtin").read(Prompt(TEXT))
    found = opened(page(digest_of(reading, limits=Limits(pool=32, top=3))))
    assert found.map("self")["top"]["most"] == 3
    assert len(found.sides("self")[0]) == 32
    assert len(found.map("self")["focus"]) == 16


def test_sides_of_two_texts_are_told_apart():
    across = digest(samples.crossed(), 4, 2)
    facts = opened(page(across))
    queries, keys = (facts.facts["sequences"][side]["whole"] for side in (0, 1))
    assert len(queries["order"]) == len(across.frame.queries)
    assert len(keys["order"]) == len(across.frame.keys)


WEIGHTS = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30)


@given(WEIGHTS)
def test_steps_of_a_logarithm_keep_weights(weights):
    given_ = np.array(weights, np.float32)
    codes = as_codes(given_).astype(float)
    back = np.where(codes == 0, 0, 2.0 ** ((codes - CODES) / (CODES - 1) * OCTAVES))
    assert (np.abs(back - given_) <= given_ * LINK_ERROR + 2.0**-OCTAVES).all()
    assert ((given_ == 0) == (back == 0)).all()


@given(st.lists(st.integers(-1, 40), min_size=1, max_size=41), st.booleans(), st.integers(0, 5))
def test_positions_come_back_from_their_numbers(positions, near, ahead):
    given_ = np.array(positions, np.int32)
    numbers = as_numbers(given_, near, ahead).astype(np.int64)
    here = np.arange(len(given_)) + ahead
    step = numbers - 1
    back = np.where(step % 2 == 0, here - step // 2, here + (step + 1) // 2) if near else step
    assert np.where(numbers == 0, -1, back).tolist() == positions


def test_positions_are_told_the_way_that_takes_less():
    here = np.arange(500, dtype=np.int32)[None]
    assert is_near(here - 1, 0)
    assert not is_near(np.zeros_like(here), 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=5, max_size=12))
def test_run_labels_hold_any_text_and_act_as_none(texts):
    weights = np.full((len(texts), len(texts)), 1 / len(texts), np.float32)
    record = replace(attnviz.from_arrays(weights, texts), text="".join(texts))
    maxima = pooled(record, 3, "maximum")
    for contents in (gather(maxima), gather(digest(record, 3, 2, focus=None, measured=None))):
        written = as_json(sequence_fields(contents, contents.records[0].queries))
        assert written.isascii()
        assert not {"<", ">", "&"} & set(written)
        read = json.loads(written)
        assert len(read["tokens"]) == 3
        if read["whole"]:
            assert [read["whole"]["types"][one]["text"] for one in read["whole"]["order"]] == texts
