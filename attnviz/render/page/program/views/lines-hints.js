// Where the strongest links of a token are out of sight: which one, and a way there.

import { element } from "../core/dom.js";
import { weightText } from "../core/words.js";
import { labelText } from "../parts/axis.js";
import { linesWeights } from "./lines-chosen.js";
import { linesY } from "./lines-layout.js";

/**
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 * @typedef {import("./lines-chosen.js").LinesPicks} LinesPicks
 * @typedef {import("./lines-layout.js").LinesLayout} LinesLayout
 * @typedef {import("./lines-layout.js").LinesSide} LinesSide
 * @typedef {{place: number, weight: number}} LinesAway
 */

const LINES_HINTED = 0.02;

/** Four buttons: above and below either side. */
export class LinesHints {
  /** @param {(side: LinesSide, place: number) => void} go */
  constructor(go) {
    const made = (/** @type {LinesSide} */ side, /** @type {string} */ edge) => {
      const button = element("button", {
        type: "button",
        class: `lines-hint lines-hint-${side} lines-hint-${edge}`,
        hidden: true,
      });
      button.addEventListener("click", () => go(side, Number(button.dataset.place)));
      return button;
    };
    this.buttons = {
      query: { above: made("query", "above"), below: made("query", "below") },
      key: { above: made("key", "above"), below: made("key", "below") },
    };
  }

  /** @returns {HTMLElement[]} */
  get nodes() {
    const { query, key } = this.buttons;
    return [query.above, query.below, key.above, key.below];
  }

  /**
   * @param {LinesLayout} layout
   * @param {LinesPicks} picks
   * @param {ShownMatrix[]} matrices
   */
  update(layout, picks, matrices) {
    for (const side of /** @type {LinesSide[]} */ (["query", "key"])) {
      const away = linesAway(layout, picks, matrices, side);
      const labels = side === "query" ? matrices[0].rows : matrices[0].columns;
      for (const edge of /** @type {("above"|"below")[]} */ (["above", "below"])) {
        const button = this.buttons[side][edge];
        const [first] = away[edge];
        button.hidden = !first;
        if (!first) continue;
        const more = away[edge].length > 1 ? ` +${away[edge].length - 1}` : "";
        const name = element("bdi", {}, labelText(labels[first.place]));
        button.dataset.place = String(first.place);
        button.replaceChildren(edge === "above" ? "↑ " : "↓ ", name, ` ${weightText(first.weight)}${more}`);
      }
    }
  }
}

/**
 * Find what the token looked at links to out of sight.
 * @param {LinesLayout} layout
 * @param {LinesPicks} picks
 * @param {ShownMatrix[]} matrices
 * @param {LinesSide} side
 * @returns {{above: LinesAway[], below: LinesAway[]}} the strongest first
 */
export function linesAway(layout, picks, matrices, side) {
  /** @type {{above: LinesAway[], below: LinesAway[]}} */
  const away = { above: [], below: [] };
  linesWeights(matrices, picks, side)?.forEach(({ weight }, place) => {
    const y = linesY(layout, side, place);
    if (weight < LINES_HINTED || (y >= 0 && y <= layout.view)) return;
    away[y < 0 ? "above" : "below"].push({ place, weight });
  });
  for (const list of [away.above, away.below]) list.sort((one, other) => other.weight - one.weight);
  return away;
}
