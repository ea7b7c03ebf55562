// What is on screen as a file: a picture of the view, the numbers of a head, a link.

import { canvasBrush, svgOf } from "../core/brush.js";
import { element } from "../core/dom.js";
import { linkNow } from "./address.js";
import { csvOf } from "./csv.js";
import { copyText, fileStem, saveFile } from "./files.js";
import { framed } from "./framing.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("./stage.js").Stage} Stage
 */

const DENSITY = 2;

const NO_DRAWING = "This view is no drawing; the numbers of its head can be copied.";

// Beyond these, browsers make no canvas.
const LONGEST_SIDE = 16_000;
const MOST_PIXELS = 120_000_000;

/** Makes files of what a stage shows, and says how that went. */
export class TakeAway {
  /**
   * @param {Context} context
   * @param {Stage} stage
   */
  constructor(context, stage) {
    this.context = context;
    this.stage = stage;
    /** @type {Map<string, CanvasImageSource>} those that are loaded */
    this.pictures = new Map();
    this.loading = this.load();
  }

  async load() {
    const source = this.context.page.facts.picture?.source;
    if (!source) return;
    const image = element("img", { src: source });
    await image.decode();
    this.pictures.set(source, image);
  }

  /** @returns {Drawing|null} the view with its heading and its source */
  drawing() {
    const drawing = this.stage.mounted?.drawing() ?? null;
    return drawing && this.stage.view ? framed(drawing, this.context, this.stage.view) : null;
  }

  /**
   * @param {string} suffix
   * @returns {string} such as "fox-L1H0-heatmap.svg"
   */
  pictureName(suffix) {
    const { page, store } = this.context;
    const { view } = this.stage;
    const head = view?.everyHead ? "" : `-${store.state.head}`;
    return `${fileStem(page.facts.title)}${head}-${view?.name}.${suffix}`;
  }

  /** @returns {string} */
  tableName() {
    const { page, store } = this.context;
    return `${fileStem(page.facts.title)}-${store.state.head}-weights.csv`;
  }

  saveSvg() {
    const drawing = this.drawing();
    if (!drawing) return this.context.say(NO_DRAWING);
    const { page, palette } = this.context;
    const svg = svgOf(drawing, palette().background, page.facts.title);
    this.save(new Blob([svg], { type: "image/svg+xml" }), this.pictureName("svg"));
  }

  async savePng() {
    await this.loading;
    const drawing = this.drawing();
    if (!drawing) return this.context.say(NO_DRAWING);
    const canvas = painted(drawing, this.context.palette().background, DENSITY, this.pictures);
    const blob = await new Promise((/** @type {(blob: Blob|null) => void} */ done) => canvas.toBlob(done));
    if (!blob)
      return this.context.say("The browser could not make a picture so large; an SVG has no such limit.");
    this.save(blob, this.pictureName("png"));
  }

  async copyCsv() {
    const name = this.tableName();
    const { head } = this.context.store.state;
    const copied = await copyText(this.csv(), name);
    const { page, store } = this.context;
    const what = page.map(store.state.map).facts.pooling ? "cell" : "weight";
    if (copied) this.context.say(`Copied: every ${what} of ${head}, as CSV.`);
  }

  saveCsv() {
    this.save(new Blob([this.csv()], { type: "text/csv" }), this.tableName());
  }

  /** @returns {string} */
  csv() {
    const { page, store } = this.context;
    return csvOf(page.map(store.state.map), store.state.head);
  }

  async copyLink() {
    const { page, store, say } = this.context;
    if (await copyText(linkNow(page, store), "link.txt"))
      say("Copied: a link that opens the page as it is now.");
  }

  /**
   * @param {Blob} content
   * @param {string} name
   */
  save(content, name) {
    saveFile(content, name);
    this.context.say(`Saved: ${name}`);
  }
}

/**
 * Paint a drawing on a canvas of its own, as densely as the browser can hold.
 * @param {Drawing} drawing
 * @param {string} background
 * @param {number} density pixels for each CSS pixel
 * @param {Map<string, CanvasImageSource>} [pictures]
 * @returns {HTMLCanvasElement}
 */
export function painted({ width, height, paint }, background, density, pictures) {
  const most = Math.min(
    density,
    LONGEST_SIDE / Math.max(width, height),
    Math.sqrt(MOST_PIXELS / (width * height)),
  );
  const canvas = element("canvas", { width: Math.ceil(width * most), height: Math.ceil(height * most) });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(most, most);
  context.fillStyle = background;
  context.fillRect(0, 0, width, height);
  paint(canvasBrush(context, pictures));
  return canvas;
}
