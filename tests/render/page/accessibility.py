"""What axe-core finds that keeps somebody from using a page: contrast, names, roles, order."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"

# Level AA, and what else axe calls good practice (landmarks, headings in order).
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Headers of a drawn table have their words as a name; this rule wants them as text.
WAIVED = ["empty-table-header"]


@cache
def axe() -> str:
    if not AXE.exists():
        pytest.skip("no axe-core (npm ci)")
    return AXE.read_text("utf-8")


def barriers(page: Page, within: str = "html") -> list[str]:
    """Every barrier on a page as it is now, with the rule it breaks and the element it is at."""
    page.evaluate(axe())
    rules = {rule: {"enabled": False} for rule in WAIVED}
    options = {"runOnly": {"type": "tag", "values": RULES}, "rules": rules, "resultTypes": ["violations"]}
    found: dict[str, Any] = page.evaluate(
        "([within, options]) => axe.run(within, options)", [within, options]
    )
    return [
        f"{rule['id']} at {node['target'][0]}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
