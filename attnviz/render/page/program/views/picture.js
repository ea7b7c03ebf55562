// What is read of a picture, laid over it: press a patch or a word to see what it reads, or who reads it.

import { canvasBrush } from "../core/brush.js";
import { element, fitted } from "../core/dom.js";
import { massHeads, massOpened } from "./mass.js";
import { massControls, massLegend } from "./masscontrols.js";
import { massPaintScale } from "./massscale.js";
import { pictureGrid, pictureIsPatch, pictureReading } from "./picturegrid.js";
import { pictureLooks } from "./picturelooks.js";
import { pictureColor, picturePaint, picturePatchAt, picturePatches } from "./picturepaint.js";
import { pictureFramed, pictureLead, pictureTold } from "./picturewords.js";
import { textLists } from "./textlists.js";
import { textIsOne, textPick, textShares, textTurned } from "./textreading.js";
import { textMark, textPaint, textSide } from "./textwords.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").Mounted} Mounted
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./picturepaint.js").PictureShown} PictureShown
 * @typedef {import("./textreading.js").TextReading} TextReading
 * @typedef {import("./textwords.js").TextSide} TextSide
 */

/** @type {import("../core/types.js").View} */
export const pictureView = {
  name: "picture",
  title: "Picture",
  hint: "What is read of the picture, laid over it. Press a patch to see what it reads, or who reads it.",
  offered: (page, state) =>
    page.facts.picture !== null &&
    !page.map(state.map).facts.pooling &&
    page.map(state.map).keys.tokens.some(pictureIsPatch),
  mount: (host, context) => new PictureMounted(host, context),
};

const PICTURE_WIDEST = 640;
const PICTURE_NARROWEST = 200;
const PICTURE_SHARE_OF_SCREEN = 0.52;

// So few tokens beside the picture stand above it.
const PICTURE_FEW = 12;

/**
 * The view on screen.
 * @implements {Mounted}
 */
