// Every head at a glance: layers down, heads across, on one scale of colours.

import { css, differenceColor, weightColor } from "../core/colors.js";
import { element, fitted } from "../core/dom.js";
import { GridBoard } from "./grid-board.js";
import { gridChoices, gridNumberText, gridPatterns, gridSentence } from "./grid-heads.js";
import { gridPicture } from "./grid-picture.js";
import { cellsText } from "./heatmap-exhibit.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").Mounted} Mounted
 */

/** @type {import("../core/types.js").View} */
export const gridView = {
  name: "grid",
  title: "Heads",
  everyHead: true,
  hint: "Every head at a glance: rows of a square are queries, columns keys. Pick one to look at it closely.",
  offered: () => true,
  mount: (host, context) => new GridPanel(host, context),
};

const GRID_BAR = { width: 96, height: 8 };
const GRID_TIP_GAP = 10;

/** The board with what is above it; beside a view, the board alone. */
class GridPanel {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    this.small = host.closest("nav") !== null;
    this.board = new GridBoard(
      context,
      this.small,
      (name) => this.pick(name),
      (name, tile) => this.point(name, tile),
    );
    this.chips = element("div", { class: "grid-chips", role: "group", "aria-label": "heads of a pattern" });
    this.select = element("select", { class: "grid-choice", "aria-label": "what the tiles show" });
    this.select.addEventListener("change", () => context.store.set({ tiles: this.select.value }));
    this.choice = element("label", { class: "grid-option" });
    this.bar = element("canvas", { "aria-hidden": "true" });
    this.scale = element("span", { class: "grid-scale" });
    this.tip = element("div", { class: "grid-tip", role: "tooltip", hidden: true });
    this.root = element("div", { class: "grid-root" });
    if (!this.small) this.root.append(this.tools());
    this.root.append(this.board.node, this.tip);
    host.append(this.root);
    this.tooled = "";
    this.watch = new ResizeObserver(() => this.update(context.store.state));
    this.watch.observe(this.board.node);
  }

  /** @returns {HTMLElement} */
  tools() {
    this.choice.append("tiles show ", this.select);
    const scale = element("div", { class: "grid-legend" }, this.scale);
    return element(
      "div",
      { class: "grid-tools" },
      this.chips,
      element("div", { class: "grid-tiles" }, this.choice, scale),
    );
  }

  /** @param {string} name */
  pick(name) {
    const { state } = this.context.store;
    this.point(null, null);
    this.context.store.set(this.small ? { head: name } : { head: name, view: "heatmap" });
    if (this.small && state.head !== name) this.context.say(this.sentence(name));
  }

  /**
   * @param {string} name
   * @returns {string}
   */
  sentence(name) {
    const map = this.context.page.map(this.context.store.state.map);
    return [name, ...gridSentence(map, name, this.board.heads.get(name))].join(", ");
  }

  /** @param {State} state */
  update(state) {
    if (!this.small) this.updateTools(state);
    this.board.update(state);
    if (!this.small) this.updateScale(state);
  }

  /** @param {State} state */
  updateTools(state) {
    const { focus } = this.context.page.map(state.map).facts;
    if (this.tooled !== state.map) {
      this.tooled = state.map;
      const patterns = gridPatterns(focus);
      const all = { label: "", count: focus.length };
      this.chips.replaceChildren(
        ...(patterns.length > 1 ? [all, ...patterns] : []).map((each) => this.chip(each)),
      );
      const choices = gridChoices(focus).map(({ name, title }) => element("option", { value: name }, title));
      this.select.replaceChildren(...choices);
      this.choice.hidden = choices.length < 2;
    }
    for (const chip of this.chips.querySelectorAll("button")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.label === state.filter));
    }
  }

  /**
   * @param {{label: string, count: number}} pattern
   * @returns {HTMLElement}
   */
  chip({ label, count }) {
    const number = element("span", { class: "grid-count" }, String(count));
    const chip = element(
      "button",
      { type: "button", class: "grid-chip", "data-label": label },
      label || "all",
      " ",
      number,
    );
    chip.addEventListener("click", () => {
      const { filter } = this.context.store.state;
      this.context.store.set({ filter: filter === label ? "" : label });
    });
    return chip;
  }

  /** @param {State} state */
  updateScale(state) {
    const { numbers } = this.board;
    this.select.value = numbers ? state.tiles : "weights";
    const palette = this.context.palette();
    const top = numbers ? numbers.top : this.board.top;
    const draw = fitted(this.bar, GRID_BAR.width, GRID_BAR.height);
    for (let x = 0; x < GRID_BAR.width; x += 1) {
      const share = x / (GRID_BAR.width - 1);
      draw.fillStyle = css(
        numbers?.signed ? differenceColor(palette, 1 - 2 * share) : weightColor(palette, share),
      );
      draw.fillRect(x, 0, 1, GRID_BAR.height);
    }
    const log = !numbers && state.scale === "log";
    const low = numbers?.signed
      ? gridNumberText(-top, true)
      : log
        ? `≤ ${gridNumberText(top / 1000, false) || 0}`
        : "0";
    const what = cellsText(this.board.map);
    const name = numbers ? numbers.title : log ? `${what}, logarithmic` : what;
    const ends = [low, gridNumberText(top, numbers?.signed ?? false)].map((text) =>
      element("span", {}, text),
    );
    this.scale.replaceChildren(element("span", {}, name), ends[0], this.bar, ends[1]);
  }

  /**
   * Say what is under the pointer, beside it.
   * @param {string|null} name
   * @param {HTMLElement|null} tile
   */
  point(name, tile) {
    this.tip.hidden = name === null;
    if (name === null || tile === null) return;
    const map = this.context.page.map(this.context.store.state.map);
    const number = this.board.numbers?.values.get(name);
    const signed = this.board.numbers?.signed ?? false;
    const said =
      number === undefined ? [] : [`${this.board.numbers?.title}: ${gridNumberText(number, signed)}`];
    const lines = [...said, ...gridSentence(map, name, this.board.heads.get(name))];
    this.tip.replaceChildren(element("strong", {}, name), ...lines.map((line) => element("div", {}, line)));
    this.placeTip(tile.getBoundingClientRect());
  }

  /** @param {DOMRect} tile */
  placeTip(tile) {
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const right = tile.right + GRID_TIP_GAP;
    const left = right + width < window.innerWidth ? right : tile.left - GRID_TIP_GAP - width;
    const fits = left > 0;
    const x = fits ? left : Math.max(4, Math.min(tile.left, window.innerWidth - width - 4));
    const y = fits ? Math.min(tile.top, window.innerHeight - height - 4) : tile.bottom + GRID_TIP_GAP;
    this.tip.style.left = `${x}px`;
    this.tip.style.top = `${Math.max(4, y)}px`;
  }

  drawing() {
    return gridPicture(this.context, this.board);
  }

  close() {
    this.watch.disconnect();
    this.board.close();
    this.root.remove();
  }
}
