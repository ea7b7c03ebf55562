"""Models that read a picture and a text together: what is text, what is a patch, and where it is from."""

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForImageTextToText,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

from attnviz.errors import RequestError, TextTooLong, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import load
from attnviz.sources.huggingface.inputs.scene import scene_feed
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.drawn import save_seeing, saved, shaded
from tests.sources.tiny_scenes import (
    QUESTION,
    blip,
    gemma3,
    git,
    idefics3,
    llava,
    llava_next,
    mllama,
    paligemma,
    save_qwen,
    vilt,
)

GRID = [f"r{row}c{column}" for row in range(4) for column in range(4)]


@pytest.fixture
def opened(tmp_path):
    """Saves what a function makes, and loads it as any model is loaded."""

    def make(build):
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(0)
            model, processor = build()
        return load(save_seeing(tmp_path / "model", model, processor))

    return make


@pytest.fixture
def picture(tmp_path):
    return saved(shaded((96, 64)), tmp_path)


@pytest.fixture
def qwen(tmp_path):
    more = {"embed_dim": 32, "mlp_ratio": 2}
    return save_qwen(tmp_path / "model", Qwen2VLForConditionalGeneration, Qwen2VLConfig, **more)


def texts(tokens):
    return [token.text for token in tokens]


def read(tokens):
    """What a reader of the tokens sees: patches by their places, specials in brackets of their own."""
    return [f"<{token.text}>" if token.is_special else token.text for token in tokens]


def written(record):
    """The user's text, put together again."""
    ends = [token.span for token in record.queries if token.kind == "text"]
    return "".join(record.text[start:stop] for start, stop in ends)


def kinds(tokens):
    return {kind: sum(token.kind == kind for token in tokens) for kind in ("text", "patch", "special")}


BUILDERS = [llava, llava_next, paligemma, gemma3, idefics3, mllama, blip, vilt, git]


@pytest.mark.parametrize("build", BUILDERS, ids=[build.__name__ for build in BUILDERS])
def test_the_users_text_is_the_users_and_the_picture_became_patches(build, opened, picture):
    reading = opened(build).read(Prompt(QUESTION, image=picture))
    record = reading.record(Selection(layers="-1"))
    assert record.block == ("self" if build is vilt else "decoder")
    assert record.text == QUESTION
    assert written(record).lower() == QUESTION.replace(" ", "").lower()
    seen = record if build is vilt else reading.record(Selection(layers="0"), block="encoder")
    assert kinds(seen.keys)["patch"] >= 16
    assert record.picture.shape[2] == 3


def test_llava_reads_patches_in_place_of_its_mark(opened, picture):
    source = opened(llava)
    record = source.attend(QUESTION, image=picture)
    assert texts(record.queries)[:17] == [*GRID, "\n"]
    assert kinds(record.queries)["patch"] == 16
    assert record.causal
    own = source.attend(f"Look: <image> {QUESTION}", image=picture)
    assert texts(own.queries)[:5] == ["L", "o", "o", "k", ":"]
    assert kinds(own.queries)["patch"] == 16


def test_llavas_weights_are_its_own(opened, picture, tmp_path):
    source = opened(llava)
    reading = source.read(Prompt(QUESTION, image=picture))
    with quiet(), torch.no_grad():
        model = AutoModelForImageTextToText.from_pretrained(
            tmp_path / "model", attn_implementation="eager"
        ).eval()
        own = model(**reading.feed.arguments, output_attentions=True).attentions
    weights = reading.record().weights
    assert np.abs(weights - torch.stack(own)[:, 0].numpy()).max() <= 1e-5


def test_a_chat_marks_the_users_part(opened, picture):
    record = opened(llava).attend(QUESTION, image=picture, chat=True)
    assert written(record) == QUESTION.replace(" ", "")
    assert {token.part for token in record.queries if token.kind == "text"} == {"user"}
    assert "".join(token.text for token in record.queries[:5]) == "USER:"
    assert record.queries[0].is_special


def test_a_model_without_a_chat_template_cannot_chat(opened, picture):
    with pytest.raises(RequestError, match="no chat template"):
        opened(gemma3).attend(QUESTION, image=picture, chat=True)


def test_what_is_said_follows_the_picture_and_the_text(qwen, picture):
    record = qwen.attend(QUESTION, image=picture, generate=3)
    assert [token.kind for token in record.queries[-3:]] == ["generated"] * 3
    assert kinds(record.queries)["patch"] == 28
    assert len(record.predictions) == len(record.queries)


def test_what_cannot_go_on_beside_a_picture_is_refused(opened, picture):
    with pytest.raises(RequestError, match="cannot continue"):
        opened(git).attend(QUESTION, image=picture, generate=2)


def test_patches_merged_in_fours_keep_their_places(qwen, picture):
    """The tower reads them in squares of four, the decoder reads each four as one."""
    reading = qwen.read(Prompt(QUESTION, image=picture))
    seen = reading.record(block="encoder")
    assert texts(seen.queries)[:6] == ["r0c0", "r0c1", "r1c0", "r1c1", "r0c2", "r0c3"]
    assert len({token.place for token in seen.queries}) == 8 * 14
    decoder = reading.record()
    assert read(decoder.queries)[:4] == ["<<|vision_start|>>", "r0c0", "r0c1", "r0c2"]
    assert [token.place for token in decoder.queries if token.kind == "patch"][-1] == (3, 6)
    assert decoder.picture.shape == (32, 56, 3)


