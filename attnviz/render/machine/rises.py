"""The machine form of how heads came about."""

from collections.abc import Sequence

from attnviz.analysis.emergence import Rise
from attnviz.history import History
from attnviz.render.machine.plain import as_text

SCHEMA = "attnviz/play/1"


def rises_json(history: History, rises: Sequence[Rise]) -> str:
    """Give what became of each head, step by step, as JSON."""
    return as_text(
        {
            "schema": SCHEMA,
            "model": history.model,
            "text": history.text,
            "planned": history.planned,
            "steps": list(history.steps),
            "losses": list(history.losses),
            "heads": [
                {
                    "head": str(rise.head),
                    "taught": rise.lesson,
                    "pattern": rise.pattern,
                    "clear": rise.clear,
                    "since": rise.since,
                    "scores": list(rise.scores),
                    "names": list(rise.names),
                }
                for rise in rises
            ],
        }
    )
