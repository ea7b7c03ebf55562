import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

import attnviz
from attnviz.analysis.patterns.find import find_pattern
from attnviz.errors import OutOfRange
from attnviz.record import from_arrays
from attnviz.render.machine.comparison import comparison_json
from attnviz.render.machine.focus import focus_json
from attnviz.render.machine.heatmap import heatmap_json
from attnviz.selection import HeadId
from tests.render.sample_translation import translation
from tests.render.samples import FOX, continued, fox, odd, records, sinking, windowed


def test_focus_tells_each_head_with_positions():
    told = json.loads(focus_json(attnviz.focus(fox())))
    assert told["schema"] == "attnviz/focus/1"
    assert (told["model"], told["text"], told["block"]) == ("sample", " ".join(FOX), "self")
    assert [token["text"] for token in told["tokens"]] == FOX
    head = told["heads"][3]
    assert (head["head"], head["layer"], head["index"]) == ("L1H0", 1, 0)
    assert (head["taught"], head["taught_pattern"]) == (True, "modifier -> noun")
    assert {word["token"]: word["position"] for word in head["focus"]} == {"dog": 8, "fox": 3}
    assert head["links"][0] == {
        "from": "lazy",
        "from_position": 7,
        "to": "dog",
        "to_position": 8,
        "weight": 0.99,
    }
    found = find_pattern(fox(), HeadId(1, 1))
    pattern = told["heads"][4]["pattern"]
    assert (pattern["label"], pattern["nearest"], pattern["queries"]) == (
        "previous",
        "previous",
        found.queries,
    )
    numbers = (pattern["score"], pattern["over_chance"], pattern["error"])
    assert numbers == pytest.approx((found.score, found.over_chance, found.error), abs=1e-6)
    assert pattern["evidence"][0]["from"] == found.evidence[0].query
    assert pattern["evidence"][0]["to_position"] == found.evidence[0].key_position
    assert head["spreads"].keys() == {"entropy", "breadth", "distance", "self_mass", "special_mass"}
    assert head["hidden_mass"] == pytest.approx(head["self_mass"] + head["special_mass"])
    assert head["breadth"] >= 1


def test_focus_tells_all_heads_together():
    together = json.loads(focus_json(attnviz.focus(fox())))["together"]
    assert together["coverable"] == 10
    assert together["covered"] == sorted(together["covered"])
    assert all(link["head"].startswith("L") for link in together["links"])


def test_focus_tells_queries_and_predictions_where_there_are_others():
    told = json.loads(focus_json(attnviz.focus(translation())))
    assert [token["text"] for token in told["queries"]] == ["<s>", "Der", "Hund", "schläft", "nicht"]
    assert [token["text"] for token in told["tokens"]] == ["The", "dog", "isn't", "asleep", "</s>"]
    assert told["predictions"][1] == {"text": "Hund", "probability": 0.84}
    assert (told["heads"][0]["links"][0]["from"], told["heads"][0]["links"][0]["to"]) == ("Der", "The")
    assert not json.loads(focus_json(attnviz.focus(fox()))).keys() & {"queries", "predictions"}


def test_heads_that_found_their_pattern_are_not_taught():
    head = json.loads(focus_json(attnviz.focus(fox())))["heads"][0]
    assert (head["taught"], head["taught_pattern"]) == (False, None)


def test_comparison_tells_pairs_groups_and_rows():
    compared = attnviz.compare(fox())
    told = json.loads(comparison_json(compared))
    assert told["schema"] == "attnviz/compare/1"
    np.testing.assert_allclose(told["divergences"], compared.divergences, atol=1e-6)
    assert told["pairs"][0]["heads"] == [str(compared.pairs[0].first), str(compared.pairs[0].second)]
    assert sum(len(group) for group in told["groups"]) == 6
    row = told["rows"][7]
    assert (row["from"], row["from_position"]) == ("lazy", 7)
    assert row["choices"][3] == {"head": "L1H0", "to": "dog", "to_position": 8, "weight": 0.99}
    assert row["agrees"] is False


@settings(max_examples=50)
@given(records())
def test_weights_read_back_to_the_very_same_float32(record):
    told = json.loads(heatmap_json(record, record.head_ids))
    for head, name in zip(told["heads"], record.head_ids, strict=True):
        assert head["head"] == str(name)
        np.testing.assert_array_equal(np.array(head["weights"], dtype=np.float32), record.head(name))


def test_weights_are_written_without_noise():
    record = from_arrays([[0.1]], ["a"])
    assert '"weights": [[0.1]]' in heatmap_json(record, record.head_ids)


def test_heatmap_tells_both_sides_and_who_was_taught():
    told = json.loads(heatmap_json(fox(), [HeadId(1, 0)]))
    assert told["schema"] == "attnviz/heatmap/1"
    assert [token["text"] for token in told["queries"]] == [token["text"] for token in told["keys"]] == FOX
    assert told["causal"] is False
    assert told["heads"][0]["taught_pattern"] == "modifier -> noun"


def test_heatmap_of_a_head_that_is_not_there():
    with pytest.raises(OutOfRange):
        heatmap_json(fox(), [HeadId(5, 0)])


def test_any_token_can_be_written_as_utf8():
    record = replace(odd(), taught={HeadId(0, 0): "\ud800"})
    for text in (focus_json(attnviz.focus(record)), heatmap_json(record, record.head_ids)):
        assert json.loads(text.encode("utf-8"))


def test_what_few_records_have_is_told_where_it_is():
    told = json.loads(heatmap_json(windowed(), [HeadId(0, 0), HeadId(1, 0)]))
    assert told["sight"] == {"0": 0}
    np.testing.assert_array_equal(told["masks"][0], windowed().visible(0))
    sunk = json.loads(heatmap_json(sinking(), [HeadId(0, 2)]))
    head = sunk["heads"][0]
    np.testing.assert_allclose(np.add(head["sink"], np.sum(head["weights"], axis=-1)), 1, atol=1e-6)
    assert (sunk["heads_per_key"], head["shares_keys_with"]) == (2, ["L0H3"])
    said = json.loads(heatmap_json(continued(), [HeadId(0, 0)]))
    assert said["border"] == {"query": 5, "key": 5}
    assert said["predictions"][4] == {"text": "across", "probability": 0.83}
    dropped = json.loads(heatmap_json(replace(fox(), dropped=0.25, renormalized=True), [HeadId(0, 0)]))
    assert (dropped["dropped"], dropped["renormalized"]) == (0.25, True)


def test_a_plain_record_tells_none_of_it():
    told = json.loads(heatmap_json(fox(), [HeadId(0, 0)]))
    assert told.keys() == {"schema", "model", "text", "block", "causal", "queries", "keys", "heads"}
    assert told["heads"][0].keys() == {"head", "layer", "index", "taught", "taught_pattern", "weights"}


def test_rows_brought_back_to_one_have_no_sink():
    record = replace(sinking(), renormalized=True)
    assert "sink" not in json.loads(heatmap_json(record, [HeadId(0, 0)]))["heads"][0]
