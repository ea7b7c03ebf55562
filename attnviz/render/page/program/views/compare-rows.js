// The rows in which two heads differ most; a click picks one.

import { element } from "../core/dom.js";
import { weightText } from "../core/words.js";
import { nameOf } from "../parts/telling.js";

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("./compare-divergence.js").Divergence} Divergence
 */

const COMPARE_LISTED = 12;

/** The list below the maps. */
export class CompareRows {
  /** @param {(position: number) => void} pick */
  constructor(pick) {
    this.pick = pick;
    this.list = element("ol", { class: "compare-list" });
    this.title = element("h2", { class: "compare-title" });
    this.node = element("section", { class: "compare-rows" }, this.title, this.list);
    /** @type {Map<number, HTMLButtonElement>} */
    this.buttons = new Map();
  }

  /**
   * @param {Label[]} rows
   * @param {Divergence} divergence
   * @param {boolean} isPooled whether it is of cells
   */
  show(rows, { bits, counted }, isPooled) {
    this.title.textContent = isPooled
      ? "Queries with the cells that differ most, by how much"
      : "Queries that read most differently, in bits";
    const ranked = [...counted].sort((one, other) => bits[other] - bits[one] || one - other);
    this.buttons.clear();
    const lines = ranked.slice(0, COMPARE_LISTED).map((row) => this.line(rows, row, bits[row]));
    this.list.replaceChildren(...lines);
  }

  /**
   * @param {Label[]} rows
   * @param {number} row
   * @param {number} bits
   * @returns {HTMLElement}
   */
  line(rows, row, bits) {
    const bar = element("span", { class: "heatmap-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(bits));
    const button = element(
      "button",
      { type: "button", class: "compare-row", "aria-pressed": "false" },
      element("bdi", { class: "heatmap-name" }, nameOf(rows, row)),
      bar,
      element("span", { class: "heatmap-number" }, weightText(bits)),
    );
    button.addEventListener("click", () => this.pick(rows[row].position));
    this.buttons.set(row, button);
    return element("li", {}, button);
  }

  /** @param {number|undefined} lit */
  light(lit) {
    for (const [row, button] of this.buttons) button.setAttribute("aria-pressed", String(row === lit));
  }
}