def test_patches_sorted_into_windows_keep_their_places(tmp_path, picture):
    """Windows of four by four patches: one layer looks within them, the next one everywhere."""
    more = {"intermediate_size": 40, "out_hidden_size": 32, "window_size": 16, "fullatt_block_indexes": [1]}
    folder = tmp_path / "model"
    source = save_qwen(folder, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLConfig, **more)
    record = source.attend(QUESTION, image=picture, block="encoder")
    places = np.array([token.place for token in record.queries], dtype=int)
    assert len(set(map(tuple, places))) == 8 * 14
    windows = places // 4
    together = (windows[:, None] == windows[None]).all(axis=-1)
    assert np.array_equal(record.weights[0].max(axis=0) > 0, together)
    assert (record.weights[1] > 0).all()


def test_tiles_stand_below_each_other(opened, picture):
    record = opened(idefics3).attend(QUESTION, image=picture)
    places = [token.place for token in record.queries if token.kind == "patch"]
    assert places == [(row, column) for row in range(10) for column in range(2)]
    assert record.picture.shape == (160, 32, 3)


def test_rows_of_several_views_are_told_apart_by_what_reaches_them(opened, picture):
    """The whole picture comes first; of the tiles, rows are cut off and the rest is interleaved."""
    reading = opened(llava_next).read(Prompt(QUESTION, image=picture))
    record = reading.record()
    patches = [token for token in record.queries if token.kind == "patch"]
    assert texts(patches[:16]) == GRID
    assert all(token.place is None for token in patches[16:])
    assert (
        sum(token.text == "<image>" for token in record.queries) == 6
    )  # what ends each row of the large picture
    seen = reading.record(block="encoder")
    assert len(seen.keys) == 5 * 17
    assert not seen.weights[:, :, :17, 17:].any()


def test_a_picture_that_is_only_looked_at_across_is_no_part_of_the_text(opened, picture):
    reading = opened(mllama).read(Prompt(QUESTION, image=picture))
    assert list(reading.outlines) == ["encoder", "cross", "decoder"]
    assert [layer.number for layer in reading.outlines["cross"].layers] == [1]
    across = reading.record(block="cross")
    assert texts(across.keys)[:3] == ["[CLS]", "r0c0", "r0c1"]
    assert "[PAD]" not in texts(across.keys)
    assert "[PAD]" in texts(reading.record(block="encoder").keys)
    assert not any(token.kind == "patch" for token in across.queries)


def test_a_captioner_looks_across_from_its_words_to_patches(opened, picture):
    record = opened(blip).attend(QUESTION, image=picture, block="cross")
    assert texts(record.queries)[:3] == ["[CLS]", "What", "is"]
    assert texts(record.keys) == ["[CLS]", *GRID]


def test_patches_shuffled_by_the_model_are_named_by_where_they_are(opened, tmp_path):
    """ViLT draws its patches by chance: only by trying can one tell which is which."""
    record = opened(vilt).attend(QUESTION, image=saved(shaded((48, 32)), tmp_path, "other.png"))
    patches = [token.text for token in record.queries if token.kind == "patch"]
    assert sorted(patches) == sorted(f"r{row}c{column}" for row in range(4) for column in range(6))
    assert patches != sorted(patches)
    assert texts(record.queries)[:2] == ["[CLS]", "What"]
    assert sum(token.text == "[CLS]" for token in record.queries) == 2


def test_the_pictures_class_token_stands_before_the_text(opened, picture):
    record = opened(git).attend(QUESTION, image=picture)
    assert texts(record.queries)[:18] == ["[CLS]", *GRID, "[CLS]"]


def test_a_picture_without_words_is_read(opened, picture):
    record = opened(llava).attend(image=picture)
    assert kinds(record.queries) == {"text": 0, "patch": 16, "special": 1}


def test_a_text_alone_is_read_as_any_text(opened):
    record = opened(llava).attend(QUESTION)
    assert (record.block, record.picture) == ("self", None)
    assert kinds(record.queries)["patch"] == 0


def test_too_long_a_text_beside_a_picture_is_refused(opened, picture):
    with pytest.raises(TextTooLong):
        opened(llava).attend(QUESTION * 40, image=picture)


def test_a_model_without_a_processor_for_both_is_not_supported(opened, picture, tmp_path):
    source = opened(llava)
    assert scene_feed(source.pretrained, Prompt(QUESTION, image=picture)).picture is not None
    for name in ("processor_config.json", "tokenizer_config.json"):
        path = tmp_path / "model" / name
        path.write_text(path.read_text().replace("LlavaProcessor", "PixtralProcessor"))
    with pytest.raises(UnsupportedModel, match="package is missing"):
        load(str(tmp_path / "model")).attend(QUESTION, image=picture)


def test_the_base_of_a_model_is_read_as_well(tmp_path, picture):
    with quiet():
        model, processor = llava()
        folder = save_seeing(tmp_path / "model", AutoModel.from_config(model.config), processor)
    assert kinds(load(folder).attend(QUESTION, image=picture).queries)["patch"] == 16
