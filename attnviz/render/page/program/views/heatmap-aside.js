// Beside the heatmap: what the row pointed at reads most, and who reads its key most.

import { element } from "../core/dom.js";
import { exactText, percentText } from "../core/words.js";
import { nameOf, topOf } from "../parts/telling.js";

/**
 * @typedef {import("../parts/places.js").Cell} Cell
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 */

const HEATMAP_LISTED = 7;

/** The numbers of a row and a column. */
export class HeatmapAside {
  constructor() {
    this.node = element("aside", { class: "heatmap-aside", "aria-label": "What is pointed at" });
    /** @type {ShownMatrix|null} */
    this.matrix = null;
    /** @type {number|undefined} */
    this.row = undefined;
    /** @type {number|undefined} */
    this.column = undefined;
  }

  /**
   * @param {ShownMatrix} matrix
   * @param {Partial<Cell>} cell
   */
  show(matrix, cell) {
    const { row, column } = cell;
    if (this.matrix === matrix && this.row === row && this.column === column) return;
    [this.matrix, this.row, this.column] = [matrix, row, column];
    const parts = [];
    if (row !== undefined) parts.push(this.reads(matrix, row, column));
    if (column !== undefined) parts.push(this.readers(matrix, row, column));
    if (parts.length === 0) parts.push(element("p", { class: "heatmap-invite" }, HEATMAP_INVITATION));
    this.node.replaceChildren(...parts);
  }

  /**
   * @param {ShownMatrix} matrix
   * @param {number} row
   * @param {number|undefined} column
   * @returns {HTMLElement}
   */
  reads(matrix, row, column) {
    const found = topOf(matrix, { row, column: 0 }, "row", HEATMAP_LISTED);
    const lines = found.map(({ at, value }) =>
      heatmapListed(nameOf(matrix.columns, at), value, at === column),
    );
    const rest = [
      { name: "hidden tokens", share: matrix.hidden[row] },
      { name: "no key", share: matrix.lost[row] },
    ];
    const notes = rest
      .filter(({ share }) => share > 0.0005)
      .map(({ name, share }) => `${percentText(share)} on ${name}`);
    return heatmapSection(`${nameOf(matrix.rows, row)} reads`, lines, notes.join(", "));
  }

  /**
   * @param {ShownMatrix} matrix
   * @param {number|undefined} row
   * @param {number} column
   * @returns {HTMLElement}
   */
  readers(matrix, row, column) {
    const found = topOf(matrix, { row: 0, column }, "column", HEATMAP_LISTED);
    const lines = found.map(({ at, value }) => heatmapListed(nameOf(matrix.rows, at), value, at === row));
    return heatmapSection(`${nameOf(matrix.columns, column)} is read by`, lines, "");
  }
}

const HEATMAP_INVITATION = "Point at a cell to see its row and column here, as numbers.";

/**
 * @param {string} title
 * @param {HTMLElement[]} lines
 * @param {string} note
 * @returns {HTMLElement}
 */
export function heatmapSection(title, lines, note) {
  const list = element("ol", { class: "heatmap-list" }, ...lines);
  const body = lines.length ? list : element("p", { class: "heatmap-note" }, "nothing");
  const below = note ? [element("p", { class: "heatmap-note" }, note)] : [];
  return element(
    "section",
    {},
    element("h2", { class: "heatmap-title" }, element("bdi", {}, title)),
    body,
    ...below,
  );
}

/**
 * @param {string} name
 * @param {number} value
 * @param {boolean} isLit
 * @param {string} [text] how the value is written
 * @returns {HTMLElement}
 */
export function heatmapListed(name, value, isLit, text = exactText(value)) {
  const bar = element("span", { class: "heatmap-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(Math.min(1, value)));
  return element(
    "li",
    { class: isLit ? "is-lit" : null, "aria-current": isLit ? "true" : null },
    element("bdi", { class: "heatmap-name" }, name),
    bar,
    element("span", { class: "heatmap-number" }, text),
  );
}
