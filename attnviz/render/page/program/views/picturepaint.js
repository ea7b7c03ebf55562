// A picture with weights laid over it, each patch a block.

import { css, shareOf, weightColor } from "../core/colors.js";
import { pictureIsPatch } from "./picturegrid.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").RGB} RGB
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./picturegrid.js").PictureGrid} PictureGrid
 */

/** @typedef {"colours"|"light"|"frames"} PictureLook */

/**
 * A patch and what it has.
 * @typedef {object} PicturePatch
 * @property {number} row
 * @property {number} column
 * @property {number} label its place among the labels
 * @property {number} share of the scale, 0 to 1
 */

/**
 * @typedef {object} PictureShown
 * @property {string} source
 * @property {number} width
 * @property {number} height
 * @property {PictureGrid} grid
 * @property {PicturePatch[]} patches
 * @property {PictureLook} look
 * @property {number} strength 0 to 1: how dense colours are
 * @property {boolean} lines whether the grid is drawn
 * @property {{row: number, column: number, grid: PictureGrid}[]} framed patches to frame
 */

// A block of hardly any weight begins this far up the scale, whose lower end is the page's own colour.
const PICTURE_FAINTEST = 0.4;

// Frames of weights below this share of the largest would only clutter the picture.
const PICTURE_FRAMED = 0.05;

/**
 * @param {Label[]} labels
 * @param {Float64Array} values
 * @param {number} top
 * @param {Pick<State, "scale"|"threshold">} state
 * @returns {PicturePatch[]}
 */
export function picturePatches(labels, values, top, { scale, threshold }) {
  return labels.flatMap((label, place) => {
    if (!pictureIsPatch(label) || !label.place) return [];
    const share = values[place] < threshold ? 0 : shareOf(values[place], top, scale);
    return [{ row: label.place[0], column: label.place[1], label: place, share }];
  });
}

/**
 * Find the patch at a place.
 * @param {PictureShown} shown
 * @param {number} x
 * @param {number} y
 * @returns {PicturePatch|null}
 */
export function picturePatchAt({ width, height, grid, patches }, x, y) {
  const row = Math.floor((y / height) * grid.rows);
  const column = Math.floor((x / width) * grid.columns);
  return patches.find((patch) => patch.row === row && patch.column === column) ?? null;
}

/**
 * Give the colour of a share on a picture, where a white or black one would say nothing.
 * @param {Palette} palette
 * @param {number} share
 * @returns {RGB}
 */
export function pictureColor(palette, share) {
  return weightColor(palette, PICTURE_FAINTEST + (1 - PICTURE_FAINTEST) * share);
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {PictureShown} shown
 */
export function picturePaint(brush, palette, shown) {
  const { width, height, source, look, strength, grid, patches } = shown;
  brush.picture(0, 0, width, height, source);
  if (look === "colours")
    brush.rect(0, 0, width, height, { fill: palette.background, alpha: 0.45 * strength });
  if (look === "frames") picturePaintFrames(brush, palette, shown);
  else
    brush.cells(0, 0, width, height, {
      ...grid,
      pixels: picturePixels(palette, grid, patches, look, strength),
    });
  if (shown.lines) picturePaintLines(brush, palette, shown);
  for (const { row, column, grid: own } of shown.framed) {
    const [high, wide] = [height / own.rows, width / own.columns];
    // A dark line on a light one shows on every colour.
    brush.rect(column * wide, row * high, wide, high, { stroke: "#ffffff", lineWidth: 4 });
    brush.rect(column * wide, row * high, wide, high, { stroke: "#000000", lineWidth: 2 });
  }
}

/**
 * @param {Palette} palette
 * @param {PictureGrid} grid
 * @param {PicturePatch[]} patches
 * @param {PictureLook} look
 * @param {number} strength
 * @returns {Uint8ClampedArray<ArrayBuffer>} (row, column, red green blue alpha)
 */
function picturePixels(palette, { rows, columns }, patches, look, strength) {
  const pixels = new Uint8ClampedArray(rows * columns * 4);
  for (const { row, column, share } of patches) {
    const dense = Math.sqrt(share);
    // Nothing but black hides a picture in every theme alike.
    const color = look === "light" ? [0, 0, 0] : pictureColor(palette, share);
    const alpha = strength * (look === "light" ? 1 - dense : dense);
    pixels.set([...color.map(Math.round), Math.round(alpha * 255)], (row * columns + column) * 4);
  }
  return pixels;
}

/**
 * Frame the patches that are read: the more, the thicker.
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {PictureShown} shown
 */
function picturePaintFrames(brush, palette, { width, height, grid, patches, strength }) {
  const [high, wide] = [height / grid.rows, width / grid.columns];
  for (const { row, column, share } of patches) {
    if (share < PICTURE_FRAMED) continue;
    const thick = Math.max(1, share * 0.16 * Math.min(high, wide));
    const inset = thick / 2 + 0.5;
    const box = /** @type {const} */ ([
      column * wide + inset,
      row * high + inset,
      wide - 2 * inset,
      high - 2 * inset,
    ]);
    brush.rect(...box, { stroke: "#ffffff", lineWidth: thick + 1.5, alpha: strength });
    brush.rect(...box, { stroke: css(pictureColor(palette, share)), lineWidth: thick, alpha: strength });
  }
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {PictureShown} shown
 */
function picturePaintLines(brush, palette, { width, height, grid }) {
  const style = { stroke: palette.background, alpha: 0.4, lineWidth: 1 };
  for (let row = 1; row < grid.rows; row += 1) {
    const y = Math.round((row * height) / grid.rows) + 0.5;
    brush.line(
      [
        [0, y],
        [width, y],
      ],
      style,
    );
  }
  for (let column = 1; column < grid.columns; column += 1) {
    const x = Math.round((column * width) / grid.columns) + 0.5;
    brush.line(
      [
        [x, 0],
        [x, height],
      ],
      style,
    );
  }
}
