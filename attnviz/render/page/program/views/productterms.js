// The picture of the terms: two vectors as rows of colours, their products as bars, and the sum as it grows.

import { css, differenceColor, inkOn } from "../core/colors.js";
import { productRunning } from "./productmath.js";
import { productText } from "./productwords.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("./productmath.js").ProductTerm} ProductTerm
 */

/**
 * Where the terms are drawn: in several lines where they are many.
 * @typedef {object} TermsLayout
 * @property {number} count
 * @property {number} each terms of a line
 * @property {number} cell width of one
 * @property {number} left
 * @property {number} line height of one
 * @property {string[]} rows names of the rows of numbers
 * @property {number} width
 * @property {number} height
 */

const PRODUCT_GUTTER = 66;
const PRODUCT_LEAST = 11;
const PRODUCT_MOST = 46;
const PRODUCT_CELL = 22;
const PRODUCT_BARS = 64;
const PRODUCT_SUMS = 56;
const PRODUCT_BETWEEN = 22;

// A cell of this width has room for its number.
const PRODUCT_WRITTEN = 34;

/**
 * @param {number} count of terms
 * @param {number} room CSS pixels across
 * @param {boolean} learnsDistances
 * @returns {TermsLayout}
 */
export function productLayout(count, room, learnsDistances) {
  const most = Math.max(1, Math.floor((room - PRODUCT_GUTTER) / PRODUCT_LEAST));
  const lines = Math.ceil(count / most);
  const each = Math.ceil(count / lines);
  const cell = Math.min(PRODUCT_MOST, (room - PRODUCT_GUTTER) / each);
  const rows = learnsDistances ? ["q", "k", "distance"] : ["q", "k"];
  const line = rows.length * PRODUCT_CELL + PRODUCT_BARS + PRODUCT_SUMS + PRODUCT_BETWEEN;
  return {
    count,
    each,
    cell,
    left: PRODUCT_GUTTER,
    line,
    rows,
    width: PRODUCT_GUTTER + each * cell,
    height: lines * line,
  };
}

/**
 * Find the term at a place.
 * @param {TermsLayout} layout
 * @param {number} x
 * @param {number} y
 * @returns {number} its place in the order shown, -1 for none
 */
