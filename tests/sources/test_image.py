"""Models that see: which position is which patch, what was added, and pictures of every kind."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import (
    AutoModel,
    BeitConfig,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPProcessor,
    CLIPVisionConfig,
    DeiTConfig,
    DetrConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    DINOv3ViTConfig,
    IJepaConfig,
    ResNetConfig,
    SegformerConfig,
    SiglipVisionConfig,
    SwinConfig,
    TrOCRConfig,
    TrOCRProcessor,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
    ViTMAEConfig,
    YolosConfig,
)

from attnviz.errors import Damaged, EmptyText, RequestError, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import load
from attnviz.sources.huggingface.inputs.picture import open_picture
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.drawn import disc, save_seeing, saved, shaded

_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "initializer_range": 0.4,
}
_SEEN = {"image_size": 32, "patch_size": 8, **_SIZES}
_WIDE = {**_SEEN, "image_size": [32, 48]}
_OBJECTS = {
    "use_timm_backbone": False,
    "backbone_config": ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], out_features=["stage2"]
    ),
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "num_queries": 6,
}

GRID = [f"r{row}c{column}" for row in range(4) for column in range(4)]
WIDE = [f"r{row}c{column}" for row in range(4) for column in range(6)]
REGISTERS = ["[REG0]", "[REG1]", "[REG2]", "[REG3]"]

# What stands in front of the patches, and behind them.
MODELS = {
    "vit": (ViTConfig(**_SEEN), ["[CLS]", *GRID]),
    "deit (distillation token)": (DeiTConfig(**_SEEN), ["[CLS]", "[DIST]", *GRID]),
    "beit (position bias)": (BeitConfig(use_relative_position_bias=True, **_SEEN), ["[CLS]", *GRID]),
    "dinov2": (Dinov2Config(**_SEEN), ["[CLS]", *GRID]),
    "dinov2 with registers": (Dinov2WithRegistersConfig(**_SEEN), ["[CLS]", *REGISTERS, *GRID]),
    "dinov3": (DINOv3ViTConfig(num_register_tokens=4, **_SEEN), ["[CLS]", *REGISTERS, *GRID]),
    "clip": (CLIPVisionConfig(**_SEEN), ["[CLS]", *GRID]),
    "siglip (nothing added)": (SiglipVisionConfig(vision_use_head=False, **_SEEN), GRID),
    "ijepa (nothing added)": (IJepaConfig(**_SEEN), GRID),
    "yolos (a wide picture, detection tokens behind)": (
        YolosConfig(num_detection_tokens=3, **_WIDE),
        ["[CLS]", *WIDE, "[DET0]", "[DET1]", "[DET2]"],
    ),
}


def processor_for(config, **settings):
    sides = config.image_size if isinstance(config.image_size, list) else [config.image_size] * 2
    return ViTImageProcessorPil(**{"size": {"height": sides[0], "width": sides[1]}, **settings})


def seeing(folder, config, **settings):
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModel.from_config(config)
    return save_seeing(folder, model, processor_for(config, **settings))


def texts(tokens):
    return [token.text for token in tokens]


@pytest.mark.parametrize(("config", "expected"), MODELS.values(), ids=MODELS)
def test_each_position_is_named_by_what_it_is_made_from(config, expected, tmp_path):
    record = load(seeing(tmp_path / "model", config)).attend(image=saved(shaded(), tmp_path))
    assert texts(record.queries) == texts(record.keys) == expected
    assert all(token.is_special == token.text.startswith("[") for token in record.queries)
    assert all(token.kind == "patch" and token.place for token in record.queries if not token.is_special)
    assert not record.causal


@pytest.mark.parametrize(
    "kind", ["vit", "dinov2 with registers", "yolos (a wide picture, detection tokens behind)"]
)
def test_the_weights_are_the_models_own(kind, tmp_path):
    folder, picture = seeing(tmp_path / "model", MODELS[kind][0]), saved(shaded(), tmp_path)
    record = load(folder).attend(image=picture)
    with quiet(), torch.no_grad():
        model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
        pixels = ViTImageProcessorPil.from_pretrained(folder)(open_picture(picture), return_tensors="pt")
        weights = model(**pixels, output_attentions=True).attentions
    assert np.abs(record.weights - torch.stack(weights)[:, 0].numpy()).max() <= 1e-5


def test_a_patch_is_where_a_change_of_the_picture_reaches_it(tmp_path):
    """One square of another colour changes the first layer's keys of that patch alone."""
    source = load(seeing(tmp_path / "model", MODELS["dinov2 with registers"][0]))
    plain = Image.new("RGB", (32, 32), (90, 90, 90))
    changed = plain.copy()
    changed.paste((200, 30, 30), (16, 8, 24, 16))  # row 1, column 2 of squares of 8 pixels
    keys = []
    for name, picture in (("plain.png", plain), ("changed.png", changed)):
        reading = source.read(Prompt(image=saved(picture, tmp_path, name)))
        record = reading.record(Selection(layers="0"), internals=True)
        keys.append(record.internals.keys[0])
    moved = np.abs(keys[0] - keys[1]).max(axis=(0, 2)) > 1e-5
    assert [token.text for token, other in zip(record.keys, moved, strict=True) if other] == ["r1c2"]


