import gzip
import io
import sys
from pathlib import Path

import pytest

from attnviz.corpus import Parsed, read_texts, read_treebank
from attnviz.errors import Damaged, EmptyText, NotFound

ROWS = (
    "# text = Foxes don't jump.",
    "1\tFoxes\tfox\tNOUN\t_\t_\t4\tnsubj\t_\t_",
    "2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_",
    "2\tdo\tdo\tAUX\t_\t_\t4\taux\t_\t_",
    "3\tn't\tnot\tPART\t_\t_\t4\tadvmod\t_\t_",
    "4\tjump\tjump\tVERB\t_\t_\t0\troot\t_\t_",
    "4.1\tjump\tjump\tVERB\t_\t_\t_\t_\t_\t_",
    "5\t.\t.\tPUNCT\t_\t_\t4\tpunct\t_\t_",
)
FOXES = Parsed(
    words=("Foxes", "do", "n't", "jump", "."),
    heads=(3, 3, 3, -1, 3),
    relations=("nsubj", "aux", "advmod", "root", "punct"),
    text="Foxes don't jump.",
)


@pytest.fixture
def written(tmp_path):
    def write(content, name="texts.txt"):
        content = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.mark.parametrize("name", ["texts.txt", "texts.txt.gz"])
def test_gives_each_line_that_is_not_blank(written, name):
    path = written("\ufeffOne fox.\r\n\n  Zwei Füchse. \n三", name)
    assert list(read_texts([path, path])) == ["One fox.", "Zwei Füchse.", "三"] * 2


def test_reads_line_by_line(written):
    texts = read_texts([written("one\ntwo\n"), Path("not-there")])
    assert [next(texts), next(texts)] == ["one", "two"]


def test_reads_standard_input_and_leaves_it_open(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b"one\ntwo\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_texts([Path("-")])) == ["one", "two"]
    assert not stdin.closed


@pytest.mark.parametrize(
    ("content", "name", "fault", "message"),
    [
        (b"fine\n\xff\xfe\n", "a.txt", Damaged, "not UTF-8.*0xff"),
        (b"", "a.txt", EmptyText, "every line is blank"),
        (b" \n\t\n", "a.txt", EmptyText, "every line is blank"),
    ],
)
def test_bad_texts_are_named(written, content, name, fault, message):
    with pytest.raises(fault, match=message):
        list(read_texts([written(content, name)]))


@pytest.mark.parametrize("keep", [0, 5, 30])
def test_damaged_compression_is_named(tmp_path, keep):
    whole = gzip.compress(bytes(range(32, 127)) * 50)
    path = tmp_path / "a.txt.gz"
    path.write_bytes(whole[:keep] or b"no gzip at all")
    with pytest.raises(Damaged, match="is damaged"):
        list(read_texts([path]))


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        list(read_texts([tmp_path / "nowhere.txt"]))
    with pytest.raises(NotFound, match="directory"):
        list(read_texts([tmp_path]))


@pytest.mark.parametrize("name", ["t.conllu", "t.conllu.gz"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_reads_sentences_without_contractions_and_unwritten_words(written, name, end):
    content = "\n".join(ROWS) + "\n\n\n" + "\r\n".join(ROWS) + end
    assert list(read_treebank(written(content, name))) == [FOXES, FOXES]


def test_a_sentence_without_a_text_takes_none_from_the_one_before(written):
    content = "\n".join((*ROWS, "", "# newdoc", *ROWS[1:])) + "\n"
    assert [parsed.text for parsed in read_treebank(written(content, "t.conllu"))] == [FOXES.text, ""]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1\tFoxes\tfox", "line 2: got 3 columns, allowed 10"),
        ("7\tFoxes\tfox\tNOUN\t_\t_\t4\tnsubj\t_\t_", "line 2: got word '7', allowed 1"),
        ("1\tFoxes\tfox\tNOUN\t_\t_\t_\tnsubj\t_\t_", "line 2: got head '_'"),
        ("1\tFoxes\tfox\tNOUN\t_\t_\t9\tnsubj\t_\t_", "line 2: got head '9'"),
        ("1\tFoxes\tfox\tNOUN\t_\t_\t1\tnsubj\t_\t_", "line 2: got head '1'"),
    ],
)
def test_bad_treebank_lines_are_named(written, row, message):
    with pytest.raises(Damaged, match=message):
        list(read_treebank(written("\n".join((ROWS[0], row, *ROWS[2:])), "t.conllu")))


def test_a_treebank_without_sentences_is_named(written):
    with pytest.raises(EmptyText, match="no sentence"):
        list(read_treebank(written("# nothing\n", "t.conllu")))
