"""What keeps somebody from using a page: what axe-core finds, and what it does not look for."""

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


def focusable(page: Page) -> list[dict[str, Any]]:
    """What a screen reader may put the focus on, as Chromium tells it: each with its role and name."""
    session = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        node
        for node in nodes
        if not node["ignored"]
        and any(one["name"] == "focusable" and one["value"]["value"] for one in node.get("properties", []))
    ]


# Where the focus is, whether a reader sees it there, and how it is marked; `order` is what had it before.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  globalThis.order ??= [];
  const again = globalThis.order.includes(one);
  const last = globalThis.order.at(-1);
  globalThis.order.push(one);
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  const ring = style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 1;
  const seen = box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth
    && box.bottom > 0 && box.top < innerHeight;
  const after = !last || (last.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  const name = one.getAttribute("aria-label") || one.textContent || one.id;
  return { what: `${one.tagName} ${one.className} ${name}`.slice(0, 80), again, ring, seen, after };
}"""

_CONTROLS = "button, select, input, a[href], summary, textarea, [tabindex], [role=button], [role=tab]"


def missed(page: Page) -> list[str]:
    """Controls that are there for the tab key, and were not in `order`."""
    return _asked(
        page,
        f"""() => [...document.querySelectorAll("{_CONTROLS}")]
        .filter((one) => one.checkVisibility({{ visibilityProperty: true }}) && !one.disabled)
        .filter((one) => one.tabIndex >= 0 && !one.closest(".skip") && !globalThis.order.includes(one))
        .map((one) => `${{one.tagName}} ${{one.className}} ${{one.textContent}}`.slice(0, 80))""",
    )


def unnamed(page: Page) -> list[str]:
    """Drawings that neither have a name nor stand in something that has one."""
    return _asked(
        page,
        """() => {
          const named = "[role=img], [role=application], [role=grid], [role=figure], [role=button], button";
          return [...document.querySelectorAll("canvas, svg, img")]
            .filter((one) => one.checkVisibility() && !one.closest("[aria-hidden=true]"))
            .filter((one) => {
              const holder = one.closest(named) ?? one;
              const name = holder.getAttribute("aria-label") || holder.getAttribute("aria-labelledby");
              return !name && !one.alt && !holder.textContent.trim();
            })
            .map((one) => one.outerHTML.slice(0, 120));
        }""",
    )


def pale(page: Page) -> list[str]:
    """Controls whose edge or fill is less than 3 to 1 from what they stand on (WCAG 2.2, 1.4.11).

    A button without an edge is known by its text, which then must be 4.5 to 1 from what is behind it.
    """
    return _asked(page, _PALE)


_PALE = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (color, ground) => {
    for (const fill of [ground, color]) {
      canvas.fillStyle = fill;
      canvas.fillRect(0, 0, 1, 1);
    }
    return `rgb(${[...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join(" ")})`;
  };
  const light = (color) => {
    const shares = color.match(/[\\d.]+/g).slice(0, 3).map((part) => Number(part) / 255);
    const [red, green, blue] = shares.map((share) =>
      share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const apart = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const groundOf = (one) => {
    const behind = [];
    for (let at = one; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    return behind.reduce((ground, color) => over(color, ground), "rgb(255 255 255)");
  };
  const drawnByBrowser = "[type=checkbox], [type=range], [type=radio]";
  const found = [];
  for (const one of document.querySelectorAll("button, select, input, textarea")) {
    if (!one.checkVisibility() || one.disabled || one.matches(drawnByBrowser)) continue;
    const style = getComputedStyle(one);
    const ground = groundOf(one.parentElement);
    const inside = over(style.backgroundColor, ground);
    const edged = style.borderBlockEndStyle !== "none" && Number.parseFloat(style.borderBlockEndWidth) > 0;
    const edge = edged ? apart(over(style.borderBlockEndColor, ground), ground) : 0;
    const shape = Math.max(edge, apart(inside, ground));
    const text = apart(over(style.color, inside), inside);
    const known = shape >= 3 || (one.matches("button") && text >= 4.5);
    if (!known) found.push(`${one.tagName} ${one.className}: shape ${shape.toFixed(2)}`);
    if (text < 4.5) found.push(`${one.tagName} ${one.className}: text ${text.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


def small(page: Page) -> list[str]:
    """Targets less than 24 pixels wide or high (WCAG 2.2, 2.5.8), links within a sentence aside.

    The thumbnails beside a view may be smaller: each head is also in the list above them.
    """
    return _asked(
        page,
        f"""() => {{
          const inSentence = (one) => getComputedStyle(one).display === "inline"
            && one.parentElement.textContent.trim() !== one.textContent.trim();
          return [...document.querySelectorAll("{_CONTROLS}")]
            .filter((one) => one.checkVisibility({{ visibilityProperty: true }}) && !one.disabled)
            .filter((one) => !one.closest(".skip, .small"))
            .map((one) => {{
              const target = one.matches("[type=checkbox]") ? (one.closest("label") ?? one) : one;
              const {{ width, height }} = target.getBoundingClientRect();
              return {{ one, target, width, height }};
            }})
            .filter(({{ target, width, height }}) => Math.min(width, height) < 23.5 && !inSentence(target))
            .map(({{ one, width, height }}) => `${{one.tagName}} ${{one.className}} `
              + `${{one.textContent.slice(0, 40)}}: ${{Math.round(width)}} x ${{Math.round(height)}}`);
        }}""",
    )


def wide(page: Page) -> list[str]:
    """By how much a page is wider than its screen, and what sticks out."""
    return _asked(
        page,
        """() => {
          const beyond = document.documentElement.scrollWidth - innerWidth;
          if (beyond <= 0) return [];
          const cut = (one) => getComputedStyle(one).overflowX !== "visible";
          const held = (one) => one && (cut(one) || held(one.parentElement));
          const out = [...document.querySelectorAll("body *")]
            .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
            .filter((one) => !held(one.parentElement))
            .map((one) => `${one.tagName} ${one.className}`);
          return [`${beyond} pixels too wide: ${out.slice(0, 3).join(", ")}`];
        }""",
    )


def moving(page: Page) -> list[str]:
    """What moves, or would."""
    return _asked(
        page,
        """() => {
          const takesTime = (one) => {
            const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(one);
            const times = `${transitionDuration},${animationDuration}`.split(",").map(Number.parseFloat);
            return times.some((time) => time > 0) || scrollBehavior === "smooth";
          };
          return [...document.querySelectorAll("body *")].filter(takesTime)
            .map((one) => `${one.tagName} ${one.className}`);
        }""",
    )


def _asked(page: Page, question: str) -> list[str]:
    found: list[str] = page.evaluate(question)
    return found
