"""Tiny random models that hear, saved with what prepares their sounds, and sounds made for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTModel,
    HubertConfig,
    HubertModel,
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SeamlessM4TFeatureExtractor,
    SEWConfig,
    SEWModel,
    Speech2TextConfig,
    Speech2TextFeatureExtractor,
    Speech2TextForConditionalGeneration,
    Wav2Vec2BertConfig,
    Wav2Vec2BertModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from attnviz.sources.huggingface.quiet import quiet

RATE = 16_000

# The byte tokenizer of `conftest` has 300 pieces; these are names of some of them.
START, ENGLISH, GERMAN, WRITE, TRANSLATE, PLAIN = 290, 291, 292, 293, 294, 295
NAMES = ["<|start|>", "<|en|>", "<|de|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"]

_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
_SPREAD = {"initializer_range": 0.4}
_WAVES = {
    **_SIZES,
    **_SPREAD,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "conv_dim": (16,) * 7,
}
_TWO_SIDES = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40,
    "vocab_size": 300,
    "max_target_positions": 40,
    "init_std": 0.4,
}
_SPECIAL = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": START}

# What the model is, what prepares its sounds, how long a frame is.
Hearing = tuple[Callable[[], PreTrainedModel], Callable[[], object], float]


def whisper() -> WhisperForConditionalGeneration:
    """A Whisper of two seconds, that is told a language and a task and whose authors named two heads."""
    config = WhisperConfig(
        **_TWO_SIDES, **_SPECIAL, num_mel_bins=20, max_source_positions=100, suppress_tokens=None
    )
    model = WhisperForConditionalGeneration(config)
    settings = model.generation_config
    settings.lang_to_id = {"<|en|>": ENGLISH, "<|de|>": GERMAN}
    settings.task_to_id = {"transcribe": WRITE, "translate": TRANSLATE}
    settings.no_timestamps_token_id, settings.is_multilingual = PLAIN, True
    settings.alignment_heads = [[0, 1], [1, 3]]
    settings.suppress_tokens = settings.begin_suppress_tokens = []
    settings._from_model_config = False
    return model


def moonshine() -> MoonshineForConditionalGeneration:
    """A Moonshine, which hears samples."""
    config = MoonshineConfig(
        **_SPREAD,
        **_SPECIAL,
        vocab_size=300,
        hidden_size=32,
        intermediate_size=40,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=2,
        encoder_num_attention_heads=4,
        decoder_num_attention_heads=4,
    )
    return MoonshineForConditionalGeneration(config)


with quiet():
    HEARING: dict[str, Hearing] = {
        "wav2vec2": (lambda: Wav2Vec2Model(Wav2Vec2Config(**_WAVES)), Wav2Vec2FeatureExtractor, 0.02),
        "hubert": (
            lambda: HubertModel(HubertConfig(**_WAVES, feat_extract_norm="layer", do_stable_layer_norm=True)),
            lambda: Wav2Vec2FeatureExtractor(return_attention_mask=True),
            0.02,
        ),
        "wavlm": (lambda: WavLMModel(WavLMConfig(**_WAVES)), Wav2Vec2FeatureExtractor, 0.02),
        "sew": (
            lambda: SEWModel(SEWConfig(**{**_WAVES, "conv_dim": (16,) * 13})),
            Wav2Vec2FeatureExtractor,
            0.04,
        ),
        "wav2vec2-bert": (
            lambda: Wav2Vec2BertModel(Wav2Vec2BertConfig(**_SIZES, **_SPREAD, conv_depthwise_kernel_size=7)),
            SeamlessM4TFeatureExtractor,
            0.02,
        ),
        "moonshine": (moonshine, lambda: Wav2Vec2FeatureExtractor(do_normalize=False), 0.024),
        "speech2text": (
            lambda: Speech2TextForConditionalGeneration(
                Speech2TextConfig(**_TWO_SIDES, **_SPECIAL, conv_channels=32)
            ),
            Speech2TextFeatureExtractor,
            0.04,
        ),
        "whisper": (whisper, lambda: WhisperFeatureExtractor(feature_size=20, chunk_length=2), 0.02),
        "ast": (
            lambda: ASTModel(ASTConfig(**_SIZES, **_SPREAD, max_length=96, num_mel_bins=40)),
            lambda: ASTFeatureExtractor(max_length=96, num_mel_bins=40),
            0.1,
        ),
    }


def save(name: str, folder: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    """Make a model of that name and save it with all that belongs to it."""
    make, extract, _ = HEARING[name]
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        model = make()
        model.save_pretrained(folder)
        extract().save_pretrained(folder)
        if model.config.is_encoder_decoder:
            tokenizer.save_pretrained(folder)
    return folder


def chirp(seconds: float, rate: int = RATE) -> np.ndarray:
    """A tone that rises from 200 to 2,000 Hz."""
    hertz = np.linspace(200, 2000, round(seconds * rate))
    return 0.5 * np.sin(2 * np.pi * np.cumsum(hertz) / rate)


def tone(seconds: float, hertz: float, rate: int = RATE) -> np.ndarray:
    """A pure tone."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    """Write a sound; its suffix chooses the format."""
    soundfile.write(path, samples, rate, **options)
    return path
