// Maps on screen that a reader moves about in: painted, pointed at, zoomed, and said.

import { canvasBrush, measurer } from "../core/brush.js";
import { element, fitted, setAttribute } from "../core/dom.js";
import { placeOf } from "../core/matrix.js";
import { paintPointedLabels } from "./labels.js";
import { paintCross } from "./marks.js";
import { makeLook } from "./places.js";
import { paintScene, planScene } from "./scene.js";
import { MapSurface } from "./surface.js";
import { isWhole, translatedWindow, windowAround, windowOf, wholeWindow, zoomOf } from "./zooming.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./places.js").Cell} Cell
 * @typedef {import("./scene.js").Exhibit} Exhibit
 * @typedef {import("./scene.js").Scene} Scene
 * @typedef {import("./zooming.js").Window} Window
 * @typedef {{width: number, height: number}} Size
 */

/**
 * What a view tells of its maps.
 * @typedef {object} ExplorerOwner
 * @property {(cell: Cell) => string} sentence what a cell holds
 * @property {(cell: Partial<Cell>) => void} lit what is pointed at, or else picked, is now this
 */

const MAP_HELP =
  "Arrow keys move from cell to cell, Enter picks one, Escape lets go, plus and minus zoom, 0 shows all, " +
  "Shift with an arrow pans.";
let mapExplorers = 0;

/** The maps of a view. */
export class MapExplorer {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   * @param {ExplorerOwner} owner
   */
  constructor(host, context, owner) {
    this.context = context;
    this.owner = owner;
    this.measure = measurer();
    /** @type {Exhibit|null} */
    this.exhibit = null;
    /** @type {Scene|null} */
    this.scene = null;
    /** @type {Cell|null} pointed at, by pointer or keys */
    this.hovered = null;
    /** @type {Size} */
    this.room = { width: 0, height: 0 };
    /** @type {Size & {density: number}} of the canvases */
    this.size = { width: 0, height: 0, density: 0 };
    this.look = makeLook(context.palette(), this.measure);
    this.frame = 0;
    this.isStale = false;
    mapExplorers += 1;
    const help = element("p", { class: "visually-hidden", id: `map-help-${mapExplorers}` }, MAP_HELP);
    this.surface = new MapSurface(host, this, help.id);
    this.surface.node.append(help);
  }

  /**
   * Show maps, or the same anew.
   * @param {Exhibit|null} exhibit null for none
   * @param {Set<keyof State>} changed fields of the state
   * @param {() => Size} room
   */
  show(exhibit, changed, room) {
    const before = this.exhibit?.entries[0].sheet;
    const after = exhibit?.entries[0].sheet;
    this.exhibit = exhibit;
    this.surface.node.hidden = !exhibit;
    if (!after || !exhibit) return;
    if (before && !sameMapLabels(before, after)) {
      this.hovered = null;
      this.follow(before, after, changed);
    }
    setAttribute(this.surface.top, "aria-label", `${exhibit.title}: ${exhibit.summary}`);
    const isMoved = isMovedOnly(changed);
    if (!isMoved || !this.scene) this.plan(exhibit, room());
    this.surface.node.classList.toggle("is-zoomed", this.surface.isZoomed);
    this.draw(changed.has("zoom") || !isMoved);
    if (!isMoved) this.paint();
    this.tellLit();
  }

  /**
   * @param {Exhibit} exhibit
   * @param {Size} room
   */
  plan(exhibit, room) {
    const { search } = this.context.store.state;
    const density = window.devicePixelRatio || 1;
    this.look = makeLook(this.context.palette(), this.measure, { density, search });
    this.scene = planScene(exhibit, { ...room, top: 0 }, this.measure);
    // Where the cells are, for those who drive the page from outside.
    this.surface.node.dataset.plots = JSON.stringify(this.scene.panels.map(({ plot }) => plot));
  }

  /**
   * Keep in sight what is in sight while pieces are merged or tokens hidden; of another text, show all.
   * @param {{rows: Label[], columns: Label[]}} before
   * @param {{rows: Label[], columns: Label[]}} after
   * @param {Set<keyof State>} changed
   */
  follow(before, after, changed) {
    const { zoom } = this.context.store.state;
    if (!zoom || changed.has("zoom")) return;
    const extents = [before, after].map(({ rows, columns }) => ({
      rows: rows.length,
      columns: columns.length,
    }));
    const isSame = !changed.has("map") && !changed.has("otherMap");
    const window = isSame
      ? translatedWindow(windowOf(zoom, extents[0]), before, after)
      : wholeWindow(extents[1]);
    this.context.store.set({ zoom: zoomOf(window, extents[1]) });
  }

  // What the surface asks.

  panels() {
    return this.scene?.panels ?? [];
  }

  extent() {
    return this.exhibit?.entries[0].sheet.extent ?? { rows: 1, columns: 1 };
  }

  /** @returns {Window} */
  window() {
    return windowOf(this.context.store.state.zoom, this.extent());
  }

  /** @returns {Cell|null} */
  cell() {
    const { row, column } = this.lit();
    return row === undefined || column === undefined ? null : { row, column };
  }

  // What the surface tells.

  /** @param {Cell|null} cell */
  point(cell) {
    if (cell?.row === this.hovered?.row && cell?.column === this.hovered?.column) return;
    this.hovered = cell;
    if (cell) this.context.say(this.owner.sentence(cell));
    this.tellLit();
    this.draw(false);
  }

