// What keys do on a map: the crosshair moves, the window follows.

import { pannedBy, wholeWindow, windowAround, zoomedAt } from "./zooming.js";

/**
 * @typedef {import("./zooming.js").Window} Window
 * @typedef {import("./zooming.js").Extent} Extent
 * @typedef {{row: number, column: number}} Cell
 */

/**
 * What a key does; what is left out stays.
 * @typedef {object} Steering
 * @property {Cell} [cell] where the crosshair is then
 * @property {Window} [window] what is in sight then
 * @property {"pick"|"clear"} [act]
 */

const KEY_ZOOM = 1.5;
const PAGE_SHARE = 0.8;
const PAN_SHARE = 0.15;

/** What the help says about the keys of a map. */
export const MAP_KEYS = [
  { key: "← ↑ → ↓", what: "move the crosshair" },
  { key: "Home End", what: "to the first or last key of the row" },
  { key: "PgUp PgDn", what: "move it by what is in sight" },
  { key: "Enter", what: "pick the query and the key" },
  { key: "Esc", what: "let go of them" },
  { key: "+ − 0", what: "zoom in, out, show all" },
  { key: "Shift ← ↑ → ↓", what: "pan" },
];

/** @type {Object<string, [number, number]>} */
const MAP_ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Say what a key does; null for one that is none of the map's.
 * @param {{key: string, shiftKey: boolean, ctrlKey: boolean}} pressed
 * @param {Cell|null} cell where the crosshair is
 * @param {Window} window
 * @param {Extent} extent
 * @returns {Steering|null}
 */
export function steered({ key, shiftKey, ctrlKey }, cell, window, extent) {
  if (key === "Enter" || key === " ") return cell ? { act: "pick" } : null;
  if (key === "Escape") return { act: "clear" };
  if (key === "0") return { window: wholeWindow(extent) };
  if (key === "+" || key === "=") return { window: scaledByKey(KEY_ZOOM, cell, window, extent) };
  if (key === "-" || key === "_") return { window: scaledByKey(1 / KEY_ZOOM, cell, window, extent) };
  const arrow = MAP_ARROWS[key];
  if (arrow && shiftKey) {
    const step = Math.max(1, Math.round(Math.min(window[2], window[3]) * PAN_SHARE));
    return { window: pannedBy(window, extent, arrow[0] * step, arrow[1] * step) };
  }
  const next = movedByKey(key, ctrlKey, cell, window, extent);
  return next && { cell: next, window: windowAround(window, extent, next) };
}

/**
 * @param {string} key
 * @param {boolean} ctrlKey
 * @param {Cell|null} cell
 * @param {Window} window
 * @param {Extent} extent
 * @returns {Cell|null}
 */
function movedByKey(key, ctrlKey, cell, window, extent) {
  const first = { row: Math.floor(window[0]), column: Math.floor(window[1]) };
  const page = Math.max(1, Math.floor(window[2] * PAGE_SHARE));
  const { row, column } = cell ?? first;
  const ends = { row: extent.rows - 1, column: extent.columns - 1 };
  const arrow = MAP_ARROWS[key];
  if (arrow) return cell ? heldOnMap(row + arrow[0], column + arrow[1], ends) : first;
  if (key === "Home") return heldOnMap(ctrlKey ? 0 : row, 0, ends);
  if (key === "End") return heldOnMap(ctrlKey ? ends.row : row, ends.column, ends);
  if (key === "PageUp") return heldOnMap(row - page, column, ends);
  if (key === "PageDown") return heldOnMap(row + page, column, ends);
  return null;
}

/**
 * @param {number} row
 * @param {number} column
 * @param {Cell} ends
 * @returns {Cell}
 */
function heldOnMap(row, column, ends) {
  return { row: Math.min(Math.max(0, row), ends.row), column: Math.min(Math.max(0, column), ends.column) };
}

/**
 * @param {number} factor
 * @param {Cell|null} cell
 * @param {Window} window
 * @param {Extent} extent
 * @returns {Window}
 */
function scaledByKey(factor, cell, window, extent) {
  const spot = cell
    ? { row: cell.row + 0.5, column: cell.column + 0.5 }
    : { row: window[0] + window[2] / 2, column: window[1] + window[3] / 2 };
  return zoomedAt(window, extent, factor, spot);
}
