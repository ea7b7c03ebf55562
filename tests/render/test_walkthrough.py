"""What a walk says at each level: word by word for beginners, number by number for all others."""

import json
import re
from math import exp

import numpy as np
import pytest

from attnviz.render.machine.walkthrough import walkthrough_json
from attnviz.render.markdown import markdown
from attnviz.render.walkthrough.blocks import Formula, Paragraph, Points, Shapes, Strip, Table, Term, Word
from attnviz.render.walkthrough.tell import LEVELS, tell
from tests.render.walks import SENTENCES, several, walked

# Words that everybody who reads a newspaper knows in the sense they have here.
PLAIN = """
    a about added adds again ahead alike all alone already an and another answer answers anything
    are arrow as asks at away be because become becomes before begins being belongs below beside
    better brown by call called can cannot card cards change changes come comes content contents
    corrected count different do does done each else ever every everything everywhere far few find
    finds first fit follow for found fox from get given gives goes hardly has have held here hidden
    holds how in into is it its itself label labels laid large larger largest last later learned
    learns less like links list listens little look looked looking looks lot made make many may
    mixes more most much multiplied name next no nobody not note notes now number numbers of offer
    often on one ones only or other others our out over own part parts patch patches people person
    picture piece pieces place places points program programs puts question questions read reader
    reader's readers reading reads reasons report reports results room same save say says second see
    sees sentence several share shares short shorter show shows side sign signs since sit sits
    smaller so some something sometimes sound step still such sum table tables take taken takes tell
    than that the their them then there these they this those three time to together too two up very
    way we were what which while who why will with without word words work would write writes
    written
""".split()  # noqa: SIM905 - words are easier to read than a list of strings


def prose(page):
    """The running text of a page, and its tables' own words, in the order of reading."""
    yield page.title
    for block in page.blocks:
        for paragraph in block.paragraphs if isinstance(block, Points) else (block,):
            if isinstance(paragraph, Paragraph):
                yield from paragraph.pieces
        if isinstance(block, Table):
            yield from (column.title for column in block.columns)


def words_of(text):
    return re.findall(r"[A-Za-z][a-z']*", text)


@pytest.mark.parametrize("name", several())
def test_a_beginner_meets_no_word_that_is_not_plain_or_explained(name):
    story, known = tell(several()[name], "beginner"), set(PLAIN)
    heads = re.compile(r"L\d+H\d+")
    for page in story.pages:
        for piece in prose(page):
            if isinstance(piece, Term):
                known |= set(words_of(piece.text.lower()))
            elif isinstance(piece, str):
                used = {word.lower() for word in words_of(heads.sub("", piece))}
                assert used <= known, (page.title, piece, used - known)
    assert {"head", "layer", "attention", "query", "key", "value", "weight", "training"} <= known


def test_the_test_of_words_can_fail():
    for technical in ("softmax", "vector", "matrix", "token", "logit", "entropy", "dimension", "parameter"):
        assert technical not in PLAIN


@pytest.mark.parametrize("name", several())
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_tells_six_steps_and_the_heads(name, level):
    story = tell(several()[name], level)
    assert len(story.pages) == 7
    for page in story.pages:
        assert page.blocks
        for block in page.blocks:
            if isinstance(block, Table):
                assert {len(column.cells) for column in block.columns} == {block.height}
                assert block.bars is None or len(block.bars.values) == block.height
                assert all(row < block.height for row in block.marked)
                assert block.height <= 26
            if isinstance(block, Paragraph):
                said = "".join(piece if isinstance(piece, str) else piece.text for piece in block.pieces)
                assert "{" not in said or name == "odd"
                assert not re.search(r"\bnan\b|\binf\b|  |\.\.|,\.|None", said), said


def test_only_math_has_formulas_and_shapes_are_for_those_who_know_them():
    kinds = {
        level: {type(block) for page in tell(walked(), level).pages for block in page.blocks}
        for level in LEVELS
    }
    assert Formula in kinds["math"]
    assert Formula not in kinds["beginner"] | kinds["practitioner"]
    assert Shapes in kinds["practitioner"]
    assert Shapes not in kinds["beginner"]
    assert Strip in kinds["beginner"]


