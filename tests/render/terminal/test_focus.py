from dataclasses import replace

import numpy as np
import pytest

import attnviz
from attnviz.analysis.patterns.find import NO_PATTERN, Pattern
from attnviz.record import Prediction, from_arrays
from attnviz.render.terminal import sentences
from attnviz.render.terminal.focus import FocusTable
from tests.render.sample_translation import translation
from tests.render.samples import FOX, fox, long
from tests.render.terminal.console import shown


def table(record, width, heads=None):
    return shown(FocusTable(attnviz.focus(record, heads)), width)


@pytest.mark.parametrize("width", [80, 120])
def test_tells_words_links_pattern_and_breadth_of_a_head(width):
    text = table(fox(), width, fox().head_ids[3:4])
    [head] = attnviz.focus(fox(), fox().head_ids[3:4]).heads
    for told in (
        "fox (1.8) and dog (1.4)",
        "lazy → dog .99",
        "brown → fox .96",
        f"nearest: {head.pattern.nearest} ",
        "taught modifier -> noun",
        f"reads {head.breadth.mean:.1f} ±{head.breadth.spread:.1f} words",
        f"self {head.self_mass.mean:.2f} ±{head.self_mass.spread:.2f} aside".replace("0.", "."),
    ):
        assert told in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_pattern_comes_with_its_certainty_what_shows_it_and_what_it_means(width):
    shift = from_arrays(np.eye(8)[[0, *range(7)]], list("abcdefgh"))
    text = " ".join(table(shift, width).split())
    assert "previous 1.00 (+.86 ±.00 over chance)" in text
    assert "as in b → a 1.0" in text
    assert "previous: looks at the token before." in text
    column = from_arrays(np.eye(8)[[3] * 8], list("abcdefgh"))
    text = " ".join(table(column, width).split())
    assert "vertical 1.00" in text
    assert "at d 1.0" in text
    even = from_arrays(np.full((8, 8), 1 / 8), list("abcdefgh"))
    text = " ".join(table(even, width).split())
    assert "broad 1.00" in text
    assert "over chance" not in text


def test_begins_with_a_sentence_about_all_heads():
    text = table(fox(), 120, fox().head_ids[3:])
    assert "L1H0 reads fox and dog, L1H1 lazy and brown, L1H2 fox and jumps" in text
    assert "; together they link 8 of 10 words." in text


def test_sets_no_sentence_for_many_heads_or_for_heads_without_a_favourite():
    assert sentences.in_a_sentence(attnviz.focus(long(4, heads=9))) is None
    even = from_arrays(np.full((4, 4), 0.25), list("abcd"))
    assert sentences.in_a_sentence(attnviz.focus(even)) is None
    assert "no word in particular" in table(even, 80)


def test_one_head_alone_is_not_told_as_all_heads():
    text = table(fox(), 80, fox().head_ids[3:4])
    assert "together" not in text
    assert not any(line.startswith("all") for line in text.splitlines())


def test_all_heads_come_last_with_the_head_of_each_link():
    lines = table(fox(), 80).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("all "))
    assert not any(line.startswith("L") for line in lines[first:])
    assert "lazy → dog .99 L1H0" in " ".join(lines[first:])


def test_a_long_text_has_its_weaker_links_counted():
    text = table(long(60, heads=2), 80)
    assert "weaker ones" in text
    assert text[text.index("\nall ") :].count("→") < 30


def test_says_what_was_set_aside_and_what_was_averaged():
    record = from_arrays([[0.5, 0.5, 0.0], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1]], ["[CLS]", "lazy", "dog"])
    special = replace(record.queries[0], kind="special")
    record = replace(record, queries=(special, *record.queries[1:]), keys=(special, *record.keys[1:]))
    text = " ".join(table(record, 80).split())
    assert "self .30 ±.20 aside" in text
    assert "special .15 ±.05 aside" in text
    assert "Means are over the text's own tokens; nothing is renormalised." in text
    assert "found their patterns by themselves" not in text


def test_no_clear_pattern_still_tells_one_that_is_near():
    [label, nearest] = sentences.pattern(Pattern(NO_PATTERN, "previous", 0.3, 0.2))
    assert label.plain == "no clear pattern"
    assert nearest.plain == "nearest: previous .30 (+.20)"
    [label] = sentences.pattern(Pattern(NO_PATTERN, "previous", 0.1, -0.004))
    assert label.plain == "no clear pattern"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, ["The"]), (2, ["The", "and quick"]), (3, ["The,", "quick", "and brown"])],
)
def test_enumerates_as_in_speech(count, expected):
    parts = [sentences.Text(word) for word in FOX[:count]]
    assert [part.plain for part in sentences.enumeration(parts)] == expected


def test_words_are_safe_short_and_told_from_punctuation():
    assert sentences.word("\x1b[0m") == "\\x1b[0m"
    assert sentences.word("a" * 100) == "a" * 23 + "…"
    assert sentences.word(",") == "“,”"
    assert sentences.word("狐狸") == "狐狸"


def test_a_sentence_names_a_repeated_word_once():
    to_the_dogs = np.tile([0.0, 0.5, 0.0, 0.5], (4, 1))
    told = sentences.in_a_sentence(attnviz.focus(from_arrays(to_the_dogs, ["a", "dog", "another", "dog"])))
    assert told is not None
    assert told.plain == "L0H0 reads dog."


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_translation_tells_the_alignment_and_what_was_said(width):
    text = " ".join(table(translation(), width).split())
    assert "Hund → dog .83" in text
    assert "they link all 4 source words" in text
    assert "said Der .62 Hund .84 schläft .40 nicht <.01 then </s> .97" in text
    assert "what words keep on themselves" not in text


def test_a_target_is_given_and_not_said():
    record = translation()
    queries = tuple(
        replace(token, kind="text") if token.kind == "generated" else token for token in record.queries
    )
    assert "given Der .62" in " ".join(table(replace(record, queries=queries), 80).split())


def test_of_a_continuation_only_what_was_said_is_told():
    record = fox()
    queries = (*record.queries[:8], *(replace(token, kind="generated") for token in record.queries[8:]))
    expected = tuple(Prediction(word, 0.5) for word in [*FOX[1:], "The"])
    said = replace(record, queries=queries, keys=queries, predictions=expected)
    assert [piece.plain for piece in sentences.said(attnviz.focus(said), 60)] == [
        "dog .50",
        "“.” .50",
        "then The .50",
    ]
    assert [piece.plain for piece in sentences.said(attnviz.focus(said), 1)] == [
        "dog .50",
        "and 1 more",
        "then The .50",
    ]
    unsaid = replace(record, predictions=expected)
    assert [piece.plain for piece in sentences.said(attnviz.focus(unsaid), 60)] == ["then The .50"]
    assert sentences.said(attnviz.focus(record), 60) == []
