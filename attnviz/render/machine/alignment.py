"""When each word of a sound was said, as JSON."""

from attnviz.analysis.alignment import AlignedWord, Alignment
from attnviz.render.machine.plain import Fields, as_text, names, plain, tokens

ALIGNMENT = "attnviz/align/1"


def alignment_json(alignment: Alignment) -> str:
    """Write when each word of a sound was said.

    `start`, `end` and `seconds` are in seconds of the sound, `probability` is the mean of what the model gave
    the word's tokens (null where that was not recorded). `path` holds the way through the weights, [query,
    key]: the row of a query speaks for the token behind it. `named` says whether the model's authors named
    the `heads` for this; null where they were asked for.
    """
    return as_text(
        {
            "schema": ALIGNMENT,
            "model": alignment.model,
            "text": alignment.text,
            "seconds": plain(alignment.seconds),
            "words": [_aligned(word) for word in alignment.words],
            "heads": names(alignment.heads),
            "named": alignment.named,
            "frames": tokens(alignment.frames),
            "path": [[alignment.rows[row], frame] for row, frame in alignment.path.tolist()],
        }
    )


def _aligned(word: AlignedWord) -> Fields:
    return {
        "word": word.text,
        "start": plain(word.start),
        "end": plain(word.end),
        "positions": list(word.queries),
        "probability": None if word.probability is None else plain(word.probability),
    }
