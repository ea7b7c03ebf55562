"""q · k in a real browser: every number on the way is what the record's own vectors give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page

import attnviz
from attnviz.analysis.through.view import view
from attnviz.record import Attention, Internals, Token
from attnviz.render.page import page
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting
from tests.render.page.test_text import SVG, saved_svg

# Vectors are written as 16-bit shares of their largest number.
NEAR = 1e-3


@pytest.fixture(scope="module")
def deep() -> Attention:
    """A sentence with the vectors its weights were made of; this model learns distances."""
    return attnviz.load("builtin").attend("The quick brown fox jumps over the lazy dog.", internals=True)


@pytest.fixture(scope="module")
def deep_page(deep: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(deep).save(tmp_path_factory.mktemp("deep") / "deep.html")


def made(
    *, causal: bool = False, width: int = 8, count: int = 6, bias: float = 0.0, scale: float | None = None
) -> Attention:
    """A record whose weights are the softmax of its own q · k, and of a bias towards a query's own place."""
    random = np.random.default_rng(5)
    queries, keys = random.normal(size=(2, 1, 2, count, width)) * 1.5
    factor = width**-0.5 if scale is None else scale
    logits = queries @ keys.swapaxes(-1, -2) * factor + bias * np.eye(count)
    seen = np.tri(count, dtype=bool) if causal else np.ones((count, count), dtype=bool)
    powers = np.where(seen, np.exp(logits), 0)
    tokens = tuple(Token(f"t{place}") for place in range(count))
    vectors = Internals(queries, keys, keys, scales=np.array([factor]))
    weights = (powers / powers.sum(-1, keepdims=True)).astype(np.float32)
    return Attention(tokens, tokens, weights, (4,), (0, 1), "tiny", causal=causal, internals=vectors)


def begin(visit: Visiting, given: str | Path, fragment: str = "", **viewer: object) -> Page:
    on = visit(given, f"#view=product{fragment}", **viewer).page
    on.wait_for_function("() => document.documentElement.dataset.opened === '1'")
    return on


def steps(on: Page) -> dict[str, float]:
    on.wait_for_selector(".product-steps strong")
    names = on.locator(".product-steps dt").all_inner_texts()
    numbers = [text.replace("−", "-") for text in on.locator(".product-steps strong").all_inner_texts()]
    return dict(zip(names, map(float, numbers), strict=True))


def table(on: Page) -> NDArray[np.float64]:
    on.locator(".product-details summary").click()
    on.wait_for_selector(".product-table")
    rows = on.locator(".product-table tbody tr").all()
    read = [[text.replace("−", "-") for text in row.locator("th, td").all_inner_texts()] for row in rows]
    return np.array(read, dtype=np.float64)


def logits_of(record: Attention) -> NDArray[np.float64]:
    """(layer, head, query, key), with what distances add."""
    kept = record.internals
    assert kept is not None
    assert kept.scales is not None
    keys = np.repeat(kept.keys[..., None, :, :], len(record.queries), axis=2)
    if kept.distances is not None:
        reach = kept.distances.shape[2] // 2
        places = np.arange(len(record.keys))
        keys = keys + kept.distances[:, :, np.clip(places - places[:, None], -reach, reach) + reach]
    products = np.einsum("lhqd,lhqkd->lhqk", kept.queries, keys)
    found: NDArray[np.float64] = products * kept.scales[:, None, None, None]
    return found


@pytest.mark.parametrize("head", ["L0H0", "L0H6", "L1H2"])
@pytest.mark.parametrize("pair", [(4, 3), (0, 9), (9, 0)])
def test_every_step_is_the_records_own(
    visit: Visiting, deep: Attention, deep_page: Path, head: str, pair: tuple[int, int]
) -> None:
    on = begin(visit, deep_page, f"&head={head}&query={pair[0]}&key={pair[1]}")
    layer, index = int(head[1]), int(head[3])
    logits = logits_of(deep)[layer, index, pair[0]]
    found = steps(on)
    np.testing.assert_allclose(found["logit"], logits[pair[1]], rtol=NEAR, atol=6e-4)
    np.testing.assert_allclose(found["q · (k + distance)"], logits[pair[1]] * 4, rtol=NEAR, atol=6e-4)
    weight = deep.head(head)[pair]
    assert abs(found["softmax"] - weight) < 0.0051
    assert abs(found["weight"] - weight) < 0.0051 + deep.head(head)[pair[0]].max() / 255
    assert "nothing else is in it" in on.locator(".product-verdict").inner_text()


