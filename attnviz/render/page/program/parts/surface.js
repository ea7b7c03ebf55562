// A canvas that is pointed at, dragged, pinched and steered by keys; what that means is for others to say.

import { element } from "../core/dom.js";
import { spotAt } from "./places.js";
import { steered } from "./steering.js";
import { boxWindow, isWhole, pannedBy, zoomedAt } from "./zooming.js";

/**
 * @typedef {import("./places.js").Cell} Cell
 * @typedef {import("./places.js").Panel} Panel
 * @typedef {import("./zooming.js").Window} Window
 * @typedef {import("./zooming.js").Extent} Extent
 * @typedef {{x: number, y: number}} Point
 * @typedef {{start: Point, at: Point, window: Window, panel: Panel, isBox: boolean, moved: boolean}} Drag
 */

/**
 * What a surface asks and tells.
 * @typedef {object} SurfaceOwner
 * @property {() => Panel[]} panels
 * @property {() => Window} window
 * @property {() => Extent} extent
 * @property {() => Cell|null} cell where the crosshair is
 * @property {(cell: Cell|null) => void} point
 * @property {(cell: Cell, isSecond: boolean) => void} pick `isSecond` of a double click
 * @property {() => void} clear
 * @property {(window: Window) => void} zoom
 * @property {() => void} draw the box that is drawn has changed
 */

const DRAG_LEAST = 4;
const DOUBLE_ZOOM = 2.5;
const WHEEL_ZOOM = 0.0022;
const WHEEL_LINE = 18;

/** Two canvases, one over the other, and every way to act on them. */
export class MapSurface {
  /**
   * @param {HTMLElement} host
   * @param {SurfaceOwner} owner
   * @param {string} described the id of what says how to use it
   */
  constructor(host, owner, described) {
    this.owner = owner;
    this.base = element("canvas", { class: "map-base", "aria-hidden": "true" });
    this.top = element("canvas", {
      class: "map-top",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "heatmap",
      "aria-describedby": described,
    });
    this.node = element("div", { class: "map-surface" }, this.base, this.top);
    host.append(this.node);
    /** @type {Drag|null} */
    this.drag = null;
    /** @type {{apart: number, middle: Point, window: Window, panel: Panel, spot: Cell}|null} */
    this.pinch = null;
    this.isDragged = false;
    this.listen();
  }

  listen() {
    const { top } = this;
    top.addEventListener("pointerdown", (event) => this.pressed(event));
    top.addEventListener("pointermove", (event) => this.moved(event));
    top.addEventListener("pointerup", (event) => this.released(event));
    top.addEventListener("pointercancel", () => this.dropped());
    top.addEventListener("pointerleave", () => this.drag ?? this.owner.point(null));
    top.addEventListener("click", (event) => this.clicked(event));
    top.addEventListener("dblclick", (event) => this.doubled(event));
    top.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    top.addEventListener("keydown", (event) => this.keyed(event));
    top.addEventListener("touchstart", (event) => this.touched(event), { passive: false });
    top.addEventListener("touchmove", (event) => this.pinched(event), { passive: false });
    top.addEventListener("touchend", () => (this.pinch = null));
  }

  /** Whether one finger moves the map, or the page. */
  get isZoomed() {
    return !isWhole(this.owner.window(), this.owner.extent());
  }