def test_only_the_patches_a_model_keeps_are_named(tmp_path):
    """A masked autoencoder leaves most patches out, and the rest in an order of chance."""
    config = ViTMAEConfig(**_SEEN)
    record = load(seeing(tmp_path / "model", config)).attend(image=saved(shaded(), tmp_path))
    first, *rest = texts(record.queries)
    assert first == "[CLS]"
    assert len(set(rest)) == 4
    assert set(rest) < set(GRID)


def test_a_pyramid_of_stages_has_a_coarser_grid_of_keys_each(tmp_path):
    config = SegformerConfig(
        hidden_sizes=[16, 16, 32, 32],
        num_attention_heads=[1, 2, 4, 4],
        depths=[1, 1, 1, 1],
        decoder_hidden_size=16,
        image_size=64,
    )
    reading = load(seeing(tmp_path / "model", config)).read(Prompt(image=saved(shaded(), tmp_path)))
    shapes = [(layer.queries, layer.keys) for layer in reading.outlines["self"].layers]
    assert shapes == [(256, 4), (64, 4), (16, 4), (4, 4)]
    record = reading.record(Selection(layers="1"))
    assert record.queries[-1].place == (7, 7)
    assert texts(record.keys) == ["r0c0", "r0c1", "r1c0", "r1c1"]


def test_windows_are_brought_back_to_the_picture_row_by_row(tmp_path):
    config = SwinConfig(
        image_size=32, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4
    )
    reading = load(seeing(tmp_path / "model", config)).read(Prompt(image=saved(shaded(), tmp_path)))
    assert [layer.queries for layer in reading.outlines["self"].layers] == [64, 64, 16, 16]
    record = reading.record(Selection(layers="0"))
    assert texts(record.queries)[:9] == [*(f"r0c{column}" for column in range(8)), "r1c0"]
    seen = record.weights[0].max(axis=0) > 0
    assert seen[0, :8].tolist() == [True] * 4 + [False] * 4  # the first window ends after four columns


def test_a_query_that_gathers_a_picture_has_a_block_of_its_own(tmp_path):
    reading = load(seeing(tmp_path / "model", SiglipVisionConfig(**_SEEN))).read(
        Prompt(image=saved(shaded(), tmp_path))
    )
    assert list(reading.outlines) == ["cross", "self"]
    record = reading.record(block="cross")
    assert (texts(record.queries), texts(record.keys)) == (["[POOL]"], GRID)


def test_a_decoder_of_objects_looks_across_to_the_patches(tmp_path):
    folder = tmp_path / "model"
    with quiet():
        model = AutoModel.from_config(DetrConfig(**_OBJECTS))
    save_seeing(folder, model, ViTImageProcessorPil(size={"height": 64, "width": 64}))
    reading = load(str(folder)).read(Prompt(image=saved(shaded(), tmp_path)))
    assert list(reading.outlines) == ["encoder", "decoder", "cross"]
    record = reading.record()
    assert texts(record.queries) == [f"slot {number}" for number in range(6)]
    assert (record.keys[0].place, record.keys[-1].place) == ((0, 0), (7, 7))


def test_a_reader_of_pictures_writes_a_target(tmp_path, byte_pieces):
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**_SEEN),
        TrOCRConfig(
            vocab_size=len(byte_pieces),
            d_model=32,
            decoder_layers=2,
            decoder_attention_heads=4,
            decoder_ffn_dim=40,
            max_position_embeddings=64,
            cross_attention_hidden_size=32,
        ),
    )
    config.decoder_start_token_id = config.pad_token_id = 0
    with quiet():
        model = VisionEncoderDecoderModel(config)
        processor = TrOCRProcessor(processor_for(config.encoder), byte_pieces)
    folder = save_seeing(tmp_path / "model", model, processor)
    record = load(folder).attend(image=saved(shaded(), tmp_path), target="quick fox")
    assert record.block == "cross"
    assert "".join(token.text for token in record.queries if not token.is_special) == "quickfox"
    assert texts(record.keys) == ["[CLS]", *GRID]
    assert record.picture.shape == (32, 32, 3)


@pytest.fixture
def two_towers(tmp_path, byte_pieces):
    text = {"vocab_size": len(byte_pieces), "max_position_embeddings": 64, **_SIZES}
    special = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = CLIPConfig(vision_config=_SEEN, text_config={**text, **special}, projection_dim=16)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    with quiet():
        model = AutoModel.from_config(config)
        processor = CLIPProcessor(CLIPImageProcessorPil(**sizes), byte_pieces)
    return load(save_seeing(tmp_path / "model", model, processor))


