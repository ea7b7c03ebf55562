"""Models that read a picture and a text together: what is text, what is a patch, and where it is from."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    AutoModelForImageTextToText,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Gemma3TextConfig,
    GemmaConfig,
    GitConfig,
    GitForCausalLM,
    GitProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    LlavaProcessor,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessorPil,
    MllamaProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    ViltConfig,
    ViltImageProcessorPil,
    ViltModel,
    ViltProcessor,
)

from attnviz.errors import RequestError, TextTooLong, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import load
from attnviz.sources.huggingface.inputs.scene import scene_feed
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.drawn import save_seeing, saved, shaded

QUESTION = "What is in the picture? A red disc."
GRID = [f"r{row}c{column}" for row in range(4) for column in range(4)]

_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "initializer_range": 0.3,
}
_SEEN = {"image_size": 32, "patch_size": 8, **_SIZES}
_SPECIAL = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
_TEXT = {
    **_SIZES,
    **_SPECIAL,
    "vocab_size": 330,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
_SQUARE = {"height": 32, "width": 32}

TEMPLATE = (
    "{% for m in messages %}USER: {% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def bytes_with(*special, **names):
    """A byte-level tokenizer that knows some marks; `names` are what a processor asks it for."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310,
        special_tokens=["<|end|>", "<pad>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([QUESTION], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<pad>", extra_special_tokens=names
    )


def words():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([QUESTION], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def llava():
    tokenizer = bytes_with("<image>")
    mark = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**_SEEN),
        text_config=LlamaConfig(**_TEXT),
        image_token_index=mark,
        vision_feature_layer=-1,
    )
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=_SQUARE),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    return LlavaForConditionalGeneration(config), processor


def llava_next():
    tokenizer = bytes_with("<image>")
    sizes = [[32, 64], [64, 32], [64, 64]]
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**_SEEN),
        text_config=LlamaConfig(**_TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_grid_pinpoints=sizes,
    )
    processor = LlavaNextProcessor(
        LlavaNextImageProcessorPil(size={"shortest_edge": 32}, crop_size=_SQUARE, image_grid_pinpoints=sizes),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    return LlavaNextForConditionalGeneration(config), processor


def paligemma():
    tokenizer = bytes_with("<image>", "<bos>")
    tokenizer.bos_token = "<bos>"
    config = PaliGemmaConfig(
        vision_config=SiglipVisionConfig(vision_use_head=False, **_SEEN),
        text_config=GemmaConfig(**{**_TEXT, "vocab_size": 1400}, head_dim=8),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=32,
    )
    pictures = SiglipImageProcessorPil(size=_SQUARE)
    pictures.image_seq_length = 16
    return PaliGemmaForConditionalGeneration(config), PaliGemmaProcessor(pictures, tokenizer)


def gemma3():
    marks = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<soft>"}
    tokenizer = bytes_with(*marks.values(), **marks)
    tokenizer.bos_token = "<|end|>"
    begin, end, mark = tokenizer.convert_tokens_to_ids(list(marks.values()))
    config = Gemma3Config(
        vision_config=SiglipVisionConfig(vision_use_head=False, **_SEEN),
        text_config=Gemma3TextConfig(**_TEXT, head_dim=8, query_pre_attn_scalar=8, sliding_window=64),
        mm_tokens_per_image=4,
        boi_token_index=begin,
        eoi_token_index=end,
        image_token_index=mark,
    )
    processor = Gemma3Processor(Gemma3ImageProcessorPil(size=_SQUARE), tokenizer, image_seq_length=4)
    return Gemma3ForConditionalGeneration(config), processor


def idefics3():
    places = [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
    tokenizer = bytes_with(
        "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *places
    )
    config = Idefics3Config(
        vision_config=_SEEN,
        text_config=LlamaConfig(**_TEXT),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=1,
    )
    pictures = Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    return Idefics3ForConditionalGeneration(config), Idefics3Processor(pictures, tokenizer, image_seq_len=4)


def mllama():
    tokenizer = bytes_with("<|image|>", "<|begin|>")
    tokenizer.bos_token = "<|begin|>"
    config = MllamaConfig(
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 4,
            "intermediate_size": 40,
            "image_size": 32,
            "patch_size": 8,
            "max_num_tiles": 2,
            "intermediate_layers_indices": [0],
            "vision_output_dim": 64,
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        text_config={**_TEXT, "cross_attention_layers": [1]},
        image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
    )
    processor = MllamaProcessor(MllamaImageProcessorPil(size=_SQUARE, max_image_tiles=2), tokenizer)
    return MllamaForConditionalGeneration(config), processor


def blip():
    text = {**_SIZES, "vocab_size": 200, "encoder_hidden_size": 32, "max_position_embeddings": 64}
    special = {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = BlipConfig(vision_config=_SEEN, text_config={**text, **special})
    return BlipForConditionalGeneration(config), BlipProcessor(BlipImageProcessorPil(size=_SQUARE), words())


def vilt():
    config = ViltConfig(vocab_size=200, **_SEEN, max_position_embeddings=40)
    pictures = ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8)
    return ViltModel(config), ViltProcessor(pictures, words())


def git():
    special = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = GitConfig(vision_config=_SEEN, vocab_size=200, max_position_embeddings=40, **_SIZES, **special)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=_SQUARE)
    return GitForCausalLM(config), GitProcessor(pictures, words())


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


_TOWER = {
    "depth": 2,
    "hidden_size": 32,
    "num_heads": 4,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}


def save_qwen(folder, kind, config, **tower):
    """Save a model whose processor cannot be made without torchvision: its files are written one by one."""
    marks = [
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
        "<|video_pad|>",
        "<|im_start|>",
        "<|im_end|>",
    ]
    tokenizer = bytes_with(*marks)
    tokenizer.chat_template = QWEN_TEMPLATE
    ids = dict(zip(marks, tokenizer.convert_tokens_to_ids(marks), strict=True))
    turns = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    pictures = Qwen2VLImageProcessorPil(
        patch_size=4, merge_size=2, size={"shortest_edge": 16 * 16, "longest_edge": 48 * 48}
    )
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(
            config(
                vision_config={**_TOWER, **tower},
                text_config={**_TEXT, "rope_parameters": turns},
                image_token_id=ids["<|image_pad|>"],
                video_token_id=ids["<|video_pad|>"],
                vision_start_token_id=ids["<|vision_start|>"],
                vision_end_token_id=ids["<|vision_end|>"],
            )
        )
        tokenizer.save_pretrained(folder)
    return load(save_seeing(folder, model, pictures))


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
