"""Fonts are chosen by what they can write; what none can write is spelled out, never a box."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager

from attnviz.render.figure import fonts, heatmap
from attnviz.render.figure.fonts import BASE, Lettering, letter
from tests.render.figure.pictures import panels, record, texts

BASE_ONLY = [face for face in font_manager.fontManager.ttflist if face.name == BASE]
HAS_CJK = any(face.name.endswith("CJK JP") for face in font_manager.fontManager.ttflist)


@pytest.fixture(autouse=True)
def nothing_warned_yet(monkeypatch):
    monkeypatch.setattr(fonts, "_warned", set())


@pytest.mark.parametrize(
    "text", ["fox", "naïve", "e\u0301", "Лиса", "αλεπού", "العربية", "שלום", "a\u200db", "☀\ufe0f"]
)
def test_the_base_font_has_the_common_scripts(text):
    lettering = letter([text], BASE_ONLY)
    assert lettering.families == (BASE,)
    assert lettering.spell(text) == text


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("狐", "U+72D0"),
        ("🦊", "‹fox face›"),
        ("👨‍👩‍👧", "‹man›‹woman›‹girl›"),
        ("क", "U+0915"),
        ("ox狐!", "oxU+72D0!"),
    ],
)
@pytest.mark.filterwarnings("ignore:no installed font")
def test_what_no_font_has_is_spelled_out(text, spelled):
    assert letter([text], BASE_ONLY).spell(text) == spelled


def test_one_warning_for_each_script_names_a_package():
    with pytest.warns(UserWarning, match="no installed font has CJK characters such as U\\+72D0") as caught:
        letter(["狐狸"], BASE_ONLY)
    assert "fonts-noto-cjk" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        letter(["犬"], BASE_ONLY)
    with pytest.warns(UserWarning, match="symbols such as"):
        letter(["🦊"], BASE_ONLY)


@pytest.mark.skipif(not HAS_CJK, reason="no Noto Sans CJK is installed")
@pytest.mark.parametrize(
    ("text", "region"), [("狐狸", "SC"), ("狐とかな", "JP"), ("カナ", "JP"), ("한국어", "KR")]
)
def test_han_characters_take_their_region_s_forms(text, region):
    lettering = letter([text])
    assert lettering.families[1] == f"Noto Sans CJK {region}"
    assert lettering.spell(text) == text


@pytest.mark.filterwarnings("ignore:no installed font")
@pytest.mark.filterwarnings("error:Glyph")
def test_no_box_is_drawn_for_what_no_font_has(monkeypatch):
    monkeypatch.setattr(font_manager.fontManager, "ttflist", BASE_ONLY)
    figure = heatmap(record(["狐狸", "🦊", "हिन्दी", "fox", "1\ufe0f\u20e3"]))
    labels = [label.get_text() for label in panels(figure)[0].get_yticklabels()]
    assert labels[1] == "‹fox face›"
    assert labels[3] == "fox"
    texts(figure)


@pytest.mark.filterwarnings("ignore:no installed font")
@given(st.text(st.characters(exclude_categories=["Cs", "Cn", "Co", "Cc"]), max_size=8))
def test_whatever_is_spelled_can_be_written(text):
    lettering = letter([text], BASE_ONLY)
    again = letter([lettering.spell(text)], BASE_ONLY)
    assert not again.spelled


def test_a_text_is_measured_as_it_is_drawn():
    lettering = Lettering()
    one, two = lettering.measure("fox")[0], lettering.measure("foxfox")[0]
    assert two == pytest.approx(2 * one, rel=0.05)
    assert lettering.measure("$x$") != lettering.measure("x")
