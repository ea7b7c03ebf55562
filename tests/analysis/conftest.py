"""Models for analysis: the ones the sources are tested with."""

from tests.sources.conftest import byte_pieces, save_model, tiny_gpt2, tiny_llama, word_pieces
from tests.sources.test_translation import save_pair, tiny_t5

__all__ = ["byte_pieces", "save_model", "save_pair", "tiny_gpt2", "tiny_llama", "tiny_t5", "word_pieces"]
