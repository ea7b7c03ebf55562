"""Tiny random models, one for each architecture whose weights are held against those it gives itself.

Every model has several layers, heads that share keys where its family has them, and weights of a wide spread:
those of the usual spread attend almost uniformly, which would hide errors.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.sources.architecture import (
    BART,
    CLIP,
    EXPERTS,
    GPT,
    GROUPED,
    LENGTH,
    LOCAL,
    MLA,
    ROUTED,
    SELF,
    SIDE,
    SIZES,
    SOUND,
    SPREAD,
    STAGES,
    T5,
    TARGET,
    TEXT,
    THREE,
    VISION,
    VOCABULARY,
    XLM,
    Architecture,
    Counts,
    Inputs,
    captioned,
    film,
    ids,
    numbers,
    picture,
    sound,
    text,
    translation,
)


def of(base: Mapping[str, Any], inputs: Inputs = text, counts: Counts = SELF) -> Callable[..., Architecture]:
    """Make architectures from the same sizes."""

    def make(config: str, path: str = "table", **options: Any) -> Architecture:
        return Architecture(config, {**base, **options}, inputs, counts, path=path)

    return make


def seeing(config: str, patches: int | None, path: str = "table", **options: Any) -> Architecture:
    return Architecture(config, {**VISION, **options}, picture, {"self": (patches, patches)}, path=path)


encoder, decoder, gpt, xlm, mla = of(TEXT), of(GROUPED), of(GPT), of(XLM), of(MLA)
bart, t5 = of(BART, translation, THREE), of(T5, translation, THREE)
hearing = of(SOUND, sound, {"self": (23, 23)})


def softened(given: Tensor, ours: Tensor) -> tuple[Tensor, Tensor]:
    return given.softmax(dim=-1), ours


def averaged(given: Tensor, ours: Tensor) -> tuple[Tensor, Tensor]:
    return given, ours.mean(dim=0, keepdim=True).expand_as(given)


def refilled(given: Tensor, ours: Tensor) -> tuple[Tensor, Tensor]:
    return given, ours / ours.sum(dim=-1, keepdim=True)


# fmt: off
ENCODERS = {
    "bert": encoder("Bert"),
    "roberta": encoder("Roberta"),
    "roberta_prelayernorm": encoder("RobertaPreLayerNorm"),
    "xlm_roberta": encoder("XLMRoberta"),
    "xlm_roberta_xl": encoder("XLMRobertaXL"),
    "camembert": encoder("Camembert"),
    "distilbert": of({"vocab_size": VOCABULARY, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 40,
        **SPREAD})(
        "DistilBert"),
    "albert": encoder("Albert", embedding_size=16),
    "electra": encoder("Electra", embedding_size=16),
    "modernbert": encoder("ModernBert", local_attention=4, cls_token_id=2, sep_token_id=3),
    "esm": encoder("Esm", position_embedding_type="rotary", mask_token_id=4),
    "mobilebert": encoder("MobileBert", embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16),
    "ernie": encoder("Ernie"),
    "data2vec_text": encoder("Data2VecText"),
    "layoutlm": encoder("LayoutLM"),
    "markuplm": encoder("MarkupLM", initializer_range=2.0),
    "nomic_bert": encoder("NomicBert"),
    "roc_bert": encoder("RoCBert", enable_pronunciation=False, enable_shape=False),
    "splinter": encoder("Splinter"),
    "xmod": encoder("Xmod", default_language="en_XX"),
    "eurobert": decoder("EuroBert"),
    "jina_embeddings_v3": encoder("JinaEmbeddingsV3"),
    "clip_text": encoder("CLIPText", **CLIP),
    "convbert": encoder("ConvBert", "softmax", embedding_size=16, head_ratio=2, conv_kernel_size=3),
    "deberta": encoder("Deberta", "softmax", relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "deberta_v2": encoder("DebertaV2", "softmax", relative_attention=True, pos_att_type=["c2p"],
        position_buckets=8),
    "mpnet": encoder("MPNet", "softmax"),
    "rembert": encoder("RemBert", "softmax", input_embedding_size=16, output_embedding_size=16),
    "megatron_bert": encoder("MegatronBert", "softmax"),
    "ibert": encoder("IBert", "softmax"),
    "squeezebert": Architecture(
        "SqueezeBert", {**TEXT, "embedding_size": 32}, text, SELF, path="softmax", held=softened,
        exception="gives logits; held against their softmax"),
    "roformer": encoder("RoFormer", "softmax"),
    "lilt": encoder("Lilt", "softmax", hidden_size=48),
    "luke": encoder("Luke", "softmax", entity_vocab_size=10, entity_emb_size=16),
    "tapas": encoder("Tapas", "softmax"),
    "layoutlmv3": encoder("LayoutLMv3", "softmax", visual_embed=False, coordinate_size=6, shape_size=4),
    "flaubert": xlm("Flaubert", "softmax"),
    "xlm": xlm("XLM", "softmax"),
    "xlnet": of({"vocab_size": VOCABULARY, "d_model": 32, "n_layer": 3, "n_head": 4, "d_inner": 40,
        **SPREAD})(
        "XLNet", "softmax"),
    "big_bird (full)": encoder("BigBird", "softmax", attention_type="original_full"),
}

DECODERS = {
    "gpt2": gpt("GPT2"),
    "gpt_bigcode": gpt("GPTBigCode"),
    "openai_gpt": gpt("OpenAIGPT", "softmax"),
    "imagegpt": gpt("ImageGPT", "softmax"),
    "gpt_neo": encoder(
        "GPTNeo", "softmax", num_layers=3, num_heads=4, attention_types=[[["global", "local", "global"], 1]],
        window_size=4),
    "gptj": gpt("GPTJ", "softmax", rotary_dim=4),
    "codegen": gpt("CodeGen", "softmax", rotary_dim=4),
    "gpt_neox": encoder("GPTNeoX"),
    "gpt_neox_japanese": encoder("GPTNeoXJapanese", "softmax"),
    "gpt_oss": decoder("GptOss", num_local_experts=2, num_experts_per_tok=1, **LOCAL),
    "opt": encoder("OPT", ffn_dim=40, word_embed_proj_dim=32, init_std=0.4),
    "bloom": encoder("Bloom", "softmax", n_layer=3, n_head=4),
    "mpt": of({"vocab_size": VOCABULARY, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64,
        **SPREAD})(
        "Mpt", "softmax"),
    "falcon": encoder("Falcon", "sdpa", new_decoder_architecture=True, num_kv_heads=2),
    "falcon (alibi)": Architecture(
        "Falcon", {**TEXT, "alibi": True}, text, SELF, path="sdpa", held=None,
        exception="its eager attention scales the position bias otherwise, and its output is another"),
    "ctrl": gpt("CTRL", dff=40),
    "biogpt": encoder("BioGpt"),
    "xglm": encoder("XGLM", "softmax", d_model=32, num_layers=3, attention_heads=4, ffn_dim=40, init_std=0.4),
    "musicgen": Architecture(
        "MusicgenDecoder", {**SIZES, "vocab_size": VOCABULARY, "num_codebooks": 1, "ffn_dim": 40,
        "initializer_factor": 0.4}, lambda: {"input_ids": ids(), "use_cache": False}, SELF, "MusicgenModel"),
    "llama": decoder("Llama"),
    "llama4": decoder(
        "Llama4Text", intermediate_size_mlp=40, num_local_experts=2, num_experts_per_tok=1,
        attention_chunk_size=4,
        no_rope_layers=[1, 0, 1]),
    "mistral": decoder("Mistral", sliding_window=4),
    "ministral": decoder("Ministral", **LOCAL),
    "gemma": decoder("Gemma"),
    "gemma2": decoder("Gemma2", attn_logit_softcapping=2.0, query_pre_attn_scalar=8, **LOCAL),
    "gemma3": decoder("Gemma3Text", query_pre_attn_scalar=8, **LOCAL),
    "vaultgemma": decoder("VaultGemma", query_pre_attn_scalar=8, **LOCAL),
    "qwen2": decoder("Qwen2"),
    "qwen3": decoder("Qwen3"),
    "qwen2_moe": decoder("Qwen2Moe", shared_expert_intermediate_size=16, decoder_sparse_step=2, **EXPERTS),
    "qwen3_moe": decoder("Qwen3Moe", **EXPERTS),
    "phi": decoder("Phi"),
    "phi3": decoder("Phi3"),
    "phimoe": decoder("Phimoe", num_local_experts=4),
    "mixtral": decoder("Mixtral", num_local_experts=4),
    "olmo": decoder("Olmo"),
    "olmo2": decoder("Olmo2"),
    "olmo3": decoder("Olmo3", **LOCAL),
    "olmoe": decoder("Olmoe", num_experts=4, num_experts_per_tok=2),
    "flex_olmo": decoder("FlexOlmo", num_experts=4, num_experts_per_tok=2),
    "granite": decoder("Granite"),
    "granitemoe": decoder("GraniteMoe", num_local_experts=4),
    "granite_swa": Architecture(
        "GraniteSWA", GROUPED, text, SELF, held=refilled,
        exception="gives weights without its sinks; held against ours, brought back to 1"),
    "mimo_v2_flash": decoder("MiMoV2Flash"),
    "cohere": decoder("Cohere"),
    "cohere2": decoder("Cohere2", **LOCAL),
    "stablelm": decoder("StableLm"),
    "starcoder2": decoder("Starcoder2"),
    "persimmon": encoder("Persimmon"),
    "nemotron": decoder("Nemotron"),
    "glm": decoder("Glm"),
    "glm4": decoder("Glm4"),
    "glm4_moe": decoder("Glm4Moe", first_k_dense_replace=1, **ROUTED),
    "smollm3": decoder("SmolLM3"),
    "helium": decoder("Helium"),
    "apertus": decoder("Apertus"),
    "arcee": decoder("Arcee"),
    "exaone4": decoder("Exaone4", **LOCAL),
    "ernie4_5": decoder("Ernie4_5"),
    "ernie4_5_moe": decoder("Ernie4_5_Moe", moe_num_experts=4, moe_k=2, moe_intermediate_size=16),
    "hunyuan_v1_dense": decoder("HunYuanDenseV1"),
    "bitnet": decoder("BitNet"),
    "seed_oss": decoder("SeedOss"),
    "doge": decoder("Doge"),
    "diffllama": decoder("DiffLlama"),
    "deepseek_v2": mla("DeepseekV2"),
    "deepseek_v3": mla("DeepseekV3"),
    "deepseek_v32": mla("DeepseekV32", index_n_heads=2, index_head_dim=8, index_topk=4),
    "minicpm3": mla("MiniCPM3"),
    "modernbert_decoder": encoder("ModernBertDecoder", local_attention=4, cls_token_id=2, sep_token_id=3),
}

# Only some of their layers attend.
HYBRIDS = {
    "jamba": decoder(
        "Jamba", num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2,
        num_experts=2,
        use_mamba_kernels=False),
    "bamba": decoder(
        "Bamba", num_hidden_layers=4, attn_layer_indices=[1, 3], mamba_n_heads=4, mamba_d_head=16,
        mamba_d_state=8,
        mamba_n_groups=1),
    "qwen3_next": decoder(
        "Qwen3Next", num_hidden_layers=4, layer_types=["linear_attention", "full_attention"] * 2,
        linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=8,
        shared_expert_intermediate_size=16, **EXPERTS),
    "recurrent_gemma": decoder(
        "RecurrentGemma", num_hidden_layers=4, block_types=["recurrent", "attention"], lru_width=32,
        attention_window_size=64),
    "zamba": decoder(
        "Zamba", num_hidden_layers=4, layers_block_type=["mamba", "hybrid"] * 2, attention_hidden_size=64,
        attention_head_dim=16, mamba_d_state=8, n_mamba_heads=2),
    "zamba2": replace(decoder(
        "Zamba2", num_hidden_layers=4, layers_block_type=["mamba", "hybrid"] * 2, attention_hidden_size=64,
        attention_head_dim=16, mamba_d_state=8, n_mamba_heads=4, mamba_ngroups=1, num_mem_blocks=1),
        within=5e-5, exception="within 5e-5: the layers between magnify what processors round differently"),
    "lfm2": decoder("Lfm2", num_hidden_layers=4, layer_types=["conv", "full_attention"] * 2),
    "lfm2_moe": decoder(
        "Lfm2Moe", num_hidden_layers=4, layer_types=["conv", "full_attention"] * 2, num_dense_layers=1,
        **EXPERTS),
    "falcon_h1": decoder("FalconH1", mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8),
    "minimax": Architecture(
        "MiniMax", {**GROUPED, "num_local_experts": 2, "num_hidden_layers": 4,
        "layer_types": ["linear_attention", "full_attention"] * 2}, text, SELF,
        exception="gives matrices of its linear layers too; held against those of the layers that attend"),
}

ENCODER_DECODERS = {
    "t5": t5("T5"),
    "mt5": t5("MT5"),
    "umt5": t5("UMT5"),
    "switch_transformers": t5("SwitchTransformers", num_experts=4),
    "t5gemma": of({"encoder": {**GROUPED, **LOCAL, "attn_logit_softcapping": 2.0}, "decoder": {**GROUPED,
        **LOCAL}},
                  translation, THREE)("T5Gemma", **SPREAD),
    "bart": bart("Bart"),
    "mbart": bart("MBart"),
    "marian": bart("Marian", init_std=1.0),
    "pegasus": bart("Pegasus"),
    "bigbird_pegasus (full)": bart("BigBirdPegasus", "softmax and table", attention_type="original_full"),
    "blenderbot": bart("Blenderbot"),
    "blenderbot_small": bart("BlenderbotSmall"),
    "m2m_100": bart("M2M100"),
    "nllb_moe": bart("NllbMoe", num_experts=4),
    "plbart": bart("PLBart"),
    "mvp": bart("Mvp", "softmax"),
    "fsmt": bart("FSMT", "softmax", src_vocab_size=VOCABULARY, tgt_vocab_size=VOCABULARY, langs=["en", "de"]),
    "time_series_transformer": Architecture(
        "TimeSeriesTransformer", {**BART, "prediction_length": 4, "context_length": 8, "lags_sequence": [1,
        2],
        "num_time_features": 1}, lambda: {
            "past_values": numbers(1, 10), "past_time_features": numbers(1, 10, 1),
            "past_observed_mask": torch.ones(1, 10), "future_values": numbers(1, 4),
            "future_time_features": numbers(1, 4, 1)},
        {"encoder": (8, 8), "decoder": (4, 4), "cross": (4, 8)}),
}

SOUNDS = {
    "whisper": Architecture(
        "Whisper", {**BART, "num_mel_bins": 8, "max_source_positions": 12, "max_target_positions": 20},
        lambda: {"input_features": numbers(1, 8, 24), "decoder_input_ids": ids(TARGET), "use_cache": False},
        THREE),
    "speech_to_text": Architecture(
        "Speech2Text", {**BART, "input_feat_per_channel": 8, "num_conv_layers": 1, "conv_kernel_sizes": [5],
        "conv_channels": 16, "max_source_positions": 64, "max_target_positions": 64},
        lambda: {"input_features": numbers(1, 24, 8), "decoder_input_ids": ids(TARGET), "use_cache": False},
        THREE),
    "moonshine": Architecture(
        "Moonshine", {**TEXT, "encoder_num_hidden_layers": 2, "decoder_num_hidden_layers": 2,
        "encoder_num_attention_heads": 4, "decoder_num_attention_heads": 4, "decoder_start_token_id": 1},
        lambda: {"input_values": numbers(1, 4000), "decoder_input_ids": ids(TARGET), "use_cache": False},
        {"encoder": (9, 9), "decoder": (TARGET, TARGET), "cross": (TARGET, 9)}),
    "wav2vec2": hearing("Wav2Vec2"),
    "wav2vec2_conformer": hearing("Wav2Vec2Conformer", position_embeddings_type="relative"),
    "wav2vec2_bert": Architecture(
        "Wav2Vec2Bert", {**SIZES, **SPREAD, "feature_projection_input_dim": 8,
        "left_max_position_embeddings": 4},
        lambda: {"input_features": numbers(1, LENGTH, 8)}, SELF),
    "hubert": hearing("Hubert"),
    "data2vec_audio": hearing("Data2VecAudio"),
    "unispeech": hearing("UniSpeech"),
    "unispeech_sat": hearing("UniSpeechSat"),
    "sew": Architecture("SEW", {**SOUND, "squeeze_factor": 2}, sound, {"self": (11, 11)}),
    "wavlm": Architecture(
        "WavLM", SOUND, sound, {"self": (23, 23)}, path="multihead", held=averaged,
        exception="gives the mean of its heads; held against ours"),
    "parakeet": Architecture(
        "ParakeetEncoder", {**SIZES, **SPREAD, "num_mel_bins": 16, "subsampling_conv_channels": 8},
        lambda: {"input_features": numbers(1, 64, 16)}, {"self": (8, 8)}),
    "audio_spectrogram_transformer": Architecture(
        "AST", {**SIZES, **SPREAD, "patch_size": 4, "frequency_stride": 4, "time_stride": 4, "max_length": 16,
        "num_mel_bins": 8}, lambda: {"input_values": numbers(1, 16, 8)}, {"self": (10, 10)}),
}

PICTURES = {
    "vit": seeing("ViT", 17),
    "deit": seeing("DeiT", 18),
    "beit": seeing("Beit", 17, use_relative_position_bias=True),
    "data2vec_vision": seeing("Data2VecVision", 17, "sdpa", use_relative_position_bias=True),
    "dinov2": seeing("Dinov2", 17, mlp_ratio=2),
    "dinov2_with_registers": seeing("Dinov2WithRegisters", 19, mlp_ratio=2, num_register_tokens=2),
    "dinov3_vit": seeing("DINOv3ViT", 19, num_register_tokens=2),
    "dpt": seeing("DPT", 17),
    "ijepa": seeing("IJepa", 16),
    "vit_msn": seeing("ViTMSN", 17),
    "yolos": seeing("Yolos", 22, num_detection_tokens=5, image_size=[SIDE, SIDE]),
    "vit_mae": Architecture(
        "ViTMAE", VISION, lambda: {**picture(), "noise": numbers(1, 16)}, {"self": (5, 5)}),
    "vitdet": Architecture(
        "VitDet", {**VISION, "window_block_indices": [], "pretrain_image_size": SIDE}, picture,
        {"self": (16, 16)},
        path="softmax"),
    "clip_vision": seeing("CLIPVision", 17, **CLIP),
    "siglip_vision": seeing("SiglipVision", 16),
    "siglip2_vision": Architecture(
        "Siglip2Vision", {**SIZES, **SPREAD, "patch_size": 8, "num_patches": 16},
        lambda: {"pixel_values": numbers(1, 16, 192), "pixel_attention_mask": torch.ones(1, 16,
        dtype=torch.long),
                 "spatial_shapes": torch.tensor([[4, 4]])}, {"self": (16, 16)}),
    "aimv2_vision": seeing("Aimv2Vision", 16),
    "blip_vision": Architecture("BlipVision", VISION, picture, {"self": (17, 17)}, "BlipVisionModel",
        "softmax"),
    "blip_2_vision": Architecture("Blip2Vision", VISION, picture, {"self": (17, 17)}, "Blip2VisionModel"),
    "pixtral_vision": Architecture(
        "PixtralVision", {**VISION, "head_dim": 8}, lambda: {**picture(),
        "image_sizes": torch.tensor([[SIDE, SIDE]])},
        {"self": (16, 16)}),
    "segformer": Architecture(
        "Segformer", {**STAGES, "sr_ratios": [2, 1], "patch_sizes": [7, 3]}, picture, {"self": (None, None)}),
    "glpn": Architecture(
        "GLPN", {**STAGES, "sr_ratios": [2, 1], "patch_sizes": [7, 3]}, picture, {"self": (None, None)},
        path="softmax"),
    "pvt": Architecture(
        "Pvt", {**STAGES, "sequence_reduction_ratios": [2, 1], "patch_sizes": [4, 2], "image_size": SIDE},
        picture,
        {"self": (None, None)}, path="softmax"),
    "timesformer": Architecture(
        "Timesformer", {**VISION, "num_frames": 2, "attention_type": "joint_space_time"}, film,
        {"self": (33, 33)},
        path="softmax"),
    "videomae": Architecture(
        "VideoMAE", {**VISION, "num_frames": 2, "tubelet_size": 1}, film, {"self": (32, 32)}),
    "vivit": Architecture(
        "Vivit", {**VISION, "num_frames": 2, "tubelet_size": [1, 16, 16]}, film, {"self": (9, 9)}),
}

PICTURES_AND_TEXT = {
    "clip": Architecture(
        "CLIP", {"text_config": {**TEXT, **CLIP}, "vision_config": {**VISION, **CLIP}},
        lambda: {**text(), **picture()}, SELF, reference="text_model_output.attentions"),
    "vilt": Architecture(
        "Vilt", {**TEXT, "image_size": SIDE, "patch_size": 8}, lambda: {**text(), **picture()},
        {"self": (29, 29)},
        path="softmax"),
    "visual_bert": Architecture(
        "VisualBert", {**TEXT, "visual_embedding_dim": 16}, lambda: {**text(), "visual_embeds": numbers(1,
        4, 16)},
        {"self": (16, 16)}, path="softmax"),
    "git": Architecture(
        "Git", {**TEXT, "vision_config": VISION}, lambda: {**text(), **picture()}, {"self": (29, 29)},
        path="softmax"),
    "llava": Architecture(
        "Llava", {"text_config": {**GROUPED, "model_type": "llama"}, "image_token_index": 3,
        "vision_config": {**VISION, "model_type": "clip_vision_model"}}, captioned(16), {"self": (28, 28)}),
    "paligemma": Architecture(
        "PaliGemma", {"text_config": {**GROUPED, "model_type": "gemma"}, "image_token_index": 3,
        "vision_config": {**VISION, "model_type": "siglip_vision_model"}, "projection_dim": 32},
        captioned(16, token_type_ids=torch.zeros(1, 28, dtype=torch.long)), {"self": (28, 28)}),
    "qwen2_vl": Architecture(
        "Qwen2VL", {"image_token_id": 3, "text_config": {
            **GROUPED, "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2],
            "rope_theta": 1e4}},
        "vision_config": {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 8}},
        captioned(4, pixel_values=numbers(16, 384), image_grid_thw=torch.tensor([[1, 4, 4]]),
                  mm_token_type_ids=torch.tensor([[1] * 4 + [0] * LENGTH])), {"self": (16, 16)}),
}
# fmt: on

KINDS: dict[str, dict[str, Architecture]] = {
    "encoders": ENCODERS,
    "decoders": DECODERS,
    "hybrids": HYBRIDS,
    "encoder-decoders": ENCODER_DECODERS,
    "sound": SOUNDS,
    "pictures": PICTURES,
    "pictures and text": PICTURES_AND_TEXT,
}
ARCHITECTURES = {name: architecture for kind in KINDS.values() for name, architecture in kind.items()}
