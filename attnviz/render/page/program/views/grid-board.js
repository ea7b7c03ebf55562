// The board of the grid: a button for each head with its weights, kept in step with the state.

import { css, differenceColor, inkOn, weightColor } from "../core/colors.js";
import { element, setAttribute } from "../core/dom.js";
import { labelsOf } from "../core/matrix.js";
import { gridMatches, gridNumberText, gridNumbers, gridSentence } from "./grid-heads.js";
import {
  GRID_GAP,
  GRID_SMALL_GAP,
  gridColumns,
  gridIsOfLayers,
  gridNeighbor,
  gridPlaces,
  gridTileSize,
} from "./grid-layout.js";
import { gridFrame } from "./grid-frame.js";
import { gridCells, gridMapTop, gridTile } from "./grid-tiles.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("./grid-tiles.js").GridTile} GridTile
 * @typedef {import("./grid-layout.js").GridRoom} GridRoom
 * @typedef {(name: string) => void} GridPick
 * @typedef {(name: string|null, tile: HTMLElement|null) => void} GridPoint
 */

// Thumbnails are made in slices of a few milliseconds, so that nothing waits for a thousand heads.
const GRID_SLICE = 10;
const GRID_LONGEST_SLICE = 60;

// Numbers of the tiles' rows stand at the left of them, and there is room for frames all around; `grid.css` has
// the same lengths.
const GRID_AXIS = { small: 20, large: 40 };
const GRID_PADDING = 4;

// A tile is never sharper than this.
const GRID_MOST = 192;

// A board lower than this scrolls; the numbers of heads stand above it.
const GRID_LOWEST = 280;
const GRID_ABOVE = 32;

// Below it a number has no room.
const GRID_NARROW = 18;

/** Shows every head of a map. */
export class GridBoard {
  /**
   * @param {Context} context
   * @param {boolean} small whether it stands beside a view
   * @param {GridPick} pick
   * @param {GridPoint} point
   */
  constructor(context, small, pick, point) {
    this.context = context;
    this.small = small;
    this.pick = pick;
    this.point = point;
    this.node = element("div", { class: small ? "grid-scroll grid-small" : "grid-scroll" });
    this.board = element("div", { class: "grid-board", role: "grid", "aria-label": "heads, layer by layer" });
    this.node.append(this.board);
    /** @type {Map<string, HTMLButtonElement>} */
    this.buttons = new Map();
    /** @type {Map<string, GridTile>} */
    this.tiles = new Map();
    /** @type {Map<string, Uint8Array>} */
    this.masks = new Map();
    /** @type {import("./grid-layout.js").GridPlace[]} */
    this.places = [];
    /** @type {string[]} */
    this.queue = [];
    this.frame = 0;
    this.paused = performance.now();
    this.built = "";
    this.shown = "";
    this.look = "";
    this.marks = "";
    /** @type {import("../core/colors.js").Palette|null} */
    this.palette = null;
    /** @type {Map<string, HeadFacts>} */
    this.heads = new Map();
    /** @type {import("./grid-heads.js").GridNumbers|null} beside a view there is room for weights only */
    this.numbers = null;
    this.top = 0;
    this.size = { width: 0, height: 0, gap: small ? GRID_SMALL_GAP : GRID_GAP };
    this.listen();
  }

  /** @returns {AttentionMap} */
  get map() {
    return this.context.page.map(this.context.store.state.map);
  }

  /**
   * Find the weight with the scale's last colour, the same one for all heads.
   * @param {State} state
   * @returns {number}
   */
  topOf({ words, special, step }) {
    const whole = !words && special && step === null;
    if (whole || this.tiles.size === 0) return gridMapTop(this.map);
    return [...this.tiles.values()].reduce((largest, { top }) => Math.max(largest, top), 0);
  }

  /** @param {State} state */
  update(state) {
    if (this.node.clientWidth === 0) return;
    const { facts } = this.map;
    this.heads = new Map(facts.focus.map((head) => [head.head, head]));
    this.numbers = this.small ? null : gridNumbers(this.context.page.facts, facts.focus, state.tiles);
    this.build(state);
    this.forget(state);
    if (this.tiles.size === 0) this.top = this.topOf(state);
    const look = [state.scale, this.numbers && state.tiles, this.built].join(" ");
    const fresh = look !== this.look || this.palette !== this.context.palette();
    this.look = look;
    this.palette = this.context.palette();
    if (fresh) this.paintAll();
    this.queue = this.map.names.filter((name) => this.map.isOpen(name) && !this.tiles.has(name));
    this.mark(state);
    cancelAnimationFrame(this.frame);
    this.work();
  }

