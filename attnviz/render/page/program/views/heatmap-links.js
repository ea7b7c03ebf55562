// Beside a pooled heatmap: the strongest links of the rows and columns pointed at, and of the row picked every
// query with the keys it reads most.

import { element } from "../core/dom.js";
import { linkText } from "../core/words.js";
import { nameOf, topOf } from "../parts/telling.js";
import { mostText, runName, runOf, tokenName } from "../parts/cells.js";
import { heatmapListed, heatmapSection } from "./heatmap-aside.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/links.js").HeadLinks} HeadLinks
 * @typedef {import("../core/links.js").Link} Link
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../parts/places.js").Cell} Cell
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 */

const LINKS_LISTED = 7;

/** The links of a row and a column. */
export class HeatmapLinks {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.node = element("aside", {
      class: "heatmap-aside",
      "aria-label": "What is pointed at",
      hidden: true,
    });
    this.shown = "";
    /** @type {ShownMatrix|null} */
    this.matrix = null;
  }

  /**
   * @param {ShownMatrix} matrix
   * @param {Partial<Cell>} cell
   */
  show(matrix, cell) {
    const { page, store } = this.context;
    const { map: id, head, query } = store.state;
    const map = page.map(id);
    const shown = [id, head, query, cell.row, cell.column].join();
    if (this.matrix === matrix && this.shown === shown) return;
    [this.matrix, this.shown] = [matrix, shown];
    const links = map.links(head);
    const parts = links ? this.linked(map, links, matrix, cell) : cellLists(matrix, cell);
    if (parts.length === 0) parts.push(element("p", { class: "heatmap-invite" }, LINKS_INVITATION));
    this.node.replaceChildren(...parts);
  }

  /**
   * @param {AttentionMap} map
   * @param {HeadLinks} links
   * @param {ShownMatrix} matrix
   * @param {Partial<Cell>} cell
   * @returns {HTMLElement[]}
   */
  linked(map, links, { rows, columns }, { row, column }) {
    const every = /** @type {[number, number]} */ ([0, Infinity]);
    const queries = /** @type {[number, number]} */ ([0, links.queries - 1]);
    const note = `of ${mostText(links)} of each query`;
    const parts = [];
    if (row !== undefined) {
      const found = links.within(runOf(rows[row]), every, LINKS_LISTED);
      parts.push(linkSection(map, `${runName(rows[row], "query")}: the strongest links`, found, note));
    }
    if (column !== undefined) {
      const found = links.within(queries, runOf(columns[column]), LINKS_LISTED);
      parts.push(
        linkSection(map, `${runName(columns[column], "key")}: the strongest links there`, found, note),
      );
    }
    if (row !== undefined && this.context.store.state.query === rows[row].position) {
      parts.push(this.everyQuery(map, links, row, runOf(rows[row])));
    }
    return parts;
  }

  /**
   * List every query of a row with the keys it reads most; one that is chosen is shown in the text.
   * @param {AttentionMap} map
   * @param {HeadLinks} links
   * @param {number} row
   * @param {[number, number]} run
   * @returns {HTMLElement}
   */
  everyQuery(map, links, row, [first, last]) {
    const { store } = this.context;
    const items = Array.from({ length: last - first + 1 }, (_, step) => {
      const query = first + step;
      const read = links
        .of(query)
        .map(({ key, weight }) => `${tokenName(map.keys, key)} ${linkText(weight)}`);
      const button = element(
        "button",
        { type: "button", class: "heatmap-query", title: "Show it in the text" },
        element("bdi", { class: "heatmap-name" }, tokenName(map.queries, query)),
        element("span", { class: "heatmap-read" }, read.join(", ") || "nothing"),
      );
      button.addEventListener("click", () =>
        store.set({ view: "text", query: row, queryToken: query, key: null, keyToken: null }),
      );
      return element("li", {}, button);
    });
    const list = element("ol", { class: "heatmap-queries" }, ...items);
    const note = element("p", { class: "heatmap-note" }, `${mostText(links)} of each.`);
    return element(
      "section",
      {},
      element("h2", { class: "heatmap-title" }, "Whom each of them reads"),
      note,
      list,
    );
  }
}

const LINKS_INVITATION =
  "Point at a cell to see the strongest links of its rows and columns; pick one to see all.";

/**
 * @param {AttentionMap} map
 * @param {string} title
 * @param {Link[]} links
 * @param {string} note
 * @returns {HTMLElement}
 */
function linkSection(map, title, links, note) {
  const lines = links.map(({ query, key, weight }) =>
    heatmapListed(
      `${tokenName(map.queries, query)} → ${tokenName(map.keys, key)}`,
      weight,
      false,
      linkText(weight),
    ),
  );
  const section = heatmapSection(title, lines, links.length ? note : `none ${note}`);
  section.classList.add("heatmap-linked");
  return section;
}

/**
 * List cells, where no single weight is known.
 * @param {ShownMatrix} matrix
 * @param {Partial<Cell>} cell
 * @returns {HTMLElement[]}
 */
function cellLists(matrix, { row, column }) {
  const parts = [];
  if (row !== undefined) {
    const lines = topOf(matrix, { row, column: 0 }, "row", LINKS_LISTED).map(({ at, value }) =>
      heatmapListed(nameOf(matrix.columns, at), value, at === column),
    );
    parts.push(heatmapSection(`${runName(matrix.rows[row], "query")}: the strongest cells`, lines, ""));
  }
  if (column !== undefined) {
    const lines = topOf(matrix, { row: 0, column }, "column", LINKS_LISTED).map(({ at, value }) =>
      heatmapListed(nameOf(matrix.rows, at), value, at === row),
    );
    parts.push(heatmapSection(`${runName(matrix.columns[column], "key")}: the strongest cells`, lines, ""));
  }
  return parts;
}
