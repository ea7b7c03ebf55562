"""One small tokenizer of each kind there is, made here."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    ByT5Tokenizer,
    CanineTokenizer,
    CTRLTokenizer,
    EsmTokenizer,
    PerceiverTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from tests.sources.tiny_pretrained import WORDS

SENTENCES = [*WORDS, "日本語 café naïve"]
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def byte_fallback() -> PreTrainedTokenizerFast:
    """Subwords with "▁" for spaces, put before the text too, and bytes for what they lack, like Llama's."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[*special, *_BYTES], show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    written = json.loads(tokenizer.to_str())
    # Trained as special tokens so that they have numbers; a text may well name a byte.
    written["added_tokens"] = [token for token in written["added_tokens"] if token["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(written))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


def unigram() -> PreTrainedTokenizerFast:
    """Subwords of normalised text by a unigram model, with an end token, like T5's."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


def word_ends() -> PreTrainedTokenizerFast:
    """Lower-cased subwords with "</w>" at the end of words, like CLIP's."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=120,
        special_tokens=["<unk>", "<s>", "</s>"],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


def prefixed_bytes() -> PreTrainedTokenizerFast:
    """Pieces of bytes with a space put before the text, and two end tokens between texts, like RoBERTa's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=True
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


def cased_words() -> PreTrainedTokenizerFast:
    """Whole words only, unknown ones as one token."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


def characters() -> PreTrainedTokenizerFast:
    """Every character by itself, accents apart from their letters."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKD()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    trainer = trainers.WordLevelTrainer(special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


WITH_OFFSETS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "subwords and bytes": byte_fallback,
    "unigram": unigram,
    "word ends": word_ends,
    "bytes with a space put before": prefixed_bytes,
    "whole words": cased_words,
    "characters": characters,
}


def slow_word_pieces(folder: Path) -> PreTrainedTokenizerBase:
    """Lower-casing word pieces in plain Python, like BERT's."""
    letters = [f"{mark}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz'.,!" for mark in ("", "##")]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    path = folder / "vocab.txt"
    path.write_text("\n".join([*special, *letters, "jump", "##ing", "fox", "日"]), encoding="utf-8")
    return BertTokenizerLegacy(str(path))


def slow_joined(folder: Path) -> PreTrainedTokenizerBase:
    """Subwords with "@@" where the word goes on, in plain Python, like CTRL's."""
    letters = "abcdefghijklmnopqrstuvwxyz'.,!"
    names = ["<unk>", *(f"{letter}@@" for letter in letters), *letters, "fo@@", "jum@@"]
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    entries = ", ".join(f'"{name}": {number}' for number, name in enumerate(names))
    vocabulary.write_text(f"{{{entries}}}", encoding="utf-8")
    merges.write_text("#version: 0.2\nf o\nj u\nju m\n", encoding="utf-8")
    return CTRLTokenizer(str(vocabulary), str(merges))


def slow_letters(folder: Path) -> PreTrainedTokenizerBase:
    """One token for each amino acid, like ESM's."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWC", "<mask>"]))
    return EsmTokenizer(str(path))


def slow_bytes(_folder: Path) -> PreTrainedTokenizerBase:
    """Bytes, like ByT5's."""
    return ByT5Tokenizer()


def slow_named_bytes(_folder: Path) -> PreTrainedTokenizerBase:
    """Bytes between added tokens, like Perceiver's."""
    return PerceiverTokenizer()


@cache
def _canine() -> CanineTokenizer:
    """Made once: its vocabulary is all of Unicode."""
    return CanineTokenizer()


def slow_characters(_folder: Path) -> PreTrainedTokenizerBase:
    """The numbers of characters, like CANINE's."""
    return _canine()


WITHOUT_OFFSETS: dict[str, Callable[[Path], PreTrainedTokenizerBase]] = {
    "word pieces": slow_word_pieces,
    "joined subwords": slow_joined,
    "letters": slow_letters,
    "bytes": slow_bytes,
    "named bytes": slow_named_bytes,
    "characters": slow_characters,
}