def tables_of(walk, level="practitioner"):
    """Tables by the page they stand on, as {title: cells}."""
    story = tell(walk, level)
    return [
        [
            {column.title: column.cells for column in block.columns}
            for block in page.blocks
            if isinstance(block, Table)
        ]
        for page in story.pages
    ]


def number(cell):
    return -np.inf if cell == "−∞" else float(cell.removesuffix("%"))


@pytest.mark.parametrize("text", SENTENCES[:4])
@pytest.mark.parametrize("head", [0, 3, 7])
def test_what_is_printed_can_be_checked_with_a_pocket_calculator(text, head):
    """From the six printed digits alone: products, logits, weights, sums; held to the model to 1e-6."""
    walk = walked(text, "1", head)
    pages = tables_of(walk)
    product, table, _ = pages[2]
    products = [number(cell) for cell in product["q × k"]]
    assert sum(products[:-1]) == pytest.approx(products[-1], abs=3e-6)
    *rows, total = range(len(table["token"]))
    raised = []
    logits = [number(cell) for cell in table["= logit"][:-1]]
    for row in rows:
        scaled = number(table["q·k"][row]) * 0.25
        assert scaled == pytest.approx(number(table["× 0.25"][row]), abs=1.01e-6)
        made = number(table["× 0.25"][row]) + number(table["+ distance"][row])
        assert made == pytest.approx(logits[row], abs=1.51e-6)
        raised.append(exp(logits[row] - max(logits)))
        assert raised[row] == pytest.approx(number(table["e^(…-max)"][row]), abs=2e-6)
    assert sum(raised) == pytest.approx(number(table["e^(…-max)"][total]), abs=1e-5)
    for row in rows:
        by_hand = raised[row] / sum(raised)
        assert by_hand == pytest.approx(float(walk.scores.weights[row]), abs=1e-6)
        assert number(table["weight"][row]) == pytest.approx(by_hand, abs=1.5e-6)
    (mixed,) = pages[3]
    for title, cells in mixed.items():
        if title.startswith("v["):
            by_hand = sum(
                number(weight) * number(cell)
                for weight, cell in zip(mixed["weight"][:-1], cells[:-1], strict=True)
            )
            model = walk.mixture.output[int(title[2:-1])]
            assert by_hand == pytest.approx(model, abs=8e-6)
            assert number(cells[-1]) == pytest.approx(model, abs=1e-6)
    (joined,) = pages[5]
    for title, cells in joined.items():
        if title.startswith("o["):
            assert sum(map(number, cells[:-1])) == pytest.approx(number(cells[-1]), abs=6e-6)
    assert sum(map(number, joined["share"][:-1])) == pytest.approx(100, abs=0.1)
    assert joined["share"][-1] == mixed["share"][-1] == "100.00%"


def test_rows_that_are_left_out_are_summed():
    pages = tables_of(several()["many"])
    table, mixed, joined = pages[2][1], pages[3][0], pages[5][0]
    assert table["token"][-2:] == ("28 others", "sum")
    assert sum(map(number, table["weight"][:-1])) == pytest.approx(1, abs=1e-5)
    assert sum(map(number, table["e^(…-max)"][:-1])) == pytest.approx(
        number(table["e^(…-max)"][-1]), abs=1e-5
    )
    assert mixed["token"][-2] == "28 others, on average"
    for title, cells in mixed.items():
        if title.startswith("v["):
            by_hand = sum(
                number(weight) * number(cell)
                for weight, cell in zip(mixed["weight"][:-1], cells[:-1], strict=True)
            )
            assert by_hand == pytest.approx(number(cells[-1]), abs=2e-5)
    assert len(joined["head"]) <= 16 + 3
    assert joined["head"][-2].endswith(" others")
    assert "H23" in joined["head"]


