// Two heads side by side, and where they differ: three maps with one crosshair, and how far apart they are in bits.

import { element } from "../core/dom.js";
import { MapExplorer } from "../parts/explorer.js";
import { roomOf } from "../parts/places.js";
import { shownMatrix } from "../parts/shown.js";
import { MAP_KEYS } from "../parts/steering.js";
import { CompareBar } from "./compare-bar.js";
import { chosenOther, hasPartner, namedOther } from "./compare-choice.js";
import { cellDistance, divergenceOf } from "./compare-divergence.js";
import { compareExhibit, differenceOf } from "./compare-exhibit.js";
import { CompareRows } from "./compare-rows.js";
import { comparedSentence } from "./compare-telling.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").View} View
 * @typedef {import("./compare-choice.js").ComparedHead} ComparedHead
 * @typedef {import("./compare-exhibit.js").ComparedMatrices} ComparedMatrices
 * @typedef {import("./compare-divergence.js").Divergence} Divergence
 * @typedef {import("../parts/scene.js").Exhibit} Exhibit
 * @typedef {ComparedMatrices & {divergence: Divergence}} Compared
 */

const COMPARE_TAKEN_AWAY = { width: 1500, height: 900 };
const COMPARE_LEAST_HEIGHT = 300;

/** The view on screen. */
class CompareMounted {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    this.bar = new CompareBar(context);
    this.main = element("div", { class: "compare-main" });
    this.nothing = element(
      "p",
      { class: "note", hidden: true },
      "Every token is hidden: nothing to compare.",
    );
    this.rows = new CompareRows((position) => context.store.set({ query: position }));
    this.body = element("div", { class: "compare" }, this.bar.node, this.nothing, this.main, this.rows.node);
    host.append(this.body);
    /** @type {Compared|null} */
    this.compared = null;
    /** @type {Exhibit|null} */
    this.exhibit = null;
    /** @type {Compared|null} what the exhibit was made of, with its name */
    this.exhibited = null;
    this.exhibitName = "";
    this.explorer = new MapExplorer(this.main, context, {
      sentence: (cell) => (this.compared ? comparedSentence(this.compared, cell) : ""),
      lit: (cell) => this.rows.light(cell.row),
    });
    this.isClosed = false;
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  update(state, changed) {
    const { page } = this.context;
    const map = page.map(state.map);
    if (!map.isOpen(state.head)) return;
    const named = namedOther(page, state);
    const chosen = named ? null : chosenOther(page, state);
    const second = named ?? chosen;
    if (!second) return;
    if (!second.map.isOpen(second.head)) return void this.wait(second);
    const first = { map, head: state.head };
    this.compare(first, second, state);
    if (!this.compared) return;
    const note = chosen ? choiceNote(chosen.head, chosen.isMostUnlike, isPooled(first)) : "";
    this.bar.show(state, second, this.compared.divergence, note, isPooled(first));
    this.show(first, second, state, changed);
  }

  /**
   * @param {ComparedHead} second
   */
  async wait({ map, head }) {
    await map.open(map.find(head)?.layer ?? 0);
    if (!this.isClosed) this.update(this.context.store.state, new Set(["other"]));
  }

  /**
   * Compare anew, if these heads are not what was compared last.
   * @param {ComparedHead} one
   * @param {ComparedHead} other
   * @param {State} state
   */
  compare(one, other, state) {
    const first = shownMatrix(one.map, one.head, state);
    const second = shownMatrix(other.map, other.head, state);
    if (this.compared?.first === first && this.compared.second === second) return;
    const divergence = isPooled(one) ? cellDistance(first, second) : divergenceOf(first, second);
    this.compared = { first, second, difference: differenceOf(first, second), divergence };
  }

  /**
   * @param {ComparedHead} first
   * @param {ComparedHead} second
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  show(first, second, state, changed) {
    const { compared, context } = this;
    if (!compared) return;
    const isEmpty = compared.first.values.length === 0;
    this.nothing.hidden = !isEmpty;
    this.rows.node.hidden = isEmpty;
    const names = { first: longName(first, second), second: longName(second, first) };
    const palette = context.palette();
    const name = [names.first, names.second, state.scale, state.threshold, palette.dark].join();
    if (isEmpty) this.exhibit = null;
    else if (name !== this.exhibitName || this.exhibited !== compared) {
      this.exhibit = compareExhibit(compared, names, state, palette, first.map);
      this.rows.show(compared.first.rows, compared.divergence, isPooled(first));
    }
    [this.exhibitName, this.exhibited] = [name, compared];
    this.explorer.show(this.exhibit, changed, () => this.room());
  }

  /** @returns {{width: number, height: number}} what the maps may take */
  room() {
    const { width, height } = roomOf(this.host);
    return { width, height: Math.max(height - this.bar.node.offsetHeight - 16, COMPARE_LEAST_HEIGHT) };
  }

  drawing() {
    return this.explorer.drawing(COMPARE_TAKEN_AWAY);
  }

  close() {
    this.isClosed = true;
    this.explorer.close();
    this.host.replaceChildren();
  }
}

/**
 * @param {ComparedHead} head
 * @param {ComparedHead} other
 * @returns {string} with its map's title, where there are two
 */
function longName({ map, head }, other) {
  return map === other.map ? head : `${head} · ${map.facts.title}`;
}

/**
 * @param {ComparedHead} head
 * @returns {boolean} whether cells are compared, which stand for several weights
 */
function isPooled({ map }) {
  return map.facts.pooling !== undefined;
}

/**
 * @param {string} head
 * @param {boolean} isMostUnlike
 * @param {boolean} isOfCells
 * @returns {string}
 */
function choiceNote(head, isMostUnlike, isOfCells) {
  const why = isOfCells ? "of this layer its cells differ most" : "of this layer it reads most differently";
  return isMostUnlike
    ? `${head} was chosen for B: ${why}. Pick another one above.`
    : `${head} was chosen for B. Pick another one above.`;
}

/** @type {View} */
export const compareView = {
  name: "compare",
  title: "Compare",
  hint: "Two heads side by side, and where they differ: blue where B reads more, orange where A does.",
  longHint:
    "Two heads' pooled maps side by side, and where their cells differ: blue where B's are larger, orange where A's are.",
  offered: hasPartner,
  keys: MAP_KEYS,
  mount: (host, context) => new CompareMounted(host, context),
};
