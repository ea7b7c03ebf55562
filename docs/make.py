"""Make the generated pages of docs/ and the outputs in README.md anew, or check that they are up to date.

    python docs/make.py            write
    python docs/make.py --check    compare, and fail on a difference

In README.md a line `<!-- run: attnviz ... -->` stands before a block that holds what the command prints, and
`<!-- benchmarks -->` before the table of what was measured last.
"""

import inspect
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

from attnviz.analysis.comparing.contrast import contrast
from attnviz.analysis.comparing.grouping import group
from attnviz.analysis.comparing.headmap import head_map
from attnviz.analysis.comparing.heads import compare
from attnviz.analysis.comparing.matching import match
from attnviz.analysis.effect import cosine_distance, effect, importances, kullback_leibler, surprisal
from attnviz.analysis.focus import focus
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.measures.confidence import confidence
from attnviz.analysis.measures.copying import induction_mass, same_token_mass
from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.measures.entropy import breadth, entropy, participation, relative_entropy
from attnviz.analysis.measures.gini import gini
from attnviz.analysis.measures.masses import cell_mass, key_mass, offset_mass, over_chance
from attnviz.analysis.measures.sinks import sink_rate
from attnviz.analysis.measures.table import MEASURES, measure
from attnviz.analysis.parts import between_parts
from attnviz.analysis.patches import patch_distance
from attnviz.analysis.patterns.find import find_pattern, score_patterns
from attnviz.analysis.ranking import rank
from attnviz.analysis.through.flow import flow
from attnviz.analysis.through.gradients import supporting
from attnviz.analysis.through.norms import norms
from attnviz.analysis.through.relevance import relevance
from attnviz.analysis.through.rollout import rollout, with_residual
from attnviz.analysis.through.view import view, view_together
from attnviz.analysis.words import merge_words
from attnviz.record import from_arrays

