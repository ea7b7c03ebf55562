// One head as a heatmap: each row a query, each column a key, and the numbers of what is pointed at beside it.

import { element } from "../core/dom.js";
import { pooledSentence } from "../parts/cells.js";
import { MapExplorer, isMovedOnly } from "../parts/explorer.js";
import { roomOf } from "../parts/places.js";
import { shownMatrix } from "../parts/shown.js";
import { MAP_KEYS } from "../parts/steering.js";
import { cellSentence } from "../parts/telling.js";
import { HeatmapAside } from "./heatmap-aside.js";
import { heatmapExhibit } from "./heatmap-exhibit.js";
import { HeatmapLinks } from "./heatmap-links.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").View} View
 */

// From this width on there is room for the numbers beside the map.
const HEATMAP_WIDE = 820;
const HEATMAP_ASIDE = 268;
const HEATMAP_LEAST_HEIGHT = 300;
const HEATMAP_TAKEN_AWAY = { width: 1100, height: 1000 };

/** The view on screen. */
class HeatmapMounted {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    this.body = element("div", { class: "heatmap" });
    this.main = element("div", { class: "heatmap-main" });
    this.nothing = element("p", { class: "note", hidden: true }, "Every token is hidden: nothing to show.");
    this.aside = new HeatmapAside();
    this.links = new HeatmapLinks(context);
    this.main.append(this.nothing);
    this.body.append(this.main, this.aside.node, this.links.node);
    host.append(this.body);
    /** @type {import("../parts/scene.js").Exhibit|null} */
    this.exhibit = null;
    this.explorer = new MapExplorer(this.main, context, {
      sentence: (cell) => this.sentence(cell),
      lit: (cell) => (this.map.facts.pooling ? this.links : this.aside).show(this.matrix(), cell),
    });
  }

  get map() {
    return this.context.page.map(this.state.map);
  }

  /**
   * @param {import("../parts/places.js").Cell} cell
   * @returns {string}
   */
  sentence(cell) {
    const { map, state } = this;
    return map.facts.pooling
      ? pooledSentence(map, state.head, this.matrix(), cell)
      : cellSentence(this.matrix(), cell, state.threshold);
  }

  get state() {
    return this.context.store.state;
  }

  matrix() {
    const { state } = this;
    return shownMatrix(this.map, state.head, state);
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  update(state, changed) {
    const map = this.context.page.map(state.map);
    if (!map.isOpen(state.head)) return;
    const matrix = this.matrix();
    const isEmpty = matrix.rows.length === 0 || matrix.columns.length === 0;
    this.nothing.hidden = !isEmpty;
    this.aside.node.hidden = isEmpty || map.facts.pooling !== undefined;
    this.links.node.hidden = map.facts.pooling === undefined;
    const { page } = this.context;
    if (isEmpty) this.exhibit = null;
    else if (!this.exhibit || !isMovedOnly(changed)) {
      this.exhibit = heatmapExhibit(page, map, matrix, state, this.context.palette());
    }
    this.explorer.show(this.exhibit, changed, () => this.room());
  }

  /** @returns {{width: number, height: number}} what the map may take */
  room() {
    const { width, height: most } = roomOf(this.host);
    const isWide = width >= HEATMAP_WIDE;
    this.body.classList.toggle("is-wide", isWide);
    const height = Math.max(most, HEATMAP_LEAST_HEIGHT);
    return {
      width: isWide ? width - HEATMAP_ASIDE : width,
      height: isWide ? height : Math.max(height, width),
    };
  }

  drawing() {
    return this.explorer.drawing(HEATMAP_TAKEN_AWAY);
  }

  close() {
    this.explorer.close();
    this.host.replaceChildren();
  }
}

/** @type {View} */
export const heatmapView = {
  name: "heatmap",
  title: "Heatmap",
  hint: "Each row is a query, each column a key; the stronger a cell's colour, the more the query reads of the key.",
  longHint:
    "Each row stands for several queries, each column for several keys; the stronger a cell's colour, the larger its " +
    "number. Pick one to see whom its queries read.",
  offered: () => true,
  keys: MAP_KEYS,
  mount: (host, context) => new HeatmapMounted(host, context),
};
