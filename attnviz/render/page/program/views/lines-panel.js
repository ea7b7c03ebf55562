// Queries at the left, keys at the right, and between them the weights as lines.

import { element } from "../core/dom.js";
import { placeOf } from "../core/matrix.js";
import { shownMatrix } from "../parts/shown.js";
import { linesChosen, linesHeads, linesMasses, linesTop, linesWeights } from "./lines-chosen.js";
import { LinesFrame } from "./lines-frame.js";
import { linesValues } from "./lines-list.js";
import { LinesHeadRow } from "./lines-heads.js";
import { LinesHints } from "./lines-hints.js";
import { LINES_STEPS, linesEnds, linesNearest } from "./lines-layout.js";
import { linesColors, linesPaint, linesPicture } from "./lines-paint.js";
import {
  linesLinkSentence,
  linesExpected,
  linesPrediction,
  linesSentence,
  linesTold,
} from "./lines-words.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 * @typedef {import("./lines-chosen.js").LinesLink} LinesLink
 * @typedef {import("./lines-layout.js").LinesSide} LinesSide
 * @typedef {import("./lines-list.js").LinesValue} LinesValue
 * @typedef {ShownMatrix & import("./lines-chosen.js").LinesMatrix} LinesDrawn
 */

// How near the pointer has to be to a line.
const LINES_REACH = 5;

