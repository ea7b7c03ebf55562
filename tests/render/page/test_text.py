"""The text view in a real browser: what is tinted and listed is what the record says."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page

import attnviz
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.words import merge_words
from attnviz.record import Attention, Token, from_arrays
from attnviz.render.page import page
from attnviz.render.theme import THEMES, Theme, rgb
from tests.render.page.accessibility import barriers
from tests.render.page.conftest import Visiting

SVG = "{http://www.w3.org/2000/svg}"
SAMPLES = Path(__file__).parents[3] / "samples"
LISTED = 8

# So far up the scale a word's colour is mixed with the page's.
FADE = 0.12

WORDS = "el => [...el.querySelectorAll('.text-word')].map((word) => word.textContent)"
TINTS = "el => [...el.querySelectorAll('.text-word')].map((word) => word.style.backgroundColor)"
WEIGHTS = "el => [...el.querySelectorAll('.text-word')].map((word) => word.dataset.weight ?? '')"
WRITTEN = "el => [...el.querySelectorAll('.text-paragraph')].map((line) => line.textContent)"


@pytest.fixture(scope="module")
def pair() -> Attention:
    return attnviz.read(SAMPLES / "minilm.pair.safetensors")


@pytest.fixture(scope="module")
def pair_page(pair: Attention, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(pair).save(tmp_path_factory.mktemp("pair") / "pair.html")


def pieces() -> Attention:
    """Words of several pieces, a special token at either end, and every row full."""
    said = ["[CLS]", "un", "believ", "able", "dogs", ",", "twice", "[SEP]"]
    words = [None, 0, 0, 0, 1, 1, 2, None]
    tokens = tuple(
        Token(text, kind="special" if word is None else "text", word=word)
        for text, word in zip(said, words, strict=True)
    )
    weights = np.random.default_rng(3).dirichlet(np.full(len(said), 0.5), size=(2, 3, len(said)))
    return Attention(
        tokens, tokens, weights.astype(np.float32), (0, 1), (0, 1, 2), "tiny", "unbelievable dogs,\ntwice"
    )


def begin(visit: Visiting, given: str | Path, fragment: str = "", **viewer: object) -> Page:
    seen = visit(given, f"#view=text{fragment}", **viewer)
    seen.page.wait_for_function("() => document.documentElement.dataset.opened === '1'")
    return seen.page


def saved_svg(on: Page, folder: Path) -> ET.Element:
    on.get_by_text("Take away").click()
    with on.expect_download() as waiting:
        on.get_by_role("button", name="SVG").click()
    path = folder / "view.svg"
    waiting.value.save_as(path)
    return ET.parse(path).getroot()


def texts(on: Page) -> Locator:
    return on.locator(".text-texts")


def word(on: Page, place: int) -> Locator:
    return on.locator(".text-word").nth(place)


def listed(on: Page, title: str) -> list[tuple[str, float]]:
    """The names and numbers of a list."""
    items = on.locator(f'.text-section[aria-label="{title}"] .text-item')
    return [
        (
            item.locator(".text-name").evaluate("el => el.firstChild.textContent"),
            number(item.locator(".text-number")),
        )
        for item in items.all()
    ]


def number(node: Locator) -> float:
    return float(node.inner_text())


def quoted(text: str) -> str:
    return f"“\u2068{text}\u2069”"


def largest(weights: NDArray[np.floating]) -> list[float]:
    return sorted(weights.tolist(), reverse=True)[:LISTED]


def close(shown: list[float], wanted: list[float], top: float) -> None:
    """Numbers are known up to what their row is rounded to, and are written with four decimals."""
    assert len(shown) <= len(wanted)
    np.testing.assert_allclose(shown, wanted[: len(shown)], atol=top / 255 + 1e-4)
    assert all(weight < top / 255 + 1e-4 for weight in wanted[len(shown) :])


def tint(theme: Theme, share: float) -> NDArray[np.float64]:
    """The colour of a share of the scale, faded into the page at its lower end."""
    ground, color = np.array(rgb(theme.background), float), np.array(theme.color(share), float)
    faded: NDArray[np.float64] = ground + (color - ground) * min(1, share / FADE)
    return faded


def colors(on: Page) -> list[NDArray[np.float64] | None]:
    found: list[str] = texts(on).evaluate(TINTS)
    return [np.array(re.findall(r"\d+", one), float) if one else None for one in found]


class TestWords:
    def test_read_as_the_source_does(self, visit: Visiting, fox_page: Path) -> None:
        on = begin(visit, fox_page)
        assert texts(on).evaluate(WRITTEN) == ["The quick brown fox jumps over the lazy dog."]

    def test_stand_in_the_parts_of_a_pair(self, visit: Visiting, pair_page: Path) -> None:
        on = begin(visit, pair_page)
        assert texts(on).evaluate(WRITTEN) == [
            "[CLS]The dog sleeps under the old table.[SEP]",
            "A puppy is lying beneath a wooden desk.[SEP]",
        ]
        assert on.locator(".text-part").all_inner_texts() == ["Text A", "Text B"]

    def test_are_merged_and_hidden_as_the_state_says(self, visit: Visiting) -> None:
        on = begin(visit, page(pieces()))
        assert texts(on).evaluate(WRITTEN) == ["[CLS]unbelievable dogs,\ntwice[SEP]"]
        on.get_by_label("Whole words").check()
        assert texts(on).evaluate(WORDS) == ["[CLS]", "unbelievable", "dogs,", "twice", "[SEP]"]
        on.get_by_label("Special tokens").uncheck()
        assert texts(on).evaluate(WRITTEN) == ["unbelievable dogs,\ntwice"]

    def test_of_the_model_are_marked_by_more_than_a_colour(self, visit: Visiting) -> None:
        record = attnviz.read(SAMPLES / "form.continuation.safetensors")
        on = begin(visit, page(record))
        said = on.locator(".text-word.text-generated")
        assert said.all_inner_texts() == [t.text for t in record.keys if t.kind == "generated"]
        assert said.first.evaluate("el => getComputedStyle(el).borderBottomStyle") == "dotted"
        on.evaluate("location.hash = 'view=text&step=3'")
        on.wait_for_function("() => document.querySelectorAll('.text-word.text-generated').length === 3")

    def test_stay_text_whatever_they_say(self, visit: Visiting) -> None:
        said = ["</script>", "<img src=x onerror=alert(1)>", "\x00", "\u202egnp", "\ud800", "\"'&", ""]
        on = begin(visit, page(from_arrays(np.full((7, 7), 1 / 7), said)), "&query=1")
        shown = texts(on).evaluate(WORDS)
        assert shown[:2] == ["</script>", "<img␣src=x␣onerror=alert(1)>"]
        assert shown[2:] == ["␀", "\\u202egnp", "\\ud800", "\"'&", "∅"]
        assert on.locator("main img").count() == 0

    @pytest.mark.parametrize("said", [["شرب", "الكلب", "Linux", "6.1", "ماء", "."], ["אני", "קורא", "ספר"]])
    def test_read_from_the_right_where_the_text_does(self, visit: Visiting, said: list[str]) -> None:
        special = Token("[CLS]", kind="special")
        tokens = (special, *(Token(text, word=place) for place, text in enumerate(said)))
        weights = np.full((1, 1, len(tokens), len(tokens)), 1 / len(tokens), np.float32)
        on = begin(visit, page(Attention(tokens, tokens, weights, (0,), (0,), "tiny", " ".join(said))))
        left = [word(on, place).bounding_box()["x"] for place in range(len(tokens))]  # type: ignore[index]
        assert left[0] > left[1] > left[2]
        word(on, 0).focus()
        on.keyboard.press("ArrowLeft")
        assert on.evaluate("document.activeElement.textContent") == said[0]
        on.keyboard.press("ArrowRight")
        assert on.evaluate("document.activeElement.textContent") == "[CLS]"


class TestWeights:
    @pytest.mark.parametrize("head", ["L0H3", "L1H2"])
    def test_of_a_word_are_those_of_the_record(
        self, visit: Visiting, fox: Attention, fox_page: Path, head: str
    ) -> None:
        on = begin(visit, fox_page, f"&head={head}")
        weights = fox.head(head)
        for place, token in enumerate(fox.queries[:9]):
            word(on, place).click()
            row, column = weights[place], weights[:, place]
            close([w for _, w in listed(on, f"Whom {quoted(token.text)} reads")], largest(row), row.max())
            close(
                [w for _, w in listed(on, f"Who reads {quoted(token.text)}")], largest(column), weights.max()
            )
            assert word(on, place).get_attribute("aria-pressed") == "true"

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_are_the_colours_of_the_words(
        self, visit: Visiting, fox: Attention, fox_page: Path, scheme: str
    ) -> None:
        on = begin(visit, fox_page, "&head=L0H3&query=4", scheme=scheme)
        for weights in (fox.head("L0H3")[4], fox.head("L0H3")[:, 4]):
            for found, weight in zip(colors(on), weights, strict=True):
                share = weight / weights.max()
                wanted = tint(THEMES[scheme], share)
                if found is None:
                    assert share < 1 / 255
                else:
                    assert np.abs(found - wanted).max() <= 6, (found, wanted)
            on.get_by_role("button", name="Who reads it").click()

    def test_are_the_heatmaps_with_words_merged_and_special_tokens_hidden(self, visit: Visiting) -> None:
        record = pieces()
        less = drop_special(merge_words(record))
        on = begin(visit, page(record), "&words=true&special=false&query=2&head=L1H1")
        row = less.head("L1H1")[0]
        assert on.locator('[aria-pressed="true"].text-word').inner_text() == "unbelievable"
        close([w for _, w in listed(on, f"Whom {quoted('unbelievable')} reads")], largest(row), row.max())
        hidden = 1 - row.sum()
        assert on.locator(".text-rest").inner_text().startswith(f"{hidden:.2f}".lstrip("0"))

    @pytest.mark.parametrize(("chosen", "heads"), [("layer", slice(1, 2)), ("all", slice(None))])
    def test_of_several_heads_are_a_mean_and_its_spread(
        self, visit: Visiting, pair: Attention, pair_page: Path, chosen: str, heads: slice
    ) -> None:
        on = begin(visit, pair_page, "&head=L1H3&query=3")
        on.get_by_label("Whose weights").select_option(chosen)
        rows = pair.weights[heads, :, 3].reshape(-1, len(pair.keys))
        mean = rows.mean(axis=0)
        on.wait_for_function("() => document.querySelector('.text-spread')")
        close([w for _, w in listed(on, f"Whom {quoted('sleeps')} reads")], largest(mean), rows.max())
        agree = int((rows.argmax(axis=1) == mean.argmax()).sum())
        assert f"{agree} of {len(rows)} heads" in on.locator(".text-lead").inner_text()
        on.wait_for_function(f"() => location.hash.includes('together={chosen}')")
        top = mean.argmax()
        spread = on.locator(".text-spread").first.inner_text().split("–")
        np.testing.assert_allclose(
            [float(end) for end in spread], [rows[:, top].min(), rows[:, top].max()], atol=0.01
        )

    def test_while_nothing_is_picked_are_what_each_word_receives(
        self, visit: Visiting, pair: Attention, pair_page: Path
    ) -> None:
        on = begin(visit, pair_page, "&head=L2H5")
        received = pair.head("L2H5").mean(axis=0)
        assert "Nothing is picked" in on.locator(".text-lead").inner_text()
        close([w for _, w in listed(on, "Read most")], largest(received), pair.head("L2H5").max())

    def test_that_went_to_no_key_are_told(self, visit: Visiting) -> None:
        record = attnviz.read(SAMPLES / "form.continuation.safetensors")
        on = begin(visit, page(record), "&head=L0H1&query=9")
        lost = 1 - record.head("L0H1")[9].sum()
        assert f"{lost:.2f}".lstrip("0") in on.locator(".text-rest").inner_text()

    def test_are_written_into_the_text_when_asked_for(
        self, visit: Visiting, fox: Attention, fox_page: Path
    ) -> None:
        on = begin(visit, fox_page, "&head=L0H3&query=4")
        on.get_by_label("Numbers").check()
        after = "el => getComputedStyle(el, '::after').content"
        row = fox.head("L0H3")[4]
        for place, written in enumerate(texts(on).evaluate(WEIGHTS)):
            assert abs(float(written or 0) - row[place]) <= 0.005 + row.max() / 255
        assert word(on, int(row.argmax())).evaluate(after) not in ("none", "normal")


class TestTwoTexts:
    def test_are_queries_and_keys(self, visit: Visiting) -> None:
        record = attnviz.read(SAMPLES / "form.translation.safetensors")
        on = begin(visit, page(record))
        reads, is_read = (on.get_by_role("group", name=name) for name in ("queries", "keys"))
        reads.get_by_text("Hund").click()
        row = record.head("L5H0")[3]
        close([w for _, w in listed(on, f"Whom {quoted('Hund')} reads")], largest(row), row.max())
        assert all(one is None for one in colors(on)[: len(record.queries)])
        is_read.get_by_text("sleeps").click()
        column = record.head("L5H0")[:, 3]
        close([w for _, w in listed(on, f"Who reads {quoted('sleeps')}")], largest(column), 1)
        assert all(one is None for one in colors(on)[len(record.queries) :])
        assert reads.locator('[aria-pressed="true"]').count() == 0


class TestKeyboard:
    def test_walks_through_the_text(self, visit: Visiting, pair_page: Path) -> None:
        on = begin(visit, pair_page, width=400)
        focused = "document.activeElement.dataset.place"
        assert on.locator('.text-word[tabindex="0"]').count() == 1
        word(on, 0).focus()
        for key, wanted in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 19), ("Home", 0)]:
            on.keyboard.press(key)
            assert int(on.evaluate(focused)) == wanted
        on.keyboard.press("ArrowDown")
        below = int(on.evaluate(focused))
        assert below > 1
        on.keyboard.press("Enter")
        assert word(on, below).get_attribute("aria-pressed") == "true"
        assert int(on.evaluate(focused)) == below
        on.keyboard.press("Space")
        assert word(on, below).get_attribute("aria-pressed") == "false"

    def test_is_told_the_weight_of_the_word_it_is_at(
        self, visit: Visiting, fox: Attention, fox_page: Path
    ) -> None:
        on = begin(visit, fox_page, "&head=L1H2&query=4")
        word(on, 3).focus()
        said = on.locator(".saying").inner_text()
        assert said.startswith("jumps → fox: .")
        assert abs(float(said.split(": ")[1]) - fox.head("L1H2")[4, 3]) < 0.005


def test_an_item_of_a_list_is_a_pair(visit: Visiting, fox_page: Path) -> None:
    on = begin(visit, fox_page, "&head=L1H2&query=4")
    item = on.locator(".text-item").first
    item.hover()
    assert on.locator(".text-pointed").all_inner_texts() == ["fox"]
    item.click()
    on.wait_for_function("() => location.hash.includes('key=3')")
    assert on.locator(".text-partner").all_inner_texts() == ["fox"]


def test_is_taken_away_as_a_picture(
    visit: Visiting, pair: Attention, pair_page: Path, tmp_path: Path
) -> None:
    on = begin(visit, pair_page, "&query=3&head=L1H3")
    drawn = saved_svg(on, tmp_path)
    said = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
    places = [said.index(token.text) for token in pair.queries]
    assert places[:10] == list(range(places[0], places[0] + 10))
    assert said.count("[SEP]") == 2
    wanted = tint(THEMES["light"], 1.0)
    fills = {tuple(map(int, re.findall(r"\d+", box.get("fill", "")))) for box in drawn.iter(f"{SVG}rect")}
    assert tuple(np.rint(wanted).astype(int)) in fills


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keeps_nobody_out(visit: Visiting, pair_page: Path, scheme: str) -> None:
    on = begin(visit, pair_page, "&query=3&together=all", scheme=scheme)
    assert barriers(on, ".text-view") == []


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_fits_its_place(visit: Visiting, pair_page: Path, width: int) -> None:
    on = begin(visit, pair_page, "&query=3&together=all", width=width)
    assert on.evaluate("document.documentElement.scrollWidth") <= width
    wider = "el => el.scrollWidth - el.clientWidth"
    assert on.locator(".text-view").evaluate(wider) <= 0
