// The lines of a long text: the queries of one row, and the keys they read most, wherever these stand.

import { element } from "../core/dom.js";
import { countText, percentText, runText } from "../core/words.js";
import { labelText } from "../parts/axis.js";
import { mostText } from "../parts/cells.js";
import { pickToken, pickedSpan, wholeOf } from "../parts/span.js";
import { actionButton } from "../shell/parts.js";
import { linesHeads } from "./lines-chosen.js";
import { LinesPanel } from "./lines-panel.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/links.js").HeadLinks} HeadLinks
 * @typedef {import("../core/whole.js").WholeSide} WholeSide
 * @typedef {import("./lines-layout.js").LinesSide} LinesSide
 * @typedef {import("./lines-chosen.js").LinesMatrix} LinesMatrix
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 */

// Of a row of more queries than this the first are drawn, or those around the one picked.
const LINES_LONG_MOST = 64;

/** The view on screen. */
export class LinesOfLong extends LinesPanel {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    super(host, context);
    const before = actionButton("‹ Earlier", () => this.step(-1));
    const after = actionButton("Later ›", () => this.step(1));
    this.where = element("span", { class: "lines-where" });
    this.steps = element("div", { class: "lines-steps" }, before, after, this.where);
    this.root.prepend(this.steps);
    this.frame.isRoomy = true;
  }

  /** @returns {number} the row on screen: the one picked, else one in the middle, where there is most to read */
  get row() {
    const { query } = this.state;
    return query ?? Math.floor(this.map.queries.tokens.length / 2);
  }

  /** @param {-1|1} by */
  step(by) {
    const last = this.map.queries.tokens.length - 1;
    const query = Math.min(last, Math.max(0, this.row + by));
    this.context.store.set({ query, queryToken: null, key: null, keyToken: null });
  }

  /** @returns {[number, number]} the queries on screen */
  get span() {
    const [first, last] = wholeOf(this.map, "query").run(this.row);
    const token = this.pickedOn("query") ?? first;
    const start = Math.max(first, Math.min(token - LINES_LONG_MOST / 2, last - LINES_LONG_MOST + 1));
    return [start, Math.min(last, start + LINES_LONG_MOST - 1)];
  }

  /**
   * @param {LinesSide} side
   * @returns {number|null}
   */
  pickedOn(side) {
    return pickedSpan(this.map, this.state, side)?.token ?? null;
  }

  /**
   * @param {LinesSide} side
   * @param {number|null} position
   * @returns {Partial<State>}
   */
  pickOf(side, position) {
    if (position !== null) return pickToken(this.map, side, position);
    // The row stays on screen.
    return side === "query" ? { query: this.row, queryToken: null } : { key: null, keyToken: null };
  }

  /**
   * @param {string[]} names
   * @param {State} _state
   * @returns {(ShownMatrix & LinesMatrix)[]}
   */
  matricesOf(names, _state) {
    const links = names.map((name) => this.map.links(name)).filter((found) => found !== null);
    const [first, last] = this.span;
    const [queries, keys] = [wholeOf(this.map, "query"), wholeOf(this.map, "key")];
    const read = new Set(links.flatMap((each) => keysRead(each, first, last)));
    const picked = this.pickedOn("key");
    if (picked !== null) read.add(picked);
    const columns = [...read].sort((one, other) => one - other).map((key) => numbered(keys, key));
    const rows = Array.from({ length: last - first + 1 }, (_, step) => numbered(queries, first + step));
    this.where.textContent = `queries ${runText([first, last])} of ${countText(queries.tokens.length)}`;
    return links.map((each) => linksMatrix(each, rows, columns));
  }

  /**
   * @param {import("./lines-chosen.js").LinesChosen} chosen
   * @param {import("./lines-chosen.js").LinesPicks} picks
   * @returns {string}
   */
  tell({ links, mass, cut }, { row, column }) {
    const known = this.map.links(linesHeads(this.map, this.state)[0]);
    if (!known) return "";
    const strongest = cut ? ", the strongest of them" : "";
    const part =
      column < 0 ? `; ${percentText(mass)} of the mass of ${row < 0 ? "these queries" : "this query"}` : "";
    const lines = `${countText(links.length)} line${links.length === 1 ? "" : "s"}`;
    return `drawn: ${lines}${strongest}, of ${mostText(known)} of each query${part}`;
  }
}

/**
 * @param {HeadLinks} links
 * @param {number} first
 * @param {number} last
 * @returns {number[]} the keys these queries read most
 */
function keysRead(links, first, last) {
  const queries = Array.from({ length: last - first + 1 }, (_, step) => first + step);
  return queries.flatMap((query) => links.of(query).map(({ key }) => key));
}

/**
 * Give a token with its number: neighbours on screen may stand far apart.
 * @param {WholeSide} whole
 * @param {number} position
 * @returns {Label}
 */
function numbered(whole, position) {
  const label = whole.label(position);
  return { ...label, kind: "text", text: `${countText(position)} ${labelText(label)}` };
}

/**
 * Put known links where the lines look for weights.
 * @param {HeadLinks} links
 * @param {Label[]} rows
 * @param {Label[]} columns
 * @returns {ShownMatrix & LinesMatrix}
 */
function linksMatrix(links, rows, columns) {
  const cells = rows.length * columns.length;
  const places = new Map(columns.map(({ position }, column) => [position, column]));
  const values = new Float32Array(cells);
  rows.forEach(({ position }, row) => {
    for (const { key, weight } of links.of(position)) {
      const column = places.get(key);
      if (column !== undefined) values[row * columns.length + column] = weight;
    }
  });
  const none = () => new Float32Array(rows.length);
  const [masked, unseen] = [new Uint8Array(cells), new Uint8Array(cells)];
  const masses = rows.map(() => 1);
  return { rows, columns, values, masked, unseen, hidden: none(), lost: none(), lacks: none(), masses };
}
