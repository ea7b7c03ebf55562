"""Tiny random models that read a picture and a text together, each with its own way of joining both."""

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
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
    Qwen2VLImageProcessorPil,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    ViltConfig,
    ViltImageProcessorPil,
    ViltModel,
    ViltProcessor,
)

from attnviz.sources import load
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.drawn import save_seeing

QUESTION = "What is in the picture? A red disc."

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
