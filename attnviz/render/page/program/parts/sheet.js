// A matrix with a colour for each of its cells, as a small picture that is scaled when it is drawn.

import { differenceColor, shareOf, weightColor } from "../core/colors.js";

/**
 * @typedef {import("../core/types.js").Cells} Cells
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").RGB} RGB
 * @typedef {import("../core/colors.js").Palette} Palette
 */

/**
 * How numbers become colours.
 * @typedef {object} Shading
 * @property {Palette} palette
 * @property {boolean} isDifference colours run both ways from none
 * @property {number} top the number with the last colour
 * @property {"linear"|"log"} scale
 * @property {number} threshold numbers smaller than it, whatever their sign, are left blank
 */

/**
 * What is drawn.
 * @typedef {object} SheetContent
 * @property {Label[]} rows
 * @property {Label[]} columns
 * @property {Float32Array} values (row, column)
 * @property {Uint8Array} unseen (row, column): 0, or why the query could not look at the key
 */

// So many shades tell every two of a scale's colours apart.
const SHEET_SHADES = 4096;

/** Why a query could not look at a key. */
export const LATER = 1;
export const OUTSIDE = 2;

/** A matrix and its colours. */
export class Sheet {
  /**
   * @param {SheetContent} content
   * @param {Shading} shading
   */
  constructor(content, shading) {
    this.rows = content.rows;
    this.columns = content.columns;
    this.values = content.values;
    this.unseen = content.unseen;
    this.shading = shading;
    /** @type {Map<string, Cells>} */
    this.pictures = new Map();
    /** @type {Uint32Array|null} */
    this.shades = null;
    this.isHatched = content.unseen.includes(OUTSIDE);
  }

  /** @returns {{rows: number, columns: number}} */
  get extent() {
    return { rows: this.rows.length, columns: this.columns.length };
  }

  /**
   * @param {number} value
   * @returns {boolean} whether it is left blank, being small
   */
  isBlank(value) {
    return Math.abs(value) < this.shading.threshold;
  }

  /**
   * @param {number} value
   * @returns {RGB}
   */
  color(value) {
    const { palette, isDifference, top, scale } = this.shading;
    if (!isDifference) return weightColor(palette, shareOf(value, top, scale));
    return differenceColor(palette, Math.sign(value) * shareOf(Math.abs(value), top, scale));
  }

  /**
   * Give the cells as pixels. Where several share one, it has the colour of the largest, so that nothing is lost.
   * @param {number} [high] rows of cells to a row of pixels
   * @param {number} [wide] columns of cells to a column of pixels
   * @returns {Cells}
   */
  picture(high = 1, wide = 1) {
    const name = `${high} ${wide}`;
    const known = this.pictures.get(name) ?? this.painted(high, wide);
    this.pictures.set(name, known);
    return known;
  }

  /**
   * @param {number} high
   * @param {number} wide
   * @returns {Cells}
   */
  painted(high, wide) {
    const { values, reasons, rows, columns } = pooledCells(this, high, wide);
    const pixels = new Uint8ClampedArray(rows * columns * 4);
    const colors = new Uint32Array(pixels.buffer);
    this.shades ??= this.shadeTable();
    const { threshold, top, scale, isDifference } = this.shading;
    const masked = packedPixel(this.shading.palette.masked);
    for (let cell = 0; cell < values.length; cell += 1) {
      const value = values[cell];
      const size = Math.abs(value);
      if (reasons[cell]) colors[cell] = masked;
      else if (size >= threshold) {
        const share = shareOf(size, top, scale);
        const signed = isDifference ? (value < 0 ? 1 - share : 1 + share) / 2 : share;
        colors[cell] = this.shades[Math.round(signed * SHEET_SHADES)];
      }
    }
    return { rows, columns, pixels };
  }

  /** @returns {Uint32Array} every shade of the scale as a pixel */
  shadeTable() {
    const { palette, isDifference } = this.shading;
    const bytes = new Uint8ClampedArray((SHEET_SHADES + 1) * 4);
    for (let shade = 0; shade <= SHEET_SHADES; shade += 1) {
      const share = shade / SHEET_SHADES;
      const color = isDifference ? differenceColor(palette, 2 * share - 1) : weightColor(palette, share);
      bytes.set([...color.map(Math.round), 255], shade * 4);
    }
    return new Uint32Array(bytes.buffer);
  }
}

/**
 * @param {string} hex
 * @returns {number} the colour as a pixel, whatever the order of this machine's bytes
 */
function packedPixel(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  const bytes = new Uint8Array([number >> 16, (number >> 8) & 255, number & 255, 255]);
  return new Uint32Array(bytes.buffer)[0];
}

/**
 * Take the largest of each block of cells, whatever its sign; a block is unseen where all of it is.
 * @param {SheetContent} content
 * @param {number} high
 * @param {number} wide
 * @returns {{values: Float32Array, reasons: Uint8Array, rows: number, columns: number}}
 */
export function pooledCells({ rows, columns, values, unseen }, high, wide) {
  const [height, width] = [Math.ceil(rows.length / high), Math.ceil(columns.length / wide)];
  if (high === 1 && wide === 1) return { values, reasons: unseen, rows: height, columns: width };
  const largest = new Float32Array(height * width);
  const reasons = new Uint8Array(height * width).fill(OUTSIDE + 1);
  for (let row = 0, cell = 0; row < rows.length; row += 1) {
    const start = Math.floor(row / high) * width;
    for (let column = 0; column < columns.length; column += 1, cell += 1) {
      const place = start + Math.floor(column / wide);
      // The least of all reasons: none, where any cell of the block is seen.
      if (unseen[cell] < reasons[place]) reasons[place] = unseen[cell];
      if (!unseen[cell] && Math.abs(values[cell]) > Math.abs(largest[place])) largest[place] = values[cell];
    }
  }
  return { values: largest, reasons, rows: height, columns: width };
}

/**
 * Cut a piece out of a picture.
 * @param {Cells} cells
 * @param {number} row
 * @param {number} column
 * @param {number} rows
 * @param {number} columns
 * @returns {Cells}
 */
export function croppedCells(cells, row, column, rows, columns) {
  const pixels = new Uint8ClampedArray(rows * columns * 4);
  for (let line = 0; line < rows; line += 1) {
    const start = ((row + line) * cells.columns + column) * 4;
    pixels.set(cells.pixels.subarray(start, start + columns * 4), line * columns * 4);
  }
  return { rows, columns, pixels };
}

/**
 * @param {Float32Array} values
 * @returns {number} the largest, whatever its sign
 */
export function largestOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}