ROOT = Path(__file__).parent.parent
MEASURES_BY_KIND = {
    "How widely a query reads": (entropy, relative_entropy, breadth, participation, gini, confidence),
    "How far": (distance, patch_distance),
    "What it reads": (
        key_mass,
        cell_mass,
        offset_mass,
        same_token_mass,
        induction_mass,
        over_chance,
        sink_rate,
    ),
    "What a head does": (measure, rank, find_pattern, score_patterns, focus, between_parts),
    "Through values, layers and answers": (
        norms,
        supporting,
        rollout,
        flow,
        relevance,
        with_residual,
        view,
        view_together,
    ),
    "What an answer loses": (effect, importances, kullback_leibler, cosine_distance, surprisal),
    "How heads, texts and models differ": (divergence, compare, group, head_map, contrast, match),
    "What a record becomes": (merge_words, drop_special),
}
MEASURES_HEAD = """# Measures

Generated from the docstrings by `make docs`. Everywhere: entropy and divergence in bits, distance in tokens,
indices from 0. Averages are over the queries that the user or the model wrote, special tokens aside, and
stand beside their standard deviation over the same queries; nothing is renormalised. Weights show what a head
reads, not why the model answered (Jain and Wallace 2019; Wiegreffe and Pinter 2019).

Of a head there are the measures of this table. `{module}.measure` takes them all at once,
and `{ranking}.rank` puts heads in the order of any of them, or of a pattern:
{patterns}.

| measure | unit | what it says |
|---|---|---|
{table}
Between two texts there are no offsets, distances or repeated tokens. In a picture distances are in patches,
and it has no previous and next token, like a sound that is cut into bands; where nobody wrote there is no
punctuation. A measure that means nothing for a record is left out.
"""
SOURCES = """
## Sources

- Abnar and Zuidema 2020: Quantifying Attention Flow in Transformers. ACL.
- Chefer, Gur and Wolf 2021: Generic Attention-Model Explainability for Interpreting Bi-Modal and Encoder-
  Decoder Transformers. ICCV.
- Clark, Khandelwal, Levy and Manning 2019: What Does BERT Look At? An Analysis of BERT's Attention.
  BlackboxNLP.
- Cochran 1977: Sampling Techniques. Wiley.
- Dosovitskiy et al. 2021: An Image Is Worth 16x16 Words: Transformers for Image Recognition at Scale. ICLR.
- Endres and Schindelin 2003: A New Metric for Probability Distributions. IEEE Transactions on Information
  Theory 49.
- Fuglede and Topsøe 2004: Jensen-Shannon Divergence and Hilbert Space Embedding. ISIT.
- Goldberg and Tarjan 1988: A New Approach to the Maximum-Flow Problem. Journal of the ACM 35.
- Gu et al. 2024: When Attention Sink Emerges in Language Models: An Empirical View. ICLR 2025.
- Hill 1973: Diversity and Evenness: A Unifying Notation and Its Consequences. Ecology 54.
- Hurley and Rickard 2009: Comparing Measures of Sparsity. IEEE Transactions on Information Theory 55.
- Jain and Wallace 2019: Attention Is Not Explanation. NAACL.
- Kobayashi et al. 2020: Attention Is Not Only a Weight: Analyzing Transformers with Vector Norms. EMNLP.
- Kovaleva et al. 2019: Revealing the Dark Secrets of BERT. EMNLP.
- Kullback and Leibler 1951: On Information and Sufficiency. Annals of Mathematical Statistics 22.
- Lin 1991: Divergence Measures Based on the Shannon Entropy. IEEE Transactions on Information Theory 37.
- Michel, Levy and Neubig 2019: Are Sixteen Heads Really Better than One? NeurIPS.
- Olsson et al. 2022: In-Context Learning and Induction Heads. Transformer Circuits Thread.
- Pielou 1966: The Measurement of Diversity in Different Types of Biological Collections. Journal of
  Theoretical Biology 13.
- Ratcliff and Metzener 1988: Pattern Matching: The Gestalt Approach. Dr. Dobb's Journal 13.
- Sokal and Michener 1958: A Statistical Method for Evaluating Systematic Relationships. University of
  Kansas Science Bulletin 38.
- Torgerson 1952: Multidimensional Scaling: I. Theory and Method. Psychometrika 17.
- Vig and Belinkov 2019: Analyzing the Structure of Attention in a Transformer Language Model. BlackboxNLP.
- Voita et al. 2019: Analyzing Multi-Head Self-Attention: Specialized Heads Do the Heavy Lifting, the Rest
  Can Be Pruned. ACL.
- Wang et al. 2023: Interpretability in the Wild: A Circuit for Indirect Object Identification in GPT-2
  Small. ICLR.
- Wiegreffe and Pinter 2019: Attention Is Not Not Explanation. EMNLP.
- Xiao et al. 2023: Efficient Streaming Language Models with Attention Sinks. ICLR 2024.
"""
CITED = r"([A-Z][A-Za-z-]+)(?: et al\.| and [A-Z]\w+|, [A-Z][\w, ]+ and [A-Z]\w+)? ((?:19|20)\d\d)\b"
ARCHITECTURES_HEAD = """# Architectures

Generated from `tests/sources/architectures.py` by `make docs`. `tests/sources/test_parity.py` builds each of
these {count} architectures tiny and random, captures every layer of every block, and holds it, layer by layer
in order, against what a second model of the same seed gives itself when it runs its plain attention and is
asked for its weights. They agree within 1e-5 but where the last column says otherwise; what the captured
model gives is its usual output within 1e-4. Nothing is read by a model's name: an architecture that is not
listed is captured, or refused, by what it does.

Ways to the weights, from the most to the least that is seen: `table`, transformers' table of attention
functions ({table}); `sdpa`, torch's fused attention ({sdpa}); `multihead`, torch's multi-head attention
({multihead}); `softmax`, attention written by hand ({softmax}).
"""
COLUMNS = "| architecture | attention | seen by | held against its own weights |\n|---|---|---|---|\n"
RUN_BLOCK = re.compile(r"(<!-- run: (.+?) -->\n```\w*\n).*?^(```\n)", re.DOTALL | re.MULTILINE)