class PictureMounted {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    this.picture = /** @type {{width: number, height: number, source: string}} */ (
      context.page.facts.picture
    );
    /** @type {Map<string, CanvasImageSource>} */
    this.pictures = new Map();
    /** @type {"reads"|"readers"} what a press asks while nothing is picked */
    this.wanted = "reads";
    /** @type {TextReading|null} */
    this.reading = null;
    /** @type {PictureShown|null} */
    this.shown = null;
    /** @type {{labels: Label[], places: number[], side: TextSide, queries: boolean}[]} what stands beside the picture */
    this.beside = [];
    this.written = "";
    /** @type {{row: number, column: number}|null} where the pointer or the keyboard is */
    this.pointed = null;
    this.looks = pictureLooks(() => this.show());
    const acts = {
      turn: (/** @type {"reads"|"readers"} */ way) => this.turn(way),
      bring: (/** @type {State["together"]} */ together) => context.store.set({ together }),
    };
    this.acts = {
      pick: (/** @type {Partial<State>} */ fields) => context.store.set(fields),
      point: (/** @type {Label|null} */ label) => this.pointLabel(label),
    };
    this.controls = massControls(acts, ...this.looks.nodes);
    this.lead = element("p", { class: "text-lead" });
    this.canvas = element("canvas", {
      class: "picture-canvas",
      tabindex: 0,
      role: "application",
      "aria-label": "Patches of the picture: arrow keys go from one to the next, Enter picks it",
    });
    this.legend = element("p", { class: "text-legend note" });
    this.chips = element("div", { class: "picture-chips text-numbered" });
    this.lists = element("div", { class: "text-lists" });
    const main = element("div", { class: "text-main" }, this.lead, this.canvas, this.legend, this.chips);
    this.root = element(
      "div",
      { class: "text-view" },
      this.controls.node,
      element("div", { class: "text-body" }, main, this.lists),
    );
    this.listen();
    host.append(this.root);
    void this.load();
    this.update(context.store.state, new Set(["map"]));
  }

  listen() {
    this.canvas.addEventListener("pointermove", (event) => this.pointAt(event));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("blur", () => this.point(null));
    this.canvas.addEventListener("click", (event) => {
      this.pointAt(event);
      this.pick();
    });
    this.canvas.addEventListener("keydown", (event) => this.keyed(event));
    this.chips.addEventListener("click", (event) => this.pressed(event));
  }

  async load() {
    const image = new Image();
    image.src = this.picture.source;
    await image.decode();
    this.pictures.set(this.picture.source, image);
    this.show();
  }

  get map() {
    return this.context.page.map(this.context.store.state.map);
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} _changed
   */
  update(state, _changed) {
    const { map } = this;
    const opening = massOpened(map, massHeads(map, state));
    if (opening) {
      this.lead.textContent = "Opening the weights of these heads…";
      void opening.then(() => this.root.isConnected && this.update(this.context.store.state, new Set()));
      return;
    }
    this.reading = pictureReading(map, state);
    const written = `${state.map} ${state.words} ${state.step}`;
    if (written !== this.written) this.write(map, this.reading);
    this.written = written;
    this.show();
  }

  /**
   * Write what stands beside the picture: every token that is no patch.
   * @param {AttentionMap} map
   * @param {TextReading} reading
   */
  write(map, { rows, columns }) {
    const one = textIsOne(map);
    const part = (/** @type {Label[]} */ labels, /** @type {boolean} */ queries) => {
      const places = [...labels.keys()].filter((place) => !pictureIsPatch(labels[place]));
      const own = places.map((place) => labels[place]);
      const name = one ? "Beside the picture" : queries ? "Queries" : "Keys beside the picture";
      const side = textSide(queries ? map.queries : map.keys, own, this.context.page.facts.text, name);
      return { labels: own, places, side, queries, name };
    };
    const parts = one ? [part(rows, true)] : [part(rows, true), part(columns, false)];
    const written = parts.filter(({ labels }) => labels.length > 0);
    this.beside = written;
    const few = written.reduce((count, { labels }) => count + labels.length, 0) <= PICTURE_FEW;
    this.chips.classList.toggle("picture-few", few);
    if (few) this.canvas.before(this.chips);
    else this.legend.after(this.chips);
    this.chips.replaceChildren(
      ...written.map(({ side, name }) =>
        element("section", {}, element("h2", { class: "text-heading" }, name), side.node),
      ),
    );
  }

  /** Show how things look now. */
  show() {
    const { state } = this.context.store;
    const { map, reading } = this;
    if (!reading) return;
    if (reading.way !== "received" && (state.query !== null || state.key !== null)) this.wanted = reading.way;
    this.shown = this.lay(map, reading, state);
    this.draw();
    this.paintChips(map, reading, state);
    this.controls.update(this.wanted, state.together, map.names.length);
    this.lead.textContent = pictureLead(map, reading, state).join(" ");
    this.lists.replaceChildren(...textLists(map, reading, this.acts));
    const palette = this.context.palette();
    this.legend.replaceChildren(...massLegend((share) => pictureColor(palette, share), palette, reading.top));
  }

  /**
   * @param {AttentionMap} map
   * @param {TextReading} reading
   * @param {State} state
   * @param {number} [width] CSS pixels
   * @returns {PictureShown|null}
   */
  lay(map, reading, state, width = this.room()) {
    const labels = reading.way === "readers" ? reading.rows : reading.columns;
    const ratio = this.picture.height / this.picture.width;
    const grid = pictureGrid(reading.way === "readers" ? map.queries : map.keys, ratio);
    const { look, strength, lines } = this.looks.chosen();
    const common = { source: this.picture.source, width, height: width * ratio, look, strength, lines };
    const framed = pictureFramed(map, reading, ratio);
    // Queries of a text alone are no patches: the picture is shown as it is, with the key framed.
    if (!grid) return { ...common, look: "frames", grid: { rows: 1, columns: 1 }, patches: [], framed };
    return {
      ...common,
      grid,
      patches: picturePatches(labels, reading.mass.values, reading.top, state),
      framed,
    };
  }

  /** @returns {number} */
  room() {
    const ratio = this.picture.height / this.picture.width;
    const high = (Math.max(480, window.innerHeight) * PICTURE_SHARE_OF_SCREEN) / ratio;
    const wide = this.lead.clientWidth || this.host.clientWidth || PICTURE_WIDEST;
    return Math.max(PICTURE_NARROWEST, Math.min(PICTURE_WIDEST, high, wide));
  }

  draw() {
    if (!this.shown) return;
    const { width, height, grid, framed } = this.shown;
    const canvas = fitted(this.canvas, width, height);
    const pointed = this.pointed ? [{ ...this.pointed, grid }] : [];
    const shown = { ...this.shown, framed: [...framed, ...pointed] };
    picturePaint(canvasBrush(canvas, this.pictures), this.context.palette(), shown);
  }

  /**
   * @param {AttentionMap} map
   * @param {TextReading} reading
   * @param {State} state
   */
  paintChips(map, reading, state) {
    const shares = textShares(reading, state);
    const readers = reading.way === "readers";
    for (const { labels, places, side, queries } of this.beside) {
      const own = textIsOne(map) || queries === readers;
      const values = own ? Float64Array.from(places, (place) => reading.mass.values[place]) : null;
      textPaint(side, this.context.palette(), own ? places.map((place) => shares[place]) : null, values);
      const pickedHere = textIsOne(map) || queries !== readers;
      const picked = pickedHere ? places.indexOf(reading.picked) : -1;
      textMark(side, labels, { picked: reading.picked < 0 ? -1 : picked, partner: -1, search: state.search });
    }
  }

  /** @param {"reads"|"readers"} way */
  turn(way) {
    const { store } = this.context;
    this.wanted = way;
    const fields = textTurned(store.state, textIsOne(this.map), way);
    if (Object.keys(fields).length > 0) store.set(fields);
    else this.show();
  }

  /** @param {MouseEvent} event */
  pointAt(event) {
    const patch = this.shown && picturePatchAt(this.shown, event.offsetX, event.offsetY);
    this.point(patch);
  }

  /** @param {{row: number, column: number}|null} place */
  point(place) {
    if (place?.row === this.pointed?.row && place?.column === this.pointed?.column) return;
    this.pointed = place && { row: place.row, column: place.column };
    this.draw();
    const patch = this.patchPointed();
    if (patch && this.reading) this.context.say(pictureTold(this.reading, patch.label));
  }

  /**
   * Frame a patch that is pointed at in a list.
   * @param {Label|null} label
   */
  pointLabel(label) {
    this.pointed =
      label?.place && pictureIsPatch(label) ? { row: label.place[0], column: label.place[1] } : null;
    this.draw();
  }

  patchPointed() {
    const { pointed } = this;
    return (
      pointed &&
      this.shown?.patches.find(({ row, column }) => row === pointed.row && column === pointed.column)
    );
  }

  /** Pick the patch pointed at: as what reads, where patches do, else as what is read. */
  pick() {
    const patch = this.patchPointed();
    const { reading } = this;
    if (!patch || !reading) return;
    const { position } = (reading.way === "readers" ? reading.rows : reading.columns)[patch.label];
    const { store } = this.context;
    const way = textIsOne(this.map) ? this.wanted : reading.way === "readers" ? "reads" : "readers";
    store.set(textPick(store.state, way, position));
    this.context.say(pictureLead(this.map, this.reading ?? reading, store.state).join(" "));
  }

  /** @param {Event} event */
  pressed(event) {
    const node = event.target instanceof Element ? event.target.closest(".text-word") : null;
    const part = this.beside.find(({ side }) => side.words.includes(/** @type {HTMLElement} */ (node)));
    if (!part) return;
    const { store } = this.context;
    const { position } = part.labels[Number(/** @type {HTMLElement} */ (node).dataset.place)];
    const way = textIsOne(this.map) ? this.wanted : part.queries ? "reads" : "readers";
    store.set(textPick(store.state, way, position));
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (!this.shown || event.altKey || event.ctrlKey || event.metaKey) return;
    const { row, column } = this.pointed ?? { row: 0, column: -1 };
    const { rows, columns } = this.shown.grid;
    const steps = new Map([
      ["ArrowLeft", [row, column - 1]],
      ["ArrowRight", [row, column + 1]],
      ["ArrowUp", [row - 1, column]],
      ["ArrowDown", [row + 1, column]],
      ["Home", [row, 0]],
      ["End", [row, columns - 1]],
    ]);
    const to = steps.get(event.key);
    if (event.key === "Enter" || event.key === " ") this.pick();
    else if (to)
      this.point({
        row: Math.min(rows - 1, Math.max(0, to[0])),
        column: Math.min(columns - 1, Math.max(0, to[1])),
      });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @returns {Drawing|null} */
  drawing() {
    const { map, reading } = this;
    if (!reading) return null;
    const shown = this.lay(map, reading, this.context.store.state, PICTURE_WIDEST);
    if (!shown) return null;
    const palette = this.context.palette();
    const lead = pictureLead(map, reading, this.context.store.state)[0];
    return {
      width: shown.width,
      height: shown.height + 56,
      paint: (brush) => {
        picturePaint(brush, palette, shown);
        brush.text(0, shown.height + 20, lead, { fill: palette.foreground, size: 13 });
        const tint = (/** @type {number} */ share) => pictureColor(palette, share);
        massPaintScale(brush, palette, tint, { x: 0, y: shown.height + 44, top: reading.top });
      },
    };
  }

  close() {
    this.root.remove();
  }
}