def test_the_table_holds_every_term(visit: Visiting, deep: Attention, deep_page: Path) -> None:
    on = begin(visit, deep_page, "&head=L1H2&query=4&key=3")
    kept = deep.internals
    assert kept is not None
    assert kept.distances is not None
    query, key = kept.queries[1, 2, 4], kept.keys[1, 2, 3]
    distance = kept.distances[1, 2, kept.distances.shape[2] // 2 - 1]
    rows = table(on)
    terms = query * (key + distance)
    wanted = np.stack([np.arange(16), query, key, distance, terms, np.cumsum(terms)], axis=1)
    np.testing.assert_allclose(rows, wanted, rtol=NEAR, atol=6e-3)
    on.get_by_role("button", name="Largest first").click()
    first = on.locator(".product-table tbody th").all_inner_texts()
    assert [int(number) for number in first[:4]] == np.argsort(-np.abs(terms), kind="stable")[:4].tolist()


def test_the_strongest_pair_is_shown_first(visit: Visiting, deep: Attention, deep_page: Path) -> None:
    on = begin(visit, deep_page, "&head=L1H2")
    query, key = np.unravel_index(deep.head("L1H2").argmax(), (10, 10))
    assert on.get_by_label("Query q").input_value() == str(query)
    assert on.get_by_label("Key k").input_value() == str(key)
    on.get_by_label("Query q").select_option("8")
    assert on.get_by_label("Key k").input_value() == str(deep.head("L1H2")[8].argmax())
    on.get_by_label("Key k").select_option("0")
    on.wait_for_function("() => location.hash.includes('query=8&key=0')")
    on.get_by_role("button", name="Strongest pair").click()
    assert on.get_by_label("Query q").input_value() == str(query)


def test_a_model_that_adds_something_says_so(visit: Visiting) -> None:
    record = made(bias=2)
    on = begin(visit, page(record, vectors=True), "&query=2&key=2")
    logits = logits_of(record)[0, 0, 2]
    alone = np.exp(logits[2]) / np.exp(logits).sum()
    said = on.locator(".product-verdict").inner_text()
    own, given = (f"{weight:.2f}".lstrip("0") for weight in (alone, record.head("L4H0")[2, 2]))
    assert "The model adds something beside q · k" in said
    assert f"would give {own}, the model gave {given}" in said


def test_keys_out_of_sight_are_not_offered(visit: Visiting) -> None:
    record = made(causal=True)
    on = begin(visit, page(record, vectors=True), "&query=2&key=1")
    assert "nothing else is in it" in on.locator(".product-verdict").inner_text()
    options = on.get_by_label("Key k").locator("option")
    assert [option.is_disabled() for option in options.all()] == [False] * 3 + [True] * 3
    assert "among 3 keys" in on.locator(".product-steps").inner_text()


def test_a_map_without_vectors_says_how_to_get_them(visit: Visiting, deep: Attention) -> None:
    rollout = view(replace(deep, internals=None), "rollout")
    on = begin(visit, page([deep, rollout]), "&map=self.rollout")
    assert "attnviz page TEXT --vectors" in on.locator(".product-view").inner_text()
    assert not on.locator(".product-body").is_visible()


def test_is_offered_only_where_there_are_vectors(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page)
    assert on.get_by_role("tab", name="Text").count() == 1
    assert on.get_by_role("tab", name="q · k").count() == 0


class TestKeyboard:
    def test_walks_through_the_terms(self, visit: Visiting, deep: Attention, deep_page: Path) -> None:
        on = begin(visit, deep_page, "&head=L1H2&query=4&key=3")
        terms = on.get_by_role("slider", name="Products, one by one")
        terms.focus()
        on.keyboard.press("End")
        assert terms.get_attribute("aria-valuenow") == "15"
        total = logits_of(deep)[1, 2, 4, 3] * 4
        said = on.locator(".product-told").inner_text()
        assert said == terms.get_attribute("aria-valuetext")
        assert float(said.rsplit(" ", 1)[1].replace("−", "-")) == pytest.approx(total, rel=NEAR)

    def test_walks_through_the_keys(self, visit: Visiting, deep_page: Path) -> None:
        on = begin(visit, deep_page, "&head=L1H2&query=4&key=3")
        on.get_by_role("slider", name="Keys this query sees").focus()
        on.keyboard.press("ArrowRight")
        assert on.get_by_label("Key k").input_value() == "4"
        on.keyboard.press("Home")
        assert on.get_by_label("Key k").input_value() == "0"


@pytest.mark.parametrize(
    ("width", "screen"),
    [
        (8, 360),
        (256, 360),
        (8, 1280),
        *(pytest.param(*one, marks=pytest.mark.long) for one in [(64, 360), (64, 1280), (256, 1280)]),
    ],
)
def test_vectors_of_any_width_fit(visit: Visiting, width: int, screen: int) -> None:
    on = begin(visit, page(made(width=width), vectors=True), "&query=1&key=2", width=screen)
    on.wait_for_selector(".product-steps strong")
    for canvas in on.locator(".product-canvas").all():
        box = canvas.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= screen
    assert len(table(on)) == width


def test_is_taken_away_as_a_picture(visit: Visiting, deep_page: Path, tmp_path: Path) -> None:
    on = begin(visit, deep_page, "&head=L1H2&query=4&key=3")
    on.wait_for_selector(".product-steps strong")
    drawn = saved_svg(on, tmp_path)
    said = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
    assert "q of jumps · k of fox" in said
    assert {"product", "sum", "distance", "fox"} <= set(said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keeps_nobody_out(visit: Visiting, deep_page: Path, scheme: str) -> None:
    on = begin(visit, deep_page, "&head=L1H2", scheme=scheme)
    on.wait_for_selector(".product-steps strong")
    assert len(table(on)) == 16
    assert barriers(on, ".product-view") == []