def main() -> int:
    """Write or check, as the command line says."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.told import filled

    readme = ROOT / "README.md"
    pages = {
        readme: filled(RUN_BLOCK.sub(_fill, readme.read_text(encoding="utf-8"))),
        ROOT / "docs" / "measures.md": measures_page(),
        ROOT / "docs" / "architectures.md": architectures_page(),
    }
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


def measures_page() -> str:
    """Give docs/measures.md: the measures of a head in one table, and every measure's own docstring."""
    text = from_arrays([[1.0, 0.0], [0.5, 0.5]], ["lazy", "dog"])
    rows = (f"| {one.name} | {one.unit} | {one.says} |\n" for one in MEASURES.values())
    page = MEASURES_HEAD.format(
        module=measure.__module__,
        ranking=rank.__module__,
        table="".join(rows),
        patterns=", ".join(score_patterns(text, text.head_ids[0])),
    )
    for kind, measures in MEASURES_BY_KIND.items():
        page += f"\n## {kind}\n" + "".join(map(_section, measures))
    _check_sources(page)
    return page + SOURCES


def architectures_page() -> str:
    """Give docs/architectures.md: what is held against a model's own weights, and every exception."""
    # Only now: torch and transformers take seconds.
    from tests.sources.architectures import ARCHITECTURES, KINDS

    ways = Counter(way for one in ARCHITECTURES.values() for way in one.path.split(" and "))
    page = ARCHITECTURES_HEAD.format(count=len(ARCHITECTURES), **ways)
    for kind, members in KINDS.items():
        page += f"\n## {kind.capitalize()}\n\n{COLUMNS}"
        for name, one in members.items():
            page += f"| {name} | {', '.join(one.counts)} | {one.path} | {one.exception or 'within 1e-5'} |\n"
    return page


def _check_sources(page: str) -> None:
    """Fail if a page cites what is not listed, by the first name and the year."""
    cited, listed = (
        {(found[1], found[2]) for found in re.finditer(CITED, " ".join(text.split()))}
        for text in (page, SOURCES)
    )
    if missing := sorted(cited - listed):
        raise SystemExit(f"cited in docs/measures.md, but not among its sources: {missing}")


def _section(measure: object) -> str:
    name = getattr(measure, "__name__", "")
    place = inspect.getmodule(measure)
    text = inspect.getdoc(measure) or ""
    story, _, example = text.partition("\n>>>")
    code = f"\n```python\n>>>{example}\n```\n" if example else ""
    return f"\n### {name}\n\n`{place.__name__ if place else ''}.{name}`\n\n{_as_markdown(story)}\n{code}"


def _as_markdown(story: str) -> str:
    """Turn a docstring's sections into bold words, lists and, for what is given back, sentences."""
    told, *sections = re.split(r"^(Shape|Args|Returns|Raises|Attributes):\n", story, flags=re.MULTILINE)
    parts = [told.strip()]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        item = "" if title == "Returns" else "- "
        listed = re.sub(r"^    (?=\S)", item, body, flags=re.MULTILINE).replace(" " * 8, "  ")
        parts.append(f"**{title}**\n\n{listed.strip()}")
    return "\n\n".join(parts)


def _fill(block: re.Match[str]) -> str:
    """Run the command of one README block and put what it prints into the block."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    program, *arguments = shlex.split(block[2])
    if program != "attnviz":
        raise SystemExit(f"README.md runs {program!r}: only attnviz is run")
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{block[2]}\n{done.stderr}")
    lines = [line.rstrip() for line in done.stdout.strip("\n").split("\n")]
    return block[1] + "".join(f"{line}\n" for line in lines) + block[3]


if __name__ == "__main__":
    sys.exit(main())