export function productTermAt({ count, each, cell, left, line }, x, y) {
  const column = Math.floor((x - left) / cell);
  if (column < 0 || column >= each || y < 0) return -1;
  const place = Math.floor(y / line) * each + column;
  return place < count ? place : -1;
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {TermsLayout} layout
 * @param {ProductTerm[]} terms in the order shown
 * @param {number} marked the place of one to mark, -1 for none
 */
export function productPaintTerms(brush, palette, layout, terms, marked) {
  const running = productRunning(terms);
  const scales = {
    query: productLargest(terms.map(({ query }) => query)),
    // The distance is added to the key, so both have one scale.
    key: productLargest(terms.flatMap(({ key, distance }) => [key, distance])),
  };
  const cells = layout.rows.length * PRODUCT_CELL;
  const bars = productHeights(
    terms.map(({ product }) => product),
    cells + 4,
    PRODUCT_BARS - 8,
  );
  const sums = productHeights(running, cells + PRODUCT_BARS + 8, PRODUCT_SUMS - 12);
  for (let first = 0, top = 0; first < terms.length; first += layout.each, top += layout.line) {
    const stop = Math.min(first + layout.each, terms.length);
    productPaintNames(brush, palette, layout, top, [bars(0), sums(0)]);
    for (let place = first; place < stop; place += 1) {
      const x = layout.left + (place - first) * layout.cell;
      productPaintCells(brush, palette, layout, terms[place], { x, y: top, scales });
      productPaintBar(brush, palette, {
        x,
        top: top + bars(terms[place].product),
        base: top + bars(0),
        cell: layout.cell,
      });
    }
    const line = running.slice(first, stop);
    productPaintSums(brush, palette, layout, {
      first,
      running: line,
      before: running[first - 1] ?? 0,
      height: (sum) => top + sums(sum),
    });
    if (marked >= first && marked < stop) {
      const x = layout.left + (marked - first) * layout.cell;
      brush.rect(x, top, layout.cell, layout.line - PRODUCT_BETWEEN, {
        stroke: palette.foreground,
        lineWidth: 1.5,
      });
    }
  }
}

/**
 * Place values between two heights, zero among them.
 * @param {number[]} values
 * @param {number} top
 * @param {number} room
 * @returns {(value: number) => number}
 */
function productHeights(values, top, room) {
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  return (value) => top + ((most - value) / (most - least || 1)) * room;
}

/**
 * @param {number[]} values
 * @returns {number}
 */
function productLargest(values) {
  return Math.max(...values.map(Math.abs)) || 1;
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {TermsLayout} layout
 * @param {number} top
 * @param {number[]} zeros where no product and no sum would be
 */
function productPaintNames(brush, palette, { left, rows, width }, top, zeros) {
  const bars = top + rows.length * PRODUCT_CELL;
  const name = (/** @type {string} */ text, /** @type {number} */ y) =>
    brush.text(left - 8, y, text, { fill: palette.muted, size: 12, align: "end" });
  rows.forEach((row, place) => name(row, top + (place + 0.5) * PRODUCT_CELL));
  name("product", bars + PRODUCT_BARS / 2);
  name("sum", bars + PRODUCT_BARS + PRODUCT_SUMS / 2);
  for (const zero of zeros)
    brush.line(
      [
        [left, top + zero],
        [width, top + zero],
      ],
      { stroke: palette.rule },
    );
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {TermsLayout} layout
 * @param {ProductTerm} term
 * @param {{x: number, y: number, scales: {query: number, key: number}}} at
 */
function productPaintCells(brush, palette, { cell, rows }, { query, key, distance }, { x, y, scales }) {
  const values = [query, key, distance].slice(0, rows.length);
  values.forEach((value, row) => {
    const color = differenceColor(palette, value / (row === 0 ? scales.query : scales.key));
    const top = y + row * PRODUCT_CELL;
    brush.rect(x + 0.5, top + 0.5, cell - 1, PRODUCT_CELL - 1, { fill: css(color) });
    if (cell < PRODUCT_WRITTEN) return;
    brush.text(x + cell / 2, top + PRODUCT_CELL / 2, productCell(value), {
      fill: inkOn(color),
      size: 10,
      align: "middle",
    });
  });
}

/**
 * @param {number} value
 * @returns {string} with two decimals
 */
function productCell(value) {
  const size = Math.abs(value).toFixed(2).replace(/^0/, "");
  return `${value < 0 && size !== ".00" ? "−" : ""}${size}`;
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {{x: number, top: number, base: number, cell: number}} at `base` is the height of zero
 */
function productPaintBar(brush, palette, { x, top, base, cell }) {
  const fill = css(differenceColor(palette, top > base ? -0.6 : 0.6));
  brush.rect(x + 1, Math.min(top, base), Math.max(1, cell - 2), Math.max(0.5, Math.abs(top - base)), {
    fill,
  });
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {TermsLayout} layout
 * @param {{first: number, running: number[], before: number, height: (sum: number) => number}} at
 */
function productPaintSums(brush, palette, { cell, left, count }, { first, running, before, height }) {
  /** @type {[number, number][]} */
  const steps = [[left, height(before)]];
  running.forEach((sum, place) => {
    const x = left + place * cell;
    steps.push([x, height(sum)], [x + cell, height(sum)]);
  });
  brush.line(steps, { stroke: palette.foreground, lineWidth: 1.75 });
  const [x, y] = steps[steps.length - 1];
  if (first + running.length < count) return;
  brush.rect(x - 3, y - 3, 6, 6, { fill: palette.foreground, radius: 3 });
  const below = running[running.length - 1] > 0 ? y + 12 : y - 12;
  const text = productText(running[running.length - 1]);
  brush.text(x - 6, below, text, { fill: palette.foreground, size: 12, align: "end", bold: true });
}
