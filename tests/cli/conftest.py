"""Models for the command line: the ones the sources are tested with."""

from tests.sources.conftest import byte_pieces, minilm, save_model, tiny_gpt2, word_pieces

__all__ = ["byte_pieces", "minilm", "save_model", "tiny_gpt2", "word_pieces"]
