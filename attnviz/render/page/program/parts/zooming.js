// Which cells are in sight: windows on a map of so many rows and columns, moved and scaled.

/**
 * First row, first column, rows and columns in sight; parts of cells count.
 * @typedef {[number, number, number, number]} Window
 *
 * @typedef {{rows: number, columns: number}} Extent
 */

// So many cells stay in sight at least, along the shorter side.
const FEWEST_CELLS = 3;

/**
 * @param {Extent} extent
 * @returns {Window}
 */
export function wholeWindow({ rows, columns }) {
  return [0, 0, rows, columns];
}

/**
 * Give the window a state asks for, within what there is.
 * @param {Window|null} zoom
 * @param {Extent} extent
 * @returns {Window}
 */
export function windowOf(zoom, extent) {
  if (!zoom) return wholeWindow(extent);
  const share = Math.min(1, Math.max(zoom[2] / extent.rows, zoom[3] / extent.columns, leastMapShare(extent)));
  const rows = extent.rows * share;
  const columns = extent.columns * share;
  return [
    withinMap(zoom[0], extent.rows - rows),
    withinMap(zoom[1], extent.columns - columns),
    rows,
    columns,
  ];
}

/**
 * Give what the state says of a window; null where everything is in sight.
 * @param {Window} window
 * @param {Extent} extent
 * @returns {Window|null}
 */
export function zoomOf(window, extent) {
  if (isWhole(window, extent)) return null;
  const short = (/** @type {number} */ value) => Math.round(value * 100) / 100;
  return [short(window[0]), short(window[1]), short(window[2]), short(window[3])];
}

/**
 * @param {Window} window
 * @param {Extent} extent
 * @returns {boolean}
 */
export function isWhole(window, { rows, columns }) {
  return window[2] > rows - 0.005 && window[3] > columns - 0.005;
}

/**
 * Scale a window so that one spot of it stays where it is.
 * @param {Window} window
 * @param {Extent} extent
 * @param {number} factor above 1 shows less, larger
 * @param {{row: number, column: number}} spot in cells
 * @returns {Window}
 */
export function zoomedAt(window, extent, factor, spot) {
  const before = window[2] / extent.rows;
  const share = Math.min(1, Math.max(before / factor, leastMapShare(extent)));
  const scale = share / before;
  return windowOf(
    [
      Math.max(0, spot.row - (spot.row - window[0]) * scale),
      Math.max(0, spot.column - (spot.column - window[1]) * scale),
      extent.rows * share,
      extent.columns * share,
    ],
    extent,
  );
}

/**
 * Move a window.
 * @param {Window} window
 * @param {Extent} extent
 * @param {number} rows
 * @param {number} columns
 * @returns {Window}
 */
export function pannedBy(window, extent, rows, columns) {
  const [row, column, height, width] = window;
  return [
    withinMap(row + rows, extent.rows - height),
    withinMap(column + columns, extent.columns - width),
    height,
    width,
  ];
}

/**
 * Show a box as large as possible: all of it, and around it what keeps the cells' shape.
 * @param {{row: number, column: number}} one a corner, in cells
 * @param {{row: number, column: number}} other the corner opposite
 * @param {Extent} extent
 * @returns {Window}
 */
export function boxWindow(one, other, extent) {
  const [height, width] = [Math.abs(one.row - other.row), Math.abs(one.column - other.column)];
  const share = Math.min(1, Math.max(height / extent.rows, width / extent.columns, leastMapShare(extent)));
  const [rows, columns] = [extent.rows * share, extent.columns * share];
  const first = (one.row + other.row - rows) / 2;
  const left = (one.column + other.column - columns) / 2;
  return [withinMap(first, extent.rows - rows), withinMap(left, extent.columns - columns), rows, columns];
}

/**
 * Move a window just so far that a cell is in sight.
 * @param {Window} window
 * @param {Extent} extent
 * @param {{row: number, column: number}} cell
 * @returns {Window}
 */
export function windowAround(window, extent, cell) {
  const rows = outsideMapBy(cell.row, window[0], window[2]);
  const columns = outsideMapBy(cell.column, window[1], window[3]);
  return rows || columns ? pannedBy(window, extent, rows, columns) : window;
}

/**
 * Keep the same tokens in sight when pieces are merged or tokens hidden, or no longer.
 * @param {Window} window
 * @param {{rows: {position: number}[], columns: {position: number}[]}} before
 * @param {{rows: {position: number}[], columns: {position: number}[]}} after
 * @returns {Window}
 */
export function translatedWindow(window, before, after) {
  const [first, rows] = translatedSpan(window[0], window[2], before.rows, after.rows);
  const [left, columns] = translatedSpan(window[1], window[3], before.columns, after.columns);
  return windowOf([first, left, rows, columns], { rows: after.rows.length, columns: after.columns.length });
}

/**
 * @param {number} start
 * @param {number} count
 * @param {{position: number}[]} before
 * @param {{position: number}[]} after
 * @returns {[number, number]}
 */
function translatedSpan(start, count, before, after) {
  const firstPosition = before[Math.min(before.length - 1, Math.floor(start))]?.position ?? 0;
  const lastPosition = before[Math.min(before.length - 1, Math.ceil(start + count) - 1)]?.position ?? 0;
  const first = after.findLastIndex(({ position }) => position <= firstPosition);
  const last = after.findLastIndex(({ position }) => position <= lastPosition);
  return [Math.max(0, first), Math.max(1, last - Math.max(0, first) + 1)];
}

/**
 * @param {number} place
 * @param {number} start
 * @param {number} count
 * @returns {number}
 */
function outsideMapBy(place, start, count) {
  if (place < start) return place - start;
  return Math.max(0, Math.min(place + 1 - start - count, place - start));
}

/**
 * @param {Extent} extent
 * @returns {number}
 */
function leastMapShare({ rows, columns }) {
  return Math.min(1, FEWEST_CELLS / Math.max(1, Math.min(rows, columns)));
}

/**
 * @param {number} value
 * @param {number} most
 * @returns {number}
 */
function withinMap(value, most) {
  return Math.min(Math.max(0, value), Math.max(0, most));
}