  /**
   * Lay the board out anew where its map or its place has changed.
   * @param {State} state
   */
  build(state) {
    const { map } = this;
    const room = this.room();
    const columns = gridColumns(map, room);
    const rows = Math.ceil(map.names.length / columns);
    const shape = { queries: labelsOf(map.queries, state).length, keys: labelsOf(map.keys, state).length };
    this.size = gridTileSize(room, { columns, rows }, shape);
    const { width, height, gap } = this.size;
    for (const [name, length] of Object.entries({ width, height, gap })) {
      this.board.style.setProperty(`--grid-${name}`, `${length}px`);
    }
    const built = [state.map, columns, width].join(" ");
    if (built === this.built) return;
    const focused = this.board.contains(document.activeElement);
    this.built = built;
    this.places = gridPlaces(map, columns);
    this.buttons = new Map(this.places.map(({ name }) => [name, this.tileOf(name)]));
    this.board.replaceChildren(...gridFrame(map, this.places, this.buttons, this.size, this.small));
    if (focused) this.buttons.get(state.head)?.focus();
  }

  /** @returns {GridRoom} */
  room() {
    const axis = gridIsOfLayers(this.map) ? 0 : GRID_AXIS[this.small ? "small" : "large"] + this.size.gap;
    const view = this.node.closest(".view");
    const above = view
      ? this.node.getBoundingClientRect().top - view.getBoundingClientRect().top + view.scrollTop
      : 0;
    const height = (view?.clientHeight ?? window.innerHeight) - above - GRID_ABOVE;
    return {
      width: this.node.clientWidth - 2 * GRID_PADDING - axis,
      height: Math.max(GRID_LOWEST, height),
      small: this.small,
    };
  }

  /**
   * @param {string} name
   * @returns {HTMLButtonElement}
   */
  tileOf(name) {
    const canvas = element("canvas", { width: 1, height: 1, "aria-hidden": "true" });
    return element("button", { type: "button", class: "grid-tile", tabindex: -1, "data-name": name }, canvas);
  }

  /**
   * Let go of thumbnails that show something else than what is shown now.
   * @param {State} state
   */
  forget(state) {
    const shown = [state.map, state.words, state.special, state.step, this.most].join(" ");
    if (shown === this.shown) return;
    this.shown = shown;
    this.tiles.clear();
    this.masks.clear();
  }

  /** @returns {number} rows and columns of a thumbnail */
  get most() {
    const { width, height } = this.size;
    return Math.min(GRID_MOST, Math.round(Math.max(width, height) * Math.ceil(window.devicePixelRatio || 1)));
  }

  /** Make thumbnails until the slice is over, and go on with the next frame. */
  work() {
    const start = performance.now();
    const { state } = this.context.store;
    // Where frames take long anyway, on a slow or busy machine, more of each is used.
    const slice = Math.max(GRID_SLICE, Math.min(GRID_LONGEST_SLICE, (start - this.paused) / 2));
    while (this.queue.length && performance.now() - start < slice) {
      const name = /** @type {string} */ (this.queue.shift());
      this.tiles.set(name, gridTile(this.map, name, state, this.most, this.masks));
      this.paint(name);
    }
    this.paused = performance.now();
    if (this.queue.length) this.frame = requestAnimationFrame(() => this.work());
    else this.settle(state);
    this.board.toggleAttribute("data-complete", this.tiles.size === this.places.length);
  }

  /**
   * Paint all thumbnails anew if they turned out to need another scale.
   * @param {State} state
   */
  settle(state) {
    const top = this.topOf(state);
    if (top === this.top) return;
    this.top = top;
    this.paintAll();
  }

  paintAll() {
    for (const name of this.buttons.keys()) this.paint(name);
  }

  /** @param {string} name */
  paint(name) {
    const button = this.buttons.get(name);
    if (!button) return;
    const tile = this.tiles.get(name);
    const { numbers } = this;
    const waits = !tile && !numbers;
    button.classList.toggle("grid-loading", waits);
    setAttribute(button, "aria-busy", waits ? "true" : null);
    if (numbers || button.lastElementChild !== button.firstElementChild)
      this.paintNumber(button, numbers, name);
    if (!tile || numbers) return;
    const { columns, rows, pixels } = gridCells(
      tile,
      this.top,
      this.context.store.state.scale,
      this.context.palette(),
    );
    const canvas = /** @type {HTMLCanvasElement} */ (button.firstElementChild);
    canvas.width = columns;
    canvas.height = rows;
    canvas.getContext("2d")?.putImageData(new ImageData(pixels, columns, rows), 0, 0);
  }

