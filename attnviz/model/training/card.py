"""The model card: what was measured, as a page for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def model_card(about: Mapping[str, Any], words_of_its_makers: str = "") -> str:
    """Write a model's card in Markdown.

    Args:
        about: the content of the model's JSON file.
        words_of_its_makers: what no measurement tells, such as licence, choices and limits; in Markdown.
    """
    parts = (
        "# Model card",
        words_of_its_makers.strip(),
        _architecture(about["architecture"]),
        _training(about["training"]),
        _task(about["facts"]["detection"]),
        _heads(about["facts"]),
        _relations(about["facts"]),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _architecture(sizes: Mapping[str, int]) -> str:
    return (
        "## Network\n\n"
        f"A transformer encoder of {_count(sizes['layers'], 'layer')} with "
        f"{_count(sizes['heads'], 'head')} each: d_model {sizes['width']}, d_k {sizes['d_k']}, d_v "
        f"{sizes['d_v']}, feed-forward width {sizes['inner']}; {sizes['rows']:,} rows of embeddings for "
        f"words, stems, endings and shapes; a learned key for each distance up to {sizes['reach']} words."
    )


def _training(training: Mapping[str, Any]) -> str:
    settings = training["settings"]
    taught = (
        f" Every second step also taught heads from {training['treebank_sentences']:,} parsed sentences "
        f"({training['treebank_words']:,} words)."
        if training["treebank_sentences"]
        else " No head was taught anything."
    )
    return (
        "## Training\n\n"
        f"    {training['command']}\n\n"
        f"{training['texts']:,} texts of {training['words']:,} words; {settings['steps']:,} steps, "
        f"seed {settings['seed']}, {training['seconds'] / 60:.1f} minutes on "
        f"{_count(settings['threads'], 'processor thread')} with torch {training['torch']}. The task: tell "
        f"which words were replaced by others (one in five; replaced-token detection).{taught}"
    )


def _task(detection: Mapping[str, float]) -> str:
    return (
        "## Its task\n\n"
        f"On {detection['texts']:,} texts set aside ({detection['words']:,} words): loss "
        f"{detection['loss']:.3f} nats per word, accuracy {detection['accuracy']:.3f}, "
        f"area under the ROC curve {detection['auc']:.3f}."
    )


def _heads(facts: Mapping[str, Any]) -> str:
    rows = (
        (head["head"], "taught" if head["taught"] else "found", head["pattern"], *_scores(head))
        for head in facts["heads"]
    )
    return (
        "## What each head does\n\n"
        "The score is the share of words whose strongest link to another word follows the pattern: of the "
        "words that have the relation, or of all words where the pattern is a place.\n\n"
        + _table(("head", "how", "pattern", "score", "best fixed distance"), rows)
    )


def _relations(facts: Mapping[str, Any]) -> str:
    if not facts["relations"]:
        return ""
    rows = (
        (relation["relation"], relation["head"], *_scores(relation), f"{relation['words']:,}")
        for relation in facts["relations"]
    )
    return (
        "## How well heads follow grammar\n\n"
        f"The best head was chosen on {facts['choosing_sentences']:,} parsed sentences and scored on "
        f"{facts['reporting_sentences']:,} others, none of them trained on (protocol of Clark et al. 2019: "
        "the strongest link to another word).\n\n"
        + _table(("relation", "head", "score", "best fixed distance", "words"), rows)
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _scores(row: Mapping[str, Any]) -> tuple[str, str]:
    fixed = row["fixed_offset"]
    return f"{row['score']:.1%}", "" if fixed is None else f"{fixed:.1%}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (titles, ["---"] * len(titles), *rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
