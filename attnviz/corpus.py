"""Files and standard input to texts and parsed sentences, line by line, so that size does not matter."""

import gzip
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from attnviz.errors import Damaged, EmptyText, NotFound

STDIN = Path("-")

# CoNLL-U columns, counted from 0: https://universaldependencies.org/format.html
_ID, _FORM, _HEAD, _RELATION, _COLUMNS = 0, 1, 6, 7, 10
_TEXT = re.compile(r"#\s*text\s*=(.*)")

# The columns of each word of a sentence, with the numbers of their lines.
_Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True)
class Parsed:
    """A sentence of a treebank.

    Attributes:
        words: the words as written.
        heads: for each word, the position of the word it depends on, counted from 0; -1 for the root.
        relations: for each word, the name of that dependency, such as "nsubj" or "nmod:poss".
        text: the sentence as it was written, with its spaces; empty where the treebank does not tell.
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]
    text: str = ""


def read_texts(paths: Iterable[Path]) -> Iterator[str]:
    """Give every line that is not blank as a text.

    Args:
        paths: text files in UTF-8, plain or ending in `.gz`; `-` is standard input.

    Raises:
        NotFound: a file is not there or cannot be opened.
        Damaged: a file is not UTF-8, or its compression is broken.
        EmptyText: there is no text in any of them.
    """
    empty = True
    for path in paths:
        for _, line in _numbered_lines(path):
            if line.strip():
                empty = False
                yield line.strip()
    if empty:
        raise EmptyText("no text to read: every line is blank")


def read_treebank(path: Path) -> Iterator[Parsed]:
    """Give the sentences of a treebank file in CoNLL-U, plain or ending in `.gz`.

    Raises:
        NotFound: the file is not there or cannot be opened.
        Damaged: the file is not UTF-8, or a line of it is not CoNLL-U.
        EmptyText: there is no sentence in it.
    """
    empty = True
    for rows, text in _sentences(path):
        empty = False
        yield _parsed(path, rows, text)
    if empty:
        raise EmptyText(f"no sentence in {path}")


def _sentences(path: Path) -> Iterator[tuple[_Rows, str]]:
    """Collect the numbered lines of each sentence, without contractions and unwritten words, and its text."""
    rows: _Rows = []
    text = ""
    for number, line in _numbered_lines(path):
        if not line.strip():
            if rows:
                yield rows, text
            rows, text = [], ""
        elif line.startswith("#"):
            told = _TEXT.match(line)
            text = told[1].strip() if told else text
        else:
            columns = line.rstrip("\r\n").split("\t")
            if len(columns) != _COLUMNS:
                raise Damaged(f"{path}, line {number}: got {len(columns)} columns, allowed {_COLUMNS}")
            if "-" not in columns[_ID] and "." not in columns[_ID]:
                rows.append((number, columns))
    if rows:
        yield rows, text


def _parsed(path: Path, rows: _Rows, text: str) -> Parsed:
    heads = []
    for position, (number, columns) in enumerate(rows, 1):
        if columns[_ID] != str(position):
            raise Damaged(f"{path}, line {number}: got word {columns[_ID]!r}, allowed {position}")
        head = columns[_HEAD]
        if not (head.isascii() and head.isdigit() and int(head) <= len(rows) and int(head) != position):
            raise Damaged(f"{path}, line {number}: got head {head!r}, allowed another word or 0")
        heads.append(int(head) - 1)
    return Parsed(
        tuple(columns[_FORM] for _, columns in rows),
        tuple(heads),
        tuple(columns[_RELATION] for _, columns in rows),
        text,
    )


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Decode a file line by line, numbered from 1; a byte order mark in front is no text."""
    try:
        with _opened(path) as binary:
            for number, line in enumerate(binary, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(f"{path} is not UTF-8 text: byte {error.object[error.start]:#04x}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Damaged(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror or error}") from error


def _opened(path: Path) -> AbstractContextManager[Iterable[bytes]]:
    if path == STDIN:
        return nullcontext(sys.stdin.buffer)
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