  /**
   * Write a head's number into its tile, on the colour it has.
   * @param {HTMLButtonElement} button
   * @param {import("./grid-heads.js").GridNumbers|null} numbers
   * @param {string} name
   */
  paintNumber(button, numbers, name) {
    button.querySelector(".grid-number")?.remove();
    button.style.background = "";
    if (!numbers) return;
    const value = numbers.values.get(name);
    const color = value === undefined ? null : gridNumberColor(this.context.palette(), value, numbers);
    const text = value === undefined ? "–" : gridNumberText(value, numbers.signed);
    const number = element("span", { class: "grid-number" }, this.size.width < GRID_NARROW ? "" : text);
    if (color) {
      button.style.background = css(color);
      number.style.color = inkOn(color);
    }
    button.append(number);
  }

  /**
   * Frame the head that is picked.
   * @param {State} state
   */
  mark(state) {
    const inside = this.board.contains(document.activeElement) ? document.activeElement : null;
    const stop = inside instanceof HTMLElement ? inside.dataset.name : state.head;
    for (const [name, button] of this.buttons) {
      setAttribute(button, "aria-current", name === state.head ? "true" : null);
      button.tabIndex = name === stop ? 0 : -1;
    }
    const marks = [state.filter, this.numbers && state.tiles, this.built].join(" ");
    if (marks !== this.marks) this.name(state);
    this.marks = marks;
  }

  /**
   * Say what each head is, and step back those that are not asked for.
   * @param {State} state
   */
  name(state) {
    const { map, heads, numbers } = this;
    const labels = new Set([...heads.values()].map(({ pattern }) => pattern.label));
    for (const [name, button] of this.buttons) {
      const head = heads.get(name);
      const matches = gridMatches(head, state.filter, labels);
      button.classList.toggle("grid-dim", !matches);
      const number = numbers?.values.get(name);
      const said =
        number === undefined
          ? []
          : [`${numbers?.title}: ${gridNumberText(number, numbers?.signed ?? false)}`];
      const parts = [
        ...said,
        ...gridSentence(map, name, head),
        ...(matches ? [] : ["not among those asked for"]),
      ];
      button.setAttribute("aria-label", [name, ...parts].join(", "));
    }
  }

  listen() {
    this.board.addEventListener("click", (event) => {
      const name = gridNameAt(event.target);
      if (name) this.pick(name);
    });
    this.board.addEventListener("keydown", (event) => this.move(event));
    this.board.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "touch") this.tell(event.target);
    });
    this.board.addEventListener("pointerleave", () => this.point(null, null));
    this.board.addEventListener("focusin", (event) => {
      const tile = event.target;
      if (tile instanceof HTMLElement && tile.matches(":focus-visible")) this.tell(tile);
    });
    this.board.addEventListener("focusout", () => this.point(null, null));
  }

  /** @param {EventTarget|null} target */
  tell(target) {
    const name = gridNameAt(target);
    this.point(name, name ? (this.buttons.get(name) ?? null) : null);
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    if (event.altKey || event.metaKey) return;
    if (event.key === "Escape") this.point(null, null);
    const from = gridNameAt(event.target);
    const to = from && gridNeighbor(this.places, from, event.key, event.ctrlKey);
    if (event.key.startsWith("Arrow")) event.stopPropagation();
    if (!from || !to) return;
    event.preventDefault();
    event.stopPropagation();
    const [before, after] = [this.buttons.get(from), this.buttons.get(to)];
    if (before) before.tabIndex = -1;
    if (after) after.tabIndex = 0;
    after?.focus();
  }

  close() {
    cancelAnimationFrame(this.frame);
  }
}

/**
 * @param {EventTarget|null} target
 * @returns {string|null} the head whose tile it is in
 */
function gridNameAt(target) {
  if (!(target instanceof Element)) return null;
  return /** @type {HTMLElement|null} */ (target.closest(".grid-tile"))?.dataset.name ?? null;
}

/**
 * @param {import("../core/colors.js").Palette} palette
 * @param {number} value
 * @param {import("./grid-heads.js").GridNumbers} numbers
 * @returns {import("../core/types.js").RGB}
 */
export function gridNumberColor(palette, value, numbers) {
  // What is lost stands at the scale's first end, as in the figure of effects.
  if (numbers.signed) return differenceColor(palette, -value / numbers.top);
  return weightColor(palette, value / numbers.top);
}
