"""The sentence on which heads are watched while they learn."""

from attnviz.errors import EmptyText, RequestError
from attnviz.model.tokenizer import words

SENTENCE = "The quick brown fox jumps over the lazy dog."

# What is kept grows with the square of the words: 61 times, 16 heads and 48 words take 4.5 MB.
_LONGEST = 48


def check_sentence(text: str) -> str:
    """Give a sentence back if it can be watched.

    Raises:
        EmptyText: there is no word in it.
        RequestError: it has more than 48 words.
    """
    count = sum(1 for _ in words(text))
    if not count:
        raise EmptyText("empty text to watch: there is no word in it")
    if count > _LONGEST:
        raise RequestError(f"the text to watch is too long: got {count} words, allowed {_LONGEST}")
    return text