def test_a_mask_a_sink_and_shared_keys_are_told():
    def said(name, page):
        story = tell(several()[name], "practitioner")
        blocks = [block for block in story.pages[page].blocks if isinstance(block, Paragraph)]
        return " ".join(
            "".join(p if isinstance(p, str) else p.text for p in block.pieces) for block in blocks
        )

    assert "2 of the 6 tokens are hidden from this query (−∞)" in said("masked", 2)
    assert "30.0% goes to none of the tokens: to a learned sink" in said("sink", 2)
    assert "Heads L0H2, L0H3 share the matrices of keys and values" in said("shared", 1)
    assert "Scale: none in this model" in said("no scale", 2)
    assert "1/√5 = 0.4472136, as is usual; it is not told." in said("masked", 2)
    assert "is not known" in said("no output", 5)
    assert "This layer has a single head" in said("single head", 4)
    assert "what else this model adds" in said("recovered", 2)
    assert "decoder" in said("across", 0)
    assert tables_of(several()["masked"])[2][1]["= logit"][-2] == "−∞"
    assert tables_of(several()["sink"])[2][1]["token"][-2:] == ("nowhere", "sum")


def test_a_word_that_stands_twice_is_named_with_its_place():
    walk = walked("the cat and the dog", "1", 0, 0)
    pieces = [
        piece
        for page in tell(walk, "beginner").pages
        for block in page.blocks
        if isinstance(block, Paragraph)
        for piece in block.pieces
    ]
    assert Word("the (0)") in pieces


def test_the_json_holds_every_number_and_can_be_computed_again():
    walk = walked()
    told = json.loads(walkthrough_json(walk))
    assert told["schema"] == "attnviz/explain/1"
    assert (told["head"], told["query"]) == (
        str(walk.head),
        {"token": walk.query.text, "position": walk.position},
    )
    query, keys, values = (np.array(told["projections"][name]) for name in ("query", "keys", "values"))
    scores = told["scores"]
    logits = keys @ query * scores["scale"] + np.array(scores["added"])
    np.testing.assert_allclose(logits, scores["logits"], atol=1e-6)
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    record = walk.scores.weights
    np.testing.assert_allclose(weights, record, atol=1e-6)
    np.testing.assert_allclose(weights @ values, told["mixture"]["output"], atol=2e-6)
    slot = slice(told["concatenation"]["from"], told["concatenation"]["to"])
    np.testing.assert_allclose(told["concatenation"]["vector"][slot], told["mixture"]["output"], atol=1e-8)
    output = np.sum(told["output"]["contributions"], axis=0) + told["output"]["bias"]
    np.testing.assert_allclose(output, told["output"]["vector"], atol=1e-7)
    shares = np.array(told["output"]["contributions"]) @ output / (output @ output)
    np.testing.assert_allclose(shares, told["output"]["shares"], atol=1e-7)
    assert sum(told["output"]["shares"]) + told["output"]["bias_share"] == pytest.approx(1, abs=1e-6)
    assert np.array(told["input"]["vectors"]).shape == (10, 128)
    assert told["coverage"]["all"] == walk.coverage.every
    assert told["taught"] is True


@pytest.mark.parametrize("name", several())
def test_every_walk_is_json_without_odd_numbers(name):
    told = json.loads(walkthrough_json(several()[name]))
    hidden = [logit is None for logit in told["scores"]["logits"]]
    assert hidden == [not seen for seen in told["scores"]["visible"]]


@pytest.mark.parametrize("name", several())
@pytest.mark.parametrize("level", LEVELS)
def test_markdown_is_whole_and_nothing_read_acts_in_it(name, level):
    walk = several()[name]
    text = markdown(tell(walk, level))
    assert text.startswith("# ")
    assert text.count("\n## ") == 7
    assert "\x1b" not in text
    assert "[red]" not in text
    text.encode()
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    if level == "math":
        assert text.count("$$") % 2 == 0
        assert text.count("$$") >= 16
        assert r"\sum_j w_{ij} v_j" in text
    width = None
    for line in text.splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert width in (None, cells), line
        width = cells