  /**
   * @param {{clientX: number, clientY: number}} event
   * @returns {Point} in CSS pixels of the canvas
   */
  pointOf({ clientX, clientY }) {
    const box = this.top.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  /**
   * @param {Point} point
   * @returns {{panel: Panel, spot: Cell}|null}
   */
  hit({ x, y }) {
    for (const panel of this.owner.panels()) {
      const spot = spotAt(panel, this.owner.window(), x, y);
      if (spot) return { panel, spot };
    }
    return null;
  }

  /**
   * @param {Point} point
   * @returns {Cell|null}
   */
  cellAt(point) {
    const found = this.hit(point);
    return found && { row: Math.floor(found.spot.row), column: Math.floor(found.spot.column) };
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    this.isDragged = false;
    const start = this.pointOf(event);
    const found = this.hit(start);
    if (event.button !== 0 || !found || !(event.shiftKey || this.isZoomed)) return;
    const window = this.owner.window();
    this.drag = { start, at: start, window, panel: found.panel, isBox: event.shiftKey, moved: false };
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const at = this.pointOf(event);
    if (!this.drag) {
      if (event.pointerType !== "touch") this.owner.point(this.cellAt(at));
      return;
    }
    if (this.pinch) return;
    const { start, window, panel, isBox } = this.drag;
    this.drag.at = at;
    if (!this.drag.moved && Math.hypot(at.x - start.x, at.y - start.y) < DRAG_LEAST) return;
    if (!this.drag.moved) this.top.setPointerCapture(event.pointerId);
    this.drag.moved = true;
    if (isBox) return this.owner.draw();
    const rows = ((start.y - at.y) / panel.plot.height) * window[2];
    const columns = ((start.x - at.x) / panel.plot.width) * window[3];
    this.owner.zoom(pannedBy(window, this.owner.extent(), rows, columns));
  }

  /** @param {PointerEvent} event */
  released(event) {
    const { drag } = this;
    this.dropped();
    if (!drag?.moved) return;
    this.isDragged = true;
    if (this.top.hasPointerCapture(event.pointerId)) this.top.releasePointerCapture(event.pointerId);
    if (!drag.isBox) return;
    const [one, other] = [drag.start, drag.at].map((point) => heldSpot(drag.panel, drag.window, point));
    this.owner.zoom(boxWindow(one, other, this.owner.extent()));
  }

  dropped() {
    const wasBox = this.drag?.isBox;
    this.drag = null;
    if (wasBox) this.owner.draw();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const cell = this.cellAt(this.pointOf(event));
    if (this.isDragged || event.shiftKey || !cell) return;
    this.owner.pick(cell, event.detail > 1);
  }

  /** @param {MouseEvent} event */
  doubled(event) {
    const found = this.hit(this.pointOf(event));
    if (!found || event.shiftKey) return;
    event.preventDefault();
    this.owner.zoom(zoomedAt(this.owner.window(), this.owner.extent(), DOUBLE_ZOOM, found.spot));
  }

  /**
   * The wheel zooms, unless the page could scroll that way and the reader has not turned to the map.
   * @param {WheelEvent} event
   */
  wheeled(event) {
    const found = this.hit(this.pointOf(event));
    if (!found) return;
    const isMeant = event.ctrlKey || event.metaKey || document.activeElement === this.top || this.isZoomed;
    const isPast = event.deltaY > 0 && !this.isZoomed;
    if (!event.ctrlKey && (isPast || (!isMeant && canScrollAround(this.node, event.deltaY)))) return;
    event.preventDefault();
    const delta = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE : 1);
    // A pinch on a touchpad comes as a wheel with Ctrl, in far smaller steps.
    const factor = Math.exp(-Math.max(-300, Math.min(300, delta)) * WHEEL_ZOOM * (event.ctrlKey ? 4 : 1));
    this.owner.zoom(zoomedAt(this.owner.window(), this.owner.extent(), factor, found.spot));
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (event.altKey || event.metaKey) return;
    const { owner } = this;
    const found = steered(event, owner.cell(), owner.window(), owner.extent());
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    if (found.window) owner.zoom(found.window);
    if (found.cell) owner.point(found.cell);
    const cell = owner.cell();
    if (found.act === "pick" && cell) owner.pick(cell, false);
    if (found.act === "clear") owner.clear();
  }

  /** @param {TouchEvent} event */
  touched(event) {
    if (event.touches.length !== 2) return;
    const { apart, middle } = this.fingers(event);
    const found = this.hit(middle);
    if (!found) return;
    event.preventDefault();
    this.drag = null;
    this.isDragged = true;
    this.pinch = { apart, middle, window: this.owner.window(), panel: found.panel, spot: found.spot };
  }

  /** @param {TouchEvent} event */
  pinched(event) {
    if (!this.pinch || event.touches.length !== 2) return;
    event.preventDefault();
    const { window, panel, spot } = this.pinch;
    const { apart, middle } = this.fingers(event);
    const extent = this.owner.extent();
    const scaled = zoomedAt(window, extent, apart / this.pinch.apart, spot);
    const rows = ((this.pinch.middle.y - middle.y) / panel.plot.height) * scaled[2];
    const columns = ((this.pinch.middle.x - middle.x) / panel.plot.width) * scaled[3];
    this.owner.zoom(pannedBy(scaled, extent, rows, columns));
  }

  /**
   * @param {TouchEvent} event
   * @returns {{apart: number, middle: Point}}
   */
  fingers(event) {
    const [one, other] = [this.pointOf(event.touches[0]), this.pointOf(event.touches[1])];
    const middle = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
    return { apart: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)), middle };
  }
}

/**
 * @param {Panel} panel
 * @param {Window} window
 * @param {Point} point
 * @returns {Cell} within the map, in parts of cells
 */
function heldSpot({ plot }, window, { x, y }) {
  const right = Math.min(1, Math.max(0, (x - plot.x) / plot.width));
  const down = Math.min(1, Math.max(0, (y - plot.y) / plot.height));
  return { row: window[0] + down * window[2], column: window[1] + right * window[3] };
}

/**
 * @param {HTMLElement} node
 * @param {number} delta
 * @returns {boolean} whether anything around it would scroll that way
 */
function canScrollAround(node, delta) {
  for (let each = node.parentElement; each; each = each.parentElement) {
    const isPage = each === document.documentElement;
    const flow = getComputedStyle(each).overflowY;
    if (!isPage && flow !== "auto" && flow !== "scroll") continue;
    const left = delta < 0 ? each.scrollTop : each.scrollHeight - each.clientHeight - each.scrollTop;
    if (left > 1) return true;
  }
  return false;
}