/** The view on screen. */
export class LinesPanel {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.context = context;
    /** @type {{side: LinesSide, place: number}|null} what the pointer or the keyboard is at */
    this.pointed = null;
    /** @type {LinesLink|null} the line under the pointer */
    this.link = null;
    this.only = -1;
    /** @type {LinesDrawn[]} */
    this.matrices = [];
    /** @type {string[]} */
    this.names = [];
    /** @type {string[]} */
    this.colors = [];
    this.chosen = linesChosen([], { row: -1, column: -1 }, 0);
    this.top = 0;
    this.pending = 0;
    this.frame = new LinesFrame({
      point: (side, place) => this.point(side, place),
      leave: () => this.leave(),
      pick: (side, place) => this.pick(side, place),
      press: (event, side, place) => this.press(event, side, place),
    });
    this.heads = new LinesHeadRow(context, (place) => this.show(place));
    this.hints = new LinesHints((side, place) => this.frame.reveal(side, place, true));
    this.told = element("p", { class: "lines-told" });
    this.expected = element("p", { class: "lines-expected" });
    const notes = element("div", { class: "lines-notes" }, this.told, this.expected);
    const chart = element("div", { class: "lines-chart" }, this.frame.scroll, ...this.hints.nodes);
    this.root = element("div", { class: "lines-root" }, this.heads.node, notes, this.frame.sides, chart);
    host.append(this.root);
    this.listen();
    this.watch = new ResizeObserver(() => this.later());
    this.watch.observe(this.frame.scroll);
  }

  /** @returns {State} */
  get state() {
    return this.context.store.state;
  }

  get map() {
    return this.context.page.map(this.state.map);
  }

  /** @returns {import("./lines-chosen.js").LinesPicks} the rows and columns of what is picked */
  get picked() {
    const { rows, columns } = this.matrices[0];
    return { row: placeOf(rows, this.pickedOn("query")), column: placeOf(columns, this.pickedOn("key")) };
  }

  /**
   * @param {LinesSide} side
   * @returns {number|null} the position of the token that is picked there
   */
  pickedOn(side) {
    return this.state[side];
  }

  /**
   * Say what a pick changes.
   * @param {LinesSide} side
   * @param {number|null} position null for letting go
   * @returns {Partial<State>}
   */
  pickOf(side, position) {
    return side === "query" ? { query: position } : { key: position };
  }

  /**
   * Give what is drawn of some heads.
   * @param {string[]} names
   * @param {State} state
   * @returns {LinesDrawn[]}
   */
  matricesOf(names, state) {
    return names.map((name) => {
      const matrix = shownMatrix(this.map, name, state);
      return { ...matrix, masses: linesMasses(this.map, name, matrix.rows) };
    });
  }

  /**
   * Say how much is drawn.
   * @param {import("./lines-chosen.js").LinesChosen} chosen
   * @param {import("./lines-chosen.js").LinesPicks} picks
   * @returns {string}
   */
  tell(chosen, picks) {
    return linesTold(chosen, picks, this.matrices[0]);
  }

  /** @returns {import("./lines-chosen.js").LinesPicks} the tokens looked at alone */
  get picks() {
    if (!this.pointed) return this.picked;
    const { side, place } = this.pointed;
    return { row: side === "query" ? place : -1, column: side === "key" ? place : -1 };
  }

  /** @returns {number} the row of the newest token where a text is generated step by step */
  get newest() {
    return this.state.step === null ? -1 : this.matrices[0].rows.length - 1;
  }

  /** @returns {import("./lines-paint.js").LinesLook} */
  get look() {
    const { row, column } = this.picks;
    const alone = row >= 0 || column >= 0;
    return {
      palette: this.context.palette(),
      scale: this.state.scale,
      top: this.top,
      colors: this.colors,
      newest: alone ? -1 : this.newest,
      alone,
      only: this.only,
    };
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  update(state, changed) {
    const names = linesHeads(this.map, state);
    if (names.length === 0 || !this.map.isOpen(state.head)) return;
    this.names = names;
    this.matrices = this.matricesOf(names, state);
    this.top = linesTop(this.matrices);
    this.colors = linesColors(this.context.palette(), names.length);
    const { rows, columns } = this.matrices[0];
    const within = { query: rows.length, key: columns.length };
    if (this.pointed && this.pointed.place >= within[this.pointed.side]) this.pointed = null;
    this.link = null;
    this.heads.update(state, names, this.colors);
    this.frame.lists.query.show(rows, state.search);
    this.frame.lists.key.show(columns, state.search);
    this.frame.fit(rows, columns, names.length > 1);
    this.choose();
    if (changed.has("query") || changed.has("queryToken")) this.reveal("query", this.picked.row, true);
    if (changed.has("key") || changed.has("keyToken")) this.reveal("key", this.picked.column, true);
    if (changed.has("step")) this.reveal("query", this.newest);
  }

  /** Choose the lines, say how many, and draw them. */
  choose() {
    const { picks } = this;
    this.chosen = linesChosen(this.matrices, picks, this.state.threshold);
    this.told.textContent = this.tell(this.chosen, picks);
    this.expect(picks.row >= 0 ? picks.row : this.matrices[0].rows.length - 1);
    this.mark();
    this.draw();
  }

  /** Mark the tokens that are picked, looked at, or at the end of the line under the pointer. */
  mark() {
    const { picks, picked, link } = this;
    const { query, key } = this.frame.lists;
    query.mark({
      picked: picked.row,
      on: [picks.row, link?.row ?? -1],
      values: this.valuesOf("query"),
      newest: this.newest,
    });
    key.mark({
      picked: picked.column,
      on: [picks.column, link?.column ?? -1],
      values: this.valuesOf("key"),
      newest: -1,
    });
  }

  /**
   * Give the weights that stand beside the tokens of a side: those of the token looked at on the other one.
   * @param {LinesSide} side
   * @returns {Map<number, LinesValue>|null}
   */
  valuesOf(side) {
    const { top, colors, names } = this;
    return linesValues(linesWeights(this.matrices, this.picks, side), { top, colors, names, ...this.state });
  }

  /**
   * Say what the model expects after a row.
   * @param {number} row
   */
  expect(row) {
    const found = linesPrediction(this.map.facts, this.matrices[0], row);
    this.expected.hidden = found === null;
    if (!found) return;
    this.expected.replaceChildren(...linesExpected(found));
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = 0;
    const brush = this.frame.open();
    const { layout } = this.frame;
    linesPaint(brush, this.chosen.links, layout, this.look);
    if (this.link) this.drawLink(brush, this.link);
    this.hints.update(layout, this.picks, this.matrices);
  }

  /**
   * @param {import("../core/types.js").Brush} brush
   * @param {LinesLink} link
   */
  drawLink(brush, link) {
    const { layout } = this.frame;
    const [from, to] = linesEnds(layout, link, this.names.length);
    const { background } = this.context.palette();
    brush.curve(layout.left, from, layout.right, to, { stroke: background, lineWidth: 7 });
    brush.curve(layout.left, from, layout.right, to, { stroke: this.colors[link.head], lineWidth: 4 });
  }

  /** Draw again soon: after scrolling, or in a place of another size. */
  later() {
    if (this.pending || this.matrices.length === 0) return;
    this.pending = requestAnimationFrame(() => {
      const { rows, columns } = this.matrices[0];
      this.frame.fit(rows, columns, this.names.length > 1);
      this.draw();
    });
  }

  /**
   * @param {LinesSide} side
   * @param {number} place
   */
  point(side, place) {
    if (this.pointed?.side === side && this.pointed.place === place) return;
    this.pointed = { side, place };
    this.link = null;
    this.choose();
    this.context.say(linesSentence(this.matrices, this.names, this.picks));
  }

  leave() {
    if (!this.pointed && !this.link) return;
    this.pointed = null;
    this.link = null;
    this.choose();
  }

  /**
   * Pick a token, or let go of it.
   * @param {LinesSide} side
   * @param {number} place
   */
  pick(side, place) {
    const { rows, columns } = this.matrices[0];
    const label = (side === "query" ? rows : columns)[place];
    const before = this.pickedOn(side);
    const after = before !== null && label.positions.includes(before) ? null : label.position;
    this.context.store.set(this.pickOf(side, after));
  }

  /**
   * @param {KeyboardEvent} event
   * @param {LinesSide} side
   * @param {number} place
   */
  press(event, side, place) {
    const { key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (key === "Enter" || key === " ") this.pick(side, place);
    else if (key in LINES_STEPS) this.focus(side, place + LINES_STEPS[key]);
    else if (key === "ArrowLeft") this.focus("query", place);
    else if (key === "ArrowRight") this.focus("key", place);
    else return;
    event.preventDefault();
  }

  /**
   * @param {LinesSide} side
   * @param {number} place or beyond either end
   */
  focus(side, place) {
    const { rows, columns } = this.frame.layout;
    const within = Math.max(0, Math.min((side === "query" ? rows : columns) - 1, place));
    this.reveal(side, within);
    this.frame.lists[side].focus(within);
    this.point(side, within);
  }

  /**
   * @param {LinesSide} side
   * @param {number} place -1 for none
   * @param {boolean} [middle] whether it is to stand in the middle, if it is out of sight
   */
  reveal(side, place, middle = false) {
    if (place < 0) return;
    this.frame.reveal(side, place, middle);
    this.draw();
  }

  /**
   * Draw one head alone for a moment.
   * @param {number} place among those drawn; -1 for all of them
   */
  show(place) {
    if (this.only === place) return;
    this.only = place;
    if (this.matrices.length > 0) this.draw();
  }

  listen() {
    const { scroll, canvas } = this.frame;
    scroll.addEventListener("scroll", () => this.later(), { passive: true });
    canvas.addEventListener("pointermove", (event) => this.pointLine(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("click", (event) => {
      this.pointLine(event);
      const { rows, columns } = this.matrices[0];
      const { row, column } = this.link ?? { row: -1, column: -1 };
      this.context.store.set({
        ...this.pickOf("query", rows[row]?.position ?? null),
        ...this.pickOf("key", columns[column]?.position ?? null),
      });
    });
  }

  /** @param {MouseEvent} event */
  pointLine(event) {
    if (this.matrices.length === 0) return;
    const { links } = this.chosen;
    const shown = this.only < 0 ? links : links.filter(({ head }) => head === this.only);
    const point = { x: event.offsetX, y: event.offsetY };
    const link = linesNearest(this.frame.layout, shown, this.names.length, point, LINES_REACH);
    if (link === this.link) return;
    this.link = link;
    this.mark();
    this.draw();
    if (link) this.context.say(linesLinkSentence(this.matrices[link.head], this.names[link.head], link));
  }

  /** @returns {Drawing|null} */
  drawing() {
    if (this.matrices.length === 0) return null;
    const { rows, columns } = this.matrices[0];
    const { picked } = this;
    const chosen = linesChosen(this.matrices, picked, this.state.threshold);
    const content = {
      rows,
      columns,
      links: chosen.links,
      names: this.names,
      told: this.tell(chosen, picked),
    };
    return linesPicture(content, { ...this.look, only: -1 });
  }

  close() {
    cancelAnimationFrame(this.pending);
    this.watch.disconnect();
    this.root.remove();
  }
}