def test_either_tower_is_shown_alone(two_towers, tmp_path):
    seen = two_towers.attend(image=saved(shaded(), tmp_path))
    read = two_towers.attend("quick fox")
    assert texts(seen.queries) == ["[CLS]", *GRID]
    assert "".join(texts(read.queries)) == "quickfox"
    assert read.causal
    assert not seen.causal
    assert read.picture is None


def test_two_towers_do_not_see_each_other(two_towers, tmp_path):
    with pytest.raises(RequestError, match="two towers that do not see each other"):
        two_towers.attend("quick fox", image=saved(shaded(), tmp_path))
    with pytest.raises(EmptyText):
        two_towers.attend()


def test_the_picture_is_what_the_model_saw(tmp_path):
    """Resized, cropped to its middle, normalized; and back again to what one can see."""
    config = CLIPVisionConfig(**_SEEN)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    with quiet():
        folder = save_seeing(tmp_path / "model", AutoModel.from_config(config), processor)
    red_between_blue = Image.new("RGB", (96, 32), (0, 0, 255))
    red_between_blue.paste((255, 0, 0), (32, 0, 64, 32))
    record = load(folder).attend(image=saved(red_between_blue, tmp_path))
    assert record.picture.dtype == np.uint8
    assert (record.picture == (255, 0, 0)).all()


def test_settings_for_torchvision_that_ask_for_nothing_else_are_followed_with_pillow(tmp_path):
    folder = seeing(tmp_path / "model", DINOv3ViTConfig(num_register_tokens=0, **_SEEN))
    path = tmp_path / "model" / "preprocessor_config.json"
    asked = {**json.loads(path.read_text()), "image_processor_type": "DINOv3ViTImageProcessorFast"}
    path.write_text(json.dumps(asked))
    assert texts(load(folder).attend(image=saved(shaded(), tmp_path)).keys) == ["[CLS]", *GRID]
    path.write_text(json.dumps({**asked, "image_processor_type": "Llama4ImageProcessor", "max_patches": 4}))
    with pytest.raises(UnsupportedModel, match="torchvision"):
        load(folder).attend(image=saved(shaded(), tmp_path))


@pytest.mark.parametrize(
    ("written", "message"), [("{", "not a valid JSON"), ('{"image_processor_type": "No"}', "U")]
)
def test_settings_that_cannot_be_read_are_damage(written, message, tmp_path):
    folder = seeing(tmp_path / "model", MODELS["vit"][0])
    (tmp_path / "model" / "preprocessor_config.json").write_text(written)
    with pytest.raises(Damaged, match=message) as raised:
        load(folder).attend(image=saved(shaded(), tmp_path))
    assert len(str(raised.value)) < 300


def test_a_folder_without_settings_gets_those_of_its_type(tmp_path):
    folder = seeing(tmp_path / "model", MODELS["vit"][0])
    (tmp_path / "model" / "preprocessor_config.json").unlink()
    record = load(folder).attend(image=saved(shaded(), tmp_path))
    assert (texts(record.keys), record.picture.shape) == (["[CLS]", *GRID], (32, 32, 3))


def test_what_a_model_cannot_take_is_refused(tmp_path, tiny_bert):
    picture = saved(shaded(), tmp_path)
    vit = load(seeing(tmp_path / "seeing", MODELS["vit"][0]))
    with pytest.raises(RequestError, match="reads no text"):
        vit.attend("fox", image=picture)
    with pytest.raises(RequestError, match="got no picture"):
        vit.attend("fox")
    with pytest.raises(RequestError, match="sees no pictures"):
        load(str(tiny_bert)).attend("fox", image=picture)
    with pytest.raises(RequestError, match="got generate"):
        vit.attend(image=picture, generate=2)


def test_a_model_of_another_size_is_refused_in_one_line(tmp_path):
    folder = seeing(tmp_path / "model", MODELS["vit"][0], size={"height": 64, "width": 64})
    with pytest.raises(UnsupportedModel, match="does not run on this picture") as raised:
        load(folder).attend(image=saved(shaded(), tmp_path))
    assert "\n" not in str(raised.value)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["RGB", "L", "RGBA", "P", "1"]))
def test_a_picture_of_any_size_is_seen(vit_of_32_pixels, width, height, mode):
    """Three pixels high is no picture of three colours lying on its side."""
    source, folder = vit_of_32_pixels
    record = source.attend(
        image=saved(disc((width, height)).convert(mode), folder), selection=Selection(layers="0")
    )
    assert record.picture.shape == (32, 32, 3)
    assert len(record.keys) == 17


@pytest.fixture(scope="module")
def vit_of_32_pixels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vit")
    return load(seeing(folder / "model", MODELS["vit"][0])), folder