  /**
   * @param {Cell} cell
   * @param {boolean} isSecond
   */
  pick(cell, isSecond) {
    const sheet = this.exhibit?.entries[0].sheet;
    if (!sheet) return;
    const { row, column } = this.picked();
    this.hovered = cell;
    if (row === cell.row && column === cell.column && !isSecond) return this.clear();
    this.context.say(this.owner.sentence(cell));
    this.context.store.set({
      query: sheet.rows[cell.row].position,
      key: sheet.columns[cell.column].position,
    });
    this.draw(false);
  }

  clear() {
    this.hovered = null;
    this.context.store.set({ query: null, key: null });
    this.tellLit();
    this.draw(false);
  }

  /** @param {Window} window */
  zoom(window) {
    this.context.store.set({ zoom: zoomOf(window, this.extent()) });
  }

  // What is lit.

  /** @returns {Partial<Cell>} the row and column the state picks, as far as they are shown */
  picked() {
    const sheet = this.exhibit?.entries[0].sheet;
    const { query, key } = this.context.store.state;
    const row = sheet ? placeOf(sheet.rows, query) : -1;
    const column = sheet ? placeOf(sheet.columns, key) : -1;
    return { row: row < 0 ? undefined : row, column: column < 0 ? undefined : column };
  }

  /** @returns {Partial<Cell>} */
  lit() {
    return this.hovered ?? this.picked();
  }

  tellLit() {
    this.owner.lit(this.lit());
  }

  /** Move what is in sight so far that a cell is. */
  reveal(/** @type {Cell} */ cell) {
    this.zoom(windowAround(this.window(), this.extent(), cell));
  }

  // Painting.

  /**
   * Paint before the screen is next drawn.
   * @param {boolean} [isStale] whether more has changed than what is lit
   */
  draw(isStale = false) {
    this.isStale ||= isStale;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.isStale) this.paint();
      else this.paintTop();
    });
  }

  paint() {
    if (!this.scene) return;
    this.isStale = false;
    paintScene(this.brushOf(this.surface.base), this.scene, this.window(), this.look);
    this.paintTop();
  }

  paintTop() {
    if (!this.scene) return;
    const brush = this.brushOf(this.surface.top);
    this.paintLit(brush, this.scene, this.hovered);
    const { drag } = this.surface;
    if (!drag?.isBox || !drag.moved) return;
    const [x, y] = [Math.min(drag.start.x, drag.at.x), Math.min(drag.start.y, drag.at.y)];
    const size = { width: Math.abs(drag.start.x - drag.at.x), height: Math.abs(drag.start.y - drag.at.y) };
    const { foreground, background } = this.look.palette;
    brush.rect(x, y, size.width, size.height, { fill: foreground, alpha: 0.15 });
    brush.rect(x, y, size.width, size.height, { stroke: background, lineWidth: 3 });
    brush.rect(x, y, size.width, size.height, { stroke: foreground });
  }

  /**
   * @param {Brush} brush
   * @param {Scene} scene
   * @param {Cell|null} hovered
   */
  paintLit(brush, scene, hovered) {
    const { look } = this;
    const window = this.window();
    const picked = this.picked();
    for (const panel of scene.panels) {
      paintCross(brush, panel, window, picked, look.palette, 1.5);
      paintPointedLabels(brush, panel, window, picked, look);
      if (!hovered) continue;
      paintCross(brush, panel, window, hovered, look.palette, 1);
      paintPointedLabels(brush, panel, window, hovered, look);
    }
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @returns {Brush} on a blank canvas of the scene's size
   */
  brushOf(canvas) {
    const { width, height } = this.scene ?? { width: 1, height: 1 };
    const density = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.width !== wide || canvas.height !== high) return canvasBrush(fitted(canvas, width, height));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.clearRect(0, 0, width, height);
    return canvasBrush(context);
  }

  /**
   * Give the maps as a picture of their own, with a heading.
   * @param {Size} room
   * @returns {Drawing|null}
   */
  drawing(room) {
    const { exhibit } = this;
    if (!exhibit) return null;
    const scene = planScene(exhibit, { ...room, top: 0 }, this.measure);
    const { search } = this.context.store.state;
    const palette = this.context.palette();
    const look = makeLook(palette, this.measure, { isCropped: true, density: 2, search });
    const frame = this.window();
    /** @param {Brush} brush */
    const paint = (brush) => {
      paintScene(brush, scene, frame, look);
      this.paintLit(brush, scene, null);
    };
    return { width: scene.width + 4, height: scene.height + 8, heading: exhibit.title, paint };
  }

  /** Whether not all is in sight. */
  get isZoomed() {
    return !isWhole(this.window(), this.extent());
  }

  close() {
    cancelAnimationFrame(this.frame);
  }
}

/**
 * @param {Set<keyof State>} changed
 * @returns {boolean} whether all that is drawn is as it was, only elsewhere or lit otherwise
 */
export function isMovedOnly(changed) {
  return [...changed].every((name) => name === "zoom" || name === "query" || name === "key");
}

/**
 * @param {{rows: Label[], columns: Label[]}} one
 * @param {{rows: Label[], columns: Label[]}} other
 * @returns {boolean} whether the same tokens are shown
 */
function sameMapLabels(one, other) {
  const alike = (/** @type {Label[]} */ before, /** @type {Label[]} */ after) =>
    before === after ||
    (before.length === after.length &&
      before.every(
        ({ position, text }, place) => after[place].position === position && after[place].text === text,
      ));
  return alike(one.rows, other.rows) && alike(one.columns, other.columns);
}
