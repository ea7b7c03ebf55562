import json

import pytest

from attnviz.analysis.alignment import align
from attnviz.render.machine.alignment import alignment_json
from attnviz.selection import HeadId
from tests.spoken import SAID, spoken


def test_words_are_told_with_their_times_and_the_way():
    found = align(spoken(aligning=(HeadId(2, 0),)))
    told = json.loads(alignment_json(found))
    assert told["schema"] == "attnviz/align/1"
    assert (told["model"], told["text"], told["seconds"]) == ("spoken", SAID, 3.4)
    assert (told["heads"], told["named"]) == (["L2H0"], True)
    word = told["words"][4]
    assert word["word"] == "jumps"
    assert word["positions"] == [8, 9]
    assert word["probability"] is None
    assert (word["start"], word["end"]) == pytest.approx((found.words[4].start, found.words[4].end))
    assert told["frames"][7] == {
        "text": "0.14-0.16s",
        "id": None,
        "span": None,
        "kind": "frame",
        "word": None,
        "place": pytest.approx([0.14, 0.16]),
    }
    assert told["path"][0] == [3, 0]
    assert told["path"][-1] == [14, 169]
