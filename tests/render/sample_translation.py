"""A translation whose alignment is known: English is read, German is said."""

from dataclasses import replace

import numpy as np

from attnviz.record import Prediction, from_arrays

SAID = ["<s>", "Der", "Hund", "schläft", "nicht"]
READ = ["The", "dog", "isn't", "asleep", "</s>"]


def translation():
    """One head that aligns, with two words the other way round, and one that rests on the end token."""
    aligned = [
        [0.1, 0.1, 0.1, 0.1, 0.6],
        [0.83, 0.05, 0.05, 0.02, 0.05],
        [0.05, 0.83, 0.02, 0.05, 0.05],
        [0.0, 0.1, 0.1, 0.75, 0.05],
        [0.0, 0.05, 0.72, 0.1, 0.13],
    ]
    resting = np.tile([0.02, 0.02, 0.02, 0.02, 0.92], (5, 1))
    record = from_arrays(np.stack([aligned, resting]), SAID, READ, model="sample")
    start, *said = record.queries
    *read, end = record.keys
    return replace(
        record,
        text=" ".join(READ[:-1]) + "\n" + " ".join(SAID[1:]),
        queries=(replace(start, kind="special"), *(replace(token, kind="generated") for token in said)),
        keys=(*read, replace(end, kind="special")),
        predictions=tuple(
            Prediction(*pair)
            for pair in zip([*SAID[1:], "</s>"], [0.62, 0.84, 0.4, 0.003, 0.97], strict=True)
        ),
    )
