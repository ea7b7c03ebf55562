"""What a page says: read back, it is what the record says, whatever its tokens are."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.focus import focus
from attnviz.analysis.words import merge_words
from attnviz.record import Token
from attnviz.relation import Followed
from attnviz.render.labels import printable
from attnviz.render.page import page
from attnviz.render.page.facts import as_json
from attnviz.render.theme import THEMES
from attnviz.selection import HeadId
from tests.render import samples
from tests.render.ablations import ablation
from tests.render.page.bare import bare_program
from tests.render.page.opened import opened

__all__ = ["bare_program"]

NASTY = [
    "</script>",
    "<!--",
    "<script>",
    "]]>",
    "<img src=x onerror=alert(1)>",
    "\"'`${}\\",
    "\x00\x01\x1f\x7f",
    "\u202eevil\u202c\u2066",
    "\ud800",
    "\u2028\u2029",
    "&lt;/script&gt;",
    "@@program@@",
    "\r\n\t",
    "",
    "</SCRIPT\t>",
]


def nasty():
    count = len(NASTY)
    record = attnviz.from_arrays(np.eye(count), NASTY, model="</title><script>alert(1)</script>")
    return replace(record, text="".join(NASTY))


@given(samples.records())
@settings(max_examples=60)
def test_what_was_written_is_read_back(record):
    found = opened(page(record))
    [name] = [one["id"] for one in found.facts["maps"]]
    for side, tokens in zip(found.sides(name), (record.queries, record.keys), strict=True):
        assert [token["text"] for token in side] == [token.text for token in tokens]
        assert [token["shown"] for token in side] == [printable(token.text) for token in tokens]
        assert [token["kind"] for token in side] == [token.kind for token in tokens]
    off = np.abs(found.weights(name).astype(np.float64) - record.weights)
    assert (off <= record.weights.max(-1, keepdims=True).astype(np.float64) / 255).all()
    for layer in record.layers:
        assert np.array_equal(found.visible(name, layer), record.visible(layer))


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_the_same_and_stops_no_parser(fields):
    written = as_json(fields)
    assert json.loads(written) == fields
    assert written.isascii()
    assert not set(written) & set("<>&")


def test_nasty_tokens_stay_text():
    found = opened(page(nasty()))
    queries, _ = found.sides("self")
    assert [token["text"] for token in queries] == NASTY
    names = [element.attributes.get("id", "") for element in found.all("script")]
    assert [name.partition("-")[0] for name in names] == ["facts", "program", "buffer", "buffer", ""]
    assert not found.all("img")
    assert len(found.all("title")) == 1


def test_a_page_of_nasty_tokens_is_plain_text():
    text = page(nasty())
    text.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\u2029]", str(text))


def test_the_same_record_gives_the_same_bytes():
    assert page(samples.fox()) == page(samples.fox())


def test_what_frames_the_maps_is_said():
    facts = opened(
        page(replace(samples.fox(), revision="abc", text="The fox"), opening={"words": True})
    ).facts
    assert facts["schema"] == "attnviz/page/1"
    assert facts["version"] == attnviz.__version__
    assert (facts["model"], facts["revision"], facts["text"], facts["title"]) == (
        "sample",
        "abc",
        "The fox",
        "The fox",
    )
    assert facts["themes"]["dark"]["scale"] == list(THEMES["dark"].scale)
    assert facts["opening"] == {"words": True}
    assert (facts["inline"], facts["effects"], facts["picture"]) == (False, None, None)


def test_a_folders_path_is_nobodys_business():
    assert "/home/ada" not in page(replace(samples.fox(), model="/home/ada/secret/models/small"))


def test_words_are_those_of_merge_words():
    record = attnviz.load("builtin").attend("The dog's jumping, unbelievably.")
    tokens = tuple(
        replace(token, word=0, span=None) if place in (1, 2) else token
        for place, token in enumerate(record.keys)
    )
    pieces = replace(record, queries=tokens, keys=tokens, internals=None)
    words = opened(page(pieces)).facts["sequences"][0]["words"]
    merged = merge_words(pieces)
    assert words["shown"] == [printable(token.text) for token in merged.keys]
    assert len(words["starts"]) == len(merged.keys)


def test_where_no_word_has_pieces_nothing_is_merged():
    assert opened(page(samples.fox())).facts["sequences"][0]["words"] is None


def test_focus_is_what_the_command_says():
    record = samples.fox()
    told = opened(page(record)).map("self")["focus"]
    for fields, head in zip(told, focus(record).heads, strict=True):
        assert fields["head"] == str(head.head)
        assert [word["position"] for word in fields["focus"]] == [word.position for word in head.words]
        assert [(link["from_position"], link["to_position"]) for link in fields["links"]] == [
            (link.source_position, link.target_position) for link in head.links
        ]
        assert fields["pattern"]["label"] == head.pattern.label
        assert fields["entropy"] == pytest.approx(head.entropy.mean, rel=1e-6)
        assert fields["hidden_mass"] == pytest.approx(head.hidden_mass, rel=1e-6)
    assert "taught" not in told[0]
    assert told[3]["taught"] == "modifier -> noun"


def test_a_key_every_query_reads_is_evidence_without_a_query():
    weights = np.zeros((12, 12))
    weights[:, 4] = 1.0
    record = attnviz.from_arrays(weights, [f"w{place}" for place in range(12)])
    [head] = opened(page(record)).map("self")["focus"]
    assert head["pattern"]["label"] == "vertical"
    assert [(one["from"], one["to_position"]) for one in head["pattern"]["evidence"]] == [(None, 4)]


def test_views_have_no_focus_and_say_what_they_are():
    record = samples.fox()
    shown = opened(page([record, attnviz.view(record, "rollout")]))
    rollout = shown.map("self.rollout")
    assert (rollout["focus"], rollout["heads"], rollout["title"]) == ([], [-1], "rollout of self-attention")
    assert any("rollout" in line for line in rollout["about"])
    assert (rollout["queries"], len(shown.facts["sequences"])) == (0, 1)


def test_effects_and_relations_stand_at_their_heads():
    record = replace(
        samples.fox(),
        layers=(0, 1),
        follows={HeadId(1, 2): Followed(HeadId(1, 2), "nsubj", "dependent -> head", 0.8, 0.4, 1, 50)},
    )
    effects = ablation(2, 3).effects
    found = opened(page(record, effects=effects))
    heads = {head["head"]: head for head in found.map("self")["focus"]}
    assert heads["L1H2"]["relation"]["relation"] == "nsubj"
    assert "relation" not in heads["L0H0"]
    for entry in effects.entries:
        assert heads[entry.name]["effect"]["mean"] == pytest.approx(entry.mean, rel=1e-6)
    assert found.facts["effects"]["unit"] == "bits"


def test_masses_are_exact_where_rows_leak():
    record = samples.sinking()
    found = opened(page(record))
    fields = found.map("self")
    masses = found.buffer(fields["masses"], np.float32).reshape(record.weights.shape[:3])
    assert np.allclose(masses, record.weights.sum(-1), atol=1e-6)
    assert fields["sinks"] == [0]
    assert any("sinks take" in line for line in fields["about"])
    assert opened(page(samples.fox())).map("self")["masses"] is None


def test_layers_that_see_alike_share_a_mask():
    found = opened(page(samples.windowed(layers=4))).map("self")
    assert found["sight"].keys() == {"0", "2"}
    assert len(set(found["sight"].values())) == 1
    assert any("window" in line for line in found["about"])


def test_predictions_are_shown_safely():
    record = samples.continued()
    found = opened(page(record)).map("self")["predictions"]
    assert [one["shown"] for one in found] == [printable(one.text) for one in record.predictions]
    assert found[-1]["shown"] == "↵"


def test_vectors_give_the_weights_back():
    record = attnviz.load("builtin").attend("The quick brown fox jumps.", internals=True)
    found = opened(page(record))
    vectors = found.map("self")["vectors"]
    layers, heads, count = record.weights.shape[:3]

    def read(numbers, maxima):
        largest = found.buffer(vectors[maxima], np.float32).reshape(layers, heads, -1, 1)
        shares = found.buffer(vectors[numbers], np.int16).reshape(*largest.shape[:3], vectors["width"])
        return shares * (largest / 32767)

    queries, keys = read("queries", "queryMaxima"), read("keys", "keyMaxima")
    distances = read("distances", "distanceMaxima")
    reach = distances.shape[2] // 2
    away = np.clip(np.arange(count) - np.arange(count)[:, None], -reach, reach) + reach
    logits = np.einsum("lhqd,lhqkd->lhqk", queries, keys[:, :, None] + distances[:, :, away])
    logits *= np.array(vectors["scales"])[:, None, None, None]
    made = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert np.abs(made - record.weights).max() < 1e-3


def test_vectors_are_left_out_when_asked_or_heavy():
    record = attnviz.load("builtin").attend("The quick brown fox jumps.", internals=True)
    assert opened(page(record, vectors=False)).map("self")["vectors"] is None
    long = attnviz.load("builtin").attend("The quick brown fox jumps. " * 60, internals=True)
    assert opened(page(long)).map("self")["vectors"] is None
    assert opened(page(long, vectors=True)).map("self")["vectors"] is not None


def test_a_scale_nobody_knows_is_null():
    record = attnviz.load("builtin").attend("The fox.", internals=True)
    scales = np.array(record.internals.scales)
    scales[0] = np.nan
    some = replace(record, internals=replace(record.internals, scales=scales))
    assert opened(page(some)).map("self")["vectors"]["scales"][0] is None
    none = replace(record, internals=replace(record.internals, scales=np.full_like(scales, np.nan)))
    assert opened(page(none)).map("self")["vectors"] is None


def test_patches_have_their_places_and_the_picture_is_there():
    from base64 import b64decode
    from io import BytesIO

    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (70, 70, 3), np.uint8)
    found = opened(page(replace(samples.patched(), picture=pixels)))
    assert found.facts["sequences"][0]["tokens"][8]["place"] == [1, 0]
    picture = found.facts["picture"]
    head, _, data = picture["source"].partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(data)))), pixels)
    large = opened(page(replace(samples.patched(), picture=np.full((3000, 1500, 3), 7, np.uint8))))
    assert (large.facts["picture"]["width"], large.facts["picture"]["height"]) == (512, 1024)


def test_which_way_a_text_is_written():
    arabic = attnviz.from_arrays(np.eye(3), ["الثعلب", "يقفز", "fox"])
    assert [side["rightToLeft"] for side in opened(page(arabic)).facts["sequences"]] == [True]
    assert [side["rightToLeft"] for side in opened(page(samples.fox())).facts["sequences"]] == [False]


def test_a_token_alone_is_a_page():
    token = (Token("a", kind="special"),)
    record = attnviz.from_arrays([[1.0]], ["a"])
    assert opened(page(replace(record, queries=token, keys=token))).weights().tolist() == [[[[1.0]]]]
