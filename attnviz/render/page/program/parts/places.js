// Where everything of a map stands, and what it is painted with.

import { axisRoom, labelCutter } from "./axis.js";

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("./sheet.js").Sheet} Sheet
 * @typedef {import("./axis.js").Cutter} Cutter
 * @typedef {import("./axis.js").Measure} Measure
 * @typedef {import("./zooming.js").Window} Window
 * @typedef {import("./zooming.js").Extent} Extent
 * @typedef {{row: number, column: number}} Cell
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

/**
 * A bar for each row, right of the map.
 * @typedef {object} MarginBars
 * @property {string} name
 * @property {Float32Array} shares 0 to 1
 * @property {string} about what mass it is, for the legend
 * @property {boolean} isHollow
 */

/**
 * A map and its place.
 * @typedef {object} Panel
 * @property {Sheet} sheet
 * @property {Box} plot where the cells are
 * @property {number} rowRoom of the row labels; 0 for none
 * @property {number} columnRoom of the column labels
 * @property {number} widest column label
 * @property {string} title above it; empty for none
 * @property {MarginBars[]} margins
 */

/**
 * What everything is painted with.
 * @typedef {object} Look
 * @property {Palette} palette
 * @property {number} density pixels of the screen to a CSS pixel
 * @property {boolean} isCropped whether cells out of sight are left out of a file
 * @property {string} search labels that contain it are marked
 * @property {(size: number, bold?: boolean) => Cutter} cutter
 */

export const MAP_LABEL_SIZE = 12;
export const MAP_SMALL_SIZE = 11;
export const MAP_LABEL_GAP = 8;
export const MAP_AXIS_ROOM = 22;
export const MAP_TITLE_ROOM = 24;
export const MAP_MARGIN_WIDTH = 44;
export const MAP_LEAST_LABEL = 11;
const MAP_CELL_MOST = 64;
const MAP_CELL_STRETCH = 3;
const MAP_CELL_WIDE = 28;

/**
 * Make the look of a drawing.
 * @param {Palette} palette
 * @param {Measure} measure
 * @param {{density?: number, isCropped?: boolean, search?: string}} [rest]
 * @returns {Look}
 */
export function makeLook(palette, measure, { density = 1, isCropped = false, search = "" } = {}) {
  /** @type {Map<string, Cutter>} */
  const cutters = new Map();
  const cutter = (/** @type {number} */ size, bold = false) => {
    const name = `${size} ${bold}`;
    const known = cutters.get(name) ?? labelCutter(measure, size, bold);
    cutters.set(name, known);
    return known;
  };
  return { palette, density, isCropped, search: foldedLabel(search.trim()), cutter };
}

/**
 * Give a text so that it is found whatever its case and accents, as the search field does.
 * @param {string} text
 * @returns {string}
 */
export function foldedLabel(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/**
 * Say how large a map is that has so much room: of square cells, unless one side has many more than the other.
 * @param {Extent} extent
 * @param {number} width
 * @param {number} height
 * @returns {{width: number, height: number}}
 */
export function plotSize({ rows, columns }, width, height) {
  const [wide, high] = [Math.min(width / columns, MAP_CELL_MOST), Math.min(height / rows, MAP_CELL_MOST)];
  const least = Math.min(wide, high);
  const isLong = Math.max(rows, columns) >= 2 * Math.min(rows, columns);
  const most = isLong ? Math.max(MAP_CELL_STRETCH * least, MAP_CELL_WIDE) : least;
  const whole = (/** @type {number} */ cell) => (cell > 4 ? Math.floor(cell) : cell);
  return { width: columns * whole(Math.min(wide, most)), height: rows * whole(Math.min(high, most)) };
}

/**
 * Measure the labels of a map.
 * @param {{rows: Label[], columns: Label[]}} content
 * @param {{width: number, height: number}} room of everything
 * @param {Measure} measure
 * @returns {{rows: number, columns: number}} the widest of each, cut or not
 */
export function labelRooms({ rows, columns }, room, measure) {
  const widthOf = (/** @type {string} */ text) => measure(text, MAP_LABEL_SIZE);
  // Whichever side is shorter holds the map back.
  const length = Math.min(room.width, room.height) * 0.75;
  const isThinned = length / Math.max(rows.length, columns.length) < MAP_LEAST_LABEL;
  const most = { rows: Math.min(150, room.width * 0.26), columns: Math.min(110, room.height * 0.26) };
  return {
    rows: axisRoom(rows, most.rows, isThinned, widthOf),
    columns: axisRoom(columns, most.columns, isThinned, widthOf),
  };
}

/**
 * Whether column labels of a width are turned in cells of another.
 * @param {number} widest
 * @param {number} cell
 * @returns {boolean}
 */
export function isTurned(widest, cell) {
  return widest > cell - 6;
}

/**
 * Find where a cell is drawn.
 * @param {Panel} panel
 * @param {Window} window
 * @param {Cell} cell
 * @returns {Box}
 */
export function cellBox({ plot }, window, { row, column }) {
  const [width, height] = [plot.width / window[3], plot.height / window[2]];
  return { x: plot.x + (column - window[1]) * width, y: plot.y + (row - window[0]) * height, width, height };
}

/**
 * Find the cell that is drawn at a place.
 * @param {Panel} panel
 * @param {Window} window
 * @param {number} x
 * @param {number} y
 * @returns {Cell|null} with parts of cells; null outside
 */
export function spotAt({ plot }, window, x, y) {
  const [right, down] = [(x - plot.x) / plot.width, (y - plot.y) / plot.height];
  if (right < 0 || down < 0 || right >= 1 || down >= 1) return null;
  return { row: window[0] + down * window[2], column: window[1] + right * window[3] };
}

/**
 * Say how much of a view's place its content may take.
 * @param {HTMLElement} host
 * @returns {{width: number, height: number}}
 */
export function roomOf(host) {
  const style = getComputedStyle(host);
  const padding = (/** @type {string} */ side) =>
    Number.parseFloat(style.getPropertyValue(`padding-${side}`));
  return {
    width: host.clientWidth - padding("left") - padding("right"),
    height: host.clientHeight - padding("top") - padding("bottom"),
  };
}
